"""Attention by hand: one row of a head's probabilities is replaced.

Row t of P says how much token t receives of the value of each token, so with p (T,) in its place

    head_a[t] = p V_a,

and the rest of the layer and of the model runs on from there, with the other heads and the other rows of this head as
they were. A row need not sum to 1: zeros everywhere keep the head silent at t.

Letters: L layers, A heads, T tokens, H hidden size, D = H / A head size.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ...blocks import encoder_layer, feed_forward, layer_norm, linear
from ...config import BertConfig
from ...errors import Error
from ...numerics.arrays import Array
from ..targets import ModelWithHeads, Target
from .outcome import Outcome, of_hidden, run_layers
from .patching import hidden_states


class Row(NamedTuple):
    """Which row of which head; all count from 0."""

    layer: int
    head: int
    token: int


def probabilities(layer: int, target: Target, model: ModelWithHeads) -> Array:
    """P (A, T, T) of a layer as the model computes it."""
    _, cache = _run_layer(hidden_states(target, model)[layer], layer, target, model)
    P: Array = cache.attention.attention.softmax.p[0]
    return P


def replaced(layer: int, head: int, token: int, row: Any, target: Target, model: ModelWithHeads) -> Outcome:
    """The answer with `row` (T,) in the place of P[head, token]. Error: the row has another length or is not finite."""
    h = hidden_states(target, model)[layer]
    after = state_after(h, Row(layer, head, token), row, target, model)
    return of_hidden(run_layers(after, layer + 1, model.config.num_hidden_layers, target, model), target, model)


def state_after(h: Array, place: Row, row: Any, target: Target, model: ModelWithHeads) -> Array:
    """h (1, T, H), the input of the layer -> (1, T, H), its output with the row replaced."""
    layer, head, token = place
    with np.errstate(over="ignore"):  # a number too large for the model is refused below
        p, T = np.asarray(row, h.dtype), h.shape[1]
    if p.shape != (T,) or not np.isfinite(p).all():
        got = "one that is not finite" if p.shape == (T,) else f"{p.size} of them"
        raise Error(f"row: expected {T} finite numbers, one for each token, got {got}")
    _, cache = _run_layer(h, layer, target, model)
    D = model.config.hidden_size // model.config.num_attention_heads
    concat = cache.attention.output.x.copy()  # (1, T, H): the heads side by side
    concat[0, token, head * D : (head + 1) * D] = p @ cache.attention.attention.V[0, head]
    return after_heads(h, concat, model.params.bert.encoder.layers[layer], model.config)


def _run_layer(h: Array, layer: int, target: Target, model: ModelWithHeads) -> tuple[Array, encoder_layer.Cache]:
    params = model.params.bert.encoder.layers[layer]
    return encoder_layer.forward(h, params, target.batch.mask, model.config)


def after_heads(x: Array, concat: Array, params: encoder_layer.Params, config: BertConfig) -> Array:
    """What encoder_layer computes of x and its heads side by side (both B, T, H), without dropout."""
    eps = config.layer_norm_eps
    attended, _ = linear.forward(concat, params.attention.output)
    z, _ = layer_norm.forward(x + attended, params.attention_norm, eps)
    fed, _ = feed_forward.forward(z, params.feed_forward, config.gelu)
    y, _ = layer_norm.forward(z + fed, params.feed_forward_norm, eps)
    return y
