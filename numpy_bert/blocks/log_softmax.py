"""y_i = log softmax(x)_i = x_i - log Σ_j exp(x_j),   over the last axis

Computed without ever taking the logarithm of a rounded-to-zero probability: with m = max x,
y_i = (x_i - m) - log Σ_j exp(x_j - m), finite for all finite x.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ..numerics.arrays import Array


class Cache(NamedTuple):
    """The result: exp(y) gives the probabilities back."""

    y: Array  # (..., n)


def forward(x: Array) -> tuple[Array, Cache]:
    """x (..., n) -> y (..., n)"""
    y = x - x.real.max(axis=-1, keepdims=True)
    y -= np.log(np.exp(y).sum(axis=-1, keepdims=True))
    return y, Cache(y)


def backward(dy: Array, cache: Cache) -> Array:
    """dy (..., n) -> dx (..., n)

    ∂y_i/∂x_j = δ_ij - p_j, hence dx_j = dy_j - p_j Σ_i dy_i.
    """
    p = np.exp(cache.y)
    dx: Array = dy - p * dy.sum(axis=-1, keepdims=True)
    return dx
