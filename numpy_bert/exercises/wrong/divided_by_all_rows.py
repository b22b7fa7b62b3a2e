"""An exercise about cross-entropy."""

from __future__ import annotations

import numpy as np

from ...blocks import log_softmax
from ...blocks.cross_entropy import Cache
from ...numerics.arrays import Array
from ..definition import Exercise


def backward(dloss: Array | float, cache: Cache) -> Array:
    """dloss, a scalar -> dx (N, C)"""
    n, C = cache.log_p.y.shape
    N = len(cache.kept)
    # loss = - Σ log_p[label] / n
    dlog_p = np.zeros_like(cache.log_p.y)
    dlog_p[np.arange(n), cache.labels] = -dloss / max(N, 1)
    # log_p = log softmax(x[kept])
    dx = np.zeros((N, C), dlog_p.dtype)
    dx[cache.kept] = log_softmax.backward(dlog_p, cache.log_p)
    return dx


EXERCISE = Exercise(
    title="In every batch another factor",
    block="cross_entropy",
    level="medium",
    hints=(
        "Only cases with ignored labels fail.",
        "Divide what was expected by what was found, in the case with five rows of which three carry a label.",
    ),
    wrong="The mean is over all rows, ignored ones too, where the forward divides by the rows that carry a label.",
    why="The loss is a mean over the n rows with a label; N is how many rows there are. In masked language "
    "modeling n is 15 % of N, so the gradient is too small by a factor near 7, and by another one in each "
    "batch. Adam divides most of that out again, which is how it goes unnoticed.",
    backward=backward,
)
