"""An exercise about the layer that is computed twice."""

from __future__ import annotations

import numpy as np

from ...blocks import encoder_layer
from ...blocks.recompute import Cache
from ...numerics.arrays import Array
from ..definition import Exercise


def backward(dy: Array, cache: Cache) -> tuple[Array, encoder_layer.Params]:
    """dy (B, T, H), or (B, M, H) with rows -> dx (B, T, H), dparams"""
    x, params, mask, config, generator, rows = cache
    rng = None
    if generator is not None:
        rng = np.random.default_rng(0)
    _, layer_cache = encoder_layer.forward(x, params, mask, config, rng, rows)
    return encoder_layer.backward(dy, layer_cache)


EXERCISE = Exercise(
    title="The same arguments, another result",
    block="recompute",
    level="hard",
    hints=(
        "The cases that fail have dropout.",
        "What would the generator have drawn next, when the layer was computed first? It is in the cache.",
    ),
    wrong="A layer that is computed a second time draws another dropout mask: the state of the generator was not kept.",
    why="To save memory the cache of a layer is thrown away and made again when backward comes by. Again has to "
    "mean the same to the bit, the mask included: the gradient of one mask at the values of another is the "
    "gradient of nothing. It is what activation checkpointing does where the state of the generator is not "
    "preserved; the result is noise of the size of dropout, and averages out, so training continues.",
    backward=backward,
)
