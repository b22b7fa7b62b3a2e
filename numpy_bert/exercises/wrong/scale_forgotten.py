"""An exercise about dropout."""

from __future__ import annotations

from ...blocks.dropout import Cache
from ...numerics.arrays import Array
from ..definition import Exercise


def backward(dy: Array, cache: Cache) -> Array:
    """dy (...) -> dx (...)"""
    if cache.kept is None:
        return dy
    return dy * cache.kept


EXERCISE = Exercise(
    title="Right as long as nothing is dropped",
    block="dropout",
    level="easy",
    hints=(
        "y = 1.67 x where it is kept. What is dy/dx there?",
        "The cache has two fields. Which one is not read?",
    ),
    wrong="The forward scales what it keeps by 1/(1-p), the backward does not.",
    why="y = m x / (1 - p) is linear in x, and a linear function hands a gradient back through the same factors: "
    "the mask and the scale. Without the scale each dropout on the way makes the gradient smaller by 1 - p, so "
    "deep layers learn more slowly than upper ones. Every check without dropout passes.",
    backward=backward,
)
