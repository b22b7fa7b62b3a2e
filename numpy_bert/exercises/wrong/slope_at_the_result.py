"""An exercise about the feed-forward network."""

from __future__ import annotations

from ...blocks import gelu, linear
from ...blocks.feed_forward import Cache, Params
from ...numerics.arrays import Array
from ..definition import Exercise


def backward(dy: Array, cache: Cache) -> tuple[Array, Params]:
    """dy (B, T, H) -> dx (B, T, H), dparams"""
    # y = a W_2ᵀ + b_2
    da, dcontract = linear.backward(dy, cache.contract)
    # a = gelu(h)
    dh = gelu.backward(da, gelu.Cache(cache.contract.x, cache.gelu.form))
    # h = x W_1ᵀ + b_1
    dx, dexpand = linear.backward(dh, cache.expand)
    return dx, Params(dexpand, dcontract)


EXERCISE = Exercise(
    title="Two layers and what lies between them",
    block="feed_forward",
    level="medium",
    hints=(
        "gelu'(h), and which of the cached arrays is h?",
        "What is the input of the second linear layer: h, or GELU(h)?",
    ),
    wrong="The slope of GELU is taken at its result, not at its input.",
    why="For tanh or the sigmoid the slope can be written with the result, y, and the input need not be kept. GELU "
    "is no such function: it is not monotonic, two inputs have the same result and different slopes. Sharing "
    "the cache of the next layer saves memory and takes the slope at the wrong place.",
    backward=backward,
)
