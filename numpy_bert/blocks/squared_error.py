"""loss = 1/n Σ_i (x_i - target_i)²

The mean squared error, the loss of regression, over all n elements of x.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ..errors import Error
from ..numerics.arrays import Array


class Cache(NamedTuple):
    error: Array  # (...)


def forward(x: Array, targets: Array) -> tuple[Array, Cache]:
    """x (...), targets (...) -> loss, a scalar"""
    if x.shape != targets.shape:  # (B,) and (B, 1) would broadcast to (B, B)
        raise Error(f"targets: expected shape {x.shape}, got {targets.shape}")
    error = np.asarray(x - targets, x.dtype)  # targets often come as float64
    return (error * error).sum() / max(error.size, 1), Cache(error)


def backward(dloss: Array | float, cache: Cache) -> Array:
    """dloss, a scalar -> dx (...):   ∂loss/∂x_i = 2 (x_i - target_i) / n"""
    n = max(cache.error.size, 1)
    dx: Array = cache.error * cache.error.dtype.type(2.0 * dloss / n)
    return dx
