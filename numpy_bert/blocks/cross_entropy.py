"""loss = - 1/n Σ_i log softmax(x_i)[label_i],   the sum over the n rows that carry a label

Cross-entropy with ignored positions: a row labeled IGNORED takes no part, neither in the sum nor in n. Where no row
carries a label the loss is 0 and so is its gradient.

Letters: C classes (or V, the vocabulary), n labeled rows; "..." any leading axes, such as N rows or (B, T).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ..numerics.arrays import Array
from . import log_softmax

IGNORED = -100  # the label of a row that takes no part, as in PyTorch and Hugging Face's data


class Cache(NamedTuple):
    """Of the log-probabilities only those of the rows that carry a label."""

    log_p: log_softmax.Cache  # (n, C)
    kept: Array  # (...) boolean
    labels: Array  # (n,)


def forward(x: Array, labels: Array) -> tuple[Array, Cache]:
    """x (..., C) logits, labels (...) integers below C, or IGNORED -> loss, a scalar"""
    kept = labels != IGNORED
    log_p, log_p_cache = log_softmax.forward(x[kept])  # (n, C)
    n = len(log_p)
    loss = (-log_p[np.arange(n), labels[kept]]).sum() / max(n, 1)
    return loss, Cache(log_p_cache, kept, labels[kept])


def backward(dloss: Array | float, cache: Cache) -> Array:
    """dloss, a scalar -> dx (..., C)

    ∂loss/∂x_ic = (softmax(x_i)_c - [c = label_i]) / n on the rows that carry a label, 0 on the others.
    """
    n, C = cache.log_p.y.shape
    # loss = - Σ log_p[label] / n
    dlog_p = np.zeros_like(cache.log_p.y)
    dlog_p[np.arange(n), cache.labels] = -dloss / max(n, 1)
    # log_p = log softmax(x[kept])
    dx = np.zeros((*cache.kept.shape, C), dlog_p.dtype)
    dx[cache.kept] = log_softmax.backward(dlog_p, cache.log_p)
    return dx
