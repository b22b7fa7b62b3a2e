"""Φ(x) = ½ (1 + erf(x / √2)),   φ(x) = Φ'(x) = exp(-x²/2) / √(2π)

The distribution function of the standard normal distribution, which GELU multiplies by, and its density.
"""

from __future__ import annotations

import math

import numpy as np

from ..numerics.arrays import Array
from ..numerics.normal_cdf import normal_cdf


def cdf(x: Array) -> Array:
    """x (...) -> Φ(x) (...)"""
    return normal_cdf(x)


def density(x: Array) -> Array:
    """x (...) -> φ(x) (...)"""
    y: Array = np.exp(-0.5 * x * x) / math.sqrt(2.0 * math.pi)
    return y
