"""The texts of a file, one after another: a text a line, CSV, tab-separated columns or JSON lines.

    .csv                 a header, then a row each, with commas or semicolons; fields may be quoted and hold line ends
    .tsv                 the same with tabs and without quoting
    .jsonl, .ndjson      an object each, or a string
    anything else        a text a line, and where pairs are wanted a tab between the two

A column is named by the header or the key. Without a name it is the only one, or the first that has a usual name: text,
sentence, ...; for pairs sentence1 and sentence2, question and context, ... Nothing but a row is in memory.
"""

from __future__ import annotations

import csv
import itertools
import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from ..errors import Error, UsageError, describe, show
from ..files import strict_json
from ..files.text_lines import lines as file_lines
from ..training.data.columns import PAIRS, TEXTS
from ..training.data.records import SAMPLE, delimiter

AnyPath = str | os.PathLike[str]
JSON_ENDINGS, TABLE_ENDINGS = (".jsonl", ".ndjson"), (".csv", ".tsv")
MORE_PAIRS = (("question", "context"), ("query", "document"), ("a", "b"), ("first", "second"))


class Row(NamedTuple):
    line: int  # its last one in the file, from 1
    texts: tuple[str, ...]  # one, or two of a pair


class Columns(NamedTuple):
    """What the caller wants of each row. None: by the usual names."""

    text: str | None = None
    pair: str | None = None
    is_pair: bool = False  # two texts of each row
    option: str = "--column"  # what the command line calls the name of the first


def read(path: AnyPath, columns: Columns, numbered: Iterator[tuple[int, str]] | None = None) -> Iterator[Row]:
    """The rows of a file, or of numbered lines, of which `path` is then what messages call them.

    Error: the file cannot be read, is not UTF-8, has no such column, or a row lacks a text; with its line.
    """
    numbered = file_lines(path) if numbered is None else numbered
    ending = os.path.splitext(os.fspath(path))[1].lower()
    if ending in JSON_ENDINGS:
        return _json_rows(path, numbered, columns)
    if ending in TABLE_ENDINGS:
        return _table_rows(path, numbered, columns, is_csv=ending == ".csv")
    if columns.text is not None or columns.pair is not None:
        raise UsageError(f"{columns.option}: expected a .csv, .tsv or .jsonl file, got {show(os.fspath(path))}")
    return _plain_rows(path, numbered, columns)


def is_table(path: AnyPath) -> bool:
    """Whether a file has columns, by its name."""
    return os.path.splitext(os.fspath(path))[1].lower() in (*JSON_ENDINGS, *TABLE_ENDINGS)


def stream_lines(name: AnyPath, stream: Iterable[bytes]) -> Iterator[tuple[int, str]]:
    """Number and text of each line of a stream. Error: it is not UTF-8."""
    for number, raw in enumerate(stream, 1):
        try:
            yield number, raw.removesuffix(b"\n").removesuffix(b"\r").decode("utf-8")
        except UnicodeDecodeError as error:
            raise Error(f"expected UTF-8, got byte 0x{raw[error.start]:02x}", at=name, line=number) from None


def _plain_rows(path: AnyPath, numbered: Iterator[tuple[int, str]], columns: Columns) -> Iterator[Row]:
    for number, line in numbered:
        if columns.is_pair:
            parts = line.split("\t")
            if len(parts) != 2:
                raise Error(f"expected two texts with a tab between them, got {len(parts)}", at=path, line=number)
            yield Row(number, (parts[0], parts[1]))
        else:
            yield Row(number, (line,))


def _table_rows(path: AnyPath, numbered: Iterator[tuple[int, str]], columns: Columns, is_csv: bool) -> Iterator[Row]:
    first = [line for _, line in itertools.islice(numbered, SAMPLE)]
    source = (line + "\n" for line in itertools.chain(first, (line for _, line in numbered)))
    if is_csv and first:
        reader = csv.reader(source, delimiter=delimiter(first), strict=True, skipinitialspace=True)
    else:
        reader = csv.reader(source, delimiter="\t", strict=True, quoting=csv.QUOTE_NONE)
    try:
        names = next(reader, None)
        if names is None:
            raise Error("expected a header with the names of the columns, got an empty file", at=path)
        wanted = _chosen(path, names, columns)
        places = [names.index(name) for name in wanted]
        for fields in reader:
            if not fields:
                continue
            if len(fields) != len(names):
                expected = f"{len(names)} columns, as the header has"
                raise Error(f"expected {expected}, got {len(fields)}", at=path, line=reader.line_num)
            texts = tuple(fields[place] for place in places)
            if "" in texts:
                got = "an empty cell; fill it or leave the row out"
                raise Error(
                    f"expected a text, got {got}", at=path, line=reader.line_num, key=_name(wanted[texts.index("")])
                )
            yield Row(reader.line_num, texts)
    except csv.Error as error:
        raise Error(f"expected CSV, got: {error}", at=path, line=reader.line_num) from None


def _json_rows(path: AnyPath, numbered: Iterator[tuple[int, str]], columns: Columns) -> Iterator[Row]:
    names: list[str] = []
    for number, line in numbered:
        if not line.strip():
            continue
        value = strict_json.load(line.encode("utf-8"), Path(path), line=number)
        if isinstance(value, str) and not columns.is_pair and columns.text is None:
            yield Row(number, (value,))
            continue
        if not isinstance(value, dict):
            raise Error(f"expected a JSON object, got {describe(value)}", at=path, line=number)
        names = names or _chosen(path, list(value), columns)
        for name in names:
            if not isinstance(value.get(name), str):
                got = "a missing value" if value.get(name) is None else describe(value[name])
                raise Error(f"expected a text, got {got}", at=path, line=number, key=_name(name))
        yield Row(number, tuple(value[name] for name in names))


def _name(column: str) -> str:
    """For a message."""
    return show(column, 40)[1:-1]


def _chosen(path: AnyPath, names: Sequence[str], columns: Columns) -> list[str]:
    """The columns by name. Error: one is not there, or none has a usual name."""
    known = ", ".join(show(name, 30) for name in names[:8]) + (", ..." if len(names) > 8 else "")
    wanted = [name for name in (columns.text, columns.pair) if name is not None]
    for name in wanted:
        if name not in names:
            raise Error(f"{columns.option}: expected one of {known}, got {show(name)}", at=path)
    if columns.is_pair and len(wanted) < 2:
        pairs = [list(pair) for pair in (*PAIRS, *MORE_PAIRS) if set(pair) <= set(names)]
        if wanted or not pairs:
            raise Error(f"expected --column and --pair-column, two of {known}", at=path)
        return pairs[0]
    if not columns.is_pair and not wanted:
        usual = list(names) if len(names) == 1 else [name for name in TEXTS if name in names]
        if not usual:
            raise Error(f"expected {columns.option}, one of {known}", at=path)
        return usual[:1]
    return wanted
