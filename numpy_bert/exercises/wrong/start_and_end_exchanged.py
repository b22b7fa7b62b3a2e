"""An exercise about question answering."""

from __future__ import annotations

import numpy as np

from ...blocks import cross_entropy
from ...blocks.bert import Output
from ...numerics.arrays import Array
from ...tasks.question_answering import Labels, LossCache, Params, backward
from ..definition import Exercise


def loss_backward(dloss: Array | float | Labels, cache: LossCache) -> tuple[Output, Params]:
    """dloss, a scalar or one for each of the two summands -> dencoded, dparams"""
    dfirst, dlast = dloss if isinstance(dloss, Labels) else (dloss, dloss)
    dend = cross_entropy.backward(0.5 * dlast, cache.end)  # (B, T)
    dstart = cross_entropy.backward(0.5 * dfirst, cache.start)
    return backward(np.stack([dend, dstart], axis=-1), cache.head)


EXERCISE = Exercise(
    title="Two vectors of one size",
    block="question_answering",
    level="medium",
    hints=("Which row of W is w_s?", "In the forward, what is logits[:, :, 0]?"),
    wrong="The gradients of start and end are stacked in the wrong order.",
    why="Column 0 of the logits is the start, column 1 the end. Exchanged, the vector that looks for starts is "
    "taught where answers end, and the other way round, while the loss is measured the right way round: it "
    "rises. The sum of both gradients is right, so dh alone would be right if w_s and w_e were equal.",
    backward=loss_backward,
)
