"""Trace one text: one forward to a loss and one backward, recorded while they run."""

from __future__ import annotations

from collections import Counter
from typing import Any, NamedTuple

import numpy as np

from ...blocks import bert
from ...checkpoints.fingerprint import fingerprint, versions
from ...numerics import tree
from ...numerics.arrays import Array
from ...tasks import objective
from .. import predictions, targets, vector_norm
from ..targets import ModelWithHeads, Target
from . import recorder
from .manifest import Asked, Card, Value
from .recorder import Recording
from .result import GRADIENTS, Trace


class VectorCache(NamedTuple):
    """What objective.Cache is for a task, for the mean square of the sentence vector."""

    task: str
    bert: bert.Cache
    head: vector_norm.LossCache


def trace(model: ModelWithHeads, text: str | tuple[str, str], task: str | None = None, target: Any = None) -> Trace:
    """One forward and one backward of a text; targets.py describes the losses. Error: as targets.choose."""
    return of_target(model, targets.choose(model, text, task, target))


def of_target(model: ModelWithHeads, chosen: Target, about: Card | None = None) -> Trace:
    """The same for a target that is chosen already. about: what `card` says of the model, if that is known already."""
    losses = []

    def run() -> tuple[objective.Cache | VectorCache, dict[str, Array]]:
        loss, cache, dparams = _forward_and_backward(model, chosen)
        losses.append(loss)
        touched = {"bert", chosen.task}
        return cache, {
            f"{GRADIENTS}.{name}": array for name, array in tree.items(dparams) if name.split(".")[0] in touched
        }

    with np.errstate(all="ignore"):  # damaged weights may be what the user is looking for
        recording = recorder.record(run, model.params)
    values, arrays = _named(recording)
    name = f"{chosen.task}.head.forward.logits"
    logits = next((arrays[value.stored].reshape(value.shape) for value in values if value.name == name), None)
    encoding = chosen.encoding
    asked = Asked(
        text=chosen.text,
        tokens=tuple(encoding.tokens),
        ids=tuple(encoding.ids),
        segment_ids=tuple(encoding.segment_ids),
        task=chosen.task,
        target=chosen.description,
        outputs=chosen.outputs,
        loss=losses[0],
        predictions=predictions.likeliest(model, chosen, logits),
    )
    return Trace(asked, card(model) if about is None else about, recording.calls, values, arrays)


def _forward_and_backward(
    model: ModelWithHeads, target: Target
) -> tuple[float, objective.Cache | VectorCache, objective.Params]:
    params, config = model.params, model.config
    if target.task != targets.VECTOR:
        batch = objective.Batch(target.batch, target.labels)
        loss, cache = objective.forward(target.task, batch, params, config)
        return float(loss), cache, objective.backward(1.0, cache)
    encoded, bert_cache = bert.forward(target.batch, params.bert, config)
    size, size_cache = vector_norm.loss(encoded, model.pooling.pooling)
    dbert = bert.backward(vector_norm.loss_backward(1.0, size_cache), bert_cache)
    return float(size), VectorCache(target.task, bert_cache, size_cache), objective.Params(dbert)


def _named(recording: Recording) -> tuple[tuple[Value, ...], dict[str, Array]]:
    """What is known of each value, and the arrays, each content once."""
    titles = [
        f"{recording.calls[written.call].block}.{recording.calls[written.call].function}.{written.variable}"
        for written in recording.written
    ]
    total, seen = Counter(titles), Counter[str]()
    stored: dict[int, Value] = {}
    values = []
    for title, written in zip(titles, recording.written, strict=True):
        seen[title] += 1
        name = title if seen[title] == total[title] else f"{title}.{seen[title]}"
        dtype = recording.arrays[written.array].dtype.name
        value = Value(name, written.call, written.variable, written.first, written.last, written.shape, dtype, name)
        first = stored.setdefault(written.array, value)
        values.append(value._replace(stored=first.name))
    for name, (shape, place) in recording.results.items():
        dtype = recording.arrays[place].dtype.name
        value = Value(name, None, "", 0, 0, shape, dtype, name)
        first = stored.setdefault(place, value)
        values.append(value._replace(stored=first.name))
    arrays = {value.name: recording.arrays[place].reshape(value.shape) for place, value in stored.items()}
    return tuple(values), arrays


def card(model: ModelWithHeads) -> Card:
    """The model and the versions; two traces with the same fingerprint are of the same model."""
    return Card(
        name=model.path.name if model.path is not None else "",
        sha256=fingerprint(model.params, model.config, model.tokenizer),
        parameters=sum(array.size for array in tree.leaves(model.params)),
        dtype=model.params.bert.embedding.word.dtype.name,
        heads=model.heads,
        config=model.config.to_json(),
        versions=versions(),
    )
