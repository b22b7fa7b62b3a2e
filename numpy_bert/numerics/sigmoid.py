"""σ(x) = 1 / (1 + exp(-x)), where neither exp overflows nor a small σ loses digits"""

from __future__ import annotations

import numpy as np

from .arrays import Array


def sigmoid(x: Array) -> Array:
    """x (...) -> σ(x) (...), of the type of x. A new array.

    Below 0 it is computed as exp(x) / (1 + exp(x)), so that the argument of exp is never above 0.
    """
    positive = x.real > 0
    e = np.exp(np.where(positive, -x, x))  # e^-|x|
    y: Array = np.where(positive, e.dtype.type(1), e) / (1 + e)
    return y
