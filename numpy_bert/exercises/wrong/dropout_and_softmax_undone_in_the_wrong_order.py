"""Another exercise about attention."""

from __future__ import annotations

import math

from ...blocks import dropout, softmax
from ...blocks.attention import Cache
from ...numerics.arrays import Array
from ..definition import Exercise


def backward(dy: Array, cache: Cache) -> tuple[Array, Array, Array]:
    """dy (..., T, D) -> dQ (..., T, D), dK (..., U, D), dV (..., U, D)"""
    Q, K, V, softmax_cache, dropout_cache = cache
    # y = R V:   y_td = Σ_u R_tu V_ud
    R = dropout.backward(softmax_cache.p, dropout_cache)  # the same mask and scale that made R from P
    dR = dy @ V.swapaxes(-1, -2)  # (..., T, U)
    dV = R.swapaxes(-1, -2) @ dy
    # P = softmax(S)
    dP = softmax.backward(dR, softmax_cache)
    # R = dropout(P)
    dS = dropout.backward(dP, dropout_cache)
    # S = Q Kᵀ / √D
    dS *= 1.0 / math.sqrt(Q.shape[-1])
    dQ = dS @ K
    dK = dS.swapaxes(-1, -2) @ Q
    return dQ, dK, dV


EXERCISE = Exercise(
    title="Fails in one case of five",
    block="attention",
    level="hard",
    hints=(
        "A backward runs through the forward's steps in reverse.",
        "From y backwards the forward went through R, P, S. Which of the four comments is in the wrong place?",
    ),
    wrong="Softmax is undone before dropout, in the order of the forward.",
    why="R = dropout(softmax(S)): from dR one comes to dP through dropout and only then to dS through softmax. The "
    "two do not commute, since the sum in softmax's backward runs over a whole row and has to see which places "
    "were dropped. V is right, and without dropout everything is: at inference and in most tests.",
    backward=backward,
)
