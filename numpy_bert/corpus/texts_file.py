"""The texts of a job: a file with a text a line, read twice and never whole.

The first reading counts the lines, checks every one of them and takes the sha256, so that a bad line is known before
the work begins and not hours later. The second hands out chunks of lines. It takes the sha256 again: an input that
was changed meanwhile is noticed at the end.

Lines end as numpy_bert/files/text_lines.py tells; an empty line is a text as well, so that row i of the result is
line i + 1 of the file.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator
from typing import NamedTuple

from ..files.reading import File
from ..files.text_lines import decoded, raw_lines

# A chunk ends at the line that reaches one of these. It is what an interruption may cost, seconds of work, and large
# enough that texts of like length find each other in it.
ROWS = 4096
BYTES = 1 << 18


class Chunk(NamedTuple):
    """Lines that are embedded together; where they begin and end depends on the file alone."""

    row: int  # of the first text, from 0
    texts: list[str]


class TextsFile:
    """A context manager. Error: the file cannot be read, or has a line that is too long, no UTF-8 or no text."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._file = File(path)
        self.size = self._file.size
        self.rows, self.sha256 = 0, ""
        self._row, self._place, self._digest = 0, 0, hashlib.sha256()  # where the chunks begin

    def __enter__(self) -> TextsFile:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def scan(self, row: int, progress: Callable[[int], object]) -> None:
        """Read it from end to end, for `rows` and `sha256`; chunks will begin at `row`. progress is called with
        bytes.
        """
        digest, place, count = hashlib.sha256(), 0, 0
        for raw in raw_lines(self._file):
            if count == row:
                self._row, self._place, self._digest = row, place, digest.copy()
            count += 1
            decoded(raw, self._file, count)
            digest.update(raw)
            place += len(raw)
            progress(len(raw))
        if count == row:
            self._row, self._place, self._digest = row, place, digest.copy()
        self.rows, self.sha256 = count, digest.hexdigest()

    def chunks(self) -> Iterator[Chunk]:
        """What is left of the file, in order."""
        row, first, size = self._row, self._row, 0
        texts: list[str] = []
        for raw in raw_lines(self._file, self._place, self._row):
            row += 1
            self._digest.update(raw)
            texts.append(decoded(raw, self._file, row))
            size += len(raw)
            if len(texts) == ROWS or size >= BYTES:
                yield Chunk(first, texts)
                texts, first, size = [], row, 0
        if texts:
            yield Chunk(first, texts)

    @property
    def changed(self) -> bool:
        """After the last chunk: whether it is not the text that was scanned."""
        return self._digest.hexdigest() != self.sha256
