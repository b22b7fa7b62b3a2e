"""An exercise about the lookup in a table."""

from __future__ import annotations

import numpy as np

from ...blocks.lookup import Cache
from ...numerics.arrays import Array
from ..definition import Exercise


def backward(dy: Array, cache: Cache) -> Array:
    """dy (..., H) -> dW (V, H)"""
    ids, V = cache
    dW: Array = np.zeros((V, dy.shape[-1]), dy.dtype)
    dW[ids] += dy
    return dW


EXERCISE = Exercise(
    title="One line, and NumPy reads it otherwise",
    block="lookup",
    level="medium",
    hints=(
        "Try ids = [0, 0, 2]. np.add.at, or a product with the one-hot matrix, counts every one.",
        "a[i] += b means a[i] = a[i] + b. What is written to a row whose index occurs twice in i?",
    ),
    wrong="dW[ids] += dy reads each row once, adds and writes it back: of a repeated id one summand is left.",
    why="A row that is read k times is used k times, and its gradient is the sum of k. Frequent words (the, [SEP], "
    "[PAD]) lose most of theirs, and those that occur once are right, so a test with distinct ids passes. The "
    "right code multiplies with the one-hot matrix, stored sparsely; np.add.at would do as well.",
    backward=backward,
    met="numpy-ml, Embedding with pool='sum' and 'mean'",
)
