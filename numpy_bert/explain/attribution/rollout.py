"""R = Â_L ... Â_2 Â_1,   Â_l = ½ (1/A Σ_a P_la) + ½ I

Attention rollout (Abnar and Zuidema, arXiv:2005.00928, section 3): attention followed through all layers, averaged over
the heads of each, with the residual connection counted as attention of a token to itself, as much as to all others.
Row t of R says from which tokens the hidden state at t is mixed; each row sums to 1. The feed-forward networks and the
values are left out: rollout says where attention looked, not what it did there, and has no sign.

Letters: T tokens, L layers, A heads.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ...blocks import bert, encoder_layer
from ...numerics.arrays import Array
from ...tasks import objective
from .. import targets
from ..targets import ModelWithHeads, Target
from .output_gradient import predictions
from .result import Attribution

NAME = "rollout"


def followed(attentions: list[Array]) -> Array:
    """attentions: L times P (A, T, T), from the first layer -> R (T, T) in float64"""
    T = attentions[0].shape[-1]
    R = np.eye(T)
    for P in attentions:
        R = (0.5 * P.mean(axis=0, dtype=np.float64) + 0.5 * np.eye(T)) @ R
    return R


def attribute(
    model: ModelWithHeads, text: str | tuple[str, str], task: str | None = None, target: Any = None
) -> Attribution:
    """How much of each token reaches what the head reads: the mean of those rows of R. Error: as targets.choose."""
    chosen = targets.choose(model, text, task, target)
    _, cache = bert.forward(chosen.batch, model.params.bert, model.config)
    layers = [layer for layer in cache.encoder.layers if isinstance(layer, encoder_layer.Cache)]
    R = followed([layer.attention.attention.softmax.p[0] for layer in layers])
    scores = R[_read_positions(chosen, model)].mean(axis=0)
    return Attribution(NAME, chosen, predictions(chosen, model), tuple(map(float, scores)), 1.0, None)


def _read_positions(target: Target, model: ModelWithHeads) -> list[int]:
    """The positions whose hidden states the head reads."""
    if target.task == targets.VECTOR:
        return [0] if model.pooling.pooling == "cls" else list(range(len(target.encoding.ids)))
    if objective.needs_pooler((target.task,)):
        return [0]  # the pooler reads [CLS]
    return sorted({output[0] for output in target.outputs})
