"""What the index of a TensorFlow bundle says of its files and of each tensor: two Protocol Buffers messages.

    header   1 number of data shards   2 byte order: 0 little-endian, 1 big-endian
             3 version: 1 producer, 2 oldest consumer, 3 bad consumers
    entry    1 dtype   2 shape: 2 dimension: 1 size; 3 unknown rank   3 shard   4 offset   5 size
             6 masked CRC32C of the bytes as stored   7 slices: 1 extent: 1 start, 2 length (none: the whole dimension)

An entry with slices has no bytes of its own: the tensor is cut into parts, each under a key of its own (tf_slices.py).
Errors here name no file. Source: tensor_bundle.proto, versions.proto, tensor_shape.proto, tensor_slice.proto and
types.proto of TensorFlow.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from ....errors import Error, show
from ..protobuf import BYTES, FOUR_BYTES, VARINT, Message, bytes_field, four_bytes_field, varint_field, varints
from ..tensors import (
    Entry,
    Order,
    too_large,
)

VERSION = 1  # of the form that is read and written here
MOST_SHARDS = 10_000
DTYPES = {
    1: "float32", 2: "float64", 3: "int32", 4: "uint8", 5: "int16", 6: "int8", 9: "int64", 10: "bool",
    14: "bfloat16", 17: "uint16", 19: "float16", 22: "uint32", 23: "uint64",
}  # fmt: skip
WRITTEN = {name: code for code, name in DTYPES.items()}
STRING = 7
NO_NUMBERS = {STRING: "string", 8: "complex64", 18: "complex128"}  # listed and not read
COMPLEX_BYTES = {8: 8, 18: 16}
FIRST_REFERENCE = 101  # types of variables in memory, which no file holds

Extent = tuple[int, int | None]  # start and length along a dimension; None: the whole of it


class Header(NamedTuple):
    shards: int
    order: Order


class Record(NamedTuple):
    """One entry: a tensor, or a part of one."""

    dtype: int
    shape: tuple[int, ...]
    shard: int
    offset: int
    size: int
    crc: int
    slices: tuple[tuple[Extent, ...], ...]

    @property
    def entry(self) -> Entry:
        return Entry(DTYPES[self.dtype], self.shape)

    @property
    def end(self) -> int:
        return self.offset + self.size


def header(data: bytes) -> Header:
    """The header of a bundle, if this reader may read it."""
    if data[:1] == b"\x0a":  # SavedTensorSlices of the older form: field 1 is a message
        raise Error("expected a TensorFlow V2 bundle, got a V1 checkpoint; save it again as V2")
    message = Message(data, {1: VARINT, 2: VARINT, 3: BYTES})
    shards, order = message.signed(1), message.signed(2)
    if not 0 < shards <= MOST_SHARDS:
        raise Error(f"expected 1 to {MOST_SHARDS} data shards, got {shards}")
    if order not in (0, 1):
        raise Error(f"expected the byte order 0 (little) or 1 (big), got {order}")
    version = Message(message.content(3), {2: VARINT, 3: BYTES})
    oldest, bad = version.signed(2), list(varints(version.content(3)))
    if oldest > VERSION or VERSION in bad:
        raise Error(f"expected a form that version {VERSION} reads, got version {oldest}, bad are {bad[:5]}")
    return Header(shards, ">" if order else "<")


def record(data: bytes, shards: int) -> Record:
    """One entry, its numbers checked against each other as far as they go without the data."""
    message = Message(data, {1: VARINT, 2: BYTES, 3: VARINT, 4: VARINT, 5: VARINT, 6: FOUR_BYTES, 7: BYTES})
    dtype, shape = message.signed(1), dimensions(message.content(2))
    slices = tuple(tuple(extent(e) for e in Message(s, {1: BYTES}).contents(1)) for s in message.contents(7))
    shard, offset, size = message.signed(3), message.signed(4), message.signed(5)
    stored = Record(dtype, shape, shard, offset, size, message.unsigned(6), slices)
    if dtype not in DTYPES and dtype not in NO_NUMBERS:
        kind = "a reference type" if dtype >= FIRST_REFERENCE else "unknown"
        raise Error(f"dtype: expected one of {', '.join(map(str, DTYPES))}, got {dtype}: {kind}")
    problem = too_large(shape)
    if problem:
        raise Error(f"shape: expected one that memory can hold, got {problem}")
    if not 0 <= shard < shards:
        raise Error(f"shard: expected 0 to {shards - 1}, got {shard}")
    if slices:
        if any((offset, size, stored.crc)) or dtype not in DTYPES:  # merging bundles sets its shard all the same
            raise Error(f"expected a tensor in slices to have no bytes of its own, got {size} at {offset}")
        return stored
    if offset < 0 or size < 0:
        raise Error(f"expected an offset and a size of 0 or more, got {size} bytes at byte {offset}")
    expected = stored_size(dtype, shape)
    if expected is not None and size != expected:
        raise Error(f"size: expected {expected} bytes as shape {show(list(shape), 60)} needs, got {size}")
    return stored


def stored_size(dtype: int, shape: tuple[int, ...]) -> int | None:
    """Bytes of a tensor; None where the shape does not say it."""
    if dtype == STRING:
        return None
    if dtype in COMPLEX_BYTES:
        return math.prod(shape) * COMPLEX_BYTES[dtype]
    return Entry(DTYPES[dtype], shape).nbytes


def dimensions(data: bytes) -> tuple[int, ...]:
    message = Message(data, {2: BYTES, 3: VARINT})
    if message.unsigned(3):
        raise Error("shape: expected a known number of dimensions, got an unknown one")
    sizes = tuple(Message(dim, {1: VARINT}).signed(1) for dim in message.contents(2))
    if any(size < 0 for size in sizes):
        raise Error(f"shape: expected sizes of 0 or more, got {show(list(sizes), 60)}")
    return sizes


def extent(data: bytes) -> Extent:
    message = Message(data, {1: VARINT, 2: VARINT})
    return message.signed(1), message.signed(2) if message.has(2) else None


def header_bytes() -> bytes:
    """The header of a little-endian bundle with one shard."""
    return varint_field(1, 1) + bytes_field(3, varint_field(1, VERSION))


def record_bytes(entry: Entry, offset: int, crc: int) -> bytes:
    """The entry of a tensor in the first shard; `crc` is masked."""
    shape = b"".join(bytes_field(2, varint_field(1, size)) for size in entry.shape)
    where = varint_field(4, offset) + varint_field(5, entry.nbytes) + four_bytes_field(6, crc)
    return varint_field(1, WRITTEN[entry.dtype]) + bytes_field(2, shape) + where
