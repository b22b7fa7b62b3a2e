"""Documents in text files of any size: a sentence a line, documents separated by blank lines.

The files are read once from end to end, checked, and the place of each document noted (24 bytes a document); after
that any document can be read by itself. A document of more than a million bytes counts as several.
"""

from __future__ import annotations

import hashlib
import os
from array import array
from collections.abc import Sequence

from ...errors import Error
from ...files.reading import File
from ...files.text_lines import decoded, raw_lines

LONGEST = 1 << 20  # bytes of a document that is read at once


class Corpus:
    """Error: a file cannot be read or is not UTF-8 (with the line), or there are fewer documents in all than `least`
    (two for next-sentence prediction, whose random sentence is one of another document).
    """

    def __init__(self, paths: Sequence[str | os.PathLike[str]], least: int = 2) -> None:
        self.paths = list(paths)
        self._files, self._starts, self._ends = array("q"), array("q"), array("q")
        digest = hashlib.sha256()
        documents = 0
        for number, path in enumerate(self.paths):
            with File(path) as file:
                count = self._index(number, file, digest)
            if not count:
                raise Error("expected documents, a sentence a line, got no text", at=path)
            documents += count
        if documents < least:
            expected = "at least two documents with blank lines between them (a random sentence is one of another)"
            raise Error(f"expected {expected}, got {documents}", at=self.paths[0] if self.paths else "corpus")
        self.sha256 = digest.hexdigest()

    def __len__(self) -> int:
        return len(self._files)

    def _index(self, number: int, file: File, digest: hashlib._Hash) -> int:
        """Note the documents of one file; returns how many there are, those that were cut counted once."""
        place, start, documents, inside = 0, -1, 0, False
        for count, raw in enumerate(raw_lines(file), 1):
            digest.update(raw)
            blank = not decoded(raw, file, count).strip()
            if start >= 0 and (blank or place - start >= LONGEST):
                self._add(number, start, place)
                start = -1
            if not blank and start < 0:
                start = place
                documents += not inside
            inside = not blank
            place += len(raw)
        if start >= 0:
            self._add(number, start, place)
        return documents

    def _add(self, number: int, start: int, end: int) -> None:
        self._files.append(number)
        self._starts.append(start)
        self._ends.append(end)

    def document(self, index: int) -> list[str]:
        """Its sentences. Error: the file is not what it was when it was indexed."""
        start, end = self._starts[index], self._ends[index]
        with File(self.paths[self._files[index]]) as file:
            data = file.read_at(start, end - start)
            try:
                text = data.decode("utf-8")
            except UnicodeDecodeError:
                raise file.error(f"expected the text that was there before, got other bytes at {start}") from None
        return [line.strip() for line in text.split("\n") if line.strip()]
