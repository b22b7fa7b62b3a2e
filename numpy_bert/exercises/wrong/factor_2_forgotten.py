"""An exercise about the squared error."""

from __future__ import annotations

from ...blocks.squared_error import Cache
from ...numerics.arrays import Array
from ..definition import Exercise


def backward(dloss: Array | float, cache: Cache) -> Array:
    """dloss, a scalar -> dx (n,)"""
    n = max(cache.error.size, 1)
    dx: Array = cache.error * cache.error.dtype.type(dloss / n)
    return dx


EXERCISE = Exercise(
    title="Down the right hill",
    block="squared_error",
    level="easy",
    hints=("d e²/de = ?", "Divide what the checker expected by what it got. The quotient is the same everywhere."),
    wrong="The 2 of the square's derivative is missing.",
    why="The loss is 1/n Σ e², and e² has the derivative 2e. Texts that want to be rid of the 2 put ½ in front of "
    "the loss; take the gradient from one text and the loss from another, and you get this. Training goes the "
    "right way at half the learning rate, so no curve shows it; with a second loss beside it the two are "
    "weighed wrongly.",
    backward=backward,
)
