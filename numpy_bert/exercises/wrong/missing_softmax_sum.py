"""An exercise about softmax."""

from __future__ import annotations

from ...blocks.softmax import Cache
from ...numerics.arrays import Array
from ..definition import Exercise


def backward(dp: Array, cache: Cache) -> Array:
    """dp (..., n) -> dx (..., n)"""
    p = cache.p
    dx: Array = p * (dp - dp * p)
    return dx


EXERCISE = Exercise(
    title="The derivative everybody knows",
    block="softmax",
    level="medium",
    hints=(
        "Raise one score a little. Which probabilities change?",
        "Each row of dx must sum to zero, since a shift of x changes nothing. Which sum would make it so?",
    ),
    wrong="p (1 - p), the diagonal of the Jacobian alone: the derivative of the sigmoid. A score also moves the "
    "probabilities of all other places.",
    why="∂p_i/∂x_j = p_i (δ_ij - p_j), so dx_j = p_j (dp_j - Σ_i dp_i p_i), one sum for each row. With a dp that is "
    "zero but at one place the sum is a single term, and p (1 - p) is right at that place and wrong at all "
    "others: a test that looks nowhere else passes it.",
    backward=backward,
)
