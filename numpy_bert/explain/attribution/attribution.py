"""How much each piece of a text moves an output of the model: scores a_t, one a piece.

What is explained is one number F: the sum of the logits that aims.py asks for (of a model without a head the size of
its sentence vector). Its gradient is taken by x (T, H), the sums of token, position and segment embedding before their
layer norm: that is the last place where the pieces are still apart. Where scores are counted from a baseline x', that
is the text with [PAD] in the place of every piece but [CLS], [SEP] and [MASK], at the positions and in the segments of
the text; so what is explained is the choice of pieces, and special tokens score 0.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from ...blocks import bert
from ...blocks.bert import Inputs, Output
from ...blocks.embedding import Ids
from ...numerics.memory import Array
from ...tasks import masked_lm, objective
from .. import targets, vector_norm
from ..targets import Aim, Model

Progress = Callable[[int], object]


class Attribution(NamedTuple):
    """A score for each piece, and what the scores add up to."""

    method: str
    task: str
    target: str  # in words
    tokens: tuple[str, ...]  # T pieces
    scores: tuple[float, ...]  # T
    value: float  # F of the text
    baseline: float | None  # F of what the text is compared with, where the method compares

    @property
    def total(self) -> float:
        return math.fsum(self.scores)

    @property
    def error(self) -> float | None:
        """|Σ scores - (F(text) - F(baseline))| / |F(text) - F(baseline)|, which is to be 0. None without a baseline."""
        if self.baseline is None:
            return None
        moved = self.value - self.baseline
        apart = abs(self.total - moved)
        return apart / abs(moved) if moved else math.inf if apart else 0.0


def embedded(ids: Ids, params: bert.Params) -> Array:
    """ids of one text -> x (T, H), the sums of its embeddings before their layer norm."""
    word, position, segment, _ = params.embedding
    x: Array = word[ids.token[0]] + position[ids.position[0]] + segment[ids.segment[0]]
    return x


def baseline(aim: Aim, model: Model) -> Array:
    """x' (T, H): the text that says nothing."""
    tokenizer = model.tokenizer
    kept = [tokenizer.cls_id, tokenizer.sep_id, tokenizer.mask_id]
    ids = aim.batch.ids
    padded = np.where(np.isin(ids.token, kept), ids.token, tokenizer.pad_id)
    return embedded(ids._replace(token=padded), model.params.bert)


def value_and_gradient(points: Array, aim: Aim, model: Model) -> tuple[float, Array]:
    """points (S, T, H): S texts as sums of embeddings -> Σ_s F(point_s), and dF/dpoint (S, T, H)

    The forward and the backward are those of the whole model: each place of each text is given a row of its own in
    the table of words, the other two tables are zero, and the gradient by the table is the gradient by the points.
    """
    S, T, H = points.shape
    params = model.params.bert
    nothing = np.zeros((1, H), points.dtype)
    table = params.embedding._replace(word=points.reshape(S * T, H), position=nothing, segment=nothing)
    zeros = np.zeros((S, T), np.int64)
    ids = Ids(np.arange(S * T).reshape(S, T), zeros, zeros)
    encoded, cache = bert.forward(Inputs(ids, None), params._replace(embedding=table), model.config)
    value, dencoded = _explained(encoded, aim, model)
    return value, bert.backward(dencoded, cache).embedding.word.reshape(S, T, H)


def _explained(encoded: Output, aim: Aim, model: Model) -> tuple[float, Output]:
    """F, summed over the texts of a batch, and its gradient by what the head read."""
    assert encoded.hidden is not None
    S, T = encoded.hidden.shape[:2]
    if aim.task == targets.VECTOR:  # the mean over the texts: here it is to be the sum
        size, size_cache = vector_norm.loss(encoded, model.pooling.pooling)
        return S * float(size), vector_norm.loss_backward(float(S), size_cache)
    head, params = objective.HEADS[aim.task], objective.head_params(aim.task, model.params)
    more: tuple[Any, ...] = () if aim.task in ("next_sentence", "question_answering") else (model.config,)
    if aim.task == "masked_lm":
        places = [s * T + place for s in range(S) for place, _ in aim.outputs]
        logits, cache = masked_lm.forward(encoded, np.array(places), params, model.config)  # (S·M, V)
        chosen: Any = (np.arange(len(places)), np.array([label for _, label in aim.outputs] * S))
    else:
        logits, cache = head.forward(encoded, params, *more)  # (S, ...)
        chosen = (slice(None), *np.array(aim.outputs).T)
    dlogits = np.zeros_like(logits)
    dlogits[chosen] = 1.0
    dencoded, _ = head.backward(dlogits, cache)
    return float(logits[chosen].sum(dtype=np.float64)), dencoded
