"""MultiHead(x) = concat(head_1, ..., head_A) W_Oᵀ + b_O
head_a = attention(x W_Qaᵀ + b_Qa, x W_Kaᵀ + b_Ka, x W_Vaᵀ + b_Va)

Self-attention with A heads (Vaswani et al., arXiv:1706.03762, section 3.2.2). The A matrices W_Qa (D, H) lie below each
other in one W_Q (H, H), and W_Q, W_K and W_V below each other in one `qkv.W` (3H, H): rows 0 to H-1 are the queries,
H to 2H-1 the keys, 2H to 3H-1 the values, and within each, rows aD to (a+1)D-1 belong to head a. One matrix product
makes all of them.

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
