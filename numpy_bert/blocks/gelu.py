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

from ..numerics.memory import Array
from ..numerics.threads import each
from . import normal_cdf

SQRT_2_OVER_PI = math.sqrt(2.0 / math.pi)
CUBIC = 0.044715  # Hendrycks and Gimpel, section 2


class Cache(NamedTuple):
    """The input only: Φ or the tanh is computed again, which costs less than keeping a second (B, T, F) array."""

    x: Array
    form: str


def forward(x: Array, form: str) -> tuple[Array, Cache]:
    """x (...) -> y (...); form is "erf" or "tanh"."""
    x = np.asarray(x, order="C")
    y = np.empty_like(x)
    flat, out = x.reshape(-1), y.reshape(-1)

    def some(part: slice) -> None:  # the gate of a part is still in the processor's cache when x meets it
        np.multiply(flat[part], _gate(flat[part], form), out=out[part])

    each(some, list(normal_cdf.parts(x.size)))
    return y, Cache(x, form)


def backward(dy: Array, cache: Cache) -> Array:
    """dy (...) -> dx (...)

    erf form:  y = x Φ(x),            dy/dx = Φ(x) + x φ(x),  φ(x) = exp(-x²/2) / √(2π) the derivative of Φ
    tanh form: y = ½ x (1 + t),       dy/dx = ½ (1 + t) + ½ x (1 - t²) u',  t = tanh(u), u' = √(2/π) (1 + 3·0.044715 x²)
    """
    x, form = cache
    dx = np.empty(x.shape, np.result_type(dy, x))
    flat, dy_flat, out = x.reshape(-1), dy.reshape(-1), dx.reshape(-1)
    for part in normal_cdf.parts(x.size):
        np.multiply(dy_flat[part], _slope(flat[part], form), out=out[part])
    return dx


def _gate(x: Array, form: str) -> Array:
    """Φ(x), or what the tanh form has in its place"""
    return normal_cdf.cdf(x) if form == "erf" else 0.5 * (1.0 + np.tanh(_inner(x)))


def _slope(x: Array, form: str) -> Array:
    """dy/dx"""
    if form == "erf":
        slope = normal_cdf.density(x)
        slope *= x
        slope += normal_cdf.cdf(x)
        return slope
    t = np.tanh(_inner(x))
    du = SQRT_2_OVER_PI * (1.0 + 3.0 * CUBIC * x * x)
    return 0.5 * (1.0 + t) + 0.5 * x * (1.0 - t * t) * du


def _inner(x: Array) -> Array:
    """u = √(2/π) (x + 0.044715 x³) = √(2/π) x (1 + 0.044715 x²)"""
    return SQRT_2_OVER_PI * x * (1.0 + CUBIC * x * x)
