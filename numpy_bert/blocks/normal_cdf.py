"""Φ(x) = ½ (1 + erf(x / √2)),   φ(x) = Φ'(x) = exp(-x²/2) / √(2π)

The distribution function of the standard normal distribution, which GELU multiplies by, and its density.

float64 and complex128 use SciPy's erf, right to the last digit or two. In float32 that one function would take half of
the time of a forward pass, so there erf(x / √2) = tanh(x q(x²)) with a polynomial q of degree 6, fitted so that the
largest error of erf is 6e-8, half a unit in the last place of a float32 near 1 (benchmarks/fit_normal_cdf.py). NumPy's
tanh is vectorised, and the steps run over parts of the array that stay in the processor's cache.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from ..numerics.memory import Array

Q = (
    1.7561712552772307e-09,
    -1.3226335678397772e-07,
    3.9647446176582665e-06,
    -5.530619471260199e-05,
    -3.259497339079369e-05,
    3.633308457214351e-02,
    7.978849414607405e-01,
)  # the highest power first
PART = 1 << 18  # elements done at a time: two float32 arrays of them fit a second-level cache


def parts(size: int) -> Iterator[slice]:
    """Stretches of a flat array of so many elements."""
    for start in range(0, size, PART):
        yield slice(start, min(start + PART, size))


def cdf(x: Array) -> Array:
    """x (...) -> Φ(x) (...), a new array"""
    y = np.empty(x.shape, x.dtype)
    if x.dtype == np.float32:
        flat, out = np.ascontiguousarray(x).reshape(-1), y.reshape(-1)
        scratch = np.empty(min(PART, x.size), np.float32)
        for part in parts(x.size):
            _cdf(flat[part], scratch[: part.stop - part.start], out[part])
        return y
    from scipy.special import erf  # here, since importing it takes longer than loading a small model

    np.multiply(x, math.sqrt(0.5), out=y)
    erf(y, out=y)
    y += 1.0
    y *= 0.5
    return y


def density(x: Array) -> Array:
    """x (...) -> φ(x) (...)"""
    y: Array = x * x
    y *= -0.5
    np.exp(y, out=y)
    y *= 1.0 / math.sqrt(2.0 * math.pi)
    return y


def _cdf(x: Array, square: Array, y: Array) -> None:
    """y = ½ (1 + tanh(x q(x²))); `square` is memory for x².

    q is positive on the whole line and grows without end, so that far out an overflow gives the right sign of infinity
    and tanh ±1.
    """
    with np.errstate(over="ignore"):
        np.multiply(x, x, out=square)
        np.multiply(square, Q[0], out=y)
        for coefficient in Q[1:-1]:  # Horner's rule
            y += coefficient
            y *= square
        y += Q[-1]
        y *= x
    np.tanh(y, out=y)
    y += 1.0
    y *= 0.5
