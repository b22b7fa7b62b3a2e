"""Gradient checks at the weights of a checkpoint: each encoder layer, and the whole model with each loss it has."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ...blocks import bert, encoder_layer
from ...config import BertConfig
from ...errors import Error, UsageError, show
from ...numerics import tree
from ...numerics.threads import single_blas_thread
from ...tasks import objective
from .. import checker
from ..checker import Row
from .samples import Pair, inputs, labels

TEXTS, TOKENS = 2, 6  # few: what is new here is the weights
LAYER, WHOLE = 1e-13, 1e-12  # tolerances
Progress = Callable[[int], object]


def run_at(
    params: objective.Params,
    config: BertConfig,
    names: Sequence[str] = (),
    progress: Progress = lambda done: None,
) -> list[Row]:
    """Check by projection at these parameters, on random ids with padding. names: "encoder_layer", "bert", and the
    tasks the checkpoint has heads for; without any, encoder_layer and the tasks, or bert where there is no task.
    progress is called with how many more arrays are done. UsageError: a name that is not one of those.
    """
    params = tree.map(lambda array: array.astype(np.float64, copy=False), params)
    tasks = [head for head in objective.HEADS if getattr(params, head) is not None]
    known = ["encoder_layer", "bert", *tasks]
    for name in names:
        if name not in known:
            raise UsageError(f"gradcheck: {show(name)}: expected one of {', '.join(known)} for this model")
    chosen = names or ["encoder_layer", *(tasks or ["bert"])]
    rng = np.random.default_rng(7)
    texts = inputs(config, TEXTS, min(TOKENS, config.max_position_embeddings), rng)
    rows: list[Row] = []
    with single_blas_thread():  # products of a dozen rows take longer with more
        for name in chosen:
            if name == "encoder_layer":
                rows += _layers(texts, params.bert, config, progress)
            else:
                rows += _whole(name, texts, params, config, progress)
    return rows


def _layers(texts: bert.Inputs, params: bert.Params, config: BertConfig, progress: Progress) -> list[Row]:
    """Each encoder layer, at what the layers below it make of the texts."""
    _, cache = bert.forward(texts, params, config)
    rows = []
    for i, layer in enumerate(params.encoder.layers):
        below = cache.encoder.layers[i]
        assert isinstance(below, encoder_layer.Cache)

        def forward(x: Any, params: encoder_layer.Params) -> Any:
            return encoder_layer.forward(x, params, texts.mask, config)

        pair = Pair(forward, encoder_layer.backward, {"x": below.attention.qkv.x, "params": layer})
        checked = _check(pair, LAYER)
        rows += [row._replace(block="encoder_layer", case=f"layer {i}") for row in checked]
        progress(len(checked))
    return rows


def _whole(
    name: str, texts: bert.Inputs, params: objective.Params, config: BertConfig, progress: Progress
) -> list[Row]:
    """The whole model, one part of its parameters after the other, so that progress can be reported."""
    B, T = texts.ids.token.shape
    targets = None if name == "bert" else labels(name, config, B, T, np.random.default_rng(7))
    rows = []
    for part in _parts(name, params):

        def forward(value: Any, part: str = part) -> Any:
            changed = tree.replace(params, part, value)
            if name == "bert":
                return bert.forward(texts, changed.bert, config)
            return objective.forward(name, objective.Batch(texts, targets), changed, config)

        def backward(dy: Any, cache: Any, part: str = part) -> Any:
            whole = objective.Params(bert.backward(dy, cache)) if name == "bert" else objective.backward(dy, cache)
            return _subtree(whole, part)

        checked = _check(Pair(forward, backward, {"params": _subtree(params, part)}), WHOLE)
        for row in checked:
            row_name = f"params.{part}{row.name.removeprefix('params')}"
            rows.append(row._replace(block=name, case="whole model", name=row_name))
        progress(len(checked))
    return rows


def _check(pair: Pair, tolerance: float) -> list[Row]:
    """The rows of a pair; a single one with the reason where weights far out of range leave nothing to measure."""
    try:
        return checker.check(*pair, "projection", tolerance)
    except Error as error:
        return [Row("params", math.inf, tolerance, 0, "projection", False, str(error))]


def _parts(name: str, params: objective.Params) -> list[str]:
    """Dotted names of the parts that the loss of a task, or bert, goes through."""
    layers = [f"bert.encoder.layers.{i}" for i in range(len(params.bert.encoder.layers))]
    ends = ["bert.embedding"] + (["bert.pooler"] if params.bert.pooler is not None else [])
    return ends + layers + ([name] if name != "bert" else [])


def _subtree(whole: Any, name: str) -> Any:
    for key in name.split("."):
        whole = dict(tree.children(whole))[key]
    return whole
