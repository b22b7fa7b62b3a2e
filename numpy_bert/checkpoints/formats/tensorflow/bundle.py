"""A TensorFlow checkpoint of the second form ("V2 bundle"): bert_model.ckpt.index and the data shards beside it.

    P.index                  a table (tf_table.py): the header under the empty key, then what each tensor is and
                             where it lies (tf_entry.py), sorted by name
    P.data-00000-of-00002    the elements of the tensors, row-major, in the byte order that the header says

Every block of the index and every tensor has a CRC32C, and all that is read is verified. Tensors of strings and of
complex numbers are not read; `others` lists them. Names are returned as stored, optimizer slots and counters too.

Source: tensor_bundle.h, tensor_bundle.cc and naming.cc of TensorFlow.
"""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from ....errors import Error, show
from ....files.atomic import replacing
from ....files.reading import File, Path, reason, require_path
from ....numerics.arrays import Array
from ..tensors import (
    LARGEST_RANK,
    MOST_TENSORS,
    Entry,
    Into,
    Order,
    check_destination,
    chosen,
    read_tensor,
)
from . import entry as tf_entry
from .crc32c import crc32c, masked
from .entry import WRITTEN
from .index import SLICE, Index, Part, read_index, titled
from .table import LONGEST_KEY, table_bytes

INDEX = ".index"
SHARD = re.compile(r"(.+)\.data-[0-9]{5,}-of-[0-9]{5,}", re.DOTALL)


def describe(path: Path) -> dict[str, Entry]:
    """Dtype and shape of every tensor of numbers by name, after every check of the index. No shard need be there.

    `path`: the index, any data shard, what their names have in common, or a folder with one index.
    """
    with File(index_of(path)) as file:
        return read_index(file).entries


def others(path: Path) -> dict[str, str]:
    """What `read` leaves out, by name: "string", "complex64" or "complex128"."""
    with File(index_of(path)) as file:
        return read_index(file).others


def read(path: Path, names: Iterable[str] | None = None, into: Into | None = None) -> dict[str, Array]:
    """The tensors by name, each read straight into its array and verified; see tensors.py for `names` and `into`."""
    where = index_of(path)
    with File(where) as file:
        index = read_index(file)
        wanted = chosen(file, index.entries, names)
    shards = present_shards(where, index.header.shards)
    of_shards: dict[int, list[Part]] = {}
    for part in index.parts:
        of_shards.setdefault(part.record.shard, []).append(part)
    arrays: dict[str, Array] = {}
    for number, parts in of_shards.items():
        with File(shards[number]) as file:
            last = max(parts, key=lambda part: part.record.end)
            if last.record.end > file.size:
                expected = f"its bytes {last.record.offset} to {last.record.end}"
                got = f"a shard of {file.size}: truncated, or of another index"
                raise file.error(f"{titled(last)}: expected {expected}, got {got}")
            for part in parts:
                if part.name in wanted:
                    read_part(file, part, index, arrays, into)
    return {name: arrays[name] for name in wanted}


def index_of(path: Path) -> Path:
    """The path of the index. Error: a folder without one or with several. A missing file is reported by File."""
    require_path(path)
    text = os.fspath(path)
    if os.path.isdir(text):
        try:
            indexes = sorted(entry for entry in os.listdir(text) if entry.endswith(INDEX))
        except OSError as error:
            raise Error(f"expected a folder to look into, got {reason(error)}", at=path) from None
        if len(indexes) != 1:
            listed = ", ".join(show(entry, 60) for entry in indexes[:3]) or "none"
            raise Error(f"expected one file *{INDEX}, got {listed}{', ...' if len(indexes) > 3 else ''}", at=path)
        return os.path.join(text, indexes[0])
    shard = SHARD.fullmatch(text)
    if shard:
        return shard[1] + INDEX
    alone = os.path.lexists(text) and not os.path.lexists(text + INDEX)
    return text if text.endswith(INDEX) or alone else text + INDEX


def present_shards(index: Path, count: int) -> list[str]:
    """The paths of the data shards beside an index. Error: all that are missing, and one of another count."""
    text = os.fspath(index)
    prefix = text[: -len(INDEX)] if text.endswith(INDEX) else text
    paths = [shard_path(prefix, number, count) for number in range(count)]
    missing = [path for path in paths if not os.path.exists(path)]
    if missing:
        # The name of the first, then only what differs in those of the others.
        numbers = [path[len(prefix) + len(".data-") :] for path in missing[1:]]
        names = ", ".join([show(os.path.basename(missing[0]))[1:-1], *numbers])
        other = next((path for path in sorted(glob.glob(glob.escape(prefix) + ".data-*")) if path not in paths), "")
        there = f" (there is {show(os.path.basename(other))[1:-1]})" if other else ""
        got = f"{len(missing)} of {count} missing{there}: {names}"
        raise Error(f"expected its data shards beside it, got {got}", at=index)
    return paths


def shard_path(prefix: str, number: int, count: int) -> str:
    return f"{prefix}.data-{number:05}-of-{count:05}"


def read_part(file: File, part: Part, index: Index, arrays: dict[str, Array], into: Into | None) -> None:
    """Read one part into the array of its tensor, which is made when its first part comes."""
    name, entry = part.name, index.entries[part.name]
    target = into(name, entry) if into and name not in arrays else None
    if part.region is None:
        arrays[name] = verified(file, part, entry, target, index.header.order)
        return
    if name not in arrays:
        arrays[name] = np.empty(entry.shape, entry.loaded) if target is None else target
        check_destination(arrays[name], entry)
    place = arrays[name][part.region]
    box = Entry(entry.dtype, place.shape)
    if place.flags.c_contiguous:
        verified(file, part, box, place, index.header.order)
    else:
        place[...] = verified(file, part, box, None, index.header.order)


def verified(file: File, part: Part, entry: Entry, target: Array | None, order: Order) -> Array:
    """The elements of a part, whose stored bytes have the CRC32C that the index says."""
    crc = 0

    def seen(data: memoryview) -> None:
        nonlocal crc
        crc = crc32c(data, crc)

    array = read_tensor(file, part.record.offset, entry, target, order, seen)
    if masked(crc) != part.record.crc:
        expected = f"the masked CRC32C {part.record.crc:08x}"
        raise file.error(f"{titled(part)}: expected {expected}, got {masked(crc):08x}: damaged, or of another index")
    return array


def write(prefix: Path, arrays: Mapping[str, Array], reading: Sequence[Path] = ()) -> None:
    """Write `prefix`.index and one data shard, both whole or not at all; see atomic.py for `reading`.

    Equal arrays give equal bytes. Error: a dtype or name that a bundle lacks; the disk.
    """
    if len(arrays) >= MOST_TENSORS:
        raise Error(f"expected fewer than {MOST_TENSORS} arrays, got {len(arrays)}", at=prefix)
    names = sorted(arrays, key=lambda name: checked_key(prefix, name, arrays[name]))
    records = [(b"", tf_entry.header_bytes())]
    place = 0
    base = os.fspath(prefix)
    # The index last: the files are a checkpoint from the moment it is there.
    with replacing(base + INDEX, reading) as index, replacing(shard_path(base, 0, 1), reading) as shard:
        for name in names:
            array = arrays[name]
            little = array.astype(array.dtype.newbyteorder("<"), copy=False)
            data = little.reshape(-1).view(np.uint8).data
            entry = Entry(array.dtype.name, array.shape)
            records.append((name.encode(), tf_entry.record_bytes(entry, place, masked(crc32c(data)))))
            shard.write(data)
            place += len(data)
        index.write(table_bytes(records))


def checked_key(prefix: Path, name: str, array: Array) -> bytes:
    """The key of a tensor in the index."""
    key = name.encode("utf-8", "replace")
    if key.decode() != name or not 0 < len(key) <= LONGEST_KEY or key.startswith(SLICE):
        expected = f"a name of 1 to {LONGEST_KEY} bytes that begins with no zero byte"
        raise Error(f"expected {expected}, got {show(name)}", at=prefix)
    if array.dtype.name not in WRITTEN or array.ndim > LARGEST_RANK:
        got = f"{array.dtype} in {array.ndim} dimensions"
        raise Error(
            f"{show(name)}: expected a dtype that a bundle has, rank {LARGEST_RANK} at most, got {got}", at=prefix
        )
    return key
