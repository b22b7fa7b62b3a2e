"""start_t = w_s · h_t + b_s,   end_t = w_e · h_t + b_e

The span of a context that answers a question (Devlin et al., arXiv:1810.04805, section 4.2 and figure 4 c): the softmax
of `start` over the tokens says where it begins, that of `end` where it ends. The text is [CLS] question [SEP] context
[SEP]; a question without an answer has its span at [CLS]. The loss is the mean of the two cross-entropies.

Letters: B batch, T tokens, H hidden size.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ..blocks import cross_entropy, linear
from ..blocks.bert import Output
from ..config import BertConfig
from ..numerics.arrays import Array
from . import rows
from .labels import classes, pair

heads = ("question_answering",)
reads = "hidden"
read_rows = rows.of_all


class Labels(NamedTuple):
    start: Array  # (B,) the first token of the answer
    end: Array  # (B,) its last token


class Params(NamedTuple):
    dense: linear.Params  # W (2, H), b (2,): w_s above w_e


class Cache(NamedTuple):
    dense: linear.Cache


def shapes(config: BertConfig) -> Params:
    return Params(linear.shapes(config.hidden_size, 2))


def forward(
    encoded: Output, params: Params, config: BertConfig, rng: np.random.Generator | None = None
) -> tuple[Array, Cache]:
    """encoded.hidden (B, T, H) -> logits (B, T, 2), start and end"""
    assert encoded.hidden is not None
    logits, dense_cache = linear.forward(encoded.hidden, params.dense)
    return logits, Cache(dense_cache)


def backward(dlogits: Array, cache: Cache) -> tuple[Output, Params]:
    """dlogits (B, T, 2) -> dencoded, dparams"""
    dhidden, ddense = linear.backward(dlogits, cache.dense)
    return Output(dhidden, None), Params(ddense)


class LossCache(NamedTuple):
    head: Cache
    start: cross_entropy.Cache
    end: cross_entropy.Cache
    losses: Labels  # the two summands of the loss


def loss(
    encoded: Output,
    labels: Labels,
    params: Params,
    config: BertConfig,
    rng: np.random.Generator | None = None,
) -> tuple[Array, LossCache]:
    """labels: start and end, each (B,), positions below T, or IGNORED -> loss, a scalar"""
    logits, head_cache = forward(encoded, params, config, rng)
    start, start_cache = cross_entropy.forward(logits[:, :, 0], labels.start)  # T classes: the tokens
    end, end_cache = cross_entropy.forward(logits[:, :, 1], labels.end)
    losses = Labels(0.5 * start, 0.5 * end)
    return losses.start + losses.end, LossCache(head_cache, start_cache, end_cache, losses)


def loss_backward(dloss: Array | float | Labels, cache: LossCache) -> tuple[Output, Params]:
    """dloss, a scalar or one for each of the two summands -> dencoded, dparams"""
    dfirst, dlast = dloss if isinstance(dloss, Labels) else (dloss, dloss)
    dend = cross_entropy.backward(0.5 * dlast, cache.end)  # (B, T)
    dstart = cross_entropy.backward(0.5 * dfirst, cache.start)
    return backward(np.stack([dstart, dend], axis=-1), cache.head)


def check_labels(labels: Any, shape: tuple[int, int], config: BertConfig) -> Labels:
    """start and end, each (B,) integers below T; see labels.classes."""
    B, T = shape
    start, end = pair(labels, "start (B,) and end (B,)")
    return Labels(classes(start, (B,), T), classes(end, (B,), T))
