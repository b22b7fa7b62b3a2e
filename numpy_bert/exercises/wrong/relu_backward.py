"""An exercise about GELU."""

from __future__ import annotations

from ...blocks.gelu import Cache
from ...numerics.arrays import Array
from ..definition import Exercise


def backward(dy: Array, cache: Cache) -> Array:
    """dy (...) -> dx (...)"""
    x, _ = cache
    slope = x > 0
    dx: Array = dy * slope
    return dx


EXERCISE = Exercise(
    title="Close enough to train with",
    block="gelu",
    level="easy",
    hints=("What is the slope of GELU at x = -0.5?", "Of which other activation is 1 for x > 0, else 0, the slope?"),
    wrong="The forward is a GELU, the backward that of a ReLU.",
    why="The slope of x Φ(x) is Φ(x) + x φ(x): ½ at 0, 1.13 at its largest, negative below -0.75. The step function "
    "has its ends right, so a network trains, and is only worse. One sees it in no curve and in every gradient "
    "check: a comparison of two runs would need the right one beside it.",
    backward=backward,
    met="Apache SystemDS, gelu.dml at commit 1d5f045",
)
