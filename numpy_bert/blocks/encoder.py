"""h_0 = x,   h_l = EncoderLayer_l(h_{l-1}),   y = h_L

The stack of L encoder layers.

Letters: B batch, T tokens, H hidden size, L layers.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ..config import BertConfig
from ..numerics.memory import FRESH, Array, Fresh
from . import encoder_layer


class Params(NamedTuple):
    layers: tuple[encoder_layer.Params, ...]  # L of them


class Cache(NamedTuple):
    """One cache a layer, or what it takes to make it again; empty where the workspace keeps none."""

    layers: tuple[encoder_layer.Cache | Checkpoint, ...]


class Checkpoint(NamedTuple):
    """The arguments of a layer's forward; of the generator what it would have drawn next."""

    x: Array  # (B, T, H)
    params: encoder_layer.Params
    mask: Array | None  # (B, T)
    config: BertConfig
    drawn: tuple[type[np.random.BitGenerator], Any] | None  # kind and state of the generator; None without dropout


def shapes(config: BertConfig) -> Params:
    return Params(tuple(encoder_layer.shapes(config) for _ in range(config.num_hidden_layers)))


def forward(
    x: Array,
    params: Params,
    mask: Array | None,
    config: BertConfig,
    rng: np.random.Generator | None = None,
    ws: Fresh = FRESH,
) -> tuple[Array, Cache]:
    """x (B, T, H), mask None or (B, T) boolean -> y (B, T, H)"""
    caches = []
    for layer in params.layers:
        checkpoint = Checkpoint(x, layer, mask, config, _state(rng)) if ws.recomputes else None
        h, cache = encoder_layer.forward(x, layer, mask, config, rng, ws)
        ws.release(x)
        if ws.keeps_caches:
            caches.append(checkpoint or cache)
        x = h
    return x, Cache(tuple(caches))


def backward(dy: Array, cache: Cache) -> tuple[Array, Params]:
    """dy (B, T, H) -> dx (B, T, H), dparams: the layers from the last to the first"""
    dlayers = []
    for layer in reversed(cache.layers):
        if isinstance(layer, Checkpoint):
            layer = _forward_again(layer)
        dy, dlayer = encoder_layer.backward(dy, layer)
        dlayers.append(dlayer)
    return dy, Params(tuple(reversed(dlayers)))


def _state(rng: np.random.Generator | None) -> tuple[type[np.random.BitGenerator], Any] | None:
    return None if rng is None else (type(rng.bit_generator), rng.bit_generator.state)


def _forward_again(checkpoint: Checkpoint) -> encoder_layer.Cache:
    """The cache of a layer, the same to the bit: dropout draws what it drew the first time."""
    x, params, mask, config, drawn = checkpoint
    rng = None
    if drawn is not None:
        kind, state = drawn
        rng = np.random.Generator(kind())
        rng.bit_generator.state = state
    return encoder_layer.forward(x, params, mask, config, rng)[1]
