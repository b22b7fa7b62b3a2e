"""What every head and every task has in common, and the loss of a head that gives scores to classes.

loss = cross_entropy(head(encoded), labels)
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

import numpy as np

from ..blocks import cross_entropy
from ..blocks.bert import Output
from ..config import BertConfig
from ..numerics.arrays import Array


class Task(Protocol):
    """What a model can learn: a module of this folder.

    loss(encoded, labels, params, config, rng) -> (loss, cache), and loss_backward(dloss, cache) -> (dencoded, dparams).
    params and dparams are those of the head, or a tuple with those of several `heads`. check_labels says what labels
    a batch of shape (B, T) has, as `loss` wants them. read_rows(labels, shape): whose hidden states it reads; see rows.
    """

    @property
    def heads(self) -> tuple[str, ...]: ...  # the fields of objective.Params that it reads
    @property
    def Params(self) -> Callable[..., Any]: ...
    @property
    def loss(self) -> Callable[..., tuple[Array, Any]]: ...
    @property
    def loss_backward(self) -> Callable[..., tuple[Output, Any]]: ...
    @property
    def read_rows(self) -> Callable[[Any, tuple[int, int]], tuple[Array | None, Any]]: ...
    @property
    def check_labels(self) -> Callable[[Any, tuple[int, int], BertConfig], Any]: ...


class Head(Task, Protocol):
    """A task with a head of its own: forward(encoded, params, config, rng) -> (logits, cache) and its backward.

    reads: the output of BERT that it reads, "hidden" (each position by itself) or "pooled".
    """

    @property
    def reads(self) -> str: ...
    @property
    def forward(self) -> Callable[..., tuple[Array, Any]]: ...
    @property
    def backward(self) -> Callable[..., tuple[Output, Any]]: ...
    @property
    def shapes(self) -> Callable[[BertConfig], Any]: ...


class LossCache(NamedTuple):
    head: Any  # the Cache of the head
    loss: cross_entropy.Cache


def loss(
    forward: Callable[..., tuple[Array, Any]],
    encoded: Output,
    labels: Array,
    params: Any,
    config: BertConfig,
    rng: np.random.Generator | None = None,
) -> tuple[Array, LossCache]:
    """labels (...): classes, or IGNORED -> loss, a scalar. forward: of a head with logits (..., C)"""
    logits, head_cache = forward(encoded, params, config, rng)
    value, loss_cache = cross_entropy.forward(logits, labels)
    return value, LossCache(head_cache, loss_cache)


def loss_backward(
    backward: Callable[..., tuple[Output, Any]], dloss: Array | float, cache: LossCache
) -> tuple[Output, Any]:
    """dloss, a scalar -> dencoded, dparams. backward: of the same head"""
    return backward(cross_entropy.backward(dloss, cache.loss), cache.head)
