"""--input FILE of the commands that read texts: rows are read, answered and printed a few hundred at a time."""

from __future__ import annotations

import argparse
import contextlib
import itertools
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from ..errors import Error, UsageError, describe
from .output import print_json, table
from .progress import Progress

if TYPE_CHECKING:
    from ..corpus.text_rows import Columns, Row

AT_ONCE = 512  # rows answered together
FORMS = "a text a line, or .csv, .tsv, .jsonl; UTF-8; - for stdin"


def add_texts(parser: argparse.ArgumentParser) -> None:
    """Texts as arguments, or from --input."""
    parser.add_argument("text", nargs="*", metavar="TEXT", help="texts, each in quotation marks")
    add_input(parser)


def add_input(parser: argparse.ArgumentParser, pair: bool = False, column: str = "text") -> None:
    """--input and the names of the columns. pair: each row has two texts."""
    what = "pairs with a tab between them a line, or .csv, .tsv, .jsonl; UTF-8; - for stdin" if pair else FORMS
    parser.add_argument("--input", metavar="FILE", help=f"read from a file: {what}")
    parser.add_argument("--column", metavar="NAME", help=f"of --input: the column with the {column}")
    if pair:
        parser.add_argument("--pair-column", metavar="NAME", help="of --input: the column with the second text")


class Input(NamedTuple):
    """The rows to answer, and where they come from."""

    rows: Iterable[Row]
    name: str | None  # of the file; None for arguments
    as_json: bool

    @property
    def texts(self) -> Iterator[str]:
        """The first text of each row."""
        return (row.texts[0] for row in self.rows)

    def answer(
        self,
        ask: Callable[..., Sequence[Any]],
        to_json: Callable[[Any], Any],
        header: Sequence[str],
        to_cells: Callable[[Row, Any], Iterable[Sequence[object]]],
        right: str = "",
    ) -> int:
        """Answer the rows: a line of JSON for each, or lines of a table."""
        source = iter(self.rows)
        while batch := list(itertools.islice(source, AT_ONCE)):
            inputs = [row.texts[0] if len(row.texts) == 1 else row.texts for row in batch]
            with naming_lines(self.name, batch), Progress(len(batch), "text", hidden=self.as_json) as progress:
                results = ask(inputs, progress=progress.update)
            if self.as_json:
                for result in results:
                    print_json(to_json(result))
            else:
                cells = [c for row, result in zip(batch, results, strict=True) for c in to_cells(row, result)]
                print(table(header, cells, right))
        return 0


def read_input(options: argparse.Namespace, *arguments: object, is_pair: bool = False) -> Input | None:
    """What --input names, or None for the arguments. Error: both are there, or neither is."""
    from ..corpus.text_rows import Columns

    present = [argument for argument in arguments if argument not in (None, [])]
    column, pair_column = getattr(options, "column", None), getattr(options, "pair_column", None)
    if options.input is not None:
        if present:
            raise UsageError("expected texts or --input FILE, got both")
        columns = Columns(column, pair_column, is_pair or pair_column is not None)
        return Input(_rows(options.input, columns), options.input, options.json)
    for name, value in (("column", column), ("pair-column", pair_column)):
        if value is not None:
            raise UsageError(f"--{name}: expected it with --input FILE")
    if len(present) < len(arguments):
        raise UsageError("expected texts or --input FILE, got neither" if not present else "expected two texts")
    return None


def texts(options: argparse.Namespace, arguments: list[str]) -> Iterable[str]:
    """The texts that --input names, or the arguments. Error: as read_input."""
    source = read_input(options, arguments)
    return source.texts if source else arguments


def arguments(texts: Sequence[str], is_pair: bool) -> list[Row]:
    """The texts of the command line as rows. Error: an odd number of them, where they are pairs."""
    from ..corpus.text_rows import Row

    if not is_pair:
        return [Row(i, (text,)) for i, text in enumerate(texts, 1)]
    if len(texts) % 2:
        raise UsageError(f"--pair: expected an even number of texts, got {len(texts)}")
    return [Row(i + 1, (texts[2 * i], texts[2 * i + 1])) for i in range(len(texts) // 2)]


def _rows(name: str, wanted: Columns) -> Iterator[Row]:
    """The rows of a file, or of standard input. Error: it cannot be read, or a row lacks a text, with its line."""
    from ..corpus import text_rows

    if name != "-":
        return text_rows.read(name, wanted)
    if sys.stdin is None:
        raise Error("standard input: expected text, got a closed stream")
    return text_rows.read("standard input", wanted, text_rows.stream_lines("standard input", sys.stdin.buffer))


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
