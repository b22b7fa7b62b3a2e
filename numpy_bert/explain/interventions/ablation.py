"""Ablation: a head or a sublayer is turned off, and the model runs as it is otherwise.

The output of multi-head attention is a sum over its heads,

    MultiHead(x) = Σ_a head_a W_Oaᵀ + b_O,   W_Oa the D columns of W_O that read head a,

so zeros in those columns remove head a, exactly, and nothing else. A whole sublayer is removed by zeros in its last
matrix and bias: W_O and b_O of attention, W_2 and b_2 of the feed-forward network. The residual connection carries its
input past it and the norm that follows stays: z = LayerNorm(x + 0).

So a model with parts turned off is a model with other parameters. Everything that can be asked of a model can be asked
of it, gradients and traces included.

The effect of a part is the change of the loss of a target, loss(without it) - loss. It is positive where the part
supports the target. Effects of several parts do not add up: a part may do what another does as well.

Source: Michel, Levy and Neubig, Are Sixteen Heads Really Better than One?, arXiv:1905.10650, section 3.

Letters: L layers, A heads, D head size.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np

from ...config import BertConfig
from ...errors import Error, show
from ...numerics import tree
from ...numerics.arrays import Array
from ...tasks import objective
from .. import targets
from ..targets import ModelWithHeads, Target
from .outcome import outcome


class Parts(NamedTuple):
    """What is turned off; layers and heads count from 0."""

    heads: tuple[tuple[int, int], ...] = ()  # (layer, head)
    attention: tuple[int, ...] = ()  # layers whose attention is off
    feed_forward: tuple[int, ...] = ()  # layers whose feed-forward network is off


class Effects(NamedTuple):
    """Change of the loss when one part is turned off, alone."""

    target: str
    loss: float  # of the whole model
    heads: Array  # (L, A)
    attention: Array  # (L,)
    feed_forward: Array  # (L,)


def parts(
    config: BertConfig,
    heads: Iterable[tuple[int, int]] = (),
    layers: Iterable[int] = (),
    attention: Iterable[int] = (),
    feed_forward: Iterable[int] = (),
) -> Parts:
    """The parts, checked; a layer is its attention and its feed-forward network. Error: the model has no such part."""
    L, A = config.num_hidden_layers, config.num_attention_heads
    whole = tuple(_index(layer, L, "layers") for layer in layers)
    pairs = []
    for pair in heads:
        if not isinstance(pair, (tuple, list)) or len(pair) != 2:
            raise Error(f"heads: expected pairs (layer, head), got {show(pair)}")
        pairs.append((_index(pair[0], L, "heads: layer"), _index(pair[1], A, "heads: head")))
    return Parts(
        tuple(dict.fromkeys(pairs)),
        tuple(dict.fromkeys((*whole, *(_index(layer, L, "attention") for layer in attention)))),
        tuple(dict.fromkeys((*whole, *(_index(layer, L, "feed_forward") for layer in feed_forward)))),
    )


def _index(value: Any, size: int, name: str) -> int:
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or not 0 <= value < size:
        raise Error(f"{name}: expected an integer from 0 to {size - 1}, got {show(value)}")
    return int(value)


def turned_off(params: objective.Params, config: BertConfig, off: Parts) -> objective.Params:
    """The parameters with zeros where a part is off; arrays that do not change are shared."""
    D = config.hidden_size // config.num_attention_heads
    outputs = {layer: f"bert.encoder.layers.{layer}.attention.output" for layer in range(config.num_hidden_layers)}
    arrays = dict(tree.items(params))
    changed: dict[str, Array] = {}
    for layer, head in off.heads:
        name = f"{outputs[layer]}.W"
        W = changed.setdefault(name, arrays[name].copy())
        W[:, head * D : (head + 1) * D] = 0.0
    last = [outputs[layer] for layer in off.attention]
    last += [f"bert.encoder.layers.{layer}.feed_forward.contract" for layer in off.feed_forward]
    for name in last:
        changed |= {f"{name}.{field}": np.zeros_like(arrays[f"{name}.{field}"]) for field in ("W", "b")}
    for name, array in changed.items():
        params = tree.replace(params, name, array)
    return params


def effects(model: ModelWithHeads, text: str | tuple[str, str], task: str | None = None, target: Any = None) -> Effects:
    """Turn each head and each sublayer off, one at a time. Error: as targets.choose.

    The target is chosen once, by the whole model: what is compared is the loss of the same answer.
    """
    chosen = targets.choose(model, text, task, target)
    return effects_on(model, chosen)


def effects_on(model: ModelWithHeads, target: Target) -> Effects:
    """The same for a target that is chosen already."""
    config, loss = model.config, outcome(target, model).loss

    def change(off: Parts) -> float:
        return outcome(target, model, turned_off(model.params, config, off)).loss - loss

    layers = range(config.num_hidden_layers)
    return Effects(
        target.description,
        loss,
        np.array([[change(Parts(heads=((i, a),))) for a in range(config.num_attention_heads)] for i in layers]),
        np.array([change(Parts(attention=(i,))) for i in layers]),
        np.array([change(Parts(feed_forward=(i,))) for i in layers]),
    )
