"""What a head says of a text once the encoder has run, however it was run."""

from __future__ import annotations

from typing import NamedTuple

from ...blocks import bert, encoder, pooler
from ...blocks.bert import Output
from ...numerics.arrays import Array
from ...tasks import objective
from .. import predictions, targets, vector_norm
from ..predictions import HeadPrediction
from ..targets import ModelWithHeads, Target


class Outcome(NamedTuple):
    """The answer, as one number and in words."""

    loss: float  # of the target: -log of its probability, of a regression the squared error
    predictions: tuple[HeadPrediction, ...]  # () without a head


def outcome(target: Target, model: ModelWithHeads, params: objective.Params | None = None) -> Outcome:
    """Run the whole model, with `params` in place of its own if they are passed."""
    params = model.params if params is None else params
    encoded, _ = bert.forward(target.batch, params.bert, model.config, keep="nothing")
    return of_encoded(encoded, target, model, params)


def of_hidden(hidden: Array, target: Target, model: ModelWithHeads) -> Outcome:
    """hidden (1, T, H): the output of the encoder, or what was put in its place."""
    pooled = None
    if model.params.bert.pooler is not None:
        pooled, _ = pooler.forward(hidden, model.params.bert.pooler)
    return of_encoded(Output(hidden, pooled), target, model, model.params)


def of_encoded(encoded: Output, target: Target, model: ModelWithHeads, params: objective.Params) -> Outcome:
    if target.task == targets.VECTOR:
        size, _ = vector_norm.loss(encoded, model.pooling.pooling)
        return Outcome(float(size), ())
    head, head_params = objective.HEADS[target.task], objective.head_params(target.task, params)
    loss, _ = head.loss(encoded, target.labels, head_params, model.config)
    logits, _ = head.forward(encoded, head_params, model.config)
    if target.task == "masked_lm":
        logits = logits[0, [position for position, _ in target.outputs]]
    return Outcome(float(loss), predictions.likeliest(model, target, logits))


def run_layers(hidden: Array, first: int, last: int, target: Target, model: ModelWithHeads) -> Array:
    """hidden (B, T, H), the input of layer `first` -> (B, T, H), the input of layer `last`; layers count from 0."""
    layers = encoder.Params(model.params.bert.encoder.layers[first:last])
    mask = target.batch.mask
    if mask is not None:
        mask = mask.repeat(len(hidden), axis=0)  # the mask of the one text, for each copy of it
    hidden, _ = encoder.forward(hidden, layers, encoder.Tokens(mask), model.config, keep="nothing")
    return hidden
