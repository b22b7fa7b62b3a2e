"""R = Â_L ... Â_2 Â_1,   Â_l = ½ (1/A Σ_a P_la) + ½ I

Attention rollout (Abnar and Zuidema, arXiv:2005.00928, section 3): attention followed through all layers, the heads of
each averaged and the residual connection counted as attention to oneself, as much as to all others. Row t of R says
from which pieces the hidden state at t is mixed; each row sums to 1. The feed-forward networks and the values take no
part: it says where attention looked, not what became of it, and has no sign.

Letters: T tokens, L layers, A heads.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ...blocks import bert, encoder_layer
from ...numerics.memory import Array
from .. import targets
from ..targets import Aim, Model
from .attribution import Attribution

NAME = "rollout"
READ_FIRST = ("sequence_classification", "next_sentence")  # heads that read [CLS], through the pooler


def rollout(attentions: list[Array]) -> Array:
    """attentions: L times P (A, T, T), from the first layer -> R (T, T) in float64"""
    T = attentions[0].shape[-1]
    R = np.eye(T)
    for P in attentions:
        R = (0.5 * P.mean(axis=0, dtype=np.float64) + 0.5 * np.eye(T)) @ R
    return R


def attention_rollout(
    model: Model, text: str | tuple[str, str], task: str | None = None, target: Any = None
) -> Attribution:
    """How much of each piece reaches what the head reads: the mean of those rows of R. Error: as aims.aim."""
    aim = targets.aim(model, text, task, target)
    _, cache = bert.forward(aim.batch, model.params.bert, model.config)
    layers = [layer for layer in cache.encoder.layers if isinstance(layer, encoder_layer.Cache)]
    R = rollout([layer.attention.attention.softmax.p[0] for layer in layers])
    scores = R[_read(aim, model)].mean(axis=0)
    tokens = tuple(aim.encoding.tokens)
    return Attribution(NAME, aim.task, aim.target, tokens, tuple(map(float, scores)), 1.0, None)


def _read(aim: Aim, model: Model) -> list[int]:
    """The places whose hidden states the head reads."""
    if aim.task in READ_FIRST or (aim.task == targets.VECTOR and model.pooling.pooling == "cls"):
        return [0]
    if aim.task == targets.VECTOR:
        return list(range(len(aim.encoding.ids)))
    return sorted({output[0] for output in aim.outputs})
