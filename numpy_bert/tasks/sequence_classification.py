"""logits = dropout(pooled) Wᵀ + b

A class for a text or for a pair of texts (Devlin et al., arXiv:1810.04805, section 4.1 and figure 4 a, b). The loss is
the cross-entropy; with one label it is regression, and the loss the squared error.

Letters: B batch, H hidden size, C classes.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ..blocks import cross_entropy, dropout, linear, squared_error
from ..blocks.bert import Output
from ..blocks.dropout import Dropout
from ..config import BertConfig
from ..numerics.memory import Array
from .labels import classes, values

heads = ("sequence_classification",)


class Params(NamedTuple):
    dense: linear.Params  # W (C, H), b (C,)


class Cache(NamedTuple):
    dropout: dropout.Cache
    dense: linear.Cache


def shapes(config: BertConfig) -> Params:
    return Params(linear.shapes(config.hidden_size, config.num_labels))


def forward(
    encoded: Output,
    params: Params,
    config: BertConfig,
    rng: np.random.Generator | None = None,
) -> tuple[Array, Cache]:
    """encoded.pooled (B, H) -> logits (B, C)"""
    assert encoded.pooled is not None, "a model without a pooler has no sequence-classification head"
    drop = Dropout(config.head_dropout, rng)
    dropped, dropout_cache = dropout.forward(encoded.pooled, drop)
    logits, dense_cache = linear.forward(dropped, params.dense)
    return logits, Cache(dropout_cache, dense_cache)


def backward(dlogits: Array, cache: Cache) -> tuple[Output, Params]:
    """dlogits (B, C) -> dencoded, dparams"""
    # logits = dropped Wᵀ + b
    ddropped, ddense = linear.backward(dlogits, cache.dense)
    # dropped = dropout(pooled)
    dpooled = dropout.backward(ddropped, cache.dropout)
    return Output(None, dpooled), Params(ddense)


class LossCache(NamedTuple):
    head: Cache
    loss: cross_entropy.Cache | squared_error.Cache


def loss(
    encoded: Output,
    labels: Array,
    params: Params,
    config: BertConfig,
    rng: np.random.Generator | None = None,
) -> tuple[Array, LossCache]:
    """labels (B,): classes, or IGNORED; with one label the values to predict -> loss, a scalar"""
    logits, head_cache = forward(encoded, params, config, rng)
    if config.is_regression:
        value, error_cache = squared_error.forward(logits[:, 0], labels)
        return value, LossCache(head_cache, error_cache)
    value, loss_cache = cross_entropy.forward(logits, labels)
    return value, LossCache(head_cache, loss_cache)


def loss_backward(dloss: Array | float, cache: LossCache) -> tuple[Output, Params]:
    """dloss, a scalar -> dencoded, dparams"""
    if isinstance(cache.loss, squared_error.Cache):
        dlogits = squared_error.backward(dloss, cache.loss)[:, None]  # (B,) -> (B, 1)
    else:
        dlogits = cross_entropy.backward(dloss, cache.loss)
    return backward(dlogits, cache.head)


def check_labels(labels: Any, shape: tuple[int, int], config: BertConfig) -> Array:
    """(B,) integers, or for a regression finite numbers; see labels.classes and labels.values."""
    return values(labels, shape[:1]) if config.is_regression else classes(labels, shape[:1], config.num_labels)
