"""The explained output F of a text and its gradient with respect to the embeddings; the baseline of the methods.

F is one number: the sum of the logits that targets.py chooses (without a head: the mean square of the sentence
vector). Its gradient is taken with respect to x (T, H), the sums of token, position and segment embedding before their
layer norm: the last place where the tokens are still apart. The baseline x' is the same text with [PAD] in the place of
every token except [CLS], [SEP] and [MASK], at the same positions and in the same segments. So the choice of tokens is
explained, and special tokens score 0.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ...blocks import bert
from ...blocks.bert import Inputs, Output
from ...blocks.embedding import Ids
from ...numerics.arrays import Array
from ...tasks import objective
from .. import targets, vector_norm
from ..predictions import HeadPrediction, likeliest
from ..targets import ModelWithHeads, Target


def embedded(ids: Ids, params: bert.Params) -> Array:
    """ids of one text -> x (T, H), the sums of its embeddings before their layer norm."""
    word, position, segment, _ = params.embedding
    x: Array = word[ids.token[0]] + position[ids.position[0]] + segment[ids.segment[0]]
    return x


def baseline(target: Target, model: ModelWithHeads) -> Array:
    """x' (T, H): the text with [PAD] in the place of its ordinary tokens."""
    tokenizer = model.tokenizer
    kept = [index for role in ("cls", "sep", "mask") if (index := tokenizer.special_id(role)) is not None]
    ids = target.batch.ids
    padded = np.where(np.isin(ids.token, kept), ids.token, model.config.pad_token_id)
    return embedded(ids._replace(token=padded), model.params.bert)


def value_and_gradient(points: Array, target: Target, model: ModelWithHeads) -> tuple[float, Array]:
    """points (S, T, H): S texts as sums of embeddings -> Σ_s F(point_s), its gradient with respect to points

    The forward and the backward are those of the whole model: each position of each text gets a row of its own in
    the word embedding, the other two embeddings are zero, and the gradient of the table is that of the points.
    """
    S, T, H = points.shape
    params = model.params.bert
    nothing = np.zeros((1, H), points.dtype)
    table = params.embedding._replace(word=points.reshape(S * T, H), position=nothing, segment=nothing)
    zeros = np.zeros((S, T), np.int64)
    ids = Ids(np.arange(S * T).reshape(S, T), zeros, zeros)
    encoded, cache = bert.forward(Inputs(ids, None), params._replace(embedding=table), model.config)
    value, dencoded = _explained(encoded, target, model)
    return value, bert.backward(dencoded, cache).embedding.word.reshape(S, T, H)


def _explained(encoded: Output, target: Target, model: ModelWithHeads) -> tuple[float, Output]:
    """F, summed over the texts of a batch, and its gradient with respect to what the head read."""
    assert encoded.hidden is not None
    S = len(encoded.hidden)
    if target.task == targets.VECTOR:  # the mean over the texts: here it is to be the sum
        size, size_cache = vector_norm.loss(encoded, model.pooling.pooling)
        return S * float(size), vector_norm.loss_backward(float(S), size_cache)
    head, params = objective.HEADS[target.task], objective.head_params(target.task, model.params)
    if head.reads == "hidden":  # each position by itself: only those that are asked about, M of them, go through it
        positions, columns = np.array(target.outputs).T
        read = Output(encoded.hidden[:, positions], None)
        chosen: Any = (slice(None), np.arange(len(positions)), columns)
    else:
        read = encoded
        chosen = (slice(None), *np.array(target.outputs).T)
    logits, cache = head.forward(read, params, model.config)  # (S, M, C) or (S, C)
    dlogits = np.zeros_like(logits)
    dlogits[chosen] = 1.0
    dread, _ = head.backward(dlogits, cache)
    if dread.hidden is not None:
        dhidden = np.zeros_like(encoded.hidden)
        for m, position in enumerate(positions):  # a position asked twice receives both gradients
            dhidden[:, position] += dread.hidden[:, m]
        dread = Output(dhidden, None)
    return float(logits[chosen].sum(dtype=np.float64)), dread


def predictions(target: Target, model: ModelWithHeads) -> tuple[HeadPrediction, ...]:
    """What the head answers for the text; () without a head."""
    if target.task == targets.VECTOR:
        return ()
    encoding = target.encoding
    logits = model.logits(target.task, [encoding.ids], [encoding.segment_ids])
    return likeliest(model, target, logits)
