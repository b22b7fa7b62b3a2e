"""z = LayerNorm(x + dropout(MultiHead(x))),   y = LayerNorm(z + dropout(FFN(z)))

One layer of the encoder (Vaswani et al., arXiv:1706.03762, figure 1, left), the norm after the sum as in BERT.

Each row of y depends on its own row of x and, through the keys and values, on all of x. Where only some rows of y are
read, the others are not computed.

Letters: B batch, T tokens, M of them that are read, H hidden size, F feed-forward size.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ..config import BertConfig
from ..numerics.arrays import Array
from ..numerics.scatter import add_rows, take_rows
from . import dropout, feed_forward, layer_norm, multi_head_attention
from .dropout import Dropout


class Params(NamedTuple):
    attention: multi_head_attention.Params
    attention_norm: layer_norm.Params
    feed_forward: feed_forward.Params
    feed_forward_norm: layer_norm.Params


class Cache(NamedTuple):
    attention: multi_head_attention.Cache
    attention_dropout: dropout.Cache
    attention_norm: layer_norm.Cache
    feed_forward: feed_forward.Cache
    feed_forward_dropout: dropout.Cache
    feed_forward_norm: layer_norm.Cache
    rows: Array | None  # (B, M)


def shapes(config: BertConfig) -> Params:
    H = config.hidden_size
    return Params(
        attention=multi_head_attention.shapes(H),
        attention_norm=layer_norm.shapes(H),
        feed_forward=feed_forward.shapes(H, config.intermediate_size),
        feed_forward_norm=layer_norm.shapes(H),
    )


def forward(
    x: Array,
    params: Params,
    mask: Array | None,
    config: BertConfig,
    rng: np.random.Generator | None = None,
    rows: Array | None = None,
) -> tuple[Array, Cache]:
    """x (B, T, H), mask None or (B, T) boolean -> y (B, T, H). Without a generator there is no dropout.

    rows (B, M), integers below T: y is (B, M, H), the rows of these tokens alone.
    """
    eps, heads, T = config.layer_norm_eps, config.num_attention_heads, x.shape[1]
    drop = Dropout(config.hidden_dropout, rng, rows, T)
    drop_attention = Dropout(config.attention_dropout, rng, rows, T)

    attended, attention_cache = multi_head_attention.forward(x, params.attention, heads, mask, drop_attention, rows)
    attended, attention_dropout_cache = dropout.forward(attended, drop)
    z, attention_norm_cache = layer_norm.forward(take_rows(x, rows) + attended, params.attention_norm, eps)

    fed, feed_forward_cache = feed_forward.forward(z, params.feed_forward, config.gelu)
    fed, feed_forward_dropout_cache = dropout.forward(fed, drop)
    y, feed_forward_norm_cache = layer_norm.forward(z + fed, params.feed_forward_norm, eps)

    attention_caches = attention_cache, attention_dropout_cache, attention_norm_cache
    feed_forward_caches = feed_forward_cache, feed_forward_dropout_cache, feed_forward_norm_cache
    return y, Cache(*attention_caches, *feed_forward_caches, rows)


def backward(dy: Array, cache: Cache) -> tuple[Array, Params]:
    """dy (B, T, H), or (B, M, H) with rows -> dx (B, T, H), dparams"""
    # y = LayerNorm(z + dropout(FFN(z))): z is reached along two ways, the sum and the FFN
    dresidual, dfeed_forward_norm = layer_norm.backward(dy, cache.feed_forward_norm)
    dfed = dropout.backward(dresidual, cache.feed_forward_dropout)
    dz, dfeed_forward = feed_forward.backward(dfed, cache.feed_forward)
    dz += dresidual
    # z = LayerNorm(x + dropout(MultiHead(x))): x likewise; in the sum, only the rows that are read
    dresidual, dattention_norm = layer_norm.backward(dz, cache.attention_norm)
    dattended = dropout.backward(dresidual, cache.attention_dropout)
    dx, dattention = multi_head_attention.backward(dattended, cache.attention)
    dx = add_rows(dx, cache.rows, dresidual)
    return dx, Params(dattention, dattention_norm, dfeed_forward, dfeed_forward_norm)
