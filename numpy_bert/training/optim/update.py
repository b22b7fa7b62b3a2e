"""One step of an update rule on all parameters, in place.

The rules (adamw, bert_adam, sgd) say what happens to one number. Here they are applied to trees: chunk by chunk, each
small enough that its parameters, gradients and moments stay in the processor's cache from the first operation of the
rule to the last. The chunks are shared out to the cores; no number depends on another, so neither does the result on
the sharing. Parameters and moments are changed in place: they belong to the training loop, and nothing else may hold
views of them.
"""

from __future__ import annotations

from collections.abc import Iterator
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np

from ...numerics import tree
from ...numerics.arrays import Array
from ...numerics.threads import ordered_map
from ...tasks.objective import Params
from . import adamw, bert_adam, sgd

RULES: dict[str, ModuleType] = {"adamw": adamw, "bert_adam": bert_adam, "sgd": sgd}
CHUNK = 1 << 18  # numbers that are updated together: with fewer, threads that take turns keep each other waiting
MIN_CHUNKS = 64  # chunks; fewer are done sooner than threads are started

NO_DECAY = ("gamma", "beta", "b", "bias")  # norms and biases keep their size


class OptimizerState(NamedTuple):
    """What a rule remembers between steps."""

    t: int  # steps done
    moments: tuple[Params, ...]  # one tree for each of the rule's MOMENTS, with the dtype of the parameters


class Rates(NamedTuple):
    """What a step is multiplied with."""

    learning_rate: float
    weight_decay: float
    clip: float = 1.0  # the factor of all gradients


def initial(rule: str, params: Params) -> OptimizerState:
    """Before the first step: all moments 0."""
    return OptimizerState(0, tuple(tree.map(np.zeros_like, params) for _ in RULES[rule].MOMENTS))


def step(
    params: Params, gradients: Params, state: OptimizerState, rates: Rates, multipliers: Params, rule: tuple[str, Any]
) -> OptimizerState:
    """Update params and state.moments in place; returns the state with the next t.

    multipliers: for each parameter a factor of its learning rate; 0 leaves it and its moments untouched.
    rule: its name and its Settings.
    """
    name, settings = rule
    update = RULES[name].update
    t = state.t + 1

    def update_chunk(chunk: Chunk) -> None:
        p, g, *moments = chunk.arrays
        rate = chunk.multiplier * rates.learning_rate
        with np.errstate(over="ignore", invalid="ignore"):  # what is not finite any more is found before it is saved
            update(p, g * rates.clip, tuple(moments), t, (rate, chunk.decay), settings)

    chunks = list(_chunks(params, gradients, state, multipliers, rates.weight_decay))
    for _ in ordered_map(update_chunk, chunks) if len(chunks) > MIN_CHUNKS else map(update_chunk, chunks):
        pass
    return state._replace(t=t)


class Chunk(NamedTuple):
    """A stretch of a parameter, with its gradient and moments, each (n,), and its own rates."""

    arrays: list[Array]
    multiplier: float
    decay: float


def _chunks(
    params: Params, gradients: Params, state: OptimizerState, multipliers: Params, weight_decay: float
) -> Iterator[Chunk]:
    trees = (params, gradients, *state.moments)
    for (name, multiplier), *leaves in zip(tree.items(multipliers), *map(tree.leaves, trees), strict=True):
        if multiplier == 0.0:
            continue
        own = [leaves[0], *leaves[2:]]
        assert all(leaf.flags.c_contiguous for leaf in own), f"{name}: reshaped it would be a copy that is updated"
        decay = 0.0 if name.rpartition(".")[2] in NO_DECAY else weight_decay
        flat = [np.reshape(leaf, -1) for leaf in leaves]
        for start in range(0, flat[0].size, CHUNK):
            yield Chunk([array[start : start + CHUNK] for array in flat], multiplier, decay)
