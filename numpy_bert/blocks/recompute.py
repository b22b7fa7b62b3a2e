"""y = EncoderLayer(x), of which backward computes the inside a second time

Activation checkpointing (Chen et al., arXiv:1604.06174): the Cache holds the input of the layer and nothing of what is
inside, and backward runs the forward again before it goes back. A third more work for an L-th of the memory.

Letters: B batch, T tokens, M of them that are read, H hidden size.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ..config import BertConfig
from ..numerics.arrays import Array
from . import encoder_layer


class Cache(NamedTuple):
    """The arguments of the layer's forward, and the state that its generator had then."""

    x: Array  # (B, T, H)
    params: encoder_layer.Params
    mask: Array | None  # (B, T)
    config: BertConfig
    generator: tuple[type[np.random.BitGenerator], Any] | None  # kind and state; None without dropout
    rows: Array | None  # (B, M)


def forward(
    x: Array,
    params: encoder_layer.Params,
    mask: Array | None,
    config: BertConfig,
    rng: np.random.Generator | None = None,
    rows: Array | None = None,
) -> tuple[Array, Cache]:
    """x (B, T, H), mask None or (B, T) boolean -> y (B, T, H), or (B, M, H) with rows, as encoder_layer.forward"""
    generator = None if rng is None else (type(rng.bit_generator), rng.bit_generator.state)
    y, _ = encoder_layer.forward(x, params, mask, config, rng, rows)
    return y, Cache(x, params, mask, config, generator, rows)


def backward(dy: Array, cache: Cache) -> tuple[Array, encoder_layer.Params]:
    """dy (B, T, H), or (B, M, H) with rows -> dx (B, T, H), dparams, the same to the bit

    Dropout draws what it drew the first time.
    """
    x, params, mask, config, generator, rows = cache
    rng = None
    if generator is not None:
        kind, state = generator
        rng = np.random.Generator(kind())
        rng.bit_generator.state = state
    _, layer_cache = encoder_layer.forward(x, params, mask, config, rng, rows)
    return encoder_layer.backward(dy, layer_cache)
