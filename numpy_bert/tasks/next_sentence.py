"""logits = pooled Wᵀ + b,   class 0: B follows A,   class 1: B is a random sentence

Next sentence prediction (Devlin et al., arXiv:1810.04805, section 3.1, task 2). The order of the classes is that of
Google's run_pretraining.py. The loss is the cross-entropy.

Letters: B batch, H hidden size.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ..blocks import cross_entropy, linear
from ..blocks.bert import Output
from ..config import BertConfig
from ..numerics.memory import Array

FOLLOWS, RANDOM = 0, 1


class Params(NamedTuple):
    dense: linear.Params  # W (2, H), b (2,)


class Cache(NamedTuple):
    dense: linear.Cache


def shapes(config: BertConfig) -> Params:
    return Params(linear.shapes(config.hidden_size, 2))


def forward(encoded: Output, params: Params) -> tuple[Array, Cache]:
    """encoded.pooled (B, H) -> logits (B, 2)"""
    assert encoded.pooled is not None, "a model without a pooler has no next-sentence head"
    logits, dense_cache = linear.forward(encoded.pooled, params.dense)
    return logits, Cache(dense_cache)


def backward(dlogits: Array, cache: Cache) -> tuple[Output, Params]:
    """dlogits (B, 2) -> dencoded, dparams"""
    dpooled, ddense = linear.backward(dlogits, cache.dense)
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
    """labels (B,): FOLLOWS or RANDOM (or IGNORED) -> loss, a scalar"""
    logits, head_cache = forward(encoded, params)
    value, loss_cache = cross_entropy.forward(logits, labels)
    return value, LossCache(head_cache, loss_cache)


def loss_backward(dloss: Array | float, cache: LossCache) -> tuple[Output, Params]:
    """dloss, a scalar -> dencoded, dparams"""
    return backward(cross_entropy.backward(dloss, cache.loss), cache.head)
