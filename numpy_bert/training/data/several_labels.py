"""Files in which a text has several labels: names of classes, or a column for each class or each number to predict.

Names are in a JSON list or, with --multi-label, between commas. Columns hold 0 or 1 for each class (the
toxic comments of Jigsaw), or the numbers of a regression. A JSON list of as many numbers for each text is like columns.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence

import numpy as np

from ...config import BertConfig
from ...errors import Error, show
from ...numerics.arrays import Array
from .labeled_texts import LabeledFile, LabeledText, classes, number
from .options import DataOptions
from .records import Path, shown

MULTI_LABEL = "multi_label_classification"


def fitted(path: Path, file: LabeledFile, config: BertConfig, options: DataOptions) -> BertConfig:
    """The config with the classes or outputs of a file. Error: labels that may be read in two ways; a single class."""
    values = [number(label) for row in file.rows for label in row.labels]
    columns = _columns(path, file, values, options)
    if columns is None:
        names = options.labels or classes([label for row in file.rows for label in row.labels])
        if not names:
            raise Error("expected a class in at least one example, got none", at=path)
        return dataclasses.replace(config, num_labels=len(names), labels=names, problem_type=MULTI_LABEL)
    problem = MULTI_LABEL if _are_shares(values, options) else "regression"
    names = options.labels or tuple(name for name in file.names or () if name)
    if names and len(names) != columns:
        raise Error(f"expected {columns} names of labels, one for each column, got {len(names)}", at=path)
    return dataclasses.replace(config, num_labels=columns, labels=names, problem_type=problem)


def _columns(path: Path, file: LabeledFile, values: Sequence[float | None], options: DataOptions) -> int | None:
    """How many columns of numbers the labels are; None: they are names. Error: they may be either."""
    widths = {len(row.labels) for row in file.rows}
    if file.names is not None:
        if None in values:
            bad = next(label for row in file.rows for label in row.labels if number(label) is None)
            raise Error(
                f"expected numbers in the columns of labels ({shown(list(file.names))}), got {show(bad)}", at=path
            )
        return len(file.names)
    if None in values or len(widths) != 1 or options.multi_label:
        return None
    [width] = widths
    decimals = any("." in label for row in file.rows for label in row.labels)
    if decimals or options.regression or (options.labels is not None and width == len(options.labels)):
        return width
    if width > 1:
        example = json.dumps([int(label) if label.isdecimal() else label for label in file.rows[0].labels])
        ask = "say --multi-label for numbers of classes, --labels with a name for each column, or --regression"
        raise Error(f"labels such as {show(example, 40)} may be classes, or 0 and 1 for each: {ask}", at=path)
    return None


def _are_shares(values: Sequence[float | None], options: DataOptions) -> bool:
    """Whether columns of numbers say which classes a text has."""
    return not options.regression and set(values) <= {0.0, 1.0}


def targets(path: Path, file: LabeledFile, config: BertConfig) -> Array:
    """(n, C): what the head should predict for each text. Error: a label that is not one of the model's."""
    order = _order(path, file, config)
    if order is None and config.is_regression and any(len(row.labels) != config.num_labels for row in file.rows):
        row = next(row for row in file.rows if len(row.labels) != config.num_labels)
        got = f"{len(row.labels)}"
        raise Error(f"expected {config.num_labels} numbers as labels, got {got}", at=path, line=row.line)
    ids = {name: i for i, name in enumerate(config.label_names)}
    assigned = [_row(path, row, config, ids, order) for row in file.rows]
    return np.array(assigned, np.float64).reshape(len(assigned), config.num_labels)


def _order(path: Path, file: LabeledFile, config: BertConfig) -> list[int] | None:
    """Which column of the file each label of the model is; None where the file has no columns of labels."""
    if file.names is None:
        return None
    if config.labels and set(config.labels) <= set(file.names):
        return [file.names.index(name) for name in config.labels]
    if (config.labels and any(file.names)) or len(file.names) != config.num_labels:
        expected = f"columns for the labels of the model ({shown(list(config.label_names))})"
        raise Error(
            f"expected {expected}, got {shown([name or 'a column without a name' for name in file.names])}", at=path
        )
    return list(range(config.num_labels))


def _row(path: Path, row: LabeledText, config: BertConfig, ids: dict[str, int], order: list[int] | None) -> list[float]:
    labels = row.labels if order is None else tuple(row.labels[i] for i in order)
    as_numbers = order is not None or config.is_regression or (len(labels) == len(ids) and not set(labels) <= set(ids))
    if not as_numbers:
        for label in labels:
            if label not in ids:
                expected = f"expected labels of the model ({shown(list(ids))})"
                raise Error(f"{expected}, got {show(label)}", at=path, line=row.line)
        chosen = {ids[label] for label in labels}
        return [float(i in chosen) for i in range(len(ids))]
    values = []
    for label in labels:
        value = number(label)
        if value is None or (config.problem == MULTI_LABEL and not 0 <= value <= 1):
            expected = "a number" if config.is_regression else "0 or 1 for each class"
            raise Error(f"expected {expected} as label, got {show(label)}", at=path, line=row.line)
        values.append(value)
    return values
