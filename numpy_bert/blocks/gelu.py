"""gelu(x) = x Φ(x),   Φ(x) = ½ (1 + erf(x / √2))                              the erf form
gelu(x) ≈ ½ x (1 + tanh(√(2/π) (x + 0.044715 x³)))                         the tanh form

The Gaussian error linear unit of Hendrycks and Gimpel (arXiv:1606.08415): x times the probability that a standard
normal variable is below x. Hugging Face's `hidden_act: gelu` is the erf form, Google's BERT code runs the tanh form;
they differ by up to 5e-4, which is enough to change a published answer, so the form follows the checkpoint.

Every |x| below 1e12 gives a finite result in both directions and in float32 too. At -inf the product is -inf · 0, NaN.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from ..numerics.arrays import Array
from ..numerics.elementwise import elementwise
from . import normal_cdf

_SQRT_2_OVER_PI = math.sqrt(2.0 / math.pi)
_CUBIC = 0.044715  # Hendrycks and Gimpel, section 2


class Cache(NamedTuple):
    """The input only: Φ or the tanh is computed again, which costs less than keeping a second (B, T, F) array."""

    x: Array
    form: str


def _erf_form(x: Array) -> Array:
    return x * normal_cdf.cdf(x)


def _tanh_form(x: Array) -> Array:
    y: Array = 0.5 * x * (1.0 + np.tanh(_inner(x)))
    return y


def _inner(x: Array) -> Array:
    """u = √(2/π) (x + 0.044715 x³) = √(2/π) x (1 + 0.044715 x²)"""
    return _SQRT_2_OVER_PI * x * (1.0 + _CUBIC * x * x)


def forward(x: Array, form: str) -> tuple[Array, Cache]:
    """x (...) -> y (...); form is "erf" or "tanh"."""
    y = elementwise(_erf_form if form == "erf" else _tanh_form, x)
    return y, Cache(x, form)


def backward(dy: Array, cache: Cache) -> Array:
    """dy (...) -> dx (...)

    erf form:  y = x Φ(x),            dy/dx = Φ(x) + x φ(x),  φ(x) = exp(-x²/2) / √(2π) the derivative of Φ
    tanh form: y = ½ x (1 + t),       dy/dx = ½ (1 + t) + ½ x (1 - t²) u',  t = tanh(u), u' = √(2/π) (1 + 3·0.044715 x²)
    """
    x, form = cache
    if form == "erf":
        slope = normal_cdf.cdf(x) + x * normal_cdf.density(x)
    else:
        t = np.tanh(_inner(x))
        du = _SQRT_2_OVER_PI * (1.0 + 3.0 * _CUBIC * x * x)
        slope = 0.5 * (1.0 + t) + 0.5 * x * (1.0 - t * t) * du
    dx: Array = dy * slope
    return dx
