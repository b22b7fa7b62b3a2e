"""y = tanh(x)

The activation of the pooler.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ..numerics.arrays import Array


class Cache(NamedTuple):
    """The result: the derivative is cheapest written with it."""

    y: Array


def forward(x: Array) -> tuple[Array, Cache]:
    """x (...) -> y (...)"""
    y = np.tanh(x)
    return y, Cache(y)


def backward(dy: Array, cache: Cache) -> Array:
    """dy (...) -> dx (...):   d tanh(x) / dx = 1 - tanh²(x) = 1 - y²"""
    y = cache.y
    return dy * (1.0 - y * y)
