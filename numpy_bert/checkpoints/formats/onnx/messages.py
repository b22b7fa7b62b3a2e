"""The fields of a protobuf message in a file: the place of each; its bytes are read only on request.

A model is one message, and its weights are fields inside fields of it. So the message is walked by lengths: each is
compared with the message around it, and a field of a gigabyte costs as much as one of ten bytes until it is read.

Source: the encoding page of protobuf.dev, as in protobuf.py.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from ....errors import Error
from ....files.reading import File
from ..protobuf import BYTES, EIGHT_BYTES, FOUR_BYTES, LONGEST_VARINT, VARINT, varint

WINDOW = 1 << 16  # bytes that are read together
MOST_FIELDS = 1 << 18  # in a file
LONGEST_TEXT = 1 << 16  # bytes of a name
LONGEST_LIST = 1 << 20  # bytes of a list of numbers


class Field(NamedTuple):
    """A field: its number, and an integer or the bytes [start, end) of the file."""

    number: int
    wire_type: int
    integer: int
    start: int
    end: int


class Messages:
    """Walks the messages of one file, whose fields it counts."""

    def __init__(self, file: File) -> None:
        self.file = file
        self._left = MOST_FIELDS
        self._window, self._first = b"", 0

    def error(self, text: str) -> Error:
        return self.file.error(text)

    def read(self, start: int, end: int) -> bytes:
        """The bytes [start, end) of the file, which the caller knows to be few."""
        if start < self._first or end > self._first + len(self._window):
            length = min(max(end - start, WINDOW), self.file.size - start)
            self._window, self._first = self.file.read_at(start, length), start
        return self._window[start - self._first : end - self._first]

    def fields(self, start: int, end: int) -> Iterator[Field]:
        """The fields of the message in the bytes [start, end)."""
        at = start
        while at < end:
            self._left -= 1
            if self._left < 0:
                raise self.error(f"expected at most {MOST_FIELDS} fields, got more")
            begin = at
            key, at = self._varint(at, end)
            number, wire_type = key >> 3, key & 7
            if not 0 < number < 1 << 29:
                raise self.error(f"byte {begin}: expected a field number of 1 to 536870911, got {number}")
            if wire_type == VARINT:
                value, at = self._varint(at, end)
                yield Field(number, wire_type, value, at, at)
                continue
            length = {EIGHT_BYTES: 8, FOUR_BYTES: 4}.get(wire_type)
            if wire_type == BYTES:
                length, at = self._varint(at, end)
            if length is None:
                raise self.error(f"byte {begin}: expected wire type 0, 1, 2 or 5, got {wire_type}")
            if at + length > end:
                raise self.error(f"byte {at}: expected {length} bytes, got {end - at}")
            yield Field(number, wire_type, 0, at, at + length)
            at += length

    def _varint(self, at: int, end: int) -> tuple[int, int]:
        try:
            value, length = varint(self.read(at, min(at + LONGEST_VARINT, end)), 0)
        except Error:
            raise self.error(f"byte {at}: expected a varint of at most 64 bits, got one longer or cut off") from None
        return value, at + length

    def text(self, field: Field) -> str:
        """A field that is a string."""
        data = self.content(field, LONGEST_TEXT)
        try:
            return data.decode("utf-8")
        except UnicodeDecodeError:
            raise self.error(f"byte {field.start}: expected a string in UTF-8, got other bytes") from None

    def integer(self, field: Field) -> int:
        """A field that is an int32, int64 or enumeration, in two's complement."""
        if field.wire_type != VARINT:
            raise self.error(f"byte {field.start}: expected an integer, got wire type {field.wire_type}")
        return field.integer - (1 << 64) if field.integer >> 63 else field.integer

    def integers(self, field: Field) -> list[int]:
        """A field of a list of integers: one of them, or packed as many as there are."""
        if field.wire_type == VARINT:
            return [self.integer(field)]
        data, at, values = self.content(field, LONGEST_LIST), 0, []
        while at < len(data):
            try:
                value, at = varint(data, at)
            except Error as error:
                raise self.error(f"byte {field.start}: {error}") from None
            values.append(value - (1 << 64) if value >> 63 else value)
        return values

    def content(self, field: Field, longest: int) -> bytes:
        """The bytes of a field that is no integer."""
        if field.wire_type == VARINT:
            raise self.error(f"byte {field.start}: expected bytes, got an integer")
        if field.end - field.start > longest:
            raise self.error(f"byte {field.start}: expected at most {longest} bytes, got {field.end - field.start}")
        return self.read(field.start, field.end)

    def message(self, field: Field) -> Iterator[Field]:
        """The fields of a field that is a message."""
        if field.wire_type != BYTES:
            raise self.error(f"byte {field.start}: expected a message, got wire type {field.wire_type}")
        return self.fields(field.start, field.end)
