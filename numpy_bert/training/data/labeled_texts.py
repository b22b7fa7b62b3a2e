"""Texts with labels, an example a line of a file with columns, CSV or JSON lines (see records, columns)."""

from __future__ import annotations

import contextlib
import json
import math
from collections.abc import Sequence
from typing import NamedTuple

from ...errors import Error, show, show_path
from . import columns, records
from .options import LOOK, DataOptions
from .records import Path, Record

UNDECIDED = "-"  # the gold label of SNLI and MNLI where the annotators did not agree


class LabeledText(NamedTuple):
    """An example; line: its place in the file."""

    line: int
    text: str
    pair: str | None
    labels: tuple[str, ...]  # one, or where a text has several all of them, or one for each column of labels

    @property
    def label(self) -> str:
        """The label of a text that has one."""
        return self.labels[0]


class LabeledFile(NamedTuple):
    """The examples of a file and what was recognized, a line for people."""

    rows: list[LabeledText]
    recognized: str
    names: tuple[str, ...] | None = None  # of the columns of labels, where there are several; "" without a header
    listed: bool = False  # whether each text has a list of labels

    @property
    def has_several(self) -> bool:
        """Whether a text may have several labels."""
        return self.names is not None or self.listed


def rows(path: Path, options: DataOptions = LOOK) -> list[LabeledText]:
    """Every example. Error: see `parse`."""
    return parse(path, options).rows


def parse(path: Path, options: DataOptions = LOOK) -> LabeledFile:
    """Read a file. Error: see `columns.find`; also an empty label, or a column of texts that is
    empty.
    """
    file = records.read(path)
    roles, examples = columns.find(path, file, options)
    parsed, undecided = [], 0
    first = roles.labels[0]
    several = len(roles.labels) > 1
    listed = not several and (
        options.multi_label or _has_lists(file.form, [record.fields[first] for record in examples])
    )
    for record in examples:
        line, fields = record.line, record.fields
        _refuse_other_than_text(path, record, roles)
        labels = _split(path, record, first) if listed else tuple(fields[i].strip() for i in roles.labels)
        if not all(labels):
            raise Error(f"line {line}: expected a label, got nothing", at=path)
        if file.form == records.JSON and any(label[0] in "[{" for label in labels):
            raise Error(f"line {line}: expected a text or a number as label, got {show(labels[0], 60)}", at=path)
        if labels == (UNDECIDED,) and roles.names is not None and roles.names[first] == "gold_label":
            undecided += 1
            continue
        pair = None if roles.pair is None else fields[roles.pair]
        parsed.append(LabeledText(line, fields[roles.text], pair, labels))
    for name in ("text", "pair"):
        if (
            parsed
            and not any((getattr(row, name) or "").strip() for row in parsed)
            and getattr(roles, name) is not None
        ):
            raise Error(f"expected texts in the column of the {name}, got nothing in any line", at=path)
    if not parsed:
        raise Error("expected one example a line, got none with a label", at=path)
    names = None
    if several:
        names = tuple("" if roles.names is None else roles.names[i] for i in roles.labels)
    return LabeledFile(parsed, _recognized(path, file.form, roles, parsed, undecided), names, bool(listed))


def _has_lists(form: str, labels: Sequence[str]) -> bool:
    are_lists = [label.startswith("[") and label.endswith("]") for label in map(str.strip, labels)]
    return any(are_lists) if form == records.JSON else all(are_lists)


def _refuse_other_than_text(path: Path, record: Record, roles: columns.Columns) -> None:
    for role, i in (("text", roles.text), ("pair", roles.pair)):
        if i in record.no_text:
            got = show(record.fields[i], 60) if record.fields[i] else "null"
            raise Error(f"line {record.line}: expected a text as {role}, got {got}", at=path)


def _split(path: Path, record: Record, place: int) -> tuple[str, ...]:
    """The labels in a list, as JSON or Python writes it, or between commas; none of an empty field."""
    field = record.fields[place].strip()
    if field.startswith("["):
        for text in (field, field.replace("'", '"')):
            with contextlib.suppress(ValueError, RecursionError):
                return tuple(records.field(value).strip() for value in json.loads(text))
        raise Error(f'line {record.line}: expected a list such as ["a", "b"], got {show(field, 60)}', at=path)
    return tuple(label.strip() for label in field.split(",")) if field.strip() else ()


def _recognized(path: Path, form: str, roles: columns.Columns, parsed: list[LabeledText], undecided: int) -> str:
    used = [("text", roles.text), ("pair", roles.pair), *(("label", i) for i in roles.labels)]
    named = [
        (role, str(i + 1) if roles.names is None else show(roles.names[i], 30)) for role, i in used if i is not None
    ]
    parts = ", ".join(f"{role} {name}" for role, name in named[:12]) + (", ..." if len(named) > 12 else "")
    header = "" if form == records.JSON else " with a header" if roles.names is not None else " without a header"
    dropped = f"; left out: {undecided} without a gold label" if undecided else ""
    return f"{show_path(path)}: {len(parsed)} examples, {form}{header}: {parts}{dropped}"


def classes(labels: Sequence[str]) -> tuple[str, ...]:
    """The classes that occur, in order: whole numbers by value, names by alphabet."""
    names = set(labels)
    return tuple(sorted(names, key=_value if all(map(is_whole, names)) else None))


def is_whole(name: str) -> bool:
    digits = name.removeprefix("-")
    return digits.isascii() and digits.isdigit()


def _value(name: str) -> tuple[int, str, str]:
    """A key that sorts whole numbers of any number of digits by value; int() refuses thousands of digits."""
    digits = name.removeprefix("-").lstrip("0")
    if name.startswith("-") and digits:
        return -len(digits), "".join(str(9 - int(digit)) for digit in digits), name
    return len(digits), digits, name


def number(label: str) -> float | None:
    """None: it is not a finite number."""
    try:
        value = float(label)
    except ValueError:
        return None
    return value if math.isfinite(value) else None
