"""h_0 = x,   h_l = EncoderLayer_l(h_{l-1}),   y = h_L

The stack of L encoder layers. A head that reads only some rows of y needs no others of the last layer; the layers
below are computed whole, since every row of theirs makes a key and a value of the next.

Letters: B batch, T tokens, M of them that are read, H hidden size, L layers.
"""

from __future__ import annotations

from types import ModuleType
from typing import Literal, NamedTuple

import numpy as np

from ..config import BertConfig
from ..numerics.arrays import Array
from . import encoder_layer, recompute

Keep = Literal["caches", "inputs", "nothing"]  # of each layer, for backward


class Tokens(NamedTuple):
    """Which tokens of each text are looked at, and which rows of y are read."""

    mask: Array | None = None  # (B, T) boolean, False on padding; None: all are looked at
    rows: Array | None = None  # (B, M) integers below T; None: all are read


ALL = Tokens()


class Params(NamedTuple):
    layers: tuple[encoder_layer.Params, ...]  # L of them


class Cache(NamedTuple):
    layers: tuple[encoder_layer.Cache | recompute.Cache, ...]  # L of them; none where nothing is kept
    keep: Keep


def shapes(config: BertConfig) -> Params:
    return Params(tuple(encoder_layer.shapes(config) for _ in range(config.num_hidden_layers)))


def forward(
    x: Array,
    params: Params,
    tokens: Tokens,
    config: BertConfig,
    rng: np.random.Generator | None = None,
    keep: Keep = "caches",
) -> tuple[Array, Cache]:
    """x (B, T, H) -> y (B, T, H), or (B, M, H) with rows

    keep: what is kept of each layer. "caches": all that backward needs. "inputs": x alone, and backward computes the
    layer a second time. "nothing": for inference, there is no backward.
    """
    layer, caches, last = _layer_module(keep), [], len(params.layers) - 1
    for l, layer_params in enumerate(params.layers):
        x, cache = layer.forward(x, layer_params, tokens.mask, config, rng, tokens.rows if l == last else None)
        if keep != "nothing":
            caches.append(cache)
    return x, Cache(tuple(caches), keep)


def backward(dy: Array, cache: Cache) -> tuple[Array, Params]:
    """dy (B, T, H), or (B, M, H) with rows -> dx (B, T, H), dparams: the layers from the last to the first"""
    layer, dlayers = _layer_module(cache.keep), []
    for layer_cache in reversed(cache.layers):
        dy, dlayer = layer.backward(dy, layer_cache)
        dlayers.append(dlayer)
    return dy, Params(tuple(reversed(dlayers)))


def _layer_module(keep: Keep) -> ModuleType:
    return recompute if keep == "inputs" else encoder_layer
