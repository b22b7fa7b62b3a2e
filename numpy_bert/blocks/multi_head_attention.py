"""MultiHead(x) = concat(head_1, ..., head_A) W_Oᵀ + b_O
head_a = attention(x W_Qaᵀ + b_Qa, x W_Kaᵀ + b_Ka, x W_Vaᵀ + b_Va)

Self-attention with A heads (Vaswani et al., arXiv:1706.03762, section 3.2.2). One matrix product makes the queries,
keys and values of all heads, from the matrices of the paper below each other in one array:

                 ┌───────────┐           each of the three (H, H) is, from top to bottom,
    qkv.W        │    W_Q    │  H        the rows of head 0, of head 1, ... , of head A-1,
    (3H, H)      ├───────────┤           D rows each, D = H / A
                 │    W_K    │  H
                 ├───────────┤           QKV (B, T, 3H)
                 │    W_V    │  H          -> (B, T, 3, A, D)
                 └───────────┘             -> Q, K, V, each (B, A, T, D)

Letters: B batch, T tokens, H hidden size, A heads, D = H / A head size.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ..numerics.memory import Array
from . import attention, linear
from .dropout import NONE, Dropout


class Params(NamedTuple):
    qkv: linear.Params  # W (3H, H), b (3H,)
    output: linear.Params  # W (H, H), b (H,)


class Cache(NamedTuple):
    qkv: linear.Cache
    attention: attention.Cache
    output: linear.Cache


def shapes(H: int) -> Params:
    return Params(qkv=linear.shapes(H, 3 * H), output=linear.shapes(H, H))


def forward(x: Array, params: Params, A: int, mask: Array | None = None, drop: Dropout = NONE) -> tuple[Array, Cache]:
    """x (B, T, H), mask None or (B, T), True where a token may be looked at -> y (B, T, H)"""
    B, T, H = x.shape
    QKV, qkv_cache = linear.forward(x, params.qkv)  # (B, T, 3H)
    Q, K, V = QKV.reshape(B, T, 3, A, H // A).transpose(2, 0, 3, 1, 4)  # each (B, A, T, D)
    allowed = None if mask is None else mask[:, None, None, :]  # (B, 1, 1, T): the same for each head and query
    heads, attention_cache = attention.forward(Q, K, V, allowed, drop)  # (B, A, T, D)
    concat = heads.transpose(0, 2, 1, 3).reshape(B, T, H)  # (B, A, T, D) -> (B, T, A, D) -> (B, T, H)
    y, output_cache = linear.forward(concat, params.output)
    return y, Cache(qkv_cache, attention_cache, output_cache)


def backward(dy: Array, cache: Cache) -> tuple[Array, Params]:
    """dy (B, T, H) -> dx (B, T, H), dparams"""
    B, A, T, D = cache.attention.Q.shape
    # y = concat W_Oᵀ + b_O
    dconcat, doutput = linear.backward(dy, cache.output)
    # concat = heads side by side
    dheads = dconcat.reshape(B, T, A, D).transpose(0, 2, 1, 3)  # (B, A, T, D)
    # heads = attention(Q, K, V)
    dQ, dK, dV = attention.backward(dheads, cache.attention)
    # Q, K, V = the three parts of QKV
    dQKV = np.empty((B, T, 3, A, D), dQ.dtype)
    for i, dpart in enumerate((dQ, dK, dV)):
        dQKV[:, :, i] = dpart.transpose(0, 2, 1, 3)  # (B, A, T, D) -> (B, T, A, D)
    # QKV = x W_QKVᵀ + b_QKV
    dx, dqkv = linear.backward(dQKV.reshape(B, T, 3 * A * D), cache.qkv)
    return dx, Params(dqkv, doutput)
