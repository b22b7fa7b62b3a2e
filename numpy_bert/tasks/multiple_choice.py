"""score_k = w · dropout(pooled_k) + b

Which of K continuations fits a prompt (Devlin et al., arXiv:1810.04805, section 4.4): each choice makes a text of its
own, [CLS] prompt [SEP] choice [SEP], the same w gives each a score, and the softmax over the K scores chooses. The
texts of one question are K rows of the batch, one after another. The loss is the cross-entropy. (b shifts all scores
alike and has no effect; the published heads have it.)

Letters: B questions, K choices, H hidden size.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ..blocks import cross_entropy, dropout, linear
from ..blocks.bert import Output
from ..blocks.dropout import Dropout
from ..config import BertConfig
from ..errors import Error
from ..numerics.arrays import Array
from . import rows
from .labels import classes

heads = ("multiple_choice",)
reads = "pooled"
read_rows = rows.of_cls


class Params(NamedTuple):
    dense: linear.Params  # W (1, H), b (1,)


class Cache(NamedTuple):
    dropout: dropout.Cache
    dense: linear.Cache


def shapes(config: BertConfig) -> Params:
    return Params(linear.shapes(config.hidden_size, 1))


def forward(
    encoded: Output,
    params: Params,
    config: BertConfig,
    rng: np.random.Generator | None = None,
) -> tuple[Array, Cache]:
    """encoded.pooled (B·K, H) -> scores (B·K,)"""
    assert encoded.pooled is not None, "a model without a pooler has no multiple-choice head"
    drop = Dropout(config.head_dropout, rng)
    dropped, dropout_cache = dropout.forward(encoded.pooled, drop)
    scores, dense_cache = linear.forward(dropped, params.dense)  # (B·K, 1)
    return scores[:, 0], Cache(dropout_cache, dense_cache)


def backward(dscores: Array, cache: Cache) -> tuple[Output, Params]:
    """dscores (B·K,) -> dencoded, dparams"""
    # scores = dropped wᵀ + b
    ddropped, ddense = linear.backward(dscores[:, None], cache.dense)  # (B·K,) -> (B·K, 1)
    # dropped = dropout(pooled)
    dpooled = dropout.backward(ddropped, cache.dropout)
    return Output(None, dpooled), Params(ddense)


class LossCache(NamedTuple):
    head: Cache
    loss: cross_entropy.Cache


def loss(
    encoded: Output,
    labels: Array,
    params: Params,
    config: BertConfig,
    rng: np.random.Generator | None = None,
) -> tuple[Array, LossCache]:
    """labels (B,): which choice is right, or IGNORED -> loss, a scalar"""
    scores, head_cache = forward(encoded, params, config, rng)
    B = len(labels)
    value, loss_cache = cross_entropy.forward(scores.reshape(B, -1), labels)  # (B·K,) -> (B, K): K classes
    return value, LossCache(head_cache, loss_cache)


def loss_backward(dloss: Array | float, cache: LossCache) -> tuple[Output, Params]:
    """dloss, a scalar -> dencoded, dparams"""
    dscores = cross_entropy.backward(dloss, cache.loss).reshape(-1)  # (B, K) -> (B·K,)
    return backward(dscores, cache.head)


def check_labels(labels: Any, shape: tuple[int, int], config: BertConfig) -> Array:
    """(B,) integers below K, for a batch of B·K texts; see labels.classes. Error: too few or too many."""
    texts, questions = shape[0], np.size(labels)
    if questions == 0 or texts % questions:
        raise Error(f"labels: expected one for each question, K texts a question, got {questions} for {texts} texts")
    return classes(labels, (questions,), texts // questions)
