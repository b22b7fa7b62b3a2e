"""Untrusted JSON: what the standard allows and no more, or one line that says what is wrong and where.

Python's own reader is kind: it takes the last of two equal keys, reads NaN, Infinity and 1e400, guesses at UTF-16, and
lets half a surrogate pair pass. In the description of a checkpoint each of these is a mistake or a trick, so each is an
error here. Size, nesting and the length of integers are bounded before anything is built.

Source: RFC 8259, whose "SHOULD be unique" for keys is a must here.
"""

from __future__ import annotations

import itertools
import json
import math
import re

from ..errors import Error, show
from .reading import File, Path

LARGEST = 1 << 20  # bytes, unless the caller knows of larger documents; Python's objects take some 20 times that
DEEPEST = 64  # arrays and objects inside each other; real files have less than ten
LONGEST_INTEGER = 40  # digits; Python reads long ones in quadratic time

STRING = re.compile(rb'"[^"]*"')
NOT_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))
BYTE_ORDER_MARK = b"\xef\xbb\xbf"
BYTE_ORDER_MARKS = {BYTE_ORDER_MARK: "a byte-order mark", b"\xff\xfe": "UTF-16", b"\xfe\xff": "UTF-16"}


def read(path: Path, largest: int = LARGEST, marked: bool = False) -> object:
    """The document in a file of at most `largest` bytes. Error: no regular file, too large, not strict JSON.

    marked: a byte-order mark is passed over, as the standard allows; editors put one into the files that people write.
    """
    with File(path) as file:
        if file.size > largest:
            raise file.error(f"expected at most {largest} bytes of JSON, got {file.size}")
        data = file.read_at(0, file.size)
        return load(data.removeprefix(BYTE_ORDER_MARK) if marked else data, path, largest)


def load(data: bytes, at: Path, largest: int = LARGEST, line: int | None = None, key: str = "") -> object:
    """The document in these bytes: dict, list, str, int, finite float, bool or None.

    at, line, key: the file, the line and the entry of it that holds the bytes, for the messages of an Error.
    """
    try:
        return _document(data, largest, one_line=line is not None)
    except Error as error:
        raise Error(str(error), at=at, line=line, key=key) from None


def _document(data: bytes, largest: int, one_line: bool) -> object:
    if len(data) > largest:
        raise Error(f"expected at most {largest} bytes of JSON, got {len(data)}")
    text = _decoded(data)
    if _depth(data) > DEEPEST:
        raise Error(f"expected at most {DEEPEST} arrays and objects inside each other, got more")
    try:
        document: object = json.loads(
            text,
            object_pairs_hook=_unique,
            parse_constant=_constant,
            parse_float=_finite,
            parse_int=_integer,
        )
    except json.JSONDecodeError as error:
        got = show(text[error.pos : error.pos + 20]) if error.pos < len(text) else "the end of the file"
        place = f"column {error.colno}" if one_line else f"line {error.lineno}, column {error.colno}"
        raise Error(f"{place}: expected valid JSON, got {got}") from None
    if b"\\u" in data:
        _refuse_lone_surrogates(document)
    return document


def _decoded(data: bytes) -> str:
    for mark, name in BYTE_ORDER_MARKS.items():
        if data.startswith(mark):
            raise Error(f"expected UTF-8 without a byte-order mark, got {name}")
    if b"\0" in data[:4]:
        raise Error("expected UTF-8, got zero bytes (UTF-16, UTF-32 or no text at all)")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        got = show(data[error.start : error.start + 4])
        raise Error(f"expected UTF-8, got {got} at byte {error.start}") from None


def _depth(data: bytes) -> int:
    """How many brackets are open at once at most, those within strings not counted."""
    plain = data.replace(rb"\\", b"").replace(rb"\"", b"")  # now every quotation mark begins or ends a string
    brackets = STRING.sub(b"", plain).translate(None, NOT_BRACKETS)
    return max(itertools.accumulate(1 if bracket in b"[{" else -1 for bracket in brackets), default=0)


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    members: dict[str, object] = {}
    for key, value in pairs:
        if key in members:
            raise Error(f"expected every key once, got duplicate key {show(key)}")
        members[key] = value
    return members


def _constant(text: str) -> float:
    raise Error(f"expected numbers that JSON has, got {text}")


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise Error(f"expected numbers that a double holds, got {show(text, 40)}")
    return value


def _integer(text: str) -> int:
    if len(text) > LONGEST_INTEGER:
        raise Error(f"expected integers of at most {LONGEST_INTEGER} digits, got {len(text)}")
    return int(text)


def _refuse_lone_surrogates(document: object) -> None:
    r"""Python joins the pair \ud83d\ude00 to one character and leaves a half as it is, which no file can hold."""
    try:
        json.dumps(document, ensure_ascii=False).encode("utf-8")
    except UnicodeEncodeError as error:
        got = show(error.object[error.start])
        raise Error(f"expected Unicode text, got the lone surrogate {got}") from None
