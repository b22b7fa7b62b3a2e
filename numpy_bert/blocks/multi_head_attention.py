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

Where only some rows of the result are read, only these need a query: Q comes from x[rows], K and V from all of x.

Letters: B batch, T tokens, M of them that are read, H hidden size, A heads, D = H / A head size.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ..numerics.arrays import Array
from ..numerics.scatter import add_rows, take_rows
from . import attention, linear
from .dropout import NONE, Dropout


class Params(NamedTuple):
    qkv: linear.Params  # W (3H, H), b (3H,)
    output: linear.Params  # W (H, H), b (H,)


class Cache(NamedTuple):
    qkv: linear.Cache  # of Q, K and V, or with rows of K and V alone
    attention: attention.Cache
    output: linear.Cache
    query: linear.Cache | None  # of Q, with rows
    rows: Array | None  # (B, M)


def shapes(H: int) -> Params:
    return Params(qkv=linear.shapes(H, 3 * H), output=linear.shapes(H, H))


def forward(
    x: Array,
    params: Params,
    A: int,
    mask: Array | None = None,
    drop: Dropout = NONE,
    rows: Array | None = None,
) -> tuple[Array, Cache]:
    """x (B, T, H), mask None or (B, T), True where a token may be looked at -> y (B, T, H)

    rows (B, M), integers below T: y is (B, M, H), the rows of these tokens alone.
    """
    (B, T, H), D = x.shape, x.shape[2] // A
    query_cache = None
    if rows is None:
        QKV, qkv_cache = linear.forward(x, params.qkv)  # (B, T, 3H)
        Q, K, V = QKV.reshape(B, T, 3, A, D).transpose(2, 0, 3, 1, 4)  # each (B, A, T, D)
    else:
        W, b = params.qkv
        queries, query_cache = linear.forward(take_rows(x, rows), linear.Params(W[:H], b[:H]))  # (B, M, H)
        KV, qkv_cache = linear.forward(x, linear.Params(W[H:], b[H:]))  # (B, T, 2H)
        Q = queries.reshape(B, rows.shape[1], A, D).transpose(0, 2, 1, 3)  # (B, A, M, D)
        K, V = KV.reshape(B, T, 2, A, D).transpose(2, 0, 3, 1, 4)  # each (B, A, T, D)
    allowed = None if mask is None else mask[:, None, None, :]  # (B, 1, 1, T): the same for each head and query
    heads, attention_cache = attention.forward(Q, K, V, allowed, drop)  # (B, A, M, D), M = T without rows
    concat = heads.transpose(0, 2, 1, 3).reshape(B, Q.shape[2], H)  # (B, A, M, D) -> (B, M, A, D) -> (B, M, H)
    y, output_cache = linear.forward(concat, params.output)
    return y, Cache(qkv_cache, attention_cache, output_cache, query_cache, rows)


def backward(dy: Array, cache: Cache) -> tuple[Array, Params]:
    """dy (B, T, H), or (B, M, H) with rows -> dx (B, T, H), dparams"""
    (B, A, M, D), T = cache.attention.Q.shape, cache.attention.K.shape[2]
    # y = concat W_Oᵀ + b_O
    dconcat, doutput = linear.backward(dy, cache.output)
    # concat = heads side by side
    dheads = dconcat.reshape(B, M, A, D).transpose(0, 2, 1, 3)  # (B, A, M, D)
    # heads = attention(Q, K, V)
    dQ, dK, dV = attention.backward(dheads, cache.attention)
    if cache.query is None:
        # Q, K, V = the three parts of QKV
        dQKV = np.stack([d.transpose(0, 2, 1, 3) for d in (dQ, dK, dV)], axis=2)  # (B, T, 3, A, D)
        # QKV = x W_QKVᵀ + b_QKV
        dx, dqkv = linear.backward(dQKV.reshape(B, T, 3 * A * D), cache.qkv)
    else:
        # K, V = the two parts of KV, Q = queries as heads
        dKV = np.stack([d.transpose(0, 2, 1, 3) for d in (dK, dV)], axis=2)  # (B, T, 2, A, D)
        dqueries = dQ.transpose(0, 2, 1, 3).reshape(B, M, A * D)
        # queries = x[rows] W_Qᵀ + b_Q,   KV = x W_KVᵀ + b_KV
        dx_rows, dquery = linear.backward(dqueries, cache.query)
        dx, dkv = linear.backward(dKV.reshape(B, T, 2 * A * D), cache.qkv)
        dx = add_rows(dx, cache.rows, dx_rows)
        dqkv = linear.Params(np.concatenate([dquery.W, dkv.W]), np.concatenate([dquery.b, dkv.b]))
    return dx, Params(dqkv, doutput)
