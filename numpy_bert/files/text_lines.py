"""The lines of a text file of any size: read in pieces, checked to be UTF-8, each with its number for messages.

Lines end with a newline and with nothing else; a carriage return before it belongs to the line end, and so does a
byte-order mark to the beginning of the file.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

from ..errors import Error
from .reading import File

CHUNK = 1 << 20  # bytes read at a time
LONGEST = 1 << 20  # bytes of a line: far above any sentence, and a bound for memory
BYTE_ORDER_MARK = b"\xef\xbb\xbf"
OTHER_MARKS = {b"\xff\xfe": "UTF-16", b"\xfe\xff": "UTF-16"}


def lines(path: str | os.PathLike[str]) -> Iterator[tuple[int, str]]:
    """(number from 1, text) of each line. Error: the file, or the line that is too long, no UTF-8 or no text."""
    with File(path) as file:
        for number, raw in enumerate(raw_lines(file), 1):
            yield number, decoded(raw, file, number)


def raw_lines(file: File) -> Iterator[bytes]:
    """Each line with its end, as bytes; all of them together are the file."""
    rest, count = b"", 0
    for start in range(0, file.size, CHUNK):
        pieces = (rest + file.read_at(start, min(CHUNK, file.size - start))).split(b"\n")
        rest = pieces.pop()
        for piece in pieces:
            count += 1
            if len(piece) > LONGEST:
                raise _error(file, count, f"at most {LONGEST} bytes, got {len(piece)}")
            yield piece + b"\n"
        if len(rest) > LONGEST:
            raise _error(file, count + 1, f"at most {LONGEST} bytes, got more")
    if rest:
        yield rest


def decoded(raw: bytes, file: File, number: int) -> str:
    """A line as text without its end."""
    raw = raw.removesuffix(b"\n").removesuffix(b"\r")
    if number == 1:
        raw = raw.removeprefix(BYTE_ORDER_MARK)
    for mark, encoding in OTHER_MARKS.items():
        if number == 1 and raw.startswith(mark):
            raise _error(file, number, f"UTF-8, got {encoding}: convert it with iconv -f {encoding} -t UTF-8")
    if b"\0" in raw:
        raise _error(file, number, "text, got a NUL character")
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as error:
        likely = "perhaps Windows-1252 or Latin-1: convert it with iconv -f WINDOWS-1252 -t UTF-8"
        raise _error(file, number, f"UTF-8, got byte 0x{raw[error.start]:02x}, {likely}") from None


def _error(file: File, number: int, text: str) -> Error:
    return file.error(f"line {number}: expected {text}")
