"""--input FILE of the commands that ask a model: rows are read, answered and printed a few hundred at a time."""

from __future__ import annotations

import argparse
import contextlib
import itertools
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from ..errors import Error, UsageError, describe
from .output import print_json, table
from .progress import Progress

if TYPE_CHECKING:
    from ..corpus.text_rows import Columns, Row

AT_ONCE = 512  # rows answered together
FORMS = "a text a line, or .csv, .tsv, .jsonl; UTF-8; - for stdin"


def add_input(parser: argparse.ArgumentParser, pair: bool = False, column: str = "text") -> None:
    """--input and the names of the columns. pair: each row has two texts."""
    what = "pairs with a tab between them a line, or .csv, .tsv, .jsonl; UTF-8; - for stdin" if pair else FORMS
    parser.add_argument("--input", metavar="FILE", help=f"read from a file: {what}")
    parser.add_argument("--column", metavar="NAME", help=f"of --input: the column with the {column}")
    if pair:
        parser.add_argument("--pair-column", metavar="NAME", help="of --input: the column with the second text")


def is_given(options: argparse.Namespace, *arguments: object) -> bool:
    """Whether --input is to be read. Error: it and arguments are there, or neither is."""
    present = [argument for argument in arguments if argument not in (None, [])]
    if options.input is None:
        for name in ("column", "pair_column"):
            if getattr(options, name, None) is not None:
                raise UsageError(f"--{name.replace('_', '-')}: expected it with --input FILE")
        if len(present) < len(arguments):
            raise UsageError("expected texts or --input FILE, got neither" if not present else "expected two texts")
    elif present:
        raise UsageError("expected texts or --input FILE, got both")
    return options.input is not None


def columns(options: argparse.Namespace, is_pair: bool = False) -> Columns:
    from ..corpus.text_rows import Columns

    pair = getattr(options, "pair_column", None)
    return Columns(options.column, pair, is_pair or pair is not None)


def arguments(texts: Sequence[str], is_pair: bool) -> list[Row]:
    """The texts of the command line as rows. Error: an odd number of them, where they are pairs."""
    from ..corpus.text_rows import Row

    if not is_pair:
        return [Row(i, (text,)) for i, text in enumerate(texts, 1)]
    if len(texts) % 2:
        raise UsageError(f"--pair: expected an even number of texts, got {len(texts)}")
    return [Row(i + 1, (texts[2 * i], texts[2 * i + 1])) for i in range(len(texts) // 2)]


def rows(name: str, wanted: Columns) -> Iterator[Row]:
    """The rows of a file, or of standard input. Error: it cannot be read, or a row lacks a text, with its line."""
    from ..corpus import text_rows

    if name != "-":
        return text_rows.read(name, wanted)
    if sys.stdin is None:
        raise Error("standard input: expected text, got a closed stream")
    return text_rows.read("standard input", wanted, sys.stdin.buffer)


def choices(name: str) -> Iterator[Row]:
    """The rows of a file for choose: JSON lines with a prompt and a list of choices."""
    from pathlib import Path

    from ..corpus.text_rows import Row
    from ..files import strict_json
    from ..files.text_lines import lines

    for number, line in lines(name):
        if line.strip():
            value = strict_json.load(line.encode("utf-8"), Path(name), line=number)
            if not isinstance(value, dict) or not {"prompt", "choices"} <= value.keys():
                expected = 'an object {"prompt": text, "choices": [texts]}'
                raise Error(f"expected {expected}, got {describe(value)}", at=name, line=number)
            yield Row(number, (value["prompt"], value["choices"]))


def answer(
    options: argparse.Namespace,
    read: Iterable[Row],
    ask: Callable[..., Sequence[Any]],
    to_json: Callable[[Any], Any],
    header: Sequence[str],
    to_cells: Callable[[Row, Any], Iterable[Sequence[object]]],
    right: str = "",
) -> int:
    """Answer the rows of a file: a line of JSON for each, or lines of a table."""
    source = iter(read)
    while batch := list(itertools.islice(source, AT_ONCE)):
        inputs = [row.texts[0] if len(row.texts) == 1 else row.texts for row in batch]
        with naming_lines(options.input, batch), Progress(len(batch), "text", hidden=options.json) as progress:
            results = ask(inputs, progress=progress.update)
        if options.json:
            for result in results:
                print_json(to_json(result))
        else:
            cells = [c for row, result in zip(batch, results, strict=True) for c in to_cells(row, result)]
            print(table(header, cells, right))
    return 0


@contextlib.contextmanager
def naming_lines(name: str | None, batch: Sequence[Row]) -> Iterator[None]:
    """An error about a row of the batch names the file and the line it came from."""
    try:
        yield
    except Error as error:
        from ..inference.encoding import split_row

        row, text = split_row(error)
        if name is None or row is None or row >= len(batch):
            raise
        raise Error(text, at=name, line=batch[row].line) from None
