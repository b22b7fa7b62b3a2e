"""The pairs of numpy_bert.tasks: each head by itself, each with its loss, and the whole model with each loss."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from ...blocks.bert import Output
from ...blocks.cross_entropy import IGNORED
from ...config import BertConfig
from ...numerics.arrays import Array
from ...tasks import (
    head,
    masked_lm,
    multiple_choice,
    next_sentence,
    objective,
    pretraining,
    question_answering,
    sentence_embedding,
    sequence_classification,
    token_classification,
)
from ...tasks.head import Head
from .samples import LAYER, SHALLOW, WHOLE, Block, Pair, fixed_rng, inputs, labels, padding, params

Cases = dict[str, Pair]
Rng = np.random.Generator
B, T, H = 4, 2, LAYER.hidden_size
UNTIED = replace(LAYER, tie_word_embeddings=False)
REGRESSION = replace(LAYER, num_labels=1)
SEVERAL_OUTPUTS = replace(LAYER, problem_type="regression")
SEVERAL_CLASSES = replace(LAYER, problem_type="multi_label_classification")


def _head(task: Head, reads: str, rng: Rng, config: BertConfig = LAYER) -> Pair:
    """A head alone, under dropout; reads: "hidden" or "pooled"."""

    def forward(encoded: Output, params: Any) -> Any:
        return task.forward(encoded, params, config, fixed_rng())

    return Pair(forward, task.backward, {"encoded": _encoded(reads, rng), "params": params(task.shapes(config), rng)})


def _loss(name: str, reads: str, rng: Rng, config: BertConfig = LAYER) -> Pair:
    """A head with its loss, under dropout."""
    task, targets = objective.HEADS[name], labels(name, config, B, T, rng)

    def forward(encoded: Output, params: Any) -> Any:
        return task.loss(encoded, targets, params, config, fixed_rng())

    arguments = {"encoded": _encoded(reads, rng), "params": params(task.shapes(config), rng)}
    return Pair(forward, task.loss_backward, arguments)


def _encoded(reads: str, rng: Rng) -> Output:
    hidden = rng.standard_normal((B, T, H)) if reads in ("hidden", "both") else None
    return Output(hidden, rng.standard_normal((B, H)) if reads in ("pooled", "both") else None)


def _logits_and_loss(rng: Rng) -> Cases:
    """The loss of the heads of classes, of logits that are there already."""

    def pair(logits: tuple[int, ...], targets: Array) -> Pair:
        def forward(z: Array) -> Any:
            return head.loss(lambda encoded, *_: (2.0 * encoded, None), z, targets, None, LAYER)  # type: ignore[arg-type]

        backward = partial(head.loss_backward, lambda dz, _: 2.0 * dz)
        return Pair(forward, backward, {"z": rng.standard_normal(logits)})

    return {
        "texts": pair((3, 4), np.array([3, IGNORED, 0])),
        "tokens": pair((2, 3, 4), np.array([[3, IGNORED, 0], [IGNORED, 3, 1]])),
    }


def _masked_lm(rng: Rng) -> Cases:
    asked = np.array([4, 0, 4])  # one position twice

    def forward(encoded: Output, params: masked_lm.Params) -> Any:
        return masked_lm.forward(encoded, params, UNTIED, positions=asked)

    def backward_of_all(dlogits: Array, cache: masked_lm.Cache) -> Any:
        return masked_lm.backward(dlogits, cache)

    return {
        "logits, a position asked twice": _head(masked_lm, "hidden", rng, UNTIED)._replace(forward=forward),
        "loss": _loss("masked_lm", "hidden", rng, replace(UNTIED, gelu="tanh")),
        "logits of all": _head(masked_lm, "hidden", rng, UNTIED)._replace(backward=backward_of_all),
    }


def _next_sentence(rng: Rng) -> Cases:
    return {
        "logits": _head(next_sentence, "pooled", rng),
        "loss": _loss("next_sentence", "pooled", rng),
    }


def _pretraining(rng: Rng) -> Cases:
    targets = labels("pretraining", UNTIED, B, T, rng)
    arguments = {
        "encoded": _encoded("both", rng),
        "params": pretraining.Params(*(params(task.shapes(UNTIED), rng) for task in (masked_lm, next_sentence))),
    }

    def loss(encoded: Output, params: pretraining.Params) -> Any:
        return pretraining.loss(encoded, targets, params, UNTIED)

    def losses(encoded: Output, params: pretraining.Params) -> Any:
        cache = loss(encoded, params)[1]
        return cache.losses, cache

    return {
        "loss": Pair(loss, pretraining.loss_backward, arguments),
        "its two losses": Pair(losses, pretraining.loss_backward, arguments),
    }


def _sequence_classification(rng: Rng) -> Cases:
    return {
        "logits": _head(sequence_classification, "pooled", rng),
        "loss": _loss("sequence_classification", "pooled", rng),
        "regression": _loss("sequence_classification", "pooled", rng, REGRESSION),
        "regression, several outputs": _loss("sequence_classification", "pooled", rng, SEVERAL_OUTPUTS),
        "several classes": _loss("sequence_classification", "pooled", rng, SEVERAL_CLASSES),
    }


def _token_classification(rng: Rng) -> Cases:
    return {
        "logits": _head(token_classification, "hidden", rng),
        "loss": _loss("token_classification", "hidden", rng),
    }


def _question_answering(rng: Rng) -> Cases:
    pair = _loss("question_answering", "hidden", rng)

    def losses(encoded: Output, params: question_answering.Params) -> Any:
        cache = pair.forward(encoded, params)[1]
        return cache.losses, cache

    return {
        "logits": _head(question_answering, "hidden", rng),
        "loss": pair,
        "its two losses": pair._replace(forward=losses),
    }


def _multiple_choice(rng: Rng) -> Cases:
    return {
        "scores": _head(multiple_choice, "pooled", rng),
        "loss": _loss("multiple_choice", "pooled", rng),
    }


POOLINGS = (*sentence_embedding.POOLINGS, "cls+mean", "mean+max")


def _sentence_embedding(rng: Rng) -> Cases:
    def pair(pooling: str, normalize: bool, mask: Array | None) -> Pair:
        def forward(h: Array) -> Any:
            return sentence_embedding.forward(h, mask, pooling, normalize)

        return Pair(forward, sentence_embedding.backward, {"h": h})

    h, mask = rng.standard_normal((3, 4, 5)), padding(3, 4)
    poolings = {pooling: pair(pooling, False, mask) for pooling in POOLINGS}
    normalized = {f"{pooling}, normalized": pair(pooling, True, mask) for pooling in POOLINGS}
    return (
        poolings
        | normalized
        | {"mean, no padding": pair("mean", True, None), "mean, normalized, length near 0": _near_zero(rng)}
    )


def _near_zero(rng: Rng) -> Pair:
    """Vectors shorter than the least that is divided by. h is scaled within the pair, so that the steps of the checker
    stay short as well.
    """
    scale = 1e-14

    def forward(h: Array) -> Any:
        return sentence_embedding.forward(scale * h, None, "mean", True)

    def scaled_backward(dy: Array, cache: Any) -> Any:
        return scale * sentence_embedding.backward(dy, cache)

    return Pair(forward, scaled_backward, {"h": rng.standard_normal((2, 1, 3))})


def _objective(rng: Rng) -> Cases:
    def pair(
        task: str,
        config: BertConfig = SHALLOW,
        heads: tuple[str, ...] = (),
        seeded: bool = False,
        shape: tuple[int, int] = (2, 3),
        only_read: bool = False,
    ) -> Pair:
        batch = objective.Batch(inputs(config, *shape, rng), labels(task, config, *shape, rng))
        if only_read:
            batch = objective.only_read(task, batch)

        def forward(params: objective.Params) -> Any:
            return objective.forward(task, batch, params, config, fixed_rng() if seeded else None)

        arguments = {"params": params(objective.shapes(config, heads or (task,)), rng)}
        return Pair(forward, objective.backward, arguments)

    both = ("masked_lm", "next_sentence")
    plain = {task: pair(task) for task in objective.HEADS if task != "masked_lm"}
    return plain | {
        "masked_lm, tied": pair("masked_lm", WHOLE),
        "masked_lm, not tied, tanh": pair("masked_lm", replace(SHALLOW, tie_word_embeddings=False, gelu="tanh")),
        "sequence_classification, regression": pair("sequence_classification", replace(SHALLOW, num_labels=1)),
        "sequence_classification, several classes": pair(
            "sequence_classification", replace(SHALLOW, problem_type="multi_label_classification"), shape=(3, 2)
        ),
        "sequence_classification, T = 1, other heads": pair(
            "sequence_classification", heads=tuple(objective.HEADS), shape=(1, 1)
        ),
        "pretraining, dropout": pair("pretraining", WHOLE, heads=both, seeded=True, shape=(3, 2)),
        "pretraining, dropout, only what is read": pair(
            "pretraining", heads=both, seeded=True, shape=(3, 3), only_read=True
        ),
        "multiple_choice, only what is read": pair("multiple_choice", only_read=True),
    }


TASKS = {
    "head": Block(_logits_and_loss, 3e-14),
    "masked_lm": Block(_masked_lm, 3e-14),
    "next_sentence": Block(_next_sentence, 3e-14),
    "pretraining": Block(_pretraining, 3e-14),
    "sequence_classification": Block(_sequence_classification, 3e-14),
    "token_classification": Block(_token_classification, 3e-14),
    "question_answering": Block(_question_answering, 3e-14),
    "multiple_choice": Block(_multiple_choice, 3e-14),
    "sentence_embedding": Block(_sentence_embedding, 3e-14),
    "objective": Block(_objective, 1e-12, 1e-8),
}
