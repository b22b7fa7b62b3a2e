"""Steps of gradient descent on one text, each of which can be taken back.

A step is one of training, training.step.take with plain gradient descent,

    p <- p - learning_rate · dp,

without dropout, clipping, weight decay or a schedule, so that what is shown is the rule and nothing else.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from ..config import BertConfig
from ..errors import Error
from ..explain import targets
from ..explain.interventions.outcome import Outcome, outcome
from ..explain.targets import Target
from ..model import Bert
from ..numerics import tree
from ..tasks import objective
from ..training import step as training_step
from ..training.optim import clipping, layer_decay
from ..training.recipe import Recipe

MEMORY = 1 << 30  # bytes of earlier parameters that are kept for undo; at least one step can be taken back


class StepResult(NamedTuple):
    steps: int  # taken and not taken back
    before: Outcome
    after: Outcome
    gradient_norms: dict[str, tuple[float, float]]  # before and after, of "embedding", "layer 0", ..., "head"


class Learning:
    """A model that learns from one text at a time."""

    def __init__(self, bert: Bert) -> None:
        self.bert = bert
        self._earlier: list[Bert] = []

    def step(self, target: Target, learning_rate: float) -> StepResult:
        """One step on one text. Error: a task that cannot be trained; the loss or a weight is not finite."""
        if target.task == targets.VECTOR:
            raise Error("step: expected a head, whose loss can be lowered, got a model without one")
        bert = self.bert
        recipe = Recipe(
            task=target.task,
            steps=1,
            learning_rate=learning_rate,
            optimizer="sgd",
            weight_decay=0.0,
            clip=None,
            decay="constant",
        )
        config = replace(bert.config, hidden_dropout=0.0, attention_dropout=0.0, classifier_dropout=0.0)
        batch = objective.Batch(target.batch, target.labels)
        state = training_step.begin(bert.params, recipe)
        multipliers = layer_decay.multipliers(bert.params, recipe.layer_decay, recipe.frozen)
        with np.errstate(all="ignore"):  # what is not finite is refused below
            before = outcome(target, bert)
            norms = gradient_norms(batch, bert.params, config, target.task)
            training_step.take(state, [batch], recipe, config, multipliers)
            learned = Bert(bert.config, state.params, bert.tokenizer, bert.pooling, bert.path)
            after = outcome(target, learned)
            norms_after = gradient_norms(batch, learned.params, config, target.task)
        if not math.isfinite(after.loss):
            raise Error(f"step: expected a finite loss after it, got {after.loss}; a lower learning rate may help")
        self._keep(bert)
        self.bert = learned
        both = {name: (norm, norms_after[name]) for name, norm in norms.items()}
        return StepResult(self.steps, before, after, both)

    @property
    def steps(self) -> int:
        """Steps that can be taken back."""
        return len(self._earlier)

    def undo(self) -> int:
        """Take the last step back; returns how many are left. Error: there is none."""
        if not self._earlier:
            raise Error("undo: expected a step that was taken, got none")
        self.bert = self._earlier.pop()
        return len(self._earlier)

    def _keep(self, bert: Bert) -> None:
        size = sum(leaf.nbytes for leaf in tree.leaves(bert.params))
        self._earlier.append(bert)
        del self._earlier[: -max(1, MEMORY // size)]


def gradient_norms(batch: objective.Batch, params: objective.Params, config: BertConfig, task: str) -> dict[str, float]:
    """The norm of the gradient of each part of the model."""
    _, cache = objective.forward(task, batch, params, config)
    dparams = objective.backward(1.0, cache)
    parts: dict[str, Any] = {"embedding": dparams.bert.embedding}
    parts |= {f"layer {i}": layer for i, layer in enumerate(dparams.bert.encoder.layers)}
    if dparams.bert.pooler is not None:
        parts["pooler"] = dparams.bert.pooler
    parts["head"] = getattr(dparams, task)
    return {name: float(clipping.norm(tree.leaves(part))) for name, part in parts.items()}
