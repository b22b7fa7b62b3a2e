"""A trace: every intermediate of the forward and every gradient of the backward of one text, as named arrays in order.

    bert.encoder.layers.0.attention.attention . backward . dS
    where in the model, as in its parameters    function   its variable, as the source calls it

What a later line of the same function overwrites is kept as `dS.1`, `dS.2` and so on; the plain name is the last. The
gradient by each parameter is called `gradients.` and the name of the parameter. The values are those of one call of
objective.forward and one of objective.backward, recorded while they ran (recorder.py).
"""

from __future__ import annotations

import os
import platform
from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import scipy

from ... import __version__
from ...blocks import bert
from ...checkpoints.fingerprint import fingerprint
from ...errors import Error, show
from ...files.reading import label
from ...numerics import tree
from ...numerics.memory import Array
from ...tasks import objective
from .. import targets, vector_norm
from ..targets import Aim, Model
from . import file as trace_file
from . import manifest, predictions, recorder
from .manifest import Asked, Card, Value
from .recorder import Call, Recording

GRADIENTS = "gradients"


@dataclass(frozen=True)
class Trace:
    """What was computed, and of what. Made by `bert.trace` or `load`."""

    asked: Asked  # the text, its pieces, the task, the loss, the predictions
    model: Card
    calls: tuple[Call, ...]  # of forwards and backwards, in the order of time
    values: tuple[Value, ...]  # in the order of time, then the gradients by the parameters
    arrays: dict[str, Array]  # each content once, by the name of the first value that has it

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(value.name for value in self.values)

    @cached_property
    def by_name(self) -> dict[str, Value]:
        return {value.name: value for value in self.values}

    def __getitem__(self, name: str) -> Array:
        """The array of that name. Error: there is none."""
        if name not in self.by_name:
            raise Error(f"trace: expected the name of one of its {len(self.values)} values, got {show(name)}")
        value = self.by_name[name]
        return self.arrays[value.stored].reshape(value.shape)

    def __contains__(self, name: object) -> bool:
        return name in self.by_name

    def __repr__(self) -> str:
        asked = self.asked
        return f"Trace({len(asked.tokens)} pieces, {asked.task}, loss {asked.loss:.6g}, {len(self.values)} values)"

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write an .npz file (trace_file.py tells of its form). Error: it cannot be written."""
        trace_file.write(path, manifest.to_json(self.asked, self.model, self.calls, self.values), self.arrays)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Trace:
        """What `save` wrote. Error: file, what was expected, what it has instead."""
        found, arrays = trace_file.read(path)
        if found is None:
            raise Error(f"{label(path)}: expected a trace, got an archive without {trace_file.MANIFEST}")
        return cls.from_parts(found, arrays, path)

    @classmethod
    def from_parts(cls, found: dict[str, Any], arrays: dict[str, Array], path: str | os.PathLike[str]) -> Trace:
        """Of the manifest and the arrays of a file. Error: they are not those of a trace."""
        try:
            return cls(*manifest.from_json(found, arrays), arrays)
        except Error as error:
            raise Error(f"{label(path)}: {trace_file.MANIFEST}: {error}") from None


class VectorCache(NamedTuple):
    """What objective.Cache is for a task, for the size of the sentence vector."""

    task: str
    bert: bert.Cache
    head: vector_norm.LossCache


def trace(model: Model, text: str | tuple[str, str], task: str | None = None, target: Any = None) -> Trace:
    """One forward and one backward of a text; aims.py says what the loss is. Error: as aims.aim."""
    aim = targets.aim(model, text, task, target)
    losses = []

    def run() -> tuple[objective.Cache | VectorCache, dict[str, Array]]:
        loss, cache, dparams = _forward_and_backward(model, aim)
        losses.append(loss)
        touched = {"bert", aim.task}
        return cache, {
            f"{GRADIENTS}.{name}": array for name, array in tree.items(dparams) if name.split(".")[0] in touched
        }

    with np.errstate(all="ignore"):  # damaged weights may be what one is looking for
        recording = recorder.record(run, model.params)
    values, arrays = _named(recording)
    name = f"{aim.task}.head.forward.logits"
    logits = next((arrays[value.stored].reshape(value.shape) for value in values if value.name == name), None)
    pieces = aim.encoding
    asked = Asked(
        text=text if isinstance(text, tuple) else (text,),
        tokens=tuple(pieces.tokens),
        ids=tuple(pieces.ids),
        segment_ids=tuple(pieces.segment_ids),
        task=aim.task,
        target=aim.target,
        outputs=aim.outputs,
        loss=losses[0],
        predictions=predictions.predictions(model, aim, logits),
    )
    return Trace(asked, _card(model), recording.calls, values, arrays)


def _forward_and_backward(model: Model, aim: Aim) -> tuple[float, objective.Cache | VectorCache, objective.Params]:
    params, config = model.params, model.config
    if aim.task != targets.VECTOR:
        batch = objective.Batch(aim.batch, aim.labels)
        loss, cache = objective.forward(aim.task, batch, params, config)
        return float(loss), cache, objective.backward(1.0, cache)
    encoded, bert_cache = bert.forward(aim.batch, params.bert, config)
    size, size_cache = vector_norm.loss(encoded, model.pooling.pooling)
    dbert = bert.backward(vector_norm.loss_backward(1.0, size_cache), bert_cache)
    return float(size), VectorCache(aim.task, bert_cache, size_cache), objective.Params(dbert)


def _named(recording: Recording) -> tuple[tuple[Value, ...], dict[str, Array]]:
    """What is known of each value, and the arrays, each content once."""
    titles = [
        f"{recording.calls[one.call].block}.{recording.calls[one.call].function}.{one.variable}"
        for one in recording.written
    ]
    total, seen = Counter(titles), Counter[str]()
    stored: dict[int, Value] = {}
    values = []
    for title, one in zip(titles, recording.written, strict=True):
        seen[title] += 1
        name = title if seen[title] == total[title] else f"{title}.{seen[title]}"
        dtype = recording.arrays[one.array].dtype.name
        value = Value(name, one.call, one.variable, one.first, one.last, one.shape, dtype, name)
        first = stored.setdefault(one.array, value)
        values.append(value._replace(stored=first.name))
    for name, (shape, place) in recording.results.items():
        dtype = recording.arrays[place].dtype.name
        value = Value(name, None, "", 0, 0, shape, dtype, name)
        first = stored.setdefault(place, value)
        values.append(value._replace(stored=first.name))
    arrays = {value.name: recording.arrays[place].reshape(value.shape) for place, value in stored.items()}
    return tuple(values), arrays


def _card(model: Model) -> Card:
    """Which model it was; two traces can tell by its fingerprint whether they are of one."""
    versions = {
        "numpy_bert": __version__,
        "numpy": np.__version__,
        "scipy": scipy.__version__,
        "python": platform.python_version(),
    }
    return Card(
        name=model.path.name if model.path is not None else "",
        sha256=fingerprint(model.params, model.config, model.tokenizer),
        parameters=sum(array.size for array in tree.leaves(model.params)),
        dtype=model.params.bert.embedding.word.dtype.name,
        heads=model.heads,
        config=model.config.to_json(),
        versions=versions,
    )
