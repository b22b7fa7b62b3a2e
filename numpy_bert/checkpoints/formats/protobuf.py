"""Protocol Buffers: a message is a row of fields, each a number, a wire type and a value; nothing says what it means.

    field = varint of (number * 8 + wire type), then the value
    wire type 0: varint    1: eight bytes    2: varint of a length, and as many bytes    5: four bytes

A varint holds seven bits of a number in each byte, the lowest first; the eighth bit says that another byte follows.
A field that is absent has the value zero, or is an empty list. Unknown fields are passed over by their length, so
however deep they are nested they cost nothing. The old groups (wire types 3 and 4) are refused.

Errors here name no file: the caller adds it. Source: the encoding page of protobuf.dev.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from ...errors import Error

VARINT, EIGHT_BYTES, BYTES, FOUR_BYTES = 0, 1, 2, 5
LONGEST_VARINT = 10  # bytes
MOST_REPEATED = 1000  # values of one field in one message


class Field(NamedTuple):
    """One field, with an integer or with the bytes of a text or of a message inside."""

    number: int
    wire_type: int
    integer: int = 0
    content: bytes = b""


class Message:
    """The fields of a message that the caller knows, `known` giving the wire type of each. The others are skipped."""

    def __init__(self, data: bytes, known: Mapping[int, int]) -> None:
        self._values: dict[int, list[Field]] = {number: [] for number in known}
        for field in fields(data):
            if field.number not in known:
                continue
            if field.wire_type != known[field.number]:
                expected = f"wire type {known[field.number]}"
                raise Error(f"field {field.number}: expected {expected}, got {field.wire_type}")
            values = self._values[field.number]
            values.append(field)
            if len(values) > MOST_REPEATED:
                raise Error(f"field {field.number}: expected at most {MOST_REPEATED} values, got more")

    def has(self, number: int) -> bool:
        return bool(self._values[number])

    def single(self, number: int) -> Field:
        """The field, as an absent one reads where it is absent."""
        values = self._values[number]
        if len(values) > 1:
            raise Error(f"field {number}: expected it once, got it {len(values)} times")
        return values[0] if values else Field(number, 0)

    def unsigned(self, number: int) -> int:
        return self.single(number).integer

    def signed(self, number: int) -> int:
        """An int32, int64 or enumeration: 64 bits in two's complement."""
        value = self.single(number).integer
        return value - (1 << 64) if value >> 63 else value

    def content(self, number: int) -> bytes:
        return self.single(number).content

    def contents(self, number: int) -> list[bytes]:
        return [field.content for field in self._values[number]]


def varint(data: bytes, at: int) -> tuple[int, int]:
    """The number that begins at `at`, of at most 64 bits, and where the next thing begins."""
    value = 0
    for place, byte in enumerate(data[at : at + LONGEST_VARINT]):
        value |= (byte & 0x7F) << (7 * place)
        if byte < 0x80:
            if value >> 64:
                break
            return value, at + place + 1
    raise Error(f"byte {at}: expected a varint of at most 64 bits, got one that is longer or cut off")


def varints(data: bytes) -> Iterator[int]:
    """The numbers of a packed list."""
    at = 0
    while at < len(data):
        value, at = varint(data, at)
        yield value


def fields(message: bytes) -> Iterator[Field]:
    """The fields of a message in order."""
    at = 0
    while at < len(message):
        start = at
        key, at = varint(message, at)
        number, wire_type = key >> 3, key & 7
        if not 0 < number < 1 << 29:
            raise Error(f"byte {start}: expected a field number of 1 to 536870911, got {number}")
        if wire_type == VARINT:
            value, at = varint(message, at)
            yield Field(number, wire_type, value)
            continue
        length = {EIGHT_BYTES: 8, FOUR_BYTES: 4}.get(wire_type)
        if wire_type == BYTES:
            length, at = varint(message, at)
        if length is None:
            raise Error(f"byte {start}: expected wire type 0, 1, 2 or 5, got {wire_type}")
        if at + length > len(message):
            raise Error(f"byte {at}: expected {length} bytes, got {len(message) - at}")
        content = message[at : at + length]
        at += length
        if wire_type == BYTES:
            yield Field(number, wire_type, content=content)
        else:
            yield Field(number, wire_type, int.from_bytes(content, "little"))


def varint_bytes(value: int) -> bytes:
    """The varint of a number that is not negative."""
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def varint_field(number: int, value: int) -> bytes:
    """The field of a number that is not negative: nothing for zero, as it would be read all the same."""
    return varint_bytes(number << 3 | VARINT) + varint_bytes(value) if value else b""


def bytes_field(number: int, content: bytes) -> bytes:
    return varint_bytes(number << 3 | BYTES) + varint_bytes(len(content)) + content


def four_bytes_field(number: int, value: int) -> bytes:
    return varint_bytes(number << 3 | FOUR_BYTES) + value.to_bytes(4, "little")
