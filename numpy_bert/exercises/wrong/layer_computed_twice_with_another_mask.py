"""Another exercise about the encoder."""

from __future__ import annotations

import numpy as np

from ...blocks import encoder_layer
from ...blocks.encoder import Cache, Checkpoint, Params
from ...numerics.memory import Array
from ..definition import Exercise


def backward(dy: Array, cache: Cache) -> tuple[Array, Params]:
    """dy (B, T, H) -> dx (B, T, H), dparams: the layers from the last to the first"""
    dlayers = []
    for layer in reversed(cache.layers):
        if isinstance(layer, Checkpoint):
            layer = _forward_again(layer)
        dy, dlayer = encoder_layer.backward(dy, layer)
        dlayers.append(dlayer)
    return dy, Params(tuple(reversed(dlayers)))


def _forward_again(checkpoint: Checkpoint) -> encoder_layer.Cache:
    """The cache of a layer, computed a second time."""
    x, params, mask, config, drawn = checkpoint
    rng = None
    if drawn is not None:
        rng = np.random.default_rng(0)
    return encoder_layer.forward(x, params, mask, config, rng)[1]


EXERCISE = Exercise(
    title="The same arguments, another result",
    block="encoder",
    level="hard",
    hints=(
        "Only the case with dropout fails where layers are computed twice.",
        "What would the generator have drawn next, when the layer was computed first? It is in the checkpoint.",
    ),
    wrong="A layer that is computed a second time draws another dropout mask: the state of the generator was not kept.",
    why="To save memory the cache of a layer is thrown away and made again when backward comes by. Again has to "
    "mean the same to the bit, the mask included: the gradient of one mask at the values of another is the "
    "gradient of nothing. It is what activation checkpointing does where the state of the generator is not "
    "preserved; the result is noise of the size of dropout, and averages out far enough that training goes on.",
    backward=backward,
)
