"""An exercise about the encoder."""

from __future__ import annotations

from ...blocks.encoder import Cache, Params, _layer_module
from ...numerics.arrays import Array
from ..definition import Exercise


def backward(dy: Array, cache: Cache) -> tuple[Array, Params]:
    """dy (B, T, H) -> dx (B, T, H), dparams"""
    layer, dlayers = _layer_module(cache.keep), []
    for layer_cache in reversed(cache.layers):
        dy, dlayer = layer.backward(dy, layer_cache)
        dlayers.append(dlayer)
    return dy, Params(tuple(dlayers))


EXERCISE = Exercise(
    title="All layers have the same shapes",
    block="encoder",
    level="medium",
    hints=("x is right. Whose gradient does the first layer get?", "In which order does append collect?"),
    wrong="The gradients are collected from the last layer to the first and returned in that order.",
    why="The loop has to run from the last layer to the first, and what it collects has to be turned round once "
    "more. All layers have the same shapes, so the first takes the last one's gradient without a word. dx is "
    "right, hence whatever is below the encoder; with an odd number of layers the middle one is right too.",
    backward=backward,
)
