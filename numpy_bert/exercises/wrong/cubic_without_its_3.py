"""Another exercise about GELU."""

from __future__ import annotations

import numpy as np

from ...blocks import normal_cdf
from ...blocks.gelu import _CUBIC, _SQRT_2_OVER_PI, Cache, _inner
from ...numerics.arrays import Array
from ..definition import Exercise


def backward(dy: Array, cache: Cache) -> Array:
    """dy (...) -> dx (...)"""
    x, form = cache
    if form == "erf":
        slope = normal_cdf.cdf(x) + x * normal_cdf.density(x)
    else:
        t = np.tanh(_inner(x))
        du = _SQRT_2_OVER_PI * (1.0 + _CUBIC * x * x)
        slope = 0.5 * (1.0 + t) + 0.5 * x * (1.0 - t * t) * du
    dx: Array = dy * slope
    return dx


EXERCISE = Exercise(
    title="One of two forms",
    block="gelu",
    level="hard",
    hints=("Differentiate x + c x³.", "The line that computes du is not the derivative of the u of the forward."),
    wrong="The derivative of 0.044715 x³ is written without its factor 3.",
    why="u = √(2/π) (x + c x³) has u' = √(2/π) (1 + 3 c x²). The term is small near 0, and far out 1 - tanh² is "
    "zero, so the error lives in between and is about two per cent of the largest gradient: a check with a "
    "tolerance of 0.05 passes it. The factored form of the forward, x (1 + c x²), makes the wrong bracket look "
    "like the right one.",
    backward=backward,
)
