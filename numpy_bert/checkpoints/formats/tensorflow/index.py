"""The index of a TensorFlow bundle as a whole: which tensors there are, and where the bytes of each lie.

The first record of the table is the header, under the empty key. Then come the boxes of partitioned variables,
whose keys begin with a zero byte, and then the tensors by name. All that can be checked without the data is:
every box belongs to a tensor, the boxes of a tensor fit together, and no two tensors share bytes.

Source: tensor_bundle.h and tensor_bundle.cc of TensorFlow.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from ....errors import Error, show
from ....files.reading import File
from ..tensors import Entry
from . import entry
from .entry import NO_NUMBERS, Header, Record
from .slices import Region, regions, slice_key
from .table import Table

SLICE = b"\x00"  # begins the key of a part of a tensor, and no name


class Part(NamedTuple):
    """The bytes of a tensor in one piece (region None), or of one of the boxes it is cut into."""

    name: str
    region: Region | None
    record: Record


class Index(NamedTuple):
    """What the index says, checked as far as it goes without the data."""

    header: Header
    entries: dict[str, Entry]
    others: dict[str, str]
    parts: list[Part]  # in the order of their bytes


def read_index(file: File) -> Index:
    """Every record of the index, each checked alone and against the others."""
    header: Header | None = None
    whole: dict[str, Record] = {}
    pieces: dict[bytes, Record] = {}
    for key, value in Table(file).records():
        with naming(file, key):
            if header is None:
                if key:
                    raise Error("expected the header of a bundle first, under the empty key, got another key")
                header = entry.header(value)
            elif key.startswith(SLICE):
                pieces[key] = entry.record(value, header.shards)
            else:
                whole[decoded(key)] = entry.record(value, header.shards)
    if header is None:
        raise file.error("expected the header of a bundle, got a table without records")
    parts = sorted(parts_of(file, whole, pieces), key=lambda part: (part.record.shard, part.record.offset))
    require_apart(file, parts)
    entries = {name: record.entry for name, record in whole.items() if record.dtype not in NO_NUMBERS}
    others = {name: NO_NUMBERS[record.dtype] for name, record in whole.items() if name not in entries}
    return Index(header, entries, others, parts)


@contextlib.contextmanager
def naming(file: File, key: bytes) -> Iterator[None]:
    """Put the file and the key in front of an error that names neither. The empty key is the header's."""
    try:
        yield
    except Error as error:
        where = show(key.decode("utf-8", "replace")) if key else "header"
        raise file.error(f"{where}: {error}") from None


def decoded(key: bytes) -> str:
    try:
        return key.decode("utf-8")
    except UnicodeDecodeError:
        raise Error("expected a name in UTF-8, got other bytes") from None


def parts_of(file: File, whole: Mapping[str, Record], pieces: dict[bytes, Record]) -> Iterator[Part]:
    """Where the bytes of all tensors lie. Error: a piece that is missing, of another shape, or of no tensor."""
    for name, record in whole.items():
        if not record.slices:
            yield Part(name, None, record)
            continue
        key = name.encode()
        with naming(file, key):
            boxes = regions(record.shape, record.slices)
        for region, extents in zip(boxes, record.slices, strict=True):
            shape = tuple(part.stop - part.start for part in region)
            piece = pieces.pop(slice_key(key, extents), None)
            if piece is None or (piece.dtype, piece.shape, piece.slices) != (record.dtype, shape, ()):
                got = f"one of shape {list(piece.shape)}, dtype {piece.dtype}" if piece else "none"
                expected = f"a record of its slice {shown(region)}, dtype {record.dtype}"
                raise file.error(f"{show(name)}: expected {expected}, got {got}")
            yield Part(name, region, piece)
    if pieces:
        got = show(next(iter(pieces)).decode("latin-1"))
        raise file.error(f"expected a tensor for every slice, got the key {got} of none")


def require_apart(file: File, parts: Sequence[Part]) -> None:
    """No two tensors share bytes: they could ask for any multiple of the data."""
    last: Part | None = None
    for part in parts:
        record = part.record
        if record.size == 0:
            continue
        if last and last.record.shard == record.shard and last.record.end > record.offset:
            expected = f"bytes of its own from {last.record.end} on"
            raise file.error(f"{titled(part)}: expected {expected}, got {record.offset}: overlaps {titled(last)}")
        last = part


def titled(part: Part) -> str:
    return show(part.name) + (f" slice {shown(part.region)}" if part.region else "")


def shown(region: Region) -> str:
    return "[" + ", ".join(f"{part.start}:{part.stop}" for part in region) + "]"
