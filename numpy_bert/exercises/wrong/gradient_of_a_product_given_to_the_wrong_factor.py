"""Another exercise about layer norm."""

from __future__ import annotations

import numpy as np

from ...blocks.layer_norm import Cache, Params
from ...numerics.arrays import Array
from ...numerics.rows import row_mean, row_mean_of_product
from ..definition import Exercise


def backward(dy: Array, cache: Cache) -> tuple[Array, Params]:
    """dy (..., H) -> dx (..., H), dparams"""
    x_hat, rstd, gamma = cache
    rows = tuple(range(dy.ndim - 1))  # all axes but the last: γ and β serve every row
    dgamma = np.zeros_like(gamma)
    # y = γ x̂ + β
    dbeta = dy.sum(axis=rows)
    dbeta += (dy * x_hat).sum(axis=rows)
    dx_hat = dy * gamma
    # x̂ = (x - μ) r
    dx = rstd * (dx_hat - row_mean(dx_hat) - x_hat * row_mean_of_product(dx_hat, x_hat))
    return dx, Params(dgamma, dbeta)


EXERCISE = Exercise(
    title="A parameter that never moves",
    block="layer_norm",
    level="medium",
    hints=(
        "Which parameter gets no gradient at all?",
        "One of the summands of dβ has x̂ in it. In y = γ x̂ + β, what stands beside x̂?",
    ),
    wrong="What belongs to γ, a factor, is credited to β: γ never moves.",
    why="Σ dy x̂ is dγ, and Σ dy is dβ. Where this was found, a product adds the gradient of its "
    "second factor to that of its first; γ is the second, in every norm. Nothing crashes and the loss falls, "
    "since a norm with γ = 1 for ever is a fair norm: only a check of both factors, or a look at how γ moves, "
    "finds it.",
    backward=backward,
    met="AlkiGit/BERT-NumPy, __mul__ of its tensor: the other's gradient is added to self",
)
