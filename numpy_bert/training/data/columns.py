"""Which column of a file is the text, which its pair, which the label.

A header is recognized by the names that published data sets use (GLUE, SNLI, SICK, QQP, BoolQ and the usual CSV files);
names are compared without regard to case. Where the file leaves more than one reading, an error asks for the option.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from ...errors import Error, UsageError, show, show_path
from . import records as files
from .options import DataOptions
from .records import Path, Record, Records

PAIRS = (
    ("sentence1", "sentence2"), ("question1", "question2"), ("premise", "hypothesis"), ("#1 string", "#2 string"),
    ("question", "sentence"), ("question", "passage"), ("query", "passage"), ("sentence_a", "sentence_b"),
    ("text_a", "text_b"), ("text1", "text2"), ("text", "pair"),
)  # fmt: skip
TEXTS = (
    "text", "sentence", "review", "tweet", "content", "comment_text", "comment", "document", "body", "message",
    "phrase", "review_body", "utterance", "query", "question", "title",
)  # fmt: skip
LABELS = (
    "label", "gold_label", "labels", "class", "category", "quality", "is_duplicate", "sentiment", "polarity", "score",
    "similarity", "similarity_score", "relatedness_score", "target", "stars", "rating", "intent", "answer", "emotion",
)  # fmt: skip
UNUSED = (
    "-", "", "index", "idx", "id", "guid", "genre", "filename", "year", "old_index", "source", "source1", "source2",
    "promptid", "pairid", "pair_id", "qid", "qid1", "qid2", "#1 id", "#2 id", "sentence1_parse", "sentence2_parse",
    "sentence1_binary_parse", "sentence2_binary_parse", "label1", "label2", "label3", "label4", "label5", "date",
    "annotator_labels", "captionid", "split", "user", "entailment_judgment",
)  # fmt: skip
PAIRED = {name for pair in PAIRS for name in pair}
ROLES = ("text", "pair", "label")
MORE = "..."


class Columns(NamedTuple):
    """The numbers of the columns, from 0, and what the file calls them."""

    text: int
    pair: int | None
    labels: tuple[int, ...]  # several where there is a column for each class or number
    names: tuple[str, ...] | None = None  # of all columns, where the file names them


def find(path: Path, file: Records, options: DataOptions) -> tuple[Columns, list[Record]]:
    """The columns of a file, and its records without the header.

    Error: the file has names that are not known, a number of columns that leaves several readings, or a first line that
    may or may not be a header; a record with another number of columns.
    """
    _check_roles(options.columns)
    records, names = file.records, file.names
    if names is None:
        names = _header(path, file, options)
        records = records[1:] if names is not None else records
        if not records:
            raise Error("expected one example a line, got a header alone", at=path)
    if options.columns is not None:
        columns = _named(path, options.columns, names, file)
    elif names is not None:
        columns = _by_name(path, names, records)
    else:
        columns = Columns(0, None, (1,))
    if file.names is None:
        _refuse_other_width(path, records, columns, options, file.form)
    return columns, records


def _check_roles(columns: tuple[str, ...] | None) -> None:
    if columns is None:
        return
    roles = [column.partition("=")[0] for column in columns]
    counts = Counter(roles)
    known = {*ROLES, "-"} if any("=" not in column for column in columns) else set(ROLES)
    others = set(roles) - known - ({MORE} if columns[-1:] == (MORE,) else set())
    if others or any(counts[role] > 1 for role in ("text", "pair")) or not {"text", "label"} <= set(roles):
        raise UsageError(f"columns: expected text and label, perhaps pair and -, got {show(columns)}")


def _header(path: Path, file: Records, options: DataOptions) -> tuple[str, ...] | None:
    """The names in the first line; None where it is an example."""
    first = file.records[0].fields
    if options.header is not None:
        return tuple(first) if options.header else None
    lowered = [field.strip().lower() for field in first]
    if set(lowered) & set(LABELS) and set(lowered) & {*PAIRED, *TEXTS} and len(set(lowered)) == len(lowered):
        return tuple(first)
    if options.columns is not None and any("=" in column for column in options.columns):
        return tuple(first)
    if set(lowered) & set(TEXTS) and len(_columns_of_numbers(file.records[1:])) > 1 and not any(map(_is_number, first)):
        return tuple(first)
    label = _label_position(options.columns, len(first))
    others = Counter(r.fields[label].strip() for r in file.records[1:] if label is not None and label < len(r.fields))
    if label is None or label >= len(first) or not others:
        return None
    value = first[label].strip()
    if value in others:
        return None
    numbers = others.total() > 1 and all(map(_is_number, others))
    if value.lower() in LABELS or (numbers and not _is_number(value)):
        return tuple(first)
    if min(others.values()) > 1:
        names = f"the names of columns or an example of a class that no other line has ({show(value, 40)})"
        raise Error(f"line {file.records[0].line}: {names}: say --header or --no-header", at=path)
    return None


def _label_position(columns: tuple[str, ...] | None, width: int) -> int | None:
    """The column of the label in a file without names."""
    if columns is None:
        return 1 if width == 2 else None
    return columns.index("label") if "label" in columns else None


def _columns_of_numbers(records: list[Record]) -> list[int]:
    """The columns that hold a number in every record."""
    width = min((len(record.fields) for record in records), default=0)
    return [i for i in range(width) if all(_is_number(record.fields[i].strip()) for record in records)]


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _named(path: Path, chosen: tuple[str, ...], names: tuple[str, ...] | None, file: Records) -> Columns:
    """The columns that an option names."""
    if not any("=" in column for column in chosen):
        if file.names is not None:
            keys = files.shown(list(file.names))
            raise UsageError(f"columns: expected roles and keys of the JSON such as text={file.names[0]}, with {keys}")
        position: dict[str, int] = {role: i for i, role in enumerate(chosen) if role in ROLES}
        labels = tuple(i for i, role in enumerate(chosen) if role == "label")
        return Columns(position["text"], position.get("pair"), labels, names)
    assert names is not None, "a file whose columns are named has a header"
    pairs = [column.split("=", 1) for column in chosen]
    for _, name in pairs:
        if name not in names:
            raise UsageError(
                f"columns: expected a column of {show_path(path)} ({files.shown(list(names))}), got {show(name)}"
            )
    wanted = {role: names.index(name) for role, name in pairs}
    labels = tuple(names.index(name) for role, name in pairs if role == "label")
    return Columns(wanted["text"], wanted.get("pair"), labels, names)


def _by_name(path: Path, names: tuple[str, ...], records: list[Record]) -> Columns:
    """The columns by their published names. Error: none or several could be the text or the label."""
    lowered = [name.strip().lower() for name in names]
    labels = _preferred(lowered, LABELS)
    pairs = [pair for pair in PAIRS if set(pair) <= set(lowered)]
    rest = [name for name in lowered if name not in (*labels, *LABELS)]
    texts = _preferred(rest, TEXTS) or [name for name in rest if name not in UNUSED]  # one unknown name is the text
    if len(names) == 2 and not labels:
        return Columns(0, None, (1,), names)
    numbers = tuple(i for i in _columns_of_numbers(records) if lowered[i] not in (*UNUSED, *TEXTS, *PAIRED))
    if not labels and len(numbers) > 1 and len(known := _preferred(lowered, TEXTS)) == 1:
        return Columns(lowered.index(known[0]), None, numbers, names)
    if len(labels) != 1 or not (len(pairs) == 1 or (not pairs and len(texts) == 1)):
        example = "--columns text=NAME,label=NAME (and pair=NAME)"
        raise Error(f"which columns are text and label? say {example}, of {files.shown(list(names))}", at=path)
    first, second = pairs[0] if pairs else (texts[0], None)
    position = lowered.index
    return Columns(position(first), None if second is None else position(second), (position(labels[0]),), names)


def _preferred(names: Sequence[str], known: Sequence[str]) -> list[str]:
    """The names that are known; "label" and "text" come before the others, "gold_label" before "label"."""
    candidates = [name for name in names if name in known]
    for best in ("gold_label", "label", "text", "sentence"):
        if best in candidates and best in known:
            return [best]
    return candidates


def _refuse_other_width(path: Path, records: list[Record], columns: Columns, options: DataOptions, form: str) -> None:
    between = "between tabs" if form == files.TSV else "of CSV"
    if columns.names is not None and (options.columns is None or "=" in "".join(options.columns)):
        expected, width, more = f"{len(columns.names)} columns, as the header has", len(columns.names), False
    else:
        roles = options.columns or ("text", "label")
        more = roles[-1] == MORE
        width = len(roles) - more
        expected = f"{width} columns {between} ({', '.join(roles[:width])})"
        if options.columns is None and len(records[0].fields) > width:
            expected += f", or --columns to say which of the {len(records[0].fields)} are text, pair and label"
    files.refuse_other_width(path, records, expected, width, more)
