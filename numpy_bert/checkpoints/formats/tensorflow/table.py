"""A TensorFlow table: records (key, value) in the order of their keys, in blocks that each have a checksum.

    file    = blocks, footer
    block   = contents, a byte 0 (as they are) or 1 (Snappy), masked CRC32C of contents and that byte
    footer  = handle of a block of no use, handle of the index block, zeros up to 40 bytes, magic number
    handle  = varint offset, varint size of the contents as they are stored

The contents of a block are entries and, behind them, the places ("restarts") where an entry has its whole key:

    entry   = varint bytes shared with the key before, varint bytes not shared, varint bytes of the value,
              the bytes not shared, the value
    end     = 32-bit offsets of the restarts, 32-bit count of them

The values of the index block are the handles of the other blocks. The form is that of LevelDB with another CRC
for whole files. Sources: table_format.md of LevelDB; lib/io/format.cc, block.cc and table_builder.cc of TensorFlow.
"""

from __future__ import annotations

import itertools
import struct
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from ....errors import Error, show
from ....files.reading import File
from ...detect import TABLE_MAGIC
from ..protobuf import varint, varint_bytes
from ..tensors import MOST_TENSORS
from . import snappy
from .crc32c import crc32c, masked

FOOTER = 48  # bytes
TRAILER = 5  # bytes after the contents of a block
RAW, SNAPPY = 0, 1
LARGEST_TABLE = 1 << 21  # bytes, unpacked too; that of BERT-large with all its optimizer slots has 0.2 MB
LONGEST_KEY = 2048
BLOCK_WRITTEN = 1 << 18  # bytes after which the writer begins another block, as TensorFlow does
RESTART_EVERY = 16  # entries


class Handle(NamedTuple):
    """Where the contents of a block lie."""

    offset: int
    size: int


class Table:
    """An open table; `records` goes through it once."""

    def __init__(self, file: File) -> None:
        self.file = file
        self.unpacked = 0  # bytes, of all blocks so far
        if file.size < FOOTER:
            raise file.error(f"expected at least the {FOOTER} bytes of a table's footer, got {file.size}")
        footer = file.read_at(file.size - FOOTER, FOOTER)
        if footer[40:] != TABLE_MAGIC:
            raise file.error(f"footer: expected the magic number {TABLE_MAGIC.hex()}, got {footer[40:].hex()}")
        if file.size > LARGEST_TABLE:
            raise file.error(f"expected a table of at most {LARGEST_TABLE} bytes, got {file.size}")
        try:
            other, at = handle(footer, 0)
            self.index, at = handle(footer, at)
        except Error as error:
            raise file.error(f"footer: {error}") from None
        if at > 40 or any(footer[at:40]):
            raise file.error("footer: expected two handles and zeros, got other bytes")
        self.block(other)

    def records(self) -> Iterator[tuple[bytes, bytes]]:
        """Every record in order, after the checksum of its block."""
        last, end, count = None, 0, 0
        for _, value in self.entries(self.index):
            place = self.handle_in_index(value)
            if place.offset < end:
                raise self.file.error(f"index block: expected a block at {end} or after it, got one at {place.offset}")
            end = place.offset + place.size
            for key, content in self.entries(place):
                if last is not None and key <= last:
                    kind = "a duplicate key" if key == last else "keys out of order"
                    got = f"{kind}: {shown(key)} after {shown(last)}"
                    raise self.file.error(f"block at {place.offset}: expected rising keys, got {got}")
                count += 1
                if count > MOST_TENSORS:
                    raise self.file.error(f"expected at most {MOST_TENSORS} records, got more")
                last = key
                yield key, content

    def handle_in_index(self, value: bytes) -> Handle:
        try:
            place, at = handle(value, 0)
        except Error as error:
            raise self.file.error(f"index block: {error}") from None
        if at != len(value):
            raise self.file.error(f"index block: expected a handle, got {len(value) - at} more bytes")
        return place

    def entries(self, place: Handle) -> Iterator[tuple[bytes, bytes]]:
        """The entries of one block."""
        contents = self.block(place)
        try:
            yield from entries(contents)
        except Error as error:
            raise self.file.error(f"block at {place.offset}: {error}") from None

    def block(self, place: Handle) -> bytes:
        """The contents of a block, verified and unpacked."""
        offset, size = place
        label = f"block at {offset}"
        if offset + size + TRAILER > self.file.size - FOOTER:
            got = f"its end at {offset + size + TRAILER}"
            raise self.file.error(f"{label}: expected it before byte {self.file.size - FOOTER}, got {got}")
        stored = self.file.read_at(offset, size + TRAILER)
        expected, computed = int.from_bytes(stored[-4:], "little"), masked(crc32c(stored[:-4]))
        if expected != computed:
            raise self.file.error(f"{label}: expected the masked CRC32C {expected:08x}, got {computed:08x}")
        contents, kind = stored[:size], stored[size]
        if kind not in (RAW, SNAPPY):
            raise self.file.error(f"{label}: expected the type 0 (raw) or 1 (Snappy), got {kind}: bad block type")
        if kind == SNAPPY:
            try:
                contents = snappy.decoded(contents, LARGEST_TABLE - self.unpacked)
            except Error as error:
                raise self.file.error(f"{label}: {error}") from None
        self.unpacked += len(contents)
        return contents


def handle(data: bytes, at: int) -> tuple[Handle, int]:
    offset, at = varint(data, at)
    size, at = varint(data, at)
    return Handle(offset, size), at


def shown(key: bytes) -> str:
    return show(key.decode("latin-1"), 60)


def entries(contents: bytes) -> Iterator[tuple[bytes, bytes]]:
    """The entries in the contents of a block. Errors name no file."""
    restarts, end = restart_points(contents)
    key, at = b"", 0
    while at < end:
        restart = at in restarts
        restarts.discard(at)
        start = at
        shared, at = varint(contents, at)
        unshared, at = varint(contents, at)
        length, at = varint(contents, at)
        if shared > len(key) or (restart and shared):
            most = 0 if restart else len(key)
            raise Error(f"entry at {start}: expected at most {most} shared bytes, got {shared}")
        if at + unshared + length > end:
            raise Error(f"entry at {start}: expected its end at most at {end}, got {at + unshared + length}")
        if shared + unshared > LONGEST_KEY:
            raise Error(f"entry at {start}: expected a key of at most {LONGEST_KEY} bytes, got {shared + unshared}")
        key = key[:shared] + contents[at : at + unshared]
        at += unshared
        yield key, contents[at : at + length]
        at += length
    if restarts:
        raise Error(f"expected restarts where entries begin, got one at {min(restarts)}")


def restart_points(contents: bytes) -> tuple[set[int], int]:
    """The offsets of entries with a whole key, and where the entries end."""
    count = int.from_bytes(contents[-4:], "little")
    end = len(contents) - 4 - 4 * count
    if len(contents) < 4 or not 0 < count <= MOST_TENSORS or end < 0:
        raise Error(f"expected a count of restarts that fits {len(contents)} bytes, got {count}")
    offsets = struct.unpack_from(f"<{count}I", contents, end)
    if offsets[0] != 0 or any(a >= b for a, b in itertools.pairwise(offsets)):
        raise Error("expected rising restarts from 0 on, got others")
    return (set(offsets) if end else set(offsets[1:])), end


def table_bytes(records: Iterable[tuple[bytes, bytes]]) -> bytes:
    """A table of these records, whose keys rise. Not compressed, as TensorFlow writes its bundles."""
    out = bytearray()
    index: list[tuple[bytes, bytes]] = []
    waiting: list[tuple[bytes, bytes]] = []
    size = 0
    for record in records:
        waiting.append(record)
        size += len(record[0]) + len(record[1])
        if size >= BLOCK_WRITTEN:
            index.append((record[0], add_block(out, waiting, RESTART_EVERY)))
            waiting, size = [], 0
    if waiting:
        index.append((successor(waiting[-1][0]), add_block(out, waiting, RESTART_EVERY)))
    footer = add_block(out, [], RESTART_EVERY) + add_block(out, index, 1)
    return bytes(out) + footer.ljust(40, b"\0") + TABLE_MAGIC


def add_block(out: bytearray, records: Iterable[tuple[bytes, bytes]], restart_every: int) -> bytes:
    """Append a block to the file; returns its handle."""
    contents = bytearray()
    restarts = [0]
    last = b""
    for count, (key, value) in enumerate(records):
        shared = common(last, key)
        if count and count % restart_every == 0:
            restarts.append(len(contents))
            shared = 0
        contents += varint_bytes(shared) + varint_bytes(len(key) - shared) + varint_bytes(len(value))
        contents += key[shared:] + value
        last = key
    contents += struct.pack(f"<{len(restarts) + 1}I", *restarts, len(restarts)) + bytes([RAW])
    place = varint_bytes(len(out)) + varint_bytes(len(contents) - 1)
    out += contents + masked(crc32c(bytes(contents))).to_bytes(4, "little")
    return place


def common(a: bytes, b: bytes) -> int:
    """Bytes at the beginning that both have."""
    pairs = zip(a, b, strict=False)
    return next((i for i, (x, y) in enumerate(pairs) if x != y), min(len(a), len(b)))


def successor(key: bytes) -> bytes:
    """A short key that sorts above this one: what TensorFlow writes for the last block, so that files are equal."""
    rest = key.lstrip(b"\xff")
    return key[: len(key) - len(rest)] + bytes([rest[0] + 1]) if rest else key
