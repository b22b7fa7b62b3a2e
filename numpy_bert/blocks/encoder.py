"""h_0 = x,   h_l = EncoderLayer_l(h_{l-1}),   y = h_L

The stack of L encoder layers.

Letters: B batch, T tokens, H hidden size, L layers.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ..config import BertConfig
from ..memory import FRESH, Array, Fresh
from . import encoder_layer


class Params(NamedTuple):
    layers: tuple[encoder_layer.Params, ...]  # L of them


class Cache(NamedTuple):
    """One cache a layer; empty where the workspace keeps none."""

    layers: tuple[encoder_layer.Cache, ...]


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
        h, cache = encoder_layer.forward(x, layer, mask, config, rng, ws)
        ws.release(x)
        if ws.keeps_caches:
            caches.append(cache)
        x = h
    return x, Cache(tuple(caches))


def backward(dy: Array, cache: Cache) -> tuple[Array, Params]:
    """dy (B, T, H) -> dx (B, T, H), dparams: the layers from the last to the first"""
    dlayers = []
    for layer in reversed(cache.layers):
        dy, dlayer = encoder_layer.backward(dy, layer)
        dlayers.append(dlayer)
    return dy, Params(tuple(reversed(dlayers)))
