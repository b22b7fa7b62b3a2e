"""One step of training: loss and gradient of a batch, clipped, the learning rate of its moment, the update rule."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from ..config import BertConfig
from ..errors import Error
from ..numerics import tree
from ..numerics.memory import FRESH, RECOMPUTE
from ..tasks import objective
from . import accumulation
from .optim import clipping, schedules
from .optim import update as optimizers
from .recipe import Recipe


@dataclass
class State:
    """What changes while a model learns. The arrays are its own and are updated in place."""

    params: objective.Params
    optimizer: optimizers.State
    rng: np.random.Generator  # of dropout
    pieces: int = 0  # read so far, padding not counted

    @property
    def step(self) -> int:
        """Steps done."""
        return self.optimizer.t


class Report(NamedTuple):
    """What a step has to tell."""

    step: int  # from 1
    loss: float
    learning_rate: float
    gradient_norm: float  # before clipping
    pieces: int  # read so far


def begin(params: objective.Params, recipe: Recipe) -> State:
    """Before the first step, with a copy of the parameters."""
    own: objective.Params = tree.map(lambda p: np.array(p, order="C"), params)
    return State(own, optimizers.initial(recipe.optimizer, own), np.random.default_rng([recipe.seed, 1]))


def take(
    state: State, batch: list[objective.Batch], recipe: Recipe, config: BertConfig, multipliers: objective.Params
) -> Report:
    """One step. Error, the state untouched but for the generator: the loss or its gradient is not finite."""
    number = state.step + 1
    ws = RECOMPUTE if recipe.recompute else FRESH
    loss, gradients = accumulation.gradients(recipe.task, batch, state.params, config, state.rng, ws)
    if not math.isfinite(loss):
        raise Error(f"step {number}: expected a finite loss, got {loss}; a lower learning rate may help")
    norm = clipping.norm(_learning(gradients, multipliers))
    if not math.isfinite(norm):
        raise Error(f"step {number}: expected a finite gradient, got a norm of {norm}; a lower learning rate may help")
    rate = recipe.learning_rate * schedules.factor(state.step, recipe.warmup, recipe.steps, recipe.decay)
    rates = optimizers.Rates(rate, recipe.weight_decay, clipping.factor(norm, recipe.clip))
    state.optimizer = optimizers.step(state.params, gradients, state.optimizer, rates, multipliers, recipe.rule)
    state.pieces += sum(_pieces(part) for part in batch)
    return Report(number, loss, rate, norm, state.pieces)


def refuse_not_finite(state: State) -> None:
    """Error: a weight or a moment is not a finite number any more. Nobody should go on from such a state."""
    for name, array in (pair for part in (state.params, *state.optimizer.moments) for pair in tree.items(part)):
        if not np.isfinite(array).all():
            expected = f"step {state.step}: {name}: expected finite numbers"
            raise Error(f"{expected}, got NaN or infinity; a lower learning rate may help")


def _learning(gradients: objective.Params, multipliers: objective.Params) -> list[Any]:
    """The gradients of what is not frozen: nothing else counts for the norm."""
    pairs = zip(tree.leaves(gradients), tree.leaves(multipliers), strict=True)
    return [gradient for gradient, multiplier in pairs if multiplier]


def _pieces(part: objective.Batch) -> int:
    mask = part.inputs.mask
    return int(part.inputs.ids.token.size if mask is None else mask.sum())
