"""logits = dropout(hidden) Wᵀ + b

A class for each token, such as the names of persons and places (Devlin et al., arXiv:1810.04805, section 5.3 and
figure 4 d). Of a word that was cut into tokens the first token carries the label; the others, [CLS], [SEP] and padding
are IGNORED. The loss is the cross-entropy over the tokens that carry a label.

Letters: B batch, T tokens, H hidden size, C classes.
"""

from __future__ import annotations

from functools import partial
from typing import Any, NamedTuple

import numpy as np

from ..blocks import dropout, linear
from ..blocks.bert import Output
from ..blocks.dropout import Dropout
from ..config import BertConfig
from ..numerics.arrays import Array
from . import head, rows
from .labels import classes

heads = ("token_classification",)
reads = "hidden"
read_rows = rows.of_all


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
    """encoded.hidden (B, T, H) -> logits (B, T, C)"""
    assert encoded.hidden is not None
    drop = Dropout(config.head_dropout, rng)
    dropped, dropout_cache = dropout.forward(encoded.hidden, drop)
    logits, dense_cache = linear.forward(dropped, params.dense)
    return logits, Cache(dropout_cache, dense_cache)


def backward(dlogits: Array, cache: Cache) -> tuple[Output, Params]:
    """dlogits (B, T, C) -> dencoded, dparams"""
    # logits = dropped Wᵀ + b
    ddropped, ddense = linear.backward(dlogits, cache.dense)
    # dropped = dropout(hidden)
    dhidden = dropout.backward(ddropped, cache.dropout)
    return Output(dhidden, None), Params(ddense)


loss = partial(head.loss, forward)  # labels (B, T): a class on the first token of each word, IGNORED elsewhere
loss_backward = partial(head.loss_backward, backward)


def check_labels(labels: Any, shape: tuple[int, int], config: BertConfig) -> Array:
    """(B, T) integers; see labels.classes."""
    return classes(labels, shape, config.num_labels)
