"""How close is close enough: how far the hidden states move when one constant or the precision of a BERT changes.

    GELU         erf to tanh (or back): the two forms that `gelu` means
    epsilon      1e-12 to 1e-5 (or back) in the layer norm: the usual mistake of a port
    mask         excluded to additive: padding gets -10000 added to its scores, as in Google's code
    float32      weights and arithmetic in float32 instead of float64
    float16      weights rounded to float16, arithmetic in float64
    int8         each row of every matrix rounded to 255 steps of its largest element, arithmetic in float64
    another      the weights of another file of the same model, such as a quantized one, arithmetic in float64

Each is compared with the model as it is, in float64, at every token of the given texts, layer by layer. The drift
of the additive mask is rounding unless a padded key scores thousands above a real one, for exp(-10000) is zero in
float64 too: that is the answer to whether it matters.
"""

from __future__ import annotations

import dataclasses
import math
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain
from typing import Any, NamedTuple, Protocol

import numpy as np

from ..blocks import bert, embedding, linear, softmax
from ..blocks.dropout import NONE
from ..config import BertConfig
from ..errors import Error, describe
from ..files import figures
from ..inference import inputs
from ..numerics import tree
from ..numerics.arrays import Array
from ..numerics.matmul import matmul
from ..tasks import objective
from ..tokenizer.interface import Tokenizer
from .interventions.attention_row import after_heads

TOGETHER = 8  # texts in a batch, in the caller's order, so that the shorter ones are padded
ADDED = -10000.0  # to the scores of padding, in Google's modeling.py
STEPS = 127  # of int8, to either side


class Encoder(Protocol):
    """What is needed of a Bert."""

    config: BertConfig
    params: objective.Params

    @property
    def tokenizer(self) -> Tokenizer: ...


class Variant(NamedTuple):
    """The model with one thing changed."""

    name: str
    params: bert.Params
    config: BertConfig
    mask_added: bool


class Change(NamedTuple):
    """The largest |Δh| of each layer: the embedding, then layers 0 to L-1. Infinite where the change made NaN of it."""

    name: str
    largest: tuple[float, ...]


class Drift(NamedTuple):
    texts: int
    tokens: int  # of all texts
    scale: tuple[float, ...]  # the largest |h| of each layer, to judge the changes by
    changes: tuple[Change, ...]


def measure(
    model: Encoder,
    texts: Sequence[str],
    progress: Callable[[int], object] = lambda done: None,
    other: Encoder | None = None,
) -> Drift:
    """Each change on these texts. `progress` is called after each (there are 6, and one for `other`).

    other: the same model from another file, whose weights are one more change. Takes the memory of the weights three
    times in float64, and the hidden states of all texts. Error: no texts, or sizes of `other` that differ.
    """
    if isinstance(texts, str) or not texts:
        raise Error(f"texts: expected a list of at least one text, got {describe(texts)}")
    rows = model.tokenizer.encode_ids(
        texts, model.config.max_position_embeddings, special=model.tokenizer.typed_special
    )
    batches = [
        inputs.padded([inputs.Text(ids, None) for ids in rows[i : i + TOGETHER]], model.config.pad_token_id)
        for i in range(0, len(rows), TOGETHER)
    ]
    params = _rounded(model.params.bert, np.float64)
    exact = [_hidden(batch, Variant("", params, model.config, False)) for batch in batches]
    scale = tuple(max(float(np.abs(layers[i]).max()) for layers in exact) for i in range(len(exact[0])))
    changes = []
    variants: Iterable[Variant] = _variants(model.params.bert, params, model.config)
    if other is not None:
        _require_same_sizes(model.config, other.config)
        weights = _rounded(other.params.bert, np.float64)
        variants = chain(variants, [Variant("other file", weights, model.config, False)])
    for variant in variants:
        changed = [_hidden(batch, variant) for batch in batches]
        moved = [
            [_largest(h, g) for h, g in zip(layers, others, strict=True)]
            for layers, others in zip(exact, changed, strict=True)
        ]
        changes.append(Change(variant.name, tuple(max(layer) for layer in zip(*moved, strict=True))))
        progress(1)
    return Drift(len(rows), sum(map(len, rows)), scale, tuple(changes))


def _require_same_sizes(config: BertConfig, other: BertConfig) -> None:
    for field in ("vocab_size", "hidden_size", "num_hidden_layers", "num_attention_heads", "intermediate_size"):
        if getattr(config, field) != getattr(other, field):
            raise Error(f"other: {field}: expected {getattr(config, field)}, got {getattr(other, field)}")


def _variants(stored: bert.Params, params: bert.Params, config: BertConfig) -> Iterator[Variant]:
    """One at a time, for some bring weights of their own. `params` are the stored ones in float64."""
    other_gelu = "tanh" if config.gelu == "erf" else "erf"
    other_eps = 1e-5 if config.layer_norm_eps < 1e-6 else 1e-12
    eps = f"{config.layer_norm_eps:g}"
    yield Variant(f"GELU {config.gelu} to {other_gelu}", params, dataclasses.replace(config, gelu=other_gelu), False)
    other_config = dataclasses.replace(config, layer_norm_eps=other_eps)
    yield Variant(f"epsilon {eps} to {other_eps:g}", params, other_config, False)
    yield Variant("mask added", params, config, True)
    yield Variant("float32", _rounded(stored, np.float32), config, False)
    yield Variant("weights float16", _rounded(_rounded(stored, np.float16), np.float64), config, False)
    yield Variant("weights int8", tree.map(int8, params), config, False)


def _rounded(params: bert.Params, dtype: Any) -> bert.Params:
    with np.errstate(over="ignore"):
        rounded: bert.Params = tree.map(lambda array: array.astype(dtype), params)
    return rounded


def int8(array: Array) -> Array:
    """W (O, I) -> each row as whole multiples, -127 to 127, of |its largest element| / 127. A vector stays."""
    if array.ndim < 2:
        return array
    step = np.abs(array).max(axis=1, keepdims=True) / STEPS  # (O, 1)
    step[step == 0] = 1.0
    rounded: Array = np.rint(array / step) * step
    return rounded


def _hidden(batch: bert.Inputs, variant: Variant) -> list[Array]:
    """(N, H) of the embedding and of each layer, at the N tokens of the texts that are not padding."""
    present = np.ones(batch.ids.token.shape, np.bool_) if batch.mask is None else batch.mask
    with np.errstate(all="ignore"):  # of weights beyond float16
        if variant.mask_added:
            layers = _layers_with_added_mask(batch.ids, present, variant.params, variant.config)
        else:
            encoded, cache = bert.forward(batch, variant.params, variant.config, keep="inputs")
            layers = [layer.x for layer in cache.encoder.layers] + [encoded.hidden]  # type: ignore[union-attr]
    return [h[present] for h in layers]


def _layers_with_added_mask(ids: embedding.Ids, present: Array, params: bert.Params, config: BertConfig) -> list[Array]:
    """(B, T, H) of the embedding and of each layer, with additive_attention in place of blocks.attention."""
    x, _ = embedding.forward(ids, params.embedding, config.layer_norm_eps, NONE)
    layers, (B, T, H), A = [x], x.shape, config.num_attention_heads
    for layer in params.encoder.layers:
        QKV, _ = linear.forward(x, layer.attention.qkv)  # (B, T, 3H)
        Q, K, V = QKV.reshape(B, T, 3, A, H // A).transpose(2, 0, 3, 1, 4)  # each (B, A, T, D)
        heads = additive_attention(Q, K, V, present[:, None, None, :])
        x = after_heads(x, heads.transpose(0, 2, 1, 3).reshape(B, T, H), layer, config)
        layers.append(x)
    return layers


def additive_attention(Q: Array, K: Array, V: Array, present: Array) -> Array:
    """softmax(Q Kᵀ / √D + M) V, where M is 0 for the keys that are present and -10000 for padding"""
    S = matmul(Q, K.swapaxes(-1, -2)) / math.sqrt(Q.shape[-1]) + np.where(present, 0.0, ADDED)
    P, _ = softmax.forward(S)
    return matmul(P, V)


def _largest(exact: Array, changed: Array) -> float:
    largest = float(np.abs(changed.astype(np.float64) - exact).max())
    return math.inf if math.isnan(largest) else largest


def to_json(drift: Drift) -> dict[str, Any]:
    """The drift as JSON has it; null stands for infinity."""
    return {
        "texts": drift.texts,
        "tokens": drift.tokens,
        "largest_hidden": drift.scale,
        "changes": {c.name: [x if math.isfinite(x) else None for x in c.largest] for c in drift.changes},
    }


def figure(drift: Drift, path: str | os.PathLike[str]) -> None:
    """Draw the table as curves over the layers, on a logarithmic scale, each with a marker and a line of its own.

    Error: matplotlib is missing, or the file cannot be written.
    """
    drawn = figures.new_figure(9, 5)
    axes = drawn.add_subplot()
    layers = range(-1, len(drift.scale) - 1)
    for i, change in enumerate(drift.changes):
        shown = [x if 0 < x < math.inf else math.nan for x in change.largest]  # a logarithm has neither
        name = change.name if any(change.largest) else f"{change.name}: no change at all"
        line, marker = figures.LINES[i % len(figures.LINES)], figures.MARKERS[i % len(figures.MARKERS)]
        axes.plot(layers, shown, linestyle=line, marker=marker, label=name)
    axes.plot(layers, drift.scale, color="gray", linestyle=":", label="largest |h|")
    axes.set(xlabel="layer (-1: the embedding)", ylabel="largest change of a hidden state", yscale="log")
    axes.set_title("How far the hidden states move with each change")
    axes.xaxis.get_major_locator().set_params(integer=True)
    axes.grid(alpha=0.3)
    drawn.legend(loc="outside right upper", fontsize="small")
    figures.save(drawn, path)
