"""An exercise about layer norm."""

from __future__ import annotations

from ...blocks.layer_norm import Cache, Params
from ...numerics.arrays import Array
from ...numerics.rows import row_mean, row_mean_of_product
from ..definition import Exercise


def backward(dy: Array, cache: Cache) -> tuple[Array, Params]:
    """dy (..., H) -> dx (..., H), dparams"""
    x_hat, rstd, gamma = cache
    rows = tuple(range(dy.ndim - 1))  # all axes but the last: γ and β serve every row
    # y = γ x̂ + β
    dbeta = dy.sum(axis=rows)
    dgamma = (dy * x_hat).sum(axis=rows)
    # x̂ = (x - μ) r
    dx = gamma * rstd * (dy - row_mean(dy) - x_hat * row_mean_of_product(dy, x_hat))
    return dx, Params(dgamma, dbeta)


EXERCISE = Exercise(
    title="Right in a fresh model",
    block="layer_norm",
    level="medium",
    hints=(
        "Check it with random γ.",
        "Which of the factors of dx differ from place to place within a row? A mean over the row must see those.",
    ),
    wrong="γ multiplies the finished bracket, but it belongs inside the means. Right for γ = 1, so right in a fresh "
    "model and wrong after the first step.",
    why="x̂ reaches y through γ, so its gradient is g = γ dy, and dx = r (g - mean(g) - x̂ mean(g x̂)). "
    "mean(γ dy) is γ mean(dy) only where γ is constant, as it is when training begins and in every test with γ "
    "= 1. The gradients of γ and β themselves are right all the time.",
    backward=backward,
    met="AkiRusProd/numpy-transformer, layer_norm.py",
)
