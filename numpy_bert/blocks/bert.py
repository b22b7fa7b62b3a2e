"""hidden = Encoder(Embedding(tokens, positions, segments)),   pooled = Pooler(hidden)

BERT without a head (Devlin et al., arXiv:1810.04805).

Letters: B batch, T tokens, M of them whose hidden states are read, H hidden size.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ..config import BertConfig
from ..numerics import tree
from ..numerics.arrays import Array
from . import embedding, encoder, pooler
from .dropout import Dropout


class Inputs(NamedTuple):
    """A batch of texts as the model reads them."""

    ids: embedding.Ids  # token, position and segment ids, each (B, T)
    mask: Array | None  # (B, T) boolean, False on padding; None: no padding anywhere
    rows: Array | None = None  # (B, M) integers below T: whose hidden states are read, [CLS] (0) first; None: all


class Params(NamedTuple):
    embedding: embedding.Params
    encoder: encoder.Params
    pooler: pooler.Params | None  # absent in checkpoints that never needed it


class Output(NamedTuple):
    """What a head may read. As a gradient, None stands for an output that the head did not read."""

    hidden: Array | None  # (B, T, H), or (B, M, H) where rows are given
    pooled: Array | None  # (B, H); None without a pooler


class Cache(NamedTuple):
    embedding: embedding.Cache
    encoder: encoder.Cache
    pooler: pooler.Cache | None
    pooler_params: pooler.Params | None
    hidden: Array  # (B, T, H), or (B, M, H)


def shapes(config: BertConfig, has_pooler: bool = True) -> Params:
    return Params(
        embedding=embedding.shapes(config),
        encoder=encoder.shapes(config),
        pooler=pooler.shapes(config.hidden_size) if has_pooler else None,
    )


def forward(
    inputs: Inputs,
    params: Params,
    config: BertConfig,
    rng: np.random.Generator | None = None,
    keep: encoder.Keep = "caches",
) -> tuple[Output, Cache]:
    """inputs (B, T) -> hidden (B, T, H), pooled (B, H) or None. Without a generator there is no dropout.

    With rows, hidden is (B, M, H): their hidden states alone. keep: see encoder.forward.
    """
    drop = Dropout(config.hidden_dropout, rng)
    x, embedding_cache = embedding.forward(inputs.ids, params.embedding, config.layer_norm_eps, drop)
    tokens = encoder.Tokens(inputs.mask, inputs.rows)
    hidden, encoder_cache = encoder.forward(x, params.encoder, tokens, config, rng, keep)
    pooled, pooler_cache = None, None
    if params.pooler is not None:
        pooled, pooler_cache = pooler.forward(hidden, params.pooler)
    cache = Cache(embedding_cache, encoder_cache, pooler_cache, params.pooler, hidden)
    return Output(hidden, pooled), cache


def backward(dy: Output, cache: Cache, accumulate_into: Array | None = None) -> Params:
    """dy: gradients with respect to the outputs that were read -> dparams. There is no dx: ids are not differentiable.

    accumulate_into (V, H): see embedding.backward.
    """
    dhidden = np.zeros_like(cache.hidden) if dy.hidden is None else dy.hidden
    # pooled = Pooler(hidden)
    dpooler = None
    if cache.pooler is not None and dy.pooled is not None:
        dhidden_pooled, dpooler = pooler.backward(dy.pooled, cache.pooler)
        dhidden = dhidden + dhidden_pooled
    elif cache.pooler_params is not None:
        dpooler = tree.map(np.zeros_like, cache.pooler_params)
    # hidden = Encoder(x)
    dx, dencoder = encoder.backward(dhidden, cache.encoder)
    # x = Embedding(ids)
    dembedding = embedding.backward(dx, cache.embedding, accumulate_into)
    return Params(dembedding, dencoder, dpooler)
