"""An exercise about sequence classification."""

from __future__ import annotations

from ...blocks import linear
from ...blocks.bert import Output
from ...numerics.arrays import Array
from ...tasks.sequence_classification import Cache, Params
from ..definition import Exercise


def backward(dlogits: Array, cache: Cache) -> tuple[Output, Params]:
    """dlogits (B, C) -> dencoded, dparams"""
    # logits = dropped Wᵀ + b
    dpooled, ddense = linear.backward(dlogits, cache.dense)
    return Output(None, dpooled), Params(ddense)


EXERCISE = Exercise(
    title="The head is right, what it reads is not",
    block="sequence_classification",
    level="easy",
    hints=(
        "The parameters are right, `pooled` is wrong.",
        "The forward takes two steps from pooled to logits. How many are taken back?",
    ),
    wrong="The dropout before the classifier is not undone.",
    why="logits = dropout(pooled) Wᵀ + b. The linear layer's dx is the gradient with respect to its input, the dropped "
    "vector; from there to pooled the same mask and scale lie in between. As it stands, places that were "
    "dropped and had no influence receive a gradient, and noise is learned. W and b are right, since they see "
    "the dropped vector itself.",
    backward=backward,
)
