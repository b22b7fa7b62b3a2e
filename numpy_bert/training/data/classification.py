"""Texts with classes or numbers, an example a line of a file with columns, CSV or JSON lines (see records, columns):

    a stirring , funny film <TAB> 1

Whether labels are classes or numbers is recognized: decimals such as 0.6 are the targets of a regression, names and
whole numbers are classes. Where labels may be either, an error asks for --regression or --labels. A model for
regression, or with a head of one output, stays one. Where texts have several labels, see several_labels.
"""

from __future__ import annotations

import dataclasses
import hashlib
import re
from collections import Counter
from collections.abc import Sequence

import numpy as np

from ...blocks import bert
from ...config import BertConfig
from ...errors import Error, show
from ...inference import batching
from ...inference.inputs import Text, padded
from ...numerics.arrays import Array
from ...tasks import objective, sequence_classification
from ...tokenizer.interface import Tokenizer
from . import classification_scores as scores
from . import several_labels
from .labeled_texts import LabeledText, classes, is_whole, number, parse
from .options import LOOK, DataOptions
from .records import Path

OTHER_NUMBER = re.compile(r"-?\d+,\d+|-?\d+(?:[.,]\d+)? ?%")
BETWEEN = ",|;"  # several labels
MISSING = ("nan", "na", "n/a", "<na>", "null", "none")  # as tables have them, in lower case
MANY = 8  # examples; with fewer, that nearly all labels differ says nothing
MANY_NUMBERS = 20  # different whole numbers that may be classes although they do not count from 0 or 1


def fitted(path: Path, config: BertConfig, options: DataOptions = LOOK) -> BertConfig:
    """The config with the classes of a file, or for a regression.

    Error: see `parse`; also labels that may be classes or numbers, and a single class, from which nothing is learned.
    """
    file = parse(path, options)
    if file.has_several:
        return several_labels.fitted(path, file, config, options)
    labels = [row.label for row in file.rows]
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
    ask = "say --regression, or --labels with the names of the classes"
    numbers = [value for value in map(number, labels) if value is not None]
    others = {label for label in labels if number(label) is None}
    if others and all(map(OTHER_NUMBER.fullmatch, others)):
        raise Error(f"labels such as {show(min(others), 20)} may be numbers: write them as 0.5, or {ask}", at=path)
    several = next((label for label in sorted(others) if _is_several(label, others)), None)
    if several is not None:
        how = "say --multi-label, with commas between them, or --labels with the names of the classes"
        raise Error(f"labels such as {show(several, 40)} may be several labels of a text: {how}", at=path)
    decimals = [label for label in labels if not is_whole(label) and number(label) is not None]
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
        other = next(label for label in labels if number(label) is None)
        raise Error(f"labels such as {show(decimals[0], 20)} beside {show(other, 40)}: {ask}", at=path)
    elif numbers and all(label.lower() in MISSING for label in others):
        got = f"{show(min(others), 20)} beside numbers"
        raise Error(f"expected labels, got {got}, as of missing values: leave such rows out, or {ask}", at=path)
    if len(labels) >= MANY and 2 * len(set(labels)) > len(labels):
        counts = f"{len(set(labels))} different labels in {len(labels)} examples"
        raise Error(f"{counts}, such as {show(labels[0], 40)}: say --columns, --labels or --regression", at=path)
    return False


def _is_several(label: str, labels: set[str]) -> bool:
    """Whether a label is made of others, as "joy,fear" is beside "joy"."""
    return any(sign in label and labels & {part.strip() for part in label.split(sign)} for sign in BETWEEN)


def read(
    path: Path, tokenizer: Tokenizer, config: BertConfig, max_length: int, options: DataOptions = LOOK
) -> ClassificationExamples:
    """The examples of a file. Error: see `parse`; also a label that is not a class of the config."""
    return ClassificationExamples(path, tokenizer, config, max_length, options)


class ClassificationExamples:
    """Tokenized examples with the ids of their labels. summary: what was recognized, and the labels, for people."""

    def __init__(
        self, path: Path, tokenizer: Tokenizer, config: BertConfig, max_length: int, options: DataOptions = LOOK
    ) -> None:
        self._pad = config.pad_token_id
        several = config.problem == several_labels.MULTI_LABEL
        parsed = parse(path, options._replace(multi_label=options.multi_label or several or None))
        if several or config.is_regression:
            self.labels = several_labels.targets(path, parsed, config)
        else:
            self.labels = _labels(path, parsed.rows, config)
        encodings = [
            tokenizer.encode(row.text, row.pair, max_length, special=tokenizer.typed_special) for row in parsed.rows
        ]
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
    names = config.label_names
    if config.is_regression:
        ranges = [f"from {column.min():g} to {column.max():g}" for column in labels.T]
        if len(ranges) == 1:
            return f"regression: labels {ranges[0]}"
        return "regression: " + listed([f"{show(name, 30)} {range}" for name, range in zip(names, ranges, strict=True)])
    if config.problem == several_labels.MULTI_LABEL:
        texts = dict(zip(names, (labels > 0.5).sum(axis=0).tolist(), strict=True))
        return f"several classes a text: {counted(texts)}; {int((labels <= 0.5).all(axis=1).sum())} texts with none"
    counts = Counter(labels.tolist())
    return "classes: " + counted({name: counts[i] for i, name in enumerate(names)})


def counted(counts: dict[str, int]) -> str:
    """Names with their counts for a line: the first twelve, then how many more there are."""
    return listed([f"{show(name, 30)} {count}" for name, count in counts.items()])


def listed(entries: list[str]) -> str:
    """At most twelve of them, and how many more there are."""
    return ", ".join(entries[:12]) + (f" and {len(entries) - 12} more" if len(entries) > 12 else "")


def _labels(path: Path, examples: Sequence[LabeledText], config: BertConfig) -> Array:
    ids = {name: i for i, name in enumerate(config.label_names)}
    for row in examples:
        if len(row.labels) != 1 or row.label not in ids:
            known = ", ".join(show(name) for name in config.label_names[:20])
            got = show(", ".join(row.labels), 60)
            raise Error(f"expected a label of the model ({known}), got {got}", at=path, line=row.line)
    return np.array([ids[row.label] for row in examples])


def evaluate(examples: ClassificationExamples, params: objective.Params, config: BertConfig) -> dict[str, float]:
    """The measures of classification_scores over all examples."""
    head = objective.head_params("sequence_classification", params)

    def logits(encoded: bert.Output, inputs: bert.Inputs) -> list[Array]:
        return list(sequence_classification.forward(encoded, head, config)[0])

    outputs = np.stack(batching.run(examples.texts, params.bert, config, logits, rows=batching.cls_rows))  # (n, C)
    if config.is_regression:
        return scores.of_values(outputs, examples.labels, config.label_names)
    several = config.problem == several_labels.MULTI_LABEL
    return (scores.of_several_classes if several else scores.of_classes)(outputs, examples.labels)
