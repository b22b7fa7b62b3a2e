"""logits = LayerNorm(gelu(h W_tᵀ + b_t)) Eᵀ + b_V,   h the hidden states at the asked positions

The masked language model (Devlin et al., arXiv:1810.04805, section 3.1, task 1; the transform and the tied decoder are
those of Google's run_pretraining.py). E is the word embedding itself: what a token means on the way in is what it is
compared with on the way out. Its gradient therefore has two parts, one through the decoder and one through the
embedding, and `objective` adds them. The loss is the cross-entropy over the masked positions.

Letters: B batch, T tokens, H hidden size, V vocabulary, M asked positions.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ..blocks import cross_entropy, gelu, layer_norm, linear
from ..blocks.bert import Output
from ..config import BertConfig
from ..numerics.arrays import Array
from ..numerics.tree import shape as array_shape
from . import rows
from .labels import classes

heads = ("masked_lm",)
reads = "hidden"
read_rows = rows.of_labeled


class Params(NamedTuple):
    transform: linear.Params  # W_t (H, H), b_t (H,)
    norm: layer_norm.Params
    decoder: Array | None  # E (V, H); None where it is tied to the word embedding
    bias: Array  # b_V (V,)


class Cache(NamedTuple):
    transform: linear.Cache
    gelu: gelu.Cache
    norm: layer_norm.Cache
    decoder: linear.Cache
    positions: Array | None  # (M,)
    BT: tuple[int, int]


def shapes(config: BertConfig) -> Params:
    H, V = config.hidden_size, config.vocab_size
    decoder = None if config.tie_word_embeddings else array_shape(V, H)
    return Params(linear.shapes(H, H), layer_norm.shapes(H), decoder, array_shape(V))


def forward(
    encoded: Output,
    params: Params,
    config: BertConfig,
    rng: np.random.Generator | None = None,
    positions: Array | None = None,
) -> tuple[Array, Cache]:
    """encoded.hidden (B, T, H), positions (M,) into the B·T tokens of the batch -> logits (M, V)

    Without positions all tokens get logits, (B, T, V).
    """
    h = encoded.hidden
    assert h is not None
    assert params.decoder is not None, "a tied decoder is filled in by objective.head_params"
    B, T, H = h.shape
    asked = h if positions is None else h.reshape(B * T, H)[positions]  # (M, H)
    u, transform_cache = linear.forward(asked, params.transform)
    a, gelu_cache = gelu.forward(u, config.gelu)
    n, norm_cache = layer_norm.forward(a, params.norm, config.layer_norm_eps)
    logits, decoder_cache = linear.forward(n, linear.Params(params.decoder, params.bias))  # (M, V)
    return logits, Cache(transform_cache, gelu_cache, norm_cache, decoder_cache, positions, (B, T))


def backward(dlogits: Array, cache: Cache) -> tuple[Output, Params]:
    """dlogits (M, V) -> dencoded, dparams; the gradient of E is the decoder's part alone"""
    # logits = n Eᵀ + b_V
    dn, (dE, dbias) = linear.backward(dlogits, cache.decoder)
    # n = LayerNorm(a)
    da, dnorm = layer_norm.backward(dn, cache.norm)
    # a = gelu(u)
    du = gelu.backward(da, cache.gelu)
    # u = asked W_tᵀ + b_t
    dasked, dtransform = linear.backward(du, cache.transform)
    # asked = h[positions]; a position asked twice would receive both gradients
    if cache.positions is None:
        return Output(dasked, None), Params(dtransform, dnorm, dE, dbias)
    B, T = cache.BT
    H = dasked.shape[-1]
    dh = np.zeros((B * T, H), dasked.dtype)
    np.add.at(dh, cache.positions, dasked)
    return Output(dh.reshape(B, T, H), None), Params(dtransform, dnorm, dE, dbias)


class LossCache(NamedTuple):
    head: Cache
    loss: cross_entropy.Cache


def loss(
    encoded: Output,
    labels: Array,
    params: Params,
    config: BertConfig,
    rng: np.random.Generator | None = None,
) -> tuple[Array, LossCache]:
    """labels (B, T): the id that was hidden at each masked position, IGNORED elsewhere -> loss, a scalar"""
    flat = labels.reshape(-1)
    positions = np.flatnonzero(flat != cross_entropy.IGNORED)  # (M,)
    logits, head_cache = forward(encoded, params, config, rng, positions)
    value, loss_cache = cross_entropy.forward(logits, flat[positions])
    return value, LossCache(head_cache, loss_cache)


def loss_backward(dloss: Array | float, cache: LossCache) -> tuple[Output, Params]:
    """dloss, a scalar -> dencoded, dparams"""
    return backward(cross_entropy.backward(dloss, cache.loss), cache.head)


def check_labels(labels: Any, shape: tuple[int, int], config: BertConfig) -> Array:
    """(B, T) ids of tokens; see labels.classes."""
    return classes(labels, shape, config.vocab_size)
