"""An exercise about log-softmax."""

from __future__ import annotations

import numpy as np

from ...blocks.log_softmax import Cache
from ...numerics.arrays import Array
from ..definition import Exercise


def backward(dy: Array, cache: Cache) -> Array:
    """dy (..., n) -> dx (..., n)"""
    p = np.exp(cache.y)
    dx: Array = dy - p * dy
    return dx


EXERCISE = Exercise(
    title="The logarithm of a softmax",
    block="log_softmax",
    level="medium",
    hints=(
        "Every y_i contains the same Σ, so x_j acts on all of them.",
        "∂y_i/∂x_j = δ_ij - p_j. Multiply by dy_i and sum over i: what does p_j stand beside?",
    ),
    wrong="p_j dy_j in place of p_j Σ_i dy_i.",
    why="The Jacobian δ_ij - p_j has the whole row of y in it for each x_j. Under a cross-entropy dy has one entry, "
    "at the label, and there this is right; but the scores of all other classes get nothing, so wrong answers "
    "are never pushed down.",
    backward=backward,
)
