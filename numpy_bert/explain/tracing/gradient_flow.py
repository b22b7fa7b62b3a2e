"""Where the gradient of the loss flows: its norm √(Σ g²) at each token and layer, each head, and each parameter."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from ...numerics.arrays import Array
from .result import GRADIENTS, Trace

LAYER = "bert.encoder.layers."


class Flow(NamedTuple):
    stages: tuple[str, ...]  # names of the columns of `tokens`
    tokens: tuple[tuple[float, ...], ...]  # T rows: with respect to the hidden state of a token, a column per stage
    heads: tuple[tuple[float, ...], ...]  # L rows: with respect to the output of each of the A heads
    tensors: tuple[str, ...]  # names of the parameters within a layer
    layers: tuple[tuple[float, ...], ...]  # L rows: with respect to each of these
    others: tuple[tuple[str, float], ...]  # with respect to each parameter outside the layers


def flow(trace: Trace) -> Flow:
    layers = len({call.block for call in trace.calls if call.module == "blocks.encoder_layer"})
    by_stage = {"sum of embeddings": trace["bert.embedding.backward.dtotal"]}
    by_stage["embedding"] = trace["bert.embedding.backward.dy"]
    for layer in range(layers):
        by_stage[f"layer {layer}"] = trace[f"{LAYER}{layer}.backward.dy"]
    heads = [trace[f"{LAYER}{layer}.attention.attention.backward.dy"][0] for layer in range(layers)]  # (A, T, D)
    gradients = {
        name.removeprefix(f"{GRADIENTS}."): norm(trace[name])
        for name in trace.names
        if name.startswith(f"{GRADIENTS}.")
    }
    first = f"{LAYER}0."
    tensors = tuple(name.removeprefix(first) for name in gradients if name.startswith(first))
    return Flow(
        stages=tuple(by_stage),
        tokens=tuple(zip(*(norms(dh[0]) for dh in by_stage.values()), strict=True)),
        heads=tuple(norms(dy.reshape(len(dy), -1)) for dy in heads),
        tensors=tensors,
        layers=tuple(tuple(gradients[f"{LAYER}{layer}.{name}"] for name in tensors) for layer in range(layers)),
        others=tuple((name, value) for name, value in gradients.items() if not name.startswith(LAYER)),
    )


def norms(rows: Array) -> tuple[float, ...]:
    """(n, m) -> the norm of each row"""
    return tuple(norm(row) for row in rows)


def norm(array: Array) -> float:
    flat = array.reshape(-1)
    return math.sqrt(float(np.einsum("i,i", flat, flat, dtype=np.float64)))
