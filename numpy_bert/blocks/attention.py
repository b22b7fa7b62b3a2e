"""attention(Q, K, V) = dropout(softmax(Q Kᵀ / √D where the mask allows it)) V

Scaled dot-product attention (Vaswani et al., arXiv:1706.03762, equation 1): one head, or, with leading axes, as many
side by side as one likes. Each query is compared with every key; the softmax of the scores says how much of each value
it receives. √D keeps the variance of a score at 1 when the components of Q and K have variance 1.

The mask is not added but excludes: a masked key has probability exactly 0, where the -10000 that is added in Google's
code can lose against a large score.

Letters: T queries, U keys and values, D head size; "..." any leading axes (B, A).
"""

from __future__ import annotations

import math
from typing import NamedTuple

from ..numerics.arrays import Array
from ..numerics.matmul import matmul
from . import dropout, softmax
from .dropout import NONE, Dropout


class Cache(NamedTuple):
    """P, the largest array of the model where T > 3D, is kept once; what dropout left of it is computed again."""

    Q: Array  # (..., T, D)
    K: Array  # (..., U, D)
    V: Array  # (..., U, D)
    softmax: softmax.Cache  # P (..., T, U)
    dropout: dropout.Cache


def forward(Q: Array, K: Array, V: Array, mask: Array | None = None, drop: Dropout = NONE) -> tuple[Array, Cache]:
    """Q (..., T, D), K and V (..., U, D), mask None or boolean, broadcast to (..., T, U) -> y (..., T, D)"""
    S = matmul(Q, K.swapaxes(-1, -2)) / math.sqrt(Q.shape[-1])  # (..., T, U)
    P, softmax_cache = softmax.forward(S, mask)
    R, dropout_cache = dropout.forward(P, drop)
    y = matmul(R, V)  # (..., T, D)
    return y, Cache(Q, K, V, softmax_cache, dropout_cache)


def backward(dy: Array, cache: Cache) -> tuple[Array, Array, Array]:
    """dy (..., T, D) -> dQ (..., T, D), dK (..., U, D), dV (..., U, D)"""
    Q, K, V, softmax_cache, dropout_cache = cache
    # y = R V:   y_td = Σ_u R_tu V_ud
    R = dropout.backward(softmax_cache.p, dropout_cache)  # the same mask and scale that made R from P
    dR = dy @ V.swapaxes(-1, -2)  # (..., T, U)
    dV = R.swapaxes(-1, -2) @ dy
    # R = dropout(P)
    dP = dropout.backward(dR, dropout_cache)
    # P = softmax(S)
    dS = softmax.backward(dP, softmax_cache)
    # S = Q Kᵀ / √D
    dS /= math.sqrt(Q.shape[-1])
    dQ = dS @ K
    dK = dS.swapaxes(-1, -2) @ Q
    return dQ, dK, dV
