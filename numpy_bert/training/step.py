"""One training step: loss and gradient of a batch, clipping, the scheduled learning rate, the update rule."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from ..blocks import encoder
from ..config import BertConfig
from ..errors import Error
from ..numerics import tree
from ..tasks import objective
from . import accumulation
from .optim import clipping, schedules
from .optim import update as optimizers
from .recipe import Recipe


@dataclass
class TrainingState:
    """What changes during training. The arrays belong to this object and are updated in place."""

    params: objective.Params
    optimizer: optimizers.OptimizerState
    rng: np.random.Generator  # of dropout
    tokens: int = 0  # read so far, without padding

    @property
    def step(self) -> int:
        """Steps done."""
        return self.optimizer.t


class StepReport(NamedTuple):
    """The figures of a step: a row of the learning curve."""

    step: int  # from 1
    loss: float
    learning_rate: float
    gradient_norm: float  # before clipping
    tokens: int  # read so far


def begin(params: objective.Params, recipe: Recipe) -> TrainingState:
    """The state before the first step, with a copy of the parameters."""
    own: objective.Params = tree.map(lambda p: np.array(p, order="C"), params)
    return TrainingState(own, optimizers.initial(recipe.optimizer, own), np.random.default_rng([recipe.seed, 1]))


def take(
    state: TrainingState,
    microbatches: list[objective.Batch],
    recipe: Recipe,
    config: BertConfig,
    multipliers: objective.Params,
) -> StepReport:
    """One step.

    Error: an overflow, a loss or a gradient that is not finite; then only the generator of the state has changed.
    """
    number = state.step + 1
    keep: encoder.Keep = "inputs" if recipe.recompute else "caches"
    try:
        loss, gradients = accumulation.gradients(recipe.task, microbatches, state.params, config, state.rng, keep)
    except Error as error:
        raise Error(f"step {number}: {error}") from None
    if not math.isfinite(loss):
        raise Error(f"step {number}: expected a finite loss, got {loss}; {accumulation.LOWER}")
    norm = clipping.norm(_learning(gradients, multipliers))
    if not math.isfinite(norm):
        raise Error(f"step {number}: expected a finite gradient, got a norm of {norm}; {accumulation.LOWER}")
    rate = recipe.learning_rate * schedules.factor(state.step, recipe.warmup, recipe.steps, recipe.decay)
    rates = optimizers.Rates(rate, recipe.weight_decay, clipping.factor(norm, recipe.clip))
    state.optimizer = optimizers.step(state.params, gradients, state.optimizer, rates, multipliers, recipe.rule)
    state.tokens += sum(_count_tokens(microbatch) for microbatch in microbatches)
    return StepReport(number, loss, rate, norm, state.tokens)


def refuse_not_finite(state: TrainingState) -> None:
    """Error: a weight or a moment is no longer a finite number. Such a state must not be saved."""
    for name, array in (item for params in (state.params, *state.optimizer.moments) for item in tree.items(params)):
        if not np.isfinite(array).all():
            expected = f"step {state.step}: {name}: expected finite numbers"
            raise Error(f"{expected}, got NaN or infinity; {accumulation.LOWER}")


def _learning(gradients: objective.Params, multipliers: objective.Params) -> list[Any]:
    """The gradients of what is not frozen: only these count for the norm."""
    pairs = zip(tree.leaves(gradients), tree.leaves(multipliers), strict=True)
    return [gradient for gradient, multiplier in pairs if multiplier]


def _count_tokens(batch: objective.Batch) -> int:
    mask = batch.inputs.mask
    return int(batch.inputs.ids.token.size if mask is None else mask.sum())
