"""logits = dropout(pooled) Wᵀ + b

A class for a text or for a pair of texts (Devlin et al., arXiv:1810.04805, section 4.1 and figure 4 a, b). The loss is
the cross-entropy where a text has one class, the binary cross-entropy where it may have several, and the squared error
in a regression: LOSSES, by the `problem` of the config.

Letters: B batch, H hidden size, C classes.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ..blocks import binary_cross_entropy, cross_entropy, dropout, linear, squared_error
from ..blocks.bert import Output
from ..blocks.dropout import Dropout
from ..config import BertConfig
from ..numerics.arrays import Array
from . import rows
from .labels import classes, shares, values

heads = ("sequence_classification",)
reads = "pooled"
read_rows = rows.of_cls
LOSSES: dict[str, Any] = {
    "single_label_classification": cross_entropy,
    "multi_label_classification": binary_cross_entropy,
    "regression": squared_error,
}


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
    problem: str  # which of the LOSSES
    loss: cross_entropy.Cache | binary_cross_entropy.Cache | squared_error.Cache


def loss(
    encoded: Output,
    labels: Array,
    params: Params,
    config: BertConfig,
    rng: np.random.Generator | None = None,
) -> tuple[Array, LossCache]:
    """-> loss, a scalar

    labels: of one class (B,), its number or IGNORED; of several classes (B, C), 1 for those a text has and 0 for the
    others; of a regression (B, C), the values to predict.
    """
    logits, head_cache = forward(encoded, params, config, rng)
    value, loss_cache = LOSSES[config.problem].forward(logits, labels)
    return value, LossCache(head_cache, config.problem, loss_cache)


def loss_backward(dloss: Array | float, cache: LossCache) -> tuple[Output, Params]:
    """dloss, a scalar -> dencoded, dparams"""
    dlogits = LOSSES[cache.problem].backward(dloss, cache.loss)
    return backward(dlogits, cache.head)


def check_labels(labels: Any, shape: tuple[int, int], config: BertConfig) -> Array:
    """As `loss` wants them; see labels.classes, labels.shares and labels.values."""
    B, C = shape[0], config.num_labels
    if config.problem == "single_label_classification":
        return classes(labels, (B,), C)
    return values(labels, (B, C)) if config.is_regression else shares(labels, (B, C))
