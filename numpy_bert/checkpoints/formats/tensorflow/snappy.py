"""Snappy: a length, then elements that each add to the output: literal bytes, or a copy of what is there already.

    varint of the output length, then elements; the low two bits of the first byte of each say its kind:
    0   literal      length - 1 in the upper six bits, or in the 1 to 4 bytes after it where these are 60 to 63
    1   copy         length - 4 in three bits (4 to 11), offset in three bits and a byte
    2   copy         length - 1 in six bits (1 to 64), offset in two bytes
    3   copy         length - 1 in six bits (1 to 64), offset in four bytes

Numbers are little-endian. A copy begins `offset` bytes before the end of the output; where it is longer than
that, it repeats. Only decoding is here: nothing in this project writes Snappy.

Source: format_description.txt of the Snappy library.
"""

from __future__ import annotations

from ....errors import Error
from ..protobuf import varint

LARGEST_GROWTH = 22  # a copy makes 64 bytes of three


def decoded(data: bytes, most: int) -> bytes:
    """The output, at most `most` bytes. Error (with no file's name): the data are not Snappy's or give more."""
    try:
        length, at = varint(data, 0)
    except Error as error:
        raise Error(f"corrupt snappy block: {error}") from None
    most = min(most, LARGEST_GROWTH * len(data) + 64)
    if length > most:
        raise Error(f"corrupt snappy block: expected at most {most} bytes of output, got a length of {length}")
    output = bytearray()
    while at < len(data):
        at = literal(data, at, output) if data[at] & 3 == 0 else copy(data, at, output)
        if len(output) > length:
            raise Error(f"corrupt snappy block: expected {length} bytes of output, got more")
    if len(output) != length:
        raise Error(f"corrupt snappy block: expected {length} bytes of output, got {len(output)}")
    return bytes(output)


def literal(data: bytes, at: int, output: bytearray) -> int:
    """Append the literal that begins at `at`; returns where the next element begins."""
    length = data[at] >> 2
    at += 1
    if length >= 60:
        wide = length - 59
        require(data, at, wide)
        length = int.from_bytes(data[at : at + wide], "little")
        at += wide
    length += 1
    require(data, at, length)
    output += data[at : at + length]
    return at + length


def copy(data: bytes, at: int, output: bytearray) -> int:
    """Append the copy that begins at `at`; returns where the next element begins."""
    tag = data[at]
    wide = (0, 1, 2, 4)[tag & 3]
    require(data, at + 1, wide)
    offset = int.from_bytes(data[at + 1 : at + 1 + wide], "little")
    length = (tag >> 2) + 1
    if wide == 1:
        offset |= tag >> 5 << 8
        length = (tag >> 2 & 7) + 4
    if not 0 < offset <= len(output):
        raise Error(f"corrupt snappy block: byte {at}: expected an offset of 1 to {len(output)}, got {offset}")
    start = len(output) - offset
    repeated = output[start : start + length]
    output += (repeated * (length // len(repeated) + 1))[:length]
    return at + 1 + wide


def require(data: bytes, at: int, length: int) -> None:
    if at + length > len(data):
        raise Error(f"corrupt snappy block: byte {at}: expected {length} bytes, got {len(data) - at}")
