"""An exercise about attention."""

from __future__ import annotations

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
    # R = dropout(P)
    dP = dropout.backward(dR, dropout_cache)
    # P = softmax(S)
    dS = softmax.backward(dP, softmax_cache)
    dQ = dS @ K
    dK = dS.swapaxes(-1, -2) @ Q
    return dQ, dK, dV


EXERCISE = Exercise(
    title="Two of three by the same factor",
    block="attention",
    level="medium",
    hints=(
        "Q and K are wrong by the same factor, V is right. Which factor?",
        "Read the equation from left to right and tick off what has been undone.",
    ),
    wrong="The forward divides the scores by √D, the backward does not.",
    why="S = Q Kᵀ / √D, so both dQ = dS K / √D and dK = dSᵀ Q / √D carry the factor; the values do not go through "
    "the scores. The direction of every row of dQ and dK is right, only their length is not: by 8 for the heads "
    "of BERT, D = 64. Adam does not care about a constant factor, clipping by the norm of all gradients does.",
    backward=backward,
)
