"""Texts with their classes, from a file of tab-separated columns, an example a line:

    a stirring , funny film <TAB> 1

`columns` names them in their order, by default text and label; a second text is called pair, and a column that is not
used "-". UTF-8, no quoting; empty lines are left out. For a regression the labels are numbers.
"""

from __future__ import annotations

import dataclasses
import hashlib
import math
import os
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from ...blocks import bert, cross_entropy, squared_error
from ...config import BertConfig
from ...errors import Error, UsageError, show
from ...files.reading import label as label_of
from ...files.text_lines import lines
from ...inference import batching
from ...inference.inputs import Text, padded
from ...numerics.memory import Array
from ...tasks import objective, sequence_classification
from ...tokenizer.pipeline import Tokenizer

Path = str | os.PathLike[str]
COLUMNS = ("text", "label")
NAMES = ("text", "pair", "label", "-")


class LabelledText(NamedTuple):
    """A line of the file."""

    number: int
    text: str
    pair: str | None
    label: str


def rows(path: Path, columns: Sequence[str] = COLUMNS) -> list[LabelledText]:
    """Every example. Error: a line with too few columns or too many, or an empty label; no examples at all."""
    if not {"text", "label"} <= set(columns) <= set(NAMES) or any(columns.count(name) > 1 for name in NAMES[:3]):
        raise UsageError(f"columns: expected text and label, perhaps pair and -, each once, got {show(columns)}")
    found = []
    for number, line in lines(path):
        if not line:
            continue
        fields = line.split("\t")
        if len(fields) != len(columns):
            expected = f"{len(columns)} columns between tabs ({', '.join(columns)})"
            raise Error(f"{label_of(path)}: line {number}: expected {expected}, got {len(fields)}")
        named = dict(zip(columns, fields, strict=True))
        if not named["label"].strip():
            raise Error(f"{label_of(path)}: line {number}: expected a label, got nothing")
        found.append(LabelledText(number, named["text"], named.get("pair"), named["label"].strip()))
    if not found:
        raise Error(f"{label_of(path)}: expected one example a line, got none")
    return found


def classes(found: Sequence[LabelledText]) -> tuple[str, ...]:
    """The classes that occur, in order: numbers by value, names by alphabet."""
    names = {row.label for row in found}
    if all(name.isascii() and name.isdigit() for name in names):
        return tuple(sorted(names, key=_value))
    return tuple(sorted(names))


def _value(name: str) -> tuple[int, str, str]:
    """What puts whole numbers in order, however many digits they have; int() refuses thousands."""
    digits = name.lstrip("0")
    return len(digits), digits, name


def fitted(path: Path, config: BertConfig, columns: Sequence[str] = COLUMNS) -> BertConfig:
    """The config with the classes that occur in a file. A config for regression stays one."""
    if config.problem_type == "regression":
        return dataclasses.replace(config, num_labels=1, labels=())
    names = classes(rows(path, columns))
    return dataclasses.replace(config, num_labels=len(names), labels=names, problem_type="single_label_classification")


def read(
    path: Path, tokenizer: Tokenizer, config: BertConfig, max_length: int, columns: Sequence[str] = COLUMNS
) -> ClassificationExamples:
    """The examples of a file. Error: see `rows`; also a label that is no class of the config."""
    return ClassificationExamples(path, tokenizer, config, max_length, columns)


class ClassificationExamples:
    """Tokenized examples with the ids of their labels."""

    def __init__(
        self, path: Path, tokenizer: Tokenizer, config: BertConfig, max_length: int, columns: Sequence[str] = COLUMNS
    ) -> None:
        self._pad = config.pad_token_id
        found = rows(path, columns)
        self.labels = _labels(path, found, config)
        encodings = [tokenizer.encode(r.text, r.pair, max_length, special=False) for r in found]
        self.texts = [
            Text(np.array(encoding.ids, np.int32), np.array(encoding.segment_ids, np.int8)) for encoding in encodings
        ]
        self.lengths = [len(text.ids) for text in self.texts]
        self.digest = digest([tuple(row)[1:] for row in found], self.texts)

    def batch(self, chosen: Sequence[int]) -> objective.Batch:
        """The chosen texts and their labels, (B, T) and (B,)."""
        inputs = padded([self.texts[i] for i in chosen], self._pad)
        return objective.Batch(inputs, self.labels[list(chosen)])


def digest(content: Sequence[object], texts: Sequence[Text]) -> str:
    """A hash of what was read and the tokens it was cut into: the same wherever the file lies."""
    found = hashlib.sha256(repr(content).encode())
    for text in texts:
        found.update(np.asarray(text.ids, np.int64).tobytes() + b"|")
    return found.hexdigest()


def _labels(path: Path, found: Sequence[LabelledText], config: BertConfig) -> Array:
    if config.is_regression:
        return np.array([_number(path, row) for row in found])
    ids = {name: i for i, name in enumerate(config.label_names)}
    for row in found:
        if row.label not in ids:
            known = ", ".join(show(name) for name in config.label_names[:20])
            where = f"{label_of(path)}: line {row.number}"
            raise Error(f"{where}: expected a label of the model ({known}), got {show(row.label)}")
    return np.array([ids[row.label] for row in found])


def _number(path: Path, row: LabelledText) -> float:
    try:
        value = float(row.label)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise Error(f"{label_of(path)}: line {row.number}: expected a number as label, got {show(row.label)}")
    return value


def evaluate(examples: ClassificationExamples, params: objective.Params, config: BertConfig) -> dict[str, float]:
    """Loss and accuracy, of a regression the mean squared error, over all examples."""
    head = objective.head_params("sequence_classification", params)

    def logits(encoded: bert.Output, inputs: bert.Inputs) -> list[Array]:
        return list(sequence_classification.forward(encoded, head, config)[0])

    found = np.stack(batching.run(examples.texts, params.bert, config, logits))  # (n, C)
    if config.is_regression:
        return {"mean_squared_error": float(squared_error.forward(found[:, 0], examples.labels)[0])}
    loss, _ = cross_entropy.forward(found, examples.labels)
    right = found.argmax(axis=1) == examples.labels
    return {"loss": float(loss), "accuracy": float(right.mean())}
