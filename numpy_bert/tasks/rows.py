"""Which tokens a task reads the last hidden state of: the rows of bert.Inputs, [CLS] first.

Each function takes labels as the task's `loss` wants them for a whole batch of shape (B, T), and returns the rows
(B, M), or None where all tokens are read, and the labels as `loss` wants them where only these rows are there.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..blocks.cross_entropy import IGNORED
from ..numerics.arrays import Array


def of_all(labels: Any, shape: tuple[int, int]) -> tuple[None, Any]:
    return None, labels


def of_cls(labels: Any, shape: tuple[int, int]) -> tuple[Array, Any]:
    return cls(shape[0]), labels


def of_labeled(labels: Array, shape: tuple[int, int]) -> tuple[Array, Array]:
    """labels (B, T): a class, or IGNORED where nothing is read -> (B, M) rows, their labels (B, M)"""
    rows = cls_and(labels != IGNORED)
    return rows, np.take_along_axis(labels, rows, axis=1)


def cls(B: int) -> Array:
    """(B, 1): of each text its first token, [CLS]"""
    return np.zeros((B, 1), np.intp)


def cls_and(chosen: Array) -> Array:
    """chosen (B, T) boolean -> (B, M): [CLS] and the chosen tokens, M as many as the text with most has.

    A text that has fewer is filled up with others of its tokens, none of them twice.
    """
    read = chosen.copy()
    read[:, 0] = True
    M = read.sum(axis=1).max(initial=0)
    return np.argsort(~read, axis=1, kind="stable")[:, :M]  # the tokens that are read, in order, then the others
