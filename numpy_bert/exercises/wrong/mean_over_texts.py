"""An exercise about the binary cross-entropy."""

from __future__ import annotations

from ...blocks.binary_cross_entropy import Cache
from ...numerics.arrays import Array
from ...numerics.sigmoid import sigmoid
from ..definition import Exercise


def backward(dloss: Array | float, cache: Cache) -> Array:
    """dloss, a scalar -> dx (...)"""
    n = max(len(cache.x), 1)
    error = sigmoid(cache.x) - cache.targets
    dx: Array = error * error.dtype.type(dloss / n)
    return dx


EXERCISE = Exercise(
    title="What the mean is over",
    block="binary_cross_entropy",
    level="easy",
    hints=(
        "Divide what the checker got by what it expected. Is the quotient the same everywhere?",
        "How many numbers does the forward average for x of shape (B, C)?",
    ),
    wrong="The gradient is divided by the number of texts, where the loss is a mean over texts and classes.",
    why="With cross-entropy each text has one loss, and the mean is over B. Here each text has C losses, one for each "
    "class, and the forward averages all B·C of them. Dividing by B gives a gradient C times too long. Adam "
    "divides the length out again, so training looks the same; clipping, SGD and a second loss beside it do not.",
    backward=backward,
)
