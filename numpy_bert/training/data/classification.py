"""Texts with classes or numbers, an example a line of a file with columns, CSV or JSON lines (see records, columns):

    a stirring , funny film <TAB> 1

Whether labels are classes or numbers is recognized: decimals such as 0.6 are the targets of a regression, names and
whole numbers are classes. Where labels may be either, an error asks for --regression or --labels. A model for
regression, or with a head of one output, stays one.
"""

from __future__ import annotations

import dataclasses
import hashlib
import math
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from ...blocks import bert, cross_entropy, squared_error
from ...config import BertConfig
from ...errors import Error, show, show_path
from ...inference import batching
from ...inference.inputs import Text, padded
from ...numerics.memory import Array
from ...tasks import objective, sequence_classification
from ...tokenizer.pipeline import Tokenizer
from . import columns, records
from .options import DataOptions
from .records import Path

LOOK = DataOptions()
MANY = 8  # examples; with fewer, that nearly all labels differ says nothing
MANY_NUMBERS = 20  # different whole numbers that may be classes although they do not count from 0 or 1
UNDECIDED = "-"  # the gold label of SNLI and MNLI where the annotators did not agree


class LabeledText(NamedTuple):
    """An example; line: its place in the file."""

    line: int
    text: str
    pair: str | None
    label: str


class LabeledFile(NamedTuple):
    """The examples of a file and what was recognized, a line for people."""

    rows: list[LabeledText]
    recognized: str


def rows(path: Path, options: DataOptions = LOOK) -> list[LabeledText]:
    """Every example. Error: see `parse`."""
    return parse(path, options).rows


def parse(path: Path, options: DataOptions = LOOK) -> LabeledFile:
    """Read a file. Error: see `columns.find`; also an empty label, or a column of texts that is empty."""
    file = records.read(path)
    roles, examples = columns.find(path, file, options)
    parsed, undecided = [], 0
    for line, fields in examples:
        label = fields[roles.label].strip()
        if not label:
            raise Error(f"line {line}: expected a label, got nothing", at=path)
        if label == UNDECIDED and roles.names is not None and roles.names[roles.label] == "gold_label":
            undecided += 1
            continue
        pair = None if roles.pair is None else fields[roles.pair]
        parsed.append(LabeledText(line, fields[roles.text], pair, label))
    for name in ("text", "pair"):
        if (
            parsed
            and not any((getattr(row, name) or "").strip() for row in parsed)
            and getattr(roles, name) is not None
        ):
            raise Error(f"expected texts in the column of the {name}, got nothing in any line", at=path)
    if not parsed:
        raise Error("expected one example a line, got none with a label", at=path)
    return LabeledFile(parsed, _recognized(path, file.form, roles, parsed, undecided))


def _recognized(path: Path, form: str, roles: columns.Columns, parsed: list[LabeledText], undecided: int) -> str:
    used = {name: getattr(roles, name) for name in columns.ROLES if getattr(roles, name) is not None}
    names = [str(i + 1) if roles.names is None else show(roles.names[i], 30) for i in used.values()]
    parts = ", ".join(f"{role} {name}" for role, name in zip(used, names, strict=True))
    header = "" if form == records.JSON else " with a header" if roles.names is not None else " without a header"
    dropped = f"; left out: {undecided} without a gold label" if undecided else ""
    return f"{show_path(path)}: {len(parsed)} examples, {form}{header}: {parts}{dropped}"


def classes(labels: Sequence[str]) -> tuple[str, ...]:
    """The classes that occur, in order: whole numbers by value, names by alphabet."""
    names = set(labels)
    return tuple(sorted(names, key=_value if all(map(_is_whole, names)) else None))


def _is_whole(name: str) -> bool:
    digits = name.removeprefix("-")
    return digits.isascii() and digits.isdigit()


def _value(name: str) -> tuple[int, str, str]:
    """A key that sorts whole numbers of any number of digits by value; int() refuses thousands of digits."""
    digits = name.removeprefix("-").lstrip("0")
    if name.startswith("-") and digits:
        return -len(digits), "".join(str(9 - int(digit)) for digit in digits), name
    return len(digits), digits, name


def fitted(path: Path, config: BertConfig, options: DataOptions = LOOK) -> BertConfig:
    """The config with the classes of a file, or for a regression.

    Error: see `parse`; also labels that may be classes or numbers, and a single class, from which nothing is learned.
    """
    labels = [row.label for row in rows(path, options)]
    if _is_regression(path, labels, config, options):
        return dataclasses.replace(config, num_labels=1, labels=(), problem_type="regression")
    names = options.labels or classes(labels)
    if len(names) < 2:
        expected = "expected examples of two classes or more"
        raise Error(f"{expected}, got {show(names[0], 60)} alone: a model would learn to say only that", at=path)
    return dataclasses.replace(config, num_labels=len(names), labels=names, problem_type="single_label_classification")


def _is_regression(path: Path, labels: list[str], config: BertConfig, options: DataOptions) -> bool:
    """Whether labels are numbers. Error: they may be either."""
    if options.regression is not None or options.labels is not None:
        return bool(options.regression)
    if config.problem_type == "regression":
        return True
    numbers = [value for value in map(_number, labels) if value is not None]
    decimals = [label for label in labels if not _is_whole(label) and _number(label) is not None]
    ask = "say --regression, or --labels with the names of the classes"
    if len(numbers) == len(labels):
        if config.is_regression or any(value != int(value) for value in numbers):
            return True
        if decimals:
            raise Error(f"labels such as {show(decimals[0], 20)} may be classes or numbers: {ask}", at=path)
        names = classes(labels)
        counting = list(names) in ([str(i + first) for i in range(len(names))] for first in (0, 1))
        if len(names) > MANY_NUMBERS and not counting:
            raise Error(f"{len(names)} different numbers as labels may be classes or not: {ask}", at=path)
    elif decimals:
        other = next(label for label in labels if _number(label) is None)
        raise Error(f"labels such as {show(decimals[0], 20)} beside {show(other, 40)}: {ask}", at=path)
    if len(labels) >= MANY and 2 * len(set(labels)) > len(labels):
        counts = f"{len(set(labels))} different labels in {len(labels)} examples"
        raise Error(f"{counts}, such as {show(labels[0], 40)}: say --columns, --labels or --regression", at=path)
    return False


def _number(label: str) -> float | None:
    """None: it is no finite number."""
    try:
        value = float(label)
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def read(
    path: Path, tokenizer: Tokenizer, config: BertConfig, max_length: int, options: DataOptions = LOOK
) -> ClassificationExamples:
    """The examples of a file. Error: see `parse`; also a label that is no class of the config."""
    return ClassificationExamples(path, tokenizer, config, max_length, options)


class ClassificationExamples:
    """Tokenized examples with the ids of their labels. summary: what was recognized, and the labels, for people."""

    def __init__(
        self, path: Path, tokenizer: Tokenizer, config: BertConfig, max_length: int, options: DataOptions = LOOK
    ) -> None:
        self._pad = config.pad_token_id
        parsed = parse(path, options)
        self.labels = _labels(path, parsed.rows, config)
        encodings = [tokenizer.encode(row.text, row.pair, max_length, special=False) for row in parsed.rows]
        self.texts = [
            Text(np.array(encoding.ids, np.int32), np.array(encoding.segment_ids, np.int8)) for encoding in encodings
        ]
        self.lengths = [len(text.ids) for text in self.texts]
        self.digest = digest([tuple(row)[1:] for row in parsed.rows], self.texts)
        self.summary = [parsed.recognized, _label_summary(self.labels, config)]

    def batch(self, chosen: Sequence[int]) -> objective.Batch:
        """The chosen texts and their labels, (B, T) and (B,)."""
        inputs = padded([self.texts[i] for i in chosen], self._pad)
        return objective.Batch(inputs, self.labels[list(chosen)])


def digest(content: Sequence[object], texts: Sequence[Text]) -> str:
    """A hash of what was read and of its tokens: the same wherever the file lies."""
    hashed = hashlib.sha256(repr(content).encode())
    for text in texts:
        hashed.update(np.asarray(text.ids, np.int64).tobytes() + b"|")
    return hashed.hexdigest()


def _label_summary(labels: Array, config: BertConfig) -> str:
    if config.is_regression:
        return f"regression: labels from {labels.min():g} to {labels.max():g}"
    counts = Counter(labels.tolist())
    return "classes: " + counted({name: counts[i] for i, name in enumerate(config.label_names)})


def counted(counts: dict[str, int]) -> str:
    """Names with their counts for a line: the first twelve, then how many more there are."""
    listed = [f"{show(name, 30)} {count}" for name, count in counts.items()]
    return ", ".join(listed[:12]) + (f" and {len(listed) - 12} more" if len(listed) > 12 else "")


def _labels(path: Path, examples: Sequence[LabeledText], config: BertConfig) -> Array:
    if config.is_regression:
        return np.array([[_target(path, row)] for row in examples])
    ids = {name: i for i, name in enumerate(config.label_names)}
    for row in examples:
        if row.label not in ids:
            known = ", ".join(show(name) for name in config.label_names[:20])
            raise Error(f"expected a label of the model ({known}), got {show(row.label)}", at=path, line=row.line)
    return np.array([ids[row.label] for row in examples])


def _target(path: Path, row: LabeledText) -> float:
    value = _number(row.label)
    if value is None:
        raise Error(f"line {row.line}: expected a number as label, got {show(row.label)}", at=path)
    return value


def evaluate(examples: ClassificationExamples, params: objective.Params, config: BertConfig) -> dict[str, float]:
    """Loss and accuracy, of a regression the mean squared error, over all examples."""
    head = objective.head_params("sequence_classification", params)

    def logits(encoded: bert.Output, inputs: bert.Inputs) -> list[Array]:
        return list(sequence_classification.forward(encoded, head, config)[0])

    outputs = np.stack(batching.run(examples.texts, params.bert, config, logits))  # (n, C)
    if config.is_regression:
        return {"mean_squared_error": float(squared_error.forward(outputs, examples.labels)[0])}
    loss, _ = cross_entropy.forward(outputs, examples.labels)
    right = outputs.argmax(axis=1) == examples.labels
    return {"loss": float(loss), "accuracy": float(right.mean())}
