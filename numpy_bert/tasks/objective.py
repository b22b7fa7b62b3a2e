"""loss = task(BERT(inputs)),   a function of all parameters, and its gradient with respect to each

The whole model: BERT and the heads a checkpoint carries. `forward` and `backward` join one head to BERT; everything
that trains or checks a whole model goes through them.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np

from ..blocks import bert, encoder
from ..config import BertConfig
from ..numerics import tree
from ..numerics.arrays import Array
from . import (
    masked_lm,
    multiple_choice,
    next_sentence,
    pretraining,
    question_answering,
    sequence_classification,
    token_classification,
)
from .head import Head, Task

HEADS: dict[str, Head] = {
    "masked_lm": masked_lm,
    "next_sentence": next_sentence,
    "sequence_classification": sequence_classification,
    "token_classification": token_classification,
    "question_answering": question_answering,
    "multiple_choice": multiple_choice,
}
TASKS: dict[str, Task] = {**HEADS, "pretraining": pretraining}


class Params(NamedTuple):
    """Everything that is learned. A head that a checkpoint lacks is None."""

    bert: bert.Params
    masked_lm: masked_lm.Params | None = None
    next_sentence: next_sentence.Params | None = None
    sequence_classification: sequence_classification.Params | None = None
    token_classification: token_classification.Params | None = None
    question_answering: question_answering.Params | None = None
    multiple_choice: multiple_choice.Params | None = None


class Batch(NamedTuple):
    """What a task learns from at once: the texts, and labels as its `loss` wants them."""

    inputs: bert.Inputs
    labels: Any


class Cache(NamedTuple):
    task: str
    params: Params  # for the shapes of what this task does not touch
    bert: bert.Cache
    head: Any  # the LossCache of the task


def shapes(config: BertConfig, heads: tuple[str, ...], has_pooler: bool = True) -> Params:
    """The tree of Shapes of a model with these heads."""
    return Params(bert.shapes(config, has_pooler), **{head: HEADS[head].shapes(config) for head in heads})


def needs_pooler(heads: Iterable[str]) -> bool:
    """Whether one of these heads reads the output of the pooler."""
    return any(HEADS[head].reads == "pooled" for head in heads)


def forward(
    task: str,
    batch: Batch,
    params: Params,
    config: BertConfig,
    rng: np.random.Generator | None = None,
    keep: encoder.Keep = "caches",
) -> tuple[Array, Cache]:
    """-> loss, a scalar. Without a generator there is no dropout. keep: see encoder.forward."""
    encoded, bert_cache = bert.forward(batch.inputs, params.bert, config, rng, keep)
    head = head_params(task, params)
    loss, head_cache = TASKS[task].loss(encoded, batch.labels, head, config, rng)
    return loss, Cache(task, params, bert_cache, head_cache)


def only_read(task: str, batch: Batch) -> Batch:
    """The batch with the rows that the task reads: the loss and its gradients are the same, and less is computed."""
    rows, labels = TASKS[task].read_rows(batch.labels, batch.inputs.ids.token.shape)
    return Batch(batch.inputs._replace(rows=rows), labels)


def losses(loss: Array, cache: Cache) -> Any:
    """The summands of the loss in the shape of the labels: each array of labels gives one mean over its rows."""
    return getattr(cache.head, "losses", loss)


def backward(dloss: Any, cache: Cache) -> Params:
    """dloss, a scalar, or one for each of the `losses` -> dparams, zero for the heads that took no part"""
    # loss = task(encoded)
    dencoded, dhead = TASKS[cache.task].loss_backward(dloss, cache.head)
    heads = TASKS[cache.task].heads
    touched = dict(zip(heads, (dhead,) if len(heads) == 1 else dhead, strict=True))
    accumulate_into = None
    if "masked_lm" in touched and cache.params.masked_lm is not None and cache.params.masked_lm.decoder is None:
        accumulate_into = touched["masked_lm"].decoder  # the decoder was the word embedding: two gradients add up
        touched["masked_lm"] = touched["masked_lm"]._replace(decoder=None)
    # encoded = BERT(inputs)
    dbert = bert.backward(dencoded, cache.bert, accumulate_into)
    untouched = {head: tree.map(np.zeros_like, getattr(cache.params, head)) for head in HEADS if head not in touched}
    return Params(dbert, **touched, **untouched)


def head_params(task: str, params: Params) -> Any:
    """The parameters of a task's head, or heads; a tied decoder is the word embedding itself, the same array."""
    masked = params.masked_lm
    if masked is not None and masked.decoder is None:
        params = params._replace(masked_lm=masked._replace(decoder=params.bert.embedding.word))
    of_heads = tuple(getattr(params, head) for head in TASKS[task].heads)
    return of_heads[0] if len(of_heads) == 1 else TASKS[task].Params(*of_heads)
