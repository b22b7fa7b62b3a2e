"""y = γ x̂ + β,   x̂ = (x - μ) / √(σ² + ε),   μ = mean(x),   σ² = mean((x - μ)²)

Layer normalization (Ba, Kiros and Hinton, arXiv:1607.06450) over the last axis. σ² divides by H, not by H - 1, and
ε is inside the root.

Letters: H hidden size; "..." any leading axes.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ..numerics.arrays import Array
from ..numerics.elementwise import multiply_add
from ..numerics.rows import row_mean, row_mean_of_product
from ..numerics.tree import shape


class Params(NamedTuple):
    gamma: Array  # (H,)
    beta: Array  # (H,)


class Cache(NamedTuple):
    """x̂ takes the place of x (the same size, and x itself is not needed again); rstd is one number a row."""

    x_hat: Array  # (..., H)
    rstd: Array  # (..., 1)
    gamma: Array  # (H,)


def shapes(H: int) -> Params:
    return Params(gamma=shape(H), beta=shape(H))


def forward(x: Array, params: Params, eps: float) -> tuple[Array, Cache]:
    """x (..., H) -> y (..., H)"""
    gamma, beta = params
    mu = row_mean(x)  # (..., 1)
    x_hat = x - mu
    variance = row_mean_of_product(x_hat, x_hat)  # (..., 1); not np.var, which is wrong for complex x
    rstd = 1.0 / np.sqrt(variance + eps)
    x_hat *= rstd
    y = multiply_add(gamma, x_hat, beta)  # γ x̂ + β
    return y, Cache(x_hat, rstd, gamma)


def backward(dy: Array, cache: Cache) -> tuple[Array, Params]:
    """dy (..., H) -> dx (..., H), dparams

    With c = x - μ and r = 1/√(σ² + ε), x̂ = c r depends on x_j directly, through μ and through σ²:
    ∂x̂_i/∂x_j = r (δ_ij - 1/H - x̂_i x̂_j / H), hence with g = γ dy
    dx_j = r (g_j - mean(g) - x̂_j mean(g x̂)). γ is inside the means: outside it is right only where γ is constant.
    """
    x_hat, rstd, gamma = cache
    rows = tuple(range(dy.ndim - 1))  # all axes but the last: γ and β serve every row
    # y = γ x̂ + β
    dbeta = dy.sum(axis=rows)
    dgamma = (dy * x_hat).sum(axis=rows)
    dx_hat = dy * gamma
    # x̂ = (x - μ) r
    dx = rstd * (dx_hat - row_mean(dx_hat) - x_hat * row_mean_of_product(dx_hat, x_hat))
    return dx, Params(dgamma, dbeta)
