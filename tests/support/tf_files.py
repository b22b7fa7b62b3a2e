"""TensorFlow bundles made by hand, byte by byte: correct ones, and with any part of them wrong.

Nothing here is the package's own: checksums come from a plain loop over bytes, and messages are put together field by
field, so that what the package writes and reads can be compared with it.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

MAGIC = bytes.fromhex("57fb808b247547db")
HEADER = bytes.fromhex("08011a020801")  # one shard, version 1
CODES = {"float32": 1, "float64": 2, "int32": 3, "uint8": 4, "int64": 9, "bool": 10, "float16": 19}


def byte_table() -> list[int]:
    table = []
    for value in range(256):
        for _ in range(8):
            value = value >> 1 ^ (0x82F63B78 if value & 1 else 0)
        table.append(value)
    return table


TABLE = byte_table()


def crc32c(data: bytes) -> int:
    """One byte after another."""
    register = 0xFFFFFFFF
    for byte in data:
        register = register >> 8 ^ TABLE[(register ^ byte) & 0xFF]
    return register ^ 0xFFFFFFFF


def masked(data: bytes) -> int:
    crc = crc32c(data)
    return ((crc >> 15 | crc << 17 & 0xFFFFFFFF) + 0xA282EAD8) % (1 << 32)


# Messages


def varint(value: int) -> bytes:
    value %= 1 << 64  # negative numbers take ten bytes
    out = []
    while value >= 128:
        out.append(value & 127 | 128)
        value >>= 7
    return bytes([*out, value])


def field(number: int, value: int | bytes) -> bytes:
    """A number as varint, or bytes with their length."""
    if isinstance(value, int):
        return varint(number * 8) + varint(value)
    return varint(number * 8 + 2) + varint(len(value)) + value


def shape_of(dims: Iterable[int]) -> bytes:
    return b"".join(field(2, field(1, size)) for size in dims)


def extents(*parts: tuple[int, int] | None) -> bytes:
    return b"".join(field(1, b"" if part is None else field(1, part[0]) + field(2, part[1])) for part in parts)


DATA = np.arange(6, dtype="<f4").tobytes()


def entry(
    dtype: int = 1,
    dims: Iterable[int] = (2, 3),
    place: tuple[int, int, int] = (0, 0, 24),  # shard, offset, size
    crc: int | None = None,
    more: bytes = b"",
) -> bytes:
    """An entry; its checksum is that of DATA unless given."""
    shard, offset, size = place
    crc = masked(DATA) if crc is None else crc
    where = field(3, shard) + field(4, offset) + field(5, size)
    return field(1, dtype) + field(2, shape_of(dims)) + where + b"\x35" + struct.pack("<I", crc) + more


def sliced(dims: Sequence[int], *slices: bytes) -> bytes:
    """An entry of a tensor in slices."""
    return field(1, 1) + field(2, shape_of(dims)) + b"".join(field(7, s) for s in slices)


# Tables


def record(key: bytes, value: bytes, shared: int = 0) -> bytes:
    return varint(shared) + varint(len(key)) + varint(len(value)) + key + value


def contents(records: Iterable[tuple[bytes, bytes]], restarts: Sequence[int] = (0,)) -> bytes:
    """The contents of a block without shared keys."""
    body = b"".join(record(key, value) for key, value in records)
    return body + b"".join(struct.pack("<I", place) for place in (*restarts, len(restarts)))


def block(body: bytes, kind: int = 0) -> bytes:
    stored = body + bytes([kind])
    return stored + struct.pack("<I", masked(stored))


def table(bodies: Sequence[bytes], kinds: Sequence[int] = (), handles: Sequence[bytes] | None = None) -> bytes:
    """A file of these blocks; `handles` replace those of the index block."""
    out, places = b"", []
    for i, body in enumerate(bodies):
        places.append(varint(len(out)) + varint(len(body)))
        out += block(body, kinds[i] if kinds else 0)
    index = contents((b"\xfe%d" % i, place) for i, place in enumerate(places if handles is None else handles))
    footer = varint(len(out)) + varint(8)
    out += block(contents([]))
    footer += varint(len(out)) + varint(len(index))
    return out + block(index) + footer.ljust(40, b"\0") + MAGIC


def index(records: Iterable[tuple[bytes, bytes]], header: bytes = HEADER) -> bytes:
    return table([contents([(b"", header), *records])])


ONE = [(b"bert/x", entry())]
GOOD = index(ONE)


class Case(NamedTuple):
    """A wrong bundle, and words of the error. Its data shard holds DATA unless said otherwise."""

    index: bytes
    words: str
    data: bytes = DATA


def put(folder: Path, case: Case, name: str = "bert_model.ckpt") -> Path:
    """Write the files; returns what their names have in common."""
    (folder / f"{name}.index").write_bytes(case.index)
    (folder / f"{name}.data-00000-of-00001").write_bytes(case.data)
    return folder / name


def bundle(prefix: Path, arrays: dict[str, np.ndarray], big_endian: bool = False) -> None:
    """A correct bundle in one shard, of either byte order; the usual machines make TensorFlow write little-endian."""
    data, records = b"", []
    for name in sorted(arrays, key=str.encode):
        array = arrays[name]
        stored = array.astype(array.dtype.newbyteorder(">" if big_endian else "<")).tobytes()
        place = (0, len(data), len(stored))
        records.append((name.encode(), entry(CODES[array.dtype.name], array.shape, place, masked(stored))))
        data += stored
    header = field(1, 1) + (field(2, 1) if big_endian else b"") + field(3, field(1, 1))
    Path(f"{prefix}.index").write_bytes(index(records, header))
    Path(f"{prefix}.data-00000-of-00001").write_bytes(data)
