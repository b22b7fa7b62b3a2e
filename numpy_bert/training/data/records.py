"""A file of records, one example each: tab-separated columns, CSV, or JSON lines.

A file is CSV where its name ends in .csv and its first line has no tab (the published .csv files of STS-B have tabs
and no quoting); its columns stand between commas or semicolons. It is JSON lines where its first line is a JSON
object. Everything else has columns between tabs, without quoting, as the files of GLUE have, unless all of it is
quoted. All are UTF-8; a byte-order mark is skipped, and so are empty lines.
"""

from __future__ import annotations

import csv
import itertools
import json
import os
import re
from collections.abc import Iterator
from typing import NamedTuple

from ...errors import Error, describe, show
from ...files import strict_json
from ...files.text_lines import lines

Path = str | os.PathLike[str]
TSV, CSV, JSON = "tab-separated", "CSV", "JSON lines"
JSON_ENDINGS = (".json", ".jsonl", ".ndjson")
QUOTED = re.compile(r'"(?:[^"]|"")*"')
NUMBER = re.compile(r"\s*[-+.\deE]*\s*")
SAMPLE = 20  # lines that tell what stands between columns


class Record(NamedTuple):
    line: int  # its last one in the file, from 1
    fields: list[str]
    no_text: frozenset[int] = frozenset()  # which of them are null, an array or an object of JSON


class Records(NamedTuple):
    """All records of a file. names: the keys of a JSON object, in the order of the fields; None for columns."""

    form: str
    records: list[Record]
    names: tuple[str, ...] | None = None


def read(path: Path) -> Records:
    """Error: the file cannot be read, is not UTF-8, or has a line that is not a record of its form."""
    numbered: Iterator[tuple[int, str]] = ((number, line) for number, line in lines(path) if line.strip())
    first = next(numbered, None)
    if first is None:
        raise Error("expected one example a line, got none", at=path)
    sample = [first, *itertools.islice(numbered, SAMPLE - 1)]
    form = _form(path, first[1])
    if form == JSON:
        return _json_records(path, itertools.chain(sample, numbered))
    if form == CSV:
        return Records(CSV, _csv_records(path, delimiter([line for _, line in sample])))
    records = [Record(number, line.split("\t")) for number, line in itertools.chain(sample, numbered)]
    return Records(TSV, _csv_records(path, "\t") if _are_quoted(records) else records)


def _form(path: Path, first: str) -> str:
    ending = os.path.splitext(os.fspath(path))[1].lower()
    if first.lstrip().startswith("[") and ending in JSON_ENDINGS:
        raise Error("expected a JSON object a line, got an array: jq -c '.[]' writes its objects a line each", at=path)
    if first.lstrip().startswith("{") and ending not in (".tsv", ".csv"):
        return JSON
    return CSV if ending == ".csv" and "\t" not in first else TSV


def _are_quoted(records: list[Record]) -> bool:
    """Whether columns between tabs are quoted as in CSV: each field with a mark is between marks, and either one
    of them has doubled marks inside, or only numbers have none.
    """
    fields = [field for record in records for field in record.fields]
    marked = [field for field in fields if '"' in field]
    if not marked or not all(map(QUOTED.fullmatch, marked)):
        return False
    others = (field for field in fields if '"' not in field)
    return any('""' in field[1:-1] for field in marked) or all(map(NUMBER.fullmatch, others))


def delimiter(sample: list[str]) -> str:
    """What stands between the columns of CSV, by its first lines: a semicolon, where the first has no comma or all have
    as many semicolons and not as many commas; else a comma.
    """
    commas, semicolons = ({line.count(sign) for line in sample} for sign in ",;")
    is_even = len(semicolons) == 1 and len(commas) > 1
    return ";" if ";" in sample[0] and ("," not in sample[0] or is_even) else ","


def _csv_records(path: Path, sign: str) -> list[Record]:
    """Fields may be quoted and hold line ends; a line of white space alone between records is skipped."""
    reader = csv.reader((line + "\n" for _, line in lines(path)), delimiter=sign, strict=True, skipinitialspace=True)
    try:
        return [Record(reader.line_num, fields) for fields in reader if any(field.strip() for field in fields)]
    except csv.Error as error:
        raise Error(f"line {reader.line_num}: expected CSV, got: {error}", at=path) from None


def _json_records(path: Path, numbered: Iterator[tuple[int, str]]) -> Records:
    """The fields are the keys of the first object; keys that only others have are not used."""
    names: tuple[str, ...] = ()
    records = []
    for number, line in numbered:
        value = strict_json.load(line.encode("utf-8"), path, line=number)
        if not isinstance(value, dict):
            raise Error(f"expected a JSON object as in the first line, got {describe(value)}", at=path, line=number)
        names = names or tuple(value)
        values = [value.get(name) for name in names]
        no_text = frozenset(i for i, entry in enumerate(values) if entry is None or isinstance(entry, (list, dict)))
        records.append(Record(number, [field(entry) for entry in values], no_text))
    return Records(JSON, records, names)


def field(value: object) -> str:
    """A JSON value as the text that a column would have: of null nothing, of an array or an object its JSON."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (list, dict)):
        return json.dumps(value, ensure_ascii=False)
    return value if isinstance(value, str) else str(value)


def refuse_other_width(path: Path, records: list[Record], expected: str, width: int, more: bool = False) -> None:
    """Error: a record has fewer fields than `width`, or, unless `more`, others besides."""
    for record in records:
        count = len(record.fields)
        if count < width or (count > width and not more):
            raise Error(f"line {record.line}: expected {expected}, got {count}", at=path)


def shown(names: list[str]) -> str:
    """Names for a message, at most eight."""
    return ", ".join(show(name, 30) for name in names[:8]) + (", ..." if len(names) > 8 else "")
