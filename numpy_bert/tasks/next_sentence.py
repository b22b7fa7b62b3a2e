"""logits = pooled Wᵀ + b,   class 0: B follows A,   class 1: B is a random sentence

Next sentence prediction (Devlin et al., arXiv:1810.04805, section 3.1, task 2). The order of the classes is that of
Google's run_pretraining.py. The loss is the cross-entropy.

Letters: B batch, H hidden size.
"""

from __future__ import annotations

from functools import partial
from typing import Any, NamedTuple

import numpy as np

from ..blocks import linear
from ..blocks.bert import Output
from ..config import BertConfig
from ..numerics.arrays import Array
from . import head, rows
from .labels import classes

heads = ("next_sentence",)
reads = "pooled"
read_rows = rows.of_cls
FOLLOWS, RANDOM = 0, 1


class Params(NamedTuple):
    dense: linear.Params  # W (2, H), b (2,)


class Cache(NamedTuple):
    dense: linear.Cache


def shapes(config: BertConfig) -> Params:
    return Params(linear.shapes(config.hidden_size, 2))


def forward(
    encoded: Output, params: Params, config: BertConfig, rng: np.random.Generator | None = None
) -> tuple[Array, Cache]:
    """encoded.pooled (B, H) -> logits (B, 2)"""
    assert encoded.pooled is not None, "a model without a pooler has no next-sentence head"
    logits, dense_cache = linear.forward(encoded.pooled, params.dense)
    return logits, Cache(dense_cache)


def backward(dlogits: Array, cache: Cache) -> tuple[Output, Params]:
    """dlogits (B, 2) -> dencoded, dparams"""
    dpooled, ddense = linear.backward(dlogits, cache.dense)
    return Output(None, dpooled), Params(ddense)


loss = partial(head.loss, forward)  # labels (B,): FOLLOWS or RANDOM, or IGNORED
loss_backward = partial(head.loss_backward, backward)


def check_labels(labels: Any, shape: tuple[int, int], config: BertConfig) -> Array:
    """(B,) integers; see labels.classes."""
    return classes(labels, shape[:1], 2)
