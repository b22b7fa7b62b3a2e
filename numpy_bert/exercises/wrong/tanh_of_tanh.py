"""An exercise about tanh."""

from __future__ import annotations

import numpy as np

from ...blocks.tanh import Cache
from ...numerics.arrays import Array
from ..definition import Exercise


def backward(dy: Array, cache: Cache) -> Array:
    """dy (...) -> dx (...)"""
    y = np.tanh(cache.y)
    return dy * (1.0 - y * y)


EXERCISE = Exercise(
    title="A slope a little too steep",
    block="tanh",
    level="easy",
    hints=("What is in the cache?", "The name of the cache's field says whether tanh has been applied already."),
    wrong="tanh is applied once more: the cache holds y already, not x.",
    why="The derivative 1 - tanh²(x) is 1 - y², and y is what forward kept. 1 - tanh²(y) is near it for small x and "
    "has the right sign everywhere, so training works; for large x the true slope goes to 0, while this one "
    "stays above 0.42. It happens when a cache is changed from the input to the output and one of its readers "
    "is not.",
    backward=backward,
)
