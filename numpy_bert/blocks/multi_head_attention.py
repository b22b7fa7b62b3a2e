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

from ..numerics.memory import FRESH, Array, Fresh
from ..numerics.threads import each
from . import attention, linear
from .dropout import NONE, Dropout

LONG = 64  # tokens from which the products of attention gain more from packed operands than packing takes
SCORES = 1 << 18  # of a part at inference: a megabyte of float32


class Params(NamedTuple):
    qkv: linear.Params  # W (3H, H), b (3H,)
    output: linear.Params  # W (H, H), b (H,)


class Cache(NamedTuple):
    qkv: linear.Cache
    attention: attention.Cache
    output: linear.Cache


def shapes(H: int) -> Params:
    return Params(qkv=linear.shapes(H, 3 * H), output=linear.shapes(H, H))


def forward(
    x: Array, params: Params, A: int, mask: Array | None = None, drop: Dropout = NONE, ws: Fresh = FRESH
) -> tuple[Array, Cache]:
    """x (B, T, H), mask None or (B, T), True where a token may be looked at -> y (B, T, H)"""
    B, T, H = x.shape
    QKV, qkv_cache = linear.forward(x, params.qkv, ws)  # (B, T, 3H)
    Q, K, V = QKV.reshape(B, T, 3, A, H // A).transpose(2, 0, 3, 1, 4)  # each (B, A, T, D)
    allowed = None if mask is None else mask[:, None, None, :]  # (B, 1, 1, T): the same for each head and query
    attend = _attend if ws.keeps_caches else _attend_in_parts
    heads, attention_cache = attend(Q, K, V, allowed, drop, ws)  # (B, A, T, D)
    ws.release(QKV)
    concat = np.ascontiguousarray(heads.transpose(0, 2, 1, 3))  # (B, A, T, D) -> (B, T, A, D)
    y, output_cache = linear.forward(concat.reshape(B, T, H), params.output, ws)
    ws.release(concat)
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


def _attend(
    Q: Array, K: Array, V: Array, mask: Array | None, drop: Dropout, ws: Fresh
) -> tuple[Array, attention.Cache]:
    """attention.forward of operands that are packed where it pays: each head's matrix in one stretch of memory, that of
    K transposed, as Q Kᵀ reads it.
    """
    if Q.shape[-2] >= LONG:
        Q, V = np.ascontiguousarray(Q), np.ascontiguousarray(V)
        K = np.ascontiguousarray(K.swapaxes(-1, -2)).swapaxes(-1, -2)
    return attention.forward(Q, K, V, mask, drop, ws)


def _attend_in_parts(
    Q: Array, K: Array, V: Array, mask: Array | None, drop: Dropout, ws: Fresh
) -> tuple[Array, attention.Cache]:
    """The same for inference, by texts or by heads: the scores of a part stay in the processor's cache, and there are
    never more of them in memory. The Cache is that of one part; nobody will read it.
    """
    B, A, T, D = Q.shape
    heads = ws.empty((B, T, A, D), Q).transpose(0, 2, 1, 3)
    caches = []

    def some(part: tuple[slice, slice]) -> None:
        allowed = None if mask is None else mask[part[0]]
        heads[part], cache = _attend(Q[part], K[part], V[part], allowed, drop, FRESH)
        caches.append(cache)

    texts = max(1, SCORES // max(1, A * T * T))
    few = max(1, min(A, SCORES // max(1, T * T)))
    each(some, [(slice(b, b + texts), slice(a, a + few)) for b in range(0, max(1, B), texts) for a in range(0, A, few)])
    return heads, caches[-1]
