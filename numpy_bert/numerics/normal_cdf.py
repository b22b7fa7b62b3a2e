"""Φ(x) = ½ (1 + erf(x / √2)), the distribution function of the standard normal distribution

float64 and complex128 use SciPy's erf, right to the last digit or two. In float32 that one function would take half of
the time of a forward pass, so there erf(x / √2) = tanh(x q(x²)) with a polynomial q of degree 6, fitted so that the
largest error of erf is 6e-8, half a unit in the last place of a float32 near 1 (benchmarks/fit_normal_cdf.py). NumPy's
tanh is vectorized, and the steps run over chunks of the array that stay in the processor's cache.
"""

from __future__ import annotations

import math

import numpy as np

from .arrays import Array
from .threads import parallel_for

Q = (
    1.7561712552772307e-09,
    -1.3226335678397772e-07,
    3.9647446176582665e-06,
    -5.530619471260199e-05,
    -3.259497339079369e-05,
    3.633308457214351e-02,
    7.978849414607405e-01,
)  # the highest power first
CHUNK = 1 << 18  # elements done at a time: two float32 arrays of them fit a second-level cache


def normal_cdf(x: Array) -> Array:
    """x (...) -> Φ(x) (...), a new array"""
    if x.dtype == np.float32:
        return _in_float32(x)
    from scipy.special import erf  # here, since importing it takes longer than loading a small model

    y: Array = 0.5 * (1.0 + erf(x * math.sqrt(0.5)))
    return y


def _in_float32(x: Array) -> Array:
    y = np.empty(x.shape, np.float32)
    flat, out = np.ascontiguousarray(x).reshape(-1), y.reshape(-1)

    def chunk(start: int) -> None:
        _tanh_form(flat[start : start + CHUNK], out[start : start + CHUNK])

    parallel_for(chunk, range(0, x.size, CHUNK))
    return y


def _tanh_form(x: Array, y: Array) -> None:
    """y = ½ (1 + tanh(x q(x²)))

    q is positive on the whole line and grows without end, so that far out an overflow gives the right sign of infinity
    and tanh ±1.
    """
    with np.errstate(over="ignore"):
        square = x * x
        np.multiply(square, Q[0], out=y)
        for coefficient in Q[1:-1]:  # Horner's rule
            y += coefficient
            y *= square
        y += Q[-1]
        y *= x
    np.tanh(y, out=y)
    y += 1.0
    y *= 0.5
