"""The texts of a CSV, tab-separated or JSON-lines file as a job reads them: twice, never whole, row by row.

The interface is that of texts_file.TextsFile.
"""

from __future__ import annotations

import hashlib
import itertools
import os
from collections.abc import Callable, Iterator

from ..files.reading import CHUNK, File
from . import text_rows
from .text_rows import Columns
from .texts_file import BYTES, ROWS, Chunk


class TableFile:
    """A context manager. Error: the file cannot be read, or a row has no text in the column."""

    def __init__(self, path: str | os.PathLike[str], column: str | None) -> None:
        self._path, self._columns = path, Columns(column)
        self._file = File(path)
        self.size = self._file.size
        self.rows, self.sha256, self._row = 0, "", 0

    def __enter__(self) -> TableFile:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def scan(self, row: int, progress: Callable[[int], object]) -> None:
        """Read it from end to end, for `rows` and `sha256`; chunks will begin at `row`. progress is told of bytes."""
        self.rows = sum(1 for _ in text_rows.read(self._path, self._columns))
        self.sha256, self._row = self._digest(progress), row

    def chunks(self) -> Iterator[Chunk]:
        """What is left of the file, in order."""
        row, first, size = self._row, self._row, 0
        texts: list[str] = []
        for (text,) in (r.texts for r in itertools.islice(text_rows.read(self._path, self._columns), row, None)):
            row += 1
            texts.append(text)
            size += len(text.encode("utf-8"))
            if len(texts) == ROWS or size >= BYTES:
                yield Chunk(first, texts)
                texts, first, size = [], row, 0
        if texts:
            yield Chunk(first, texts)

    @property
    def changed(self) -> bool:
        """After the last chunk: whether it is not the file that was scanned."""
        return self._digest(lambda count: None) != self.sha256

    def _digest(self, progress: Callable[[int], object]) -> str:
        digest = hashlib.sha256()
        for start in range(0, self.size, CHUNK):
            part = self._file.read_at(start, min(CHUNK, self.size - start))
            digest.update(part)
            progress(len(part))
        return digest.hexdigest()
