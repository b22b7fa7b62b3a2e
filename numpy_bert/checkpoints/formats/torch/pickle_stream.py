"""The bytes of a pickle in a file, read a window at a time, with the place of each for messages."""

from __future__ import annotations

from typing import NoReturn

from ....files.reading import File

LONGEST_PICKLE = 1 << 24
LONGEST_NAME = 256
WINDOW = 1 << 16


class Stream:
    """The bytes [start, end) of a file in order, a window at a time. Messages count places from `origin`."""

    def __init__(self, file: File, start: int, end: int, where: str, origin: int = 0) -> None:
        self.file = file
        self.where = where
        self.origin = origin
        self.at = start
        self.end = min(end, start + LONGEST_PICKLE)
        self._window = b""
        self._base = start

    def take(self, count: int) -> bytes:
        """The next `count` bytes, which must be there."""
        begin = self.at - self._base
        if begin + count > len(self._window):
            self._move(count)
            begin = 0
        self.at += count
        return self._window[begin : begin + count]

    def line(self) -> bytes:
        """The bytes up to the next newline, which is passed over."""
        longest = min(LONGEST_NAME, self.end - self.at)
        begin = self.at - self._base
        if begin + longest > len(self._window):
            self._move(longest)
            begin = 0
        stop = self._window.find(b"\n", begin, begin + longest)
        if stop < 0:
            self.fail(f"a name that ends within {LONGEST_NAME} bytes", "a longer one or a truncated pickle")
        self.at += stop + 1 - begin
        return self._window[begin:stop]

    def _move(self, count: int) -> None:
        """Let the window begin here and hold at least `count` bytes."""
        left = self.end - self.at
        if count > left:
            self.fail(f"{count} more bytes", f"a truncated pickle, {left} are left")
        self._window = self.file.read_at(self.at, min(max(count, WINDOW), left))
        self._base = self.at

    def fail(self, expected: str, got: str, at: int | None = None) -> NoReturn:
        place = (self.at if at is None else at) - self.origin
        raise self.file.error(f"{self.where}: byte {place}: expected {expected}, got {got}")
