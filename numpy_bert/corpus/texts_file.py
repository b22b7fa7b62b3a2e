"""The texts of a job: the rows of a file (see text_rows), read twice and never whole.

The first reading counts the rows, checks every one of them and takes the sha256, so that a bad row is known before
the work begins and not hours later. The second makes chunks of texts. It takes the sha256 again: an input that was
changed meanwhile is noticed at the end.
"""

from __future__ import annotations

import hashlib
import itertools
import os
from collections.abc import Callable, Iterator
from typing import NamedTuple

from ..files.reading import File
from ..files.text_lines import decoded, raw_lines
from . import text_rows
from .text_rows import Columns

# A chunk ends at the text that reaches one of these. It is what an interruption may cost, seconds of work, and large
# enough that texts of similar length find each other in it.
ROWS = 4096
BYTES = 1 << 18


class Chunk(NamedTuple):
    """Texts that are embedded together; where they begin and end depends on the file alone."""

    row: int  # of the first text, from 0
    texts: list[str]


class TextsFile:
    """A context manager. Error: the file cannot be read, or a row is not text or has no text in the column."""

    def __init__(self, path: str | os.PathLike[str], column: str | None = None) -> None:
        self._path, self._columns = path, Columns(column)
        self._file = File(path)
        self.size = self._file.size
        self.rows, self.sha256 = 0, ""
        self._digest = hashlib.sha256()  # of what was read since the last start

    def __enter__(self) -> TextsFile:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def scan(self, progress: Callable[[int], object] = lambda count: None) -> None:
        """Read it from end to end, for `rows` and `sha256`. progress is called with the bytes of each line."""
        self.rows = sum(1 for _ in self._texts(progress))
        self.sha256 = self._digest.hexdigest()

    def chunks(self, row: int = 0) -> Iterator[Chunk]:
        """The texts from this row on."""
        first, size = row, 0
        texts: list[str] = []
        for text in itertools.islice(self._texts(), row, None):
            texts.append(text)
            size += len(text.encode("utf-8")) + 1
            if len(texts) == ROWS or size >= BYTES:
                yield Chunk(first, texts)
                first, texts, size = first + len(texts), [], 0
        if texts:
            yield Chunk(first, texts)

    @property
    def changed(self) -> bool:
        """After the last chunk: whether it is not the text that was scanned."""
        return self._digest.hexdigest() != self.sha256

    def _texts(self, progress: Callable[[int], object] = lambda count: None) -> Iterator[str]:
        self._digest = hashlib.sha256()

        def lines() -> Iterator[tuple[int, str]]:
            for number, raw in enumerate(raw_lines(self._file), 1):
                self._digest.update(raw)
                progress(len(raw))
                yield number, decoded(raw, self._file, number)

        return (row.texts[0] for row in text_rows.read(self._path, self._columns, lines()))
