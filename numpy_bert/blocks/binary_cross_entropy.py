"""loss = 1/n Σ_i max(x_i, 0) - target_i x_i + log(1 + exp(-|x_i|))

Binary cross-entropy of logits: - target log σ(x) - (1 - target) log(1 - σ(x)), with σ(x) = 1 / (1 + exp(-x)), in the
form that is finite for every finite x. Each logit is a question of its own, to be answered with yes (1) or no (0): the
loss of a text that may have several labels, or none.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ..numerics.arrays import Array
from ..numerics.sigmoid import sigmoid


class Cache(NamedTuple):
    """The input only: σ is computed again."""

    x: Array  # (...)
    targets: Array  # (...)


def forward(x: Array, targets: Array) -> tuple[Array, Cache]:
    """x (...) logits, targets (...) from 0 to 1 -> loss, a scalar: the mean over all n elements"""
    targets = np.asarray(targets, x.dtype)  # they often come as integers or float64
    positive = x.real > 0
    high = np.where(positive, x, x.dtype.type(0))  # max(x, 0)
    low = np.where(positive, -x, x)  # -|x|
    loss = (high - targets * x + np.log1p(np.exp(low))).sum() / max(x.size, 1)
    return loss, Cache(x, targets)


def backward(dloss: Array | float, cache: Cache) -> Array:
    """dloss, a scalar -> dx (...):   ∂loss/∂x_i = (σ(x_i) - target_i) / n"""
    n = max(cache.x.size, 1)
    error = sigmoid(cache.x) - cache.targets
    dx: Array = error * error.dtype.type(dloss / n)
    return dx
