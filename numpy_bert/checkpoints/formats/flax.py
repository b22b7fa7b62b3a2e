"""flax_model.msgpack: maps within maps whose leaves are arrays, in MessagePack.

    array    extension 1 (3: a scalar) whose content is the list [shape, name of the dtype, bytes], row-major
    huge     a map {"__msgpack_chunked_array__": true, "shape": {"0": 5, "1": 7}, "chunks": {"0": array, ...}},
             whose flat chunks follow each other in the array

A name here is the keys on the way, with slashes between them. Leaves that are not arrays (the step of a training
state, nothing) are not read; `others` lists them. Numbers are little-endian. The form has no checksum.

Only keys and heads are read on the way to a tensor, so `describe` takes no longer for a large file, and `read` puts
each tensor straight into its place; the msgpack library has to make objects of the whole file first, twice its size.

Source: flax/serialization.py.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from ...errors import Error, show
from ...files.reading import File, Path
from ...numerics.arrays import Array
from .msgpack import Item, item, text
from .tensors import (
    LARGEST_RANK,
    MOST_TENSORS,
    STORED,
    Entry,
    Into,
    check_destination,
    chosen,
    read_tensor,
    too_large,
)

ARRAY, COMPLEX, SCALAR = 1, 2, 3  # types of extensions
CHUNKED = "__msgpack_chunked_array__"
DEEPEST = 32  # maps within each other; flax makes ten or so of a BERT
LONGEST_PATH = 2048
MOST_CHUNKS = 1000


class Slot(NamedTuple):
    """An array of the file, and where its bytes begin: in one place, or a place for each chunk."""

    entry: Entry
    chunks: tuple[tuple[int, int], ...]  # offset, elements


def describe(path: Path) -> dict[str, Entry]:
    """Dtype and shape of every array by name, after every check that the form allows."""
    with File(path) as file:
        return {name: slot.entry for name, slot in Walk(file).slots.items()}


def others(path: Path) -> dict[str, str]:
    """The leaves that are not arrays, by name: "integer", "nothing" and so on."""
    with File(path) as file:
        return Walk(file).others


def read(path: Path, names: Iterable[str] | None = None, into: Into | None = None) -> dict[str, Array]:
    """The arrays by name, each read straight into its place; see tensors.py for `names`, `into` and dtypes."""
    with File(path) as file:
        slots = chosen(file, Walk(file).slots, names)
        return {name: read_slot(file, slot, into(name, slot.entry) if into else None) for name, slot in slots.items()}


def read_slot(file: File, slot: Slot, target: Array | None) -> Array:
    entry, chunks = slot
    if len(chunks) == 1:
        return read_tensor(file, chunks[0][0], entry, target)
    array = np.empty(entry.shape, entry.loaded) if target is None else target
    check_destination(array, entry)
    flat, done = array.reshape(-1), 0
    for offset, count in chunks:
        read_tensor(file, offset, Entry(entry.dtype, (count,)), flat[done : done + count])
        done += count
    return array


class Walk:
    """One walk through the maps of a file, from its first byte to its last."""

    def __init__(self, file: File) -> None:
        self.file = file
        self.slots: dict[str, Slot] = {}
        self.others: dict[str, str] = {}
        self.objects = 0
        top = item(file, 0, file.size)
        if top.kind != "map" or not top.number:
            raise file.error(f"expected a map of arrays, got {top.kind if top.number else 'nothing in it'}")
        end = self.map(top, "", 1)
        if end != file.size:
            raise file.error(f"expected the end of the file at byte {end}, got {file.size - end} trailing bytes")

    def map(self, head: Item, path: str, depth: int) -> int:
        """Walk through a map; returns where it ends."""
        if depth > DEEPEST:
            raise self.error(path, f"at most {DEEPEST} maps within each other", "more")
        at = head.begin
        keys: set[str] = set()
        for _ in range(head.number):
            start = at
            key, at = text(self.file, at, self.file.size)
            here = f"{path}/{key}" if path else key
            self.objects += 1
            if key in keys or here in self.slots or here in self.others:
                raise self.error(here, "every name once", "a duplicate")
            if self.objects > 4 * MOST_TENSORS or len(here) > LONGEST_PATH:
                raise self.error(here, f"names of at most {LONGEST_PATH} characters, not too many", "more")
            keys.add(key)
            if key == CHUNKED:
                if start != head.begin or not path:
                    raise self.error(here, "this key at the beginning of a map", "it elsewhere")
                return self.chunked(head, path)
            at = self.value(at, here, depth)
        return at

    def value(self, at: int, path: str, depth: int) -> int:
        """Take the value of a key; returns where it ends."""
        head = item(self.file, at, self.file.size)
        if head.kind == "map":
            return self.map(head, path, depth + 1)
        if head.kind == "extension" and head.number in (ARRAY, SCALAR):
            self.slots[path] = self.array(head, path)
        elif head.kind == "list" or (head.kind == "extension" and head.number != COMPLEX):
            raise self.error(path, "an array, a map or a number", f"{head.kind} {head.number}")
        else:
            self.others[path] = "complex" if head.kind == "extension" else head.kind
        if len(self.slots) + len(self.others) > MOST_TENSORS:
            raise self.error(path, f"at most {MOST_TENSORS} leaves", "more")
        return head.end

    def array(self, head: Item, path: str) -> Slot:
        """The array in an extension: the list [shape, dtype, bytes], which fills it."""
        end = head.end
        outer = item(self.file, head.begin, end)
        shape = item(self.file, outer.begin, end)
        if (outer.kind, outer.number, shape.kind) != ("list", 3, "list") or shape.number > LARGEST_RANK:
            got = f"{outer.kind} of {outer.number}, {shape.kind} of {shape.number} first"
            raise self.error(path, f"a list of shape (at most {LARGEST_RANK} sizes), dtype and bytes", got)
        sizes, at = [], shape.begin
        for _ in range(shape.number):
            length, at = self.size(at, end, path)
            sizes.append(length)
        dtype, at = text(self.file, at, end)
        content = item(self.file, at, end)
        if dtype not in STORED:
            raise self.error(path, f"a dtype of {', '.join(STORED)}", show(dtype, 40))
        entry = Entry(dtype, tuple(sizes))
        problem = too_large(sizes)
        size = content.end - content.begin
        if content.kind != "bytes" or entry.nbytes != size:
            problem = f"{size} bytes ({content.kind}), shape {show(sizes, 60)} needs {entry.nbytes}"
        if content.end != end:
            problem = f"{end - content.end} bytes behind them"
        if problem:
            raise self.error(path, "a shape that fits its data", problem)
        return Slot(entry, ((content.begin, math.prod(sizes)),))

    def size(self, at: int, end: int, path: str) -> tuple[int, int]:
        head = item(self.file, at, end)
        if head.kind != "integer" or head.number < 0:
            raise self.error(path, "sizes of 0 or more", f"{head.kind} {head.number}")
        return head.number, head.end

    def chunked(self, head: Item, path: str) -> int:
        """Take a map that stands for one array in chunks; returns where it ends."""
        _, at = text(self.file, head.begin, self.file.size)
        mark = item(self.file, at, self.file.size)
        name, at = text(self.file, mark.end, self.file.size)
        if (head.number, mark.kind, name) != (3, "true", "shape"):
            raise self.error(path, f"the keys {CHUNKED}, shape and chunks", f"{show(name, 40)} second")
        sizes, at = self.numbered(at, path, LARGEST_RANK)
        name, at = text(self.file, at, self.file.size)
        if name != "chunks":
            raise self.error(path, f"the keys {CHUNKED}, shape and chunks", f"{show(name, 40)} third")
        chunks, at = self.numbered(at, path, MOST_CHUNKS)
        shape = [size.number for size in sizes]
        if any(size.kind != "integer" or size.number < 0 for size in sizes):
            raise self.error(path, "sizes of 0 or more", show(shape, 60))
        if any(chunk.kind != "extension" or chunk.number != ARRAY for chunk in chunks):
            raise self.error(path, "arrays as chunks", "something else")
        parts = [self.array(chunk, f"{path}/chunks/{i}") for i, chunk in enumerate(chunks)]
        dtypes = {part.entry.dtype for part in parts}
        elements = sum(math.prod(part.entry.shape) for part in parts)
        problem = too_large(shape)
        if len(dtypes) != 1 or elements != math.prod(shape):
            problem = f"{elements} elements of dtypes {sorted(dtypes)}"
        if problem:
            raise self.error(path, f"chunks of one dtype that fill shape {show(shape, 60)}", problem)
        self.slots[path] = Slot(Entry(dtypes.pop(), tuple(shape)), tuple(part.chunks[0] for part in parts))
        return at

    def numbered(self, at: int, path: str, most: int) -> tuple[list[Item], int]:
        """The values of a map with the keys "0", "1" and so on, in their order, and where it ends."""
        head = item(self.file, at, self.file.size)
        if head.kind != "map" or head.number > most:
            raise self.error(path, f"a map of at most {most} numbers", f"{head.kind} of {head.number}")
        values, at = {}, head.begin
        for _ in range(head.number):
            key, at = text(self.file, at, self.file.size)
            values[key] = item(self.file, at, self.file.size)
            at = values[key].end
        keys = [str(i) for i in range(head.number)]
        if set(values) != set(keys):
            raise self.error(path, f"the keys '0' to '{head.number - 1}'", show(", ".join(values), 40))
        return [values[key] for key in keys], at

    def error(self, path: str, expected: str, got: str) -> Error:
        return self.file.error(f"{show(path)}: expected {expected}, got {got}")
