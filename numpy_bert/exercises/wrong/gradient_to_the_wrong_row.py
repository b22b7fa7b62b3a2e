"""An exercise about the pooler."""

from __future__ import annotations

import numpy as np

from ...blocks import linear, tanh
from ...blocks.pooler import Cache, Params
from ...numerics.arrays import Array
from ..definition import Exercise


def backward(dy: Array, cache: Cache) -> tuple[Array, Params]:
    """dy (B, H) -> dh (B, T, H), dparams"""
    # y = tanh(u)
    du = tanh.backward(dy, cache.tanh)
    # u = cls Wᵀ + b
    dcls, ddense = linear.backward(du, cache.dense)
    # cls is one token of h
    B, H = dcls.shape
    dh = np.zeros((B, cache.T, H), dcls.dtype)
    dh[:, -1] = dcls
    return dh, Params(ddense)


EXERCISE = Exercise(
    title="Only texts of one token are right",
    block="pooler",
    level="easy",
    hints=("Where is [CLS]?", "The parameters are right, h is wrong: look below the linear layer."),
    wrong="The forward reads the first token, the gradient goes to the last.",
    why="cls = h[:, 0], so the only row of h that moves the result is row 0, and its gradient belongs there. With "
    "one token the first is the last, which is why a check at T = 1 passes. In a batch with padding the last "
    "row is often padding, and then nothing below the pooler learns.",
    backward=backward,
)
