"""An exercise about multi-head attention."""

from __future__ import annotations

import numpy as np

from ...blocks import attention, linear
from ...blocks.multi_head_attention import Cache, Params
from ...numerics.arrays import Array
from ...numerics.scatter import add_rows
from ..definition import Exercise


def backward(dy: Array, cache: Cache) -> tuple[Array, Params]:
    """dy (B, T, H), or (B, M, H) with rows -> dx (B, T, H), dparams"""
    (B, A, M, D), T = cache.attention.Q.shape, cache.attention.K.shape[2]
    # y = concat W_Oᵀ + b_O
    dconcat, doutput = linear.backward(dy, cache.output)
    # concat = heads side by side
    dheads = dconcat.reshape(B, A, M, D)
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


EXERCISE = Exercise(
    title="Every shape fits",
    block="multi_head_attention",
    level="medium",
    hints=(
        "reshape does not move a number in memory. Which numbers of a row belong to head 0?",
        "It is right for one head and for one token. Which two axes change places in between?",
    ),
    wrong="(B, T, H) is reshaped to (B, A, T, D) directly: the numbers of different tokens get mixed up. It must be "
    "(B, T, A, D) first, then the two axes exchanged.",
    why="In memory a row of concat is head 0, head 1, ...; the first step can only cut rows into heads, (B, T, A, "
    "D), and the exchange of T and A is a transpose. Shapes are the same either way, and so are all shapes "
    "after it. Right where T = 1 or A = 1, which is what small tests have.",
    backward=backward,
)
