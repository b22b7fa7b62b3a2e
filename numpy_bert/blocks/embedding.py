"""y = dropout(LayerNorm(W_word[token] + W_position[position] + W_segment[segment]))

The three embeddings of BERT (Devlin et al., arXiv:1810.04805, figure 2), their sum, and its norm (in Google's code,
not in the paper's figure).

Letters: B batch, T tokens, H hidden size, V vocabulary, P positions, S segment types.
"""

from __future__ import annotations

from typing import NamedTuple

from ..config import BertConfig
from ..numerics.arrays import Array
from ..numerics.tree import shape
from . import dropout, layer_norm, lookup
from .dropout import Dropout


class Ids(NamedTuple):
    """Which row of each table every place takes."""

    token: Array  # (B, T) integers below V
    position: Array  # (B, T) integers below P
    segment: Array  # (B, T) integers below S


class Params(NamedTuple):
    word: Array  # (V, H)
    position: Array  # (P, H)
    segment: Array  # (S, H)
    norm: layer_norm.Params


class Cache(NamedTuple):
    word: lookup.Cache
    position: lookup.Cache
    segment: lookup.Cache
    norm: layer_norm.Cache
    dropout: dropout.Cache


def shapes(config: BertConfig) -> Params:
    H = config.hidden_size
    return Params(
        word=shape(config.vocab_size, H),
        position=shape(config.max_position_embeddings, H),
        segment=shape(config.type_vocab_size, H),
        norm=layer_norm.shapes(H),
    )


def forward(ids: Ids, params: Params, eps: float, drop: Dropout) -> tuple[Array, Cache]:
    """ids three times (B, T) -> y (B, T, H)"""
    word, word_cache = lookup.forward(ids.token, params.word)  # (B, T, H)
    position, position_cache = lookup.forward(ids.position, params.position)  # (B, T, H)
    segment, segment_cache = lookup.forward(ids.segment, params.segment)  # (B, T, H)
    total = word + position + segment
    normed, norm_cache = layer_norm.forward(total, params.norm, eps)
    y, dropout_cache = dropout.forward(normed, drop)
    return y, Cache(word_cache, position_cache, segment_cache, norm_cache, dropout_cache)


def backward(dy: Array, cache: Cache, accumulate_into: Array | None = None) -> Params:
    """dy (B, T, H) -> dparams. There is no dx: ids are not differentiable.

    accumulate_into (V, H): the gradient with respect to the word embedding that a tied decoder has made; this one is
    added to it in place.
    """
    # y = dropout(normed)
    dnormed = dropout.backward(dy, cache.dropout)
    # normed = LayerNorm(total)
    dtotal, dnorm = layer_norm.backward(dnormed, cache.norm)
    # total = word + position + segment: the sum hands its gradient to each of the three
    dsegment = lookup.backward(dtotal, cache.segment)
    dposition = lookup.backward(dtotal, cache.position)
    dword = lookup.backward(dtotal, cache.word, accumulate_into)
    return Params(dword, dposition, dsegment, dnorm)
