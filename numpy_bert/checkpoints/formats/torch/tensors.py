"""The elements of PyTorch tensors, from where their storages lie in the file into arrays.

A storage that one tensor fills in order, which is nearly all of them, is read straight into its array. Only
where tensors are transposed or share a storage is the storage read first and each tensor copied out of it.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from ....files.reading import File
from ....numerics.arrays import Array
from ..tensors import (
    Entry,
    Into,
    Order,
    allocated,
    check_destination,
    chosen,
    read_tensor,
)
from .unpickle import Storage, Tensor

# Tensors that overlap in a storage could together ask for any multiple of the file. Real ones do not overlap.
MOST_EXTRA_BYTES = 1 << 26


class Place(NamedTuple):
    """Where a storage lies in the file, what messages call it, and the CRC-32 of its bytes if the form has one."""

    offset: int
    label: str
    crc: int | None


class Reader:
    """The wanted tensors of one file, a storage at a time, in the order of the file."""

    def __init__(self, file: File, tensors: dict[str, Tensor], places: dict[str, Place], order: Order) -> None:
        self.file = file
        self.tensors = tensors
        self.places = places
        self.order = order

    def read(self, names: Iterable[str] | None, into: Into | None) -> dict[str, Array]:
        wanted = chosen(self.file, self.tensors, names)
        self.refuse_overlaps(set(wanted.values()))
        by_storage: dict[str, dict[Tensor, list[str]]] = {}
        for name, tensor in wanted.items():
            by_storage.setdefault(tensor.storage.key, {}).setdefault(tensor, []).append(name)
        arrays: dict[str, Array] = {}
        for key in sorted(by_storage, key=lambda key: self.places[key].offset):
            self.read_storage(by_storage[key], into, arrays)
        return {name: arrays[name] for name in wanted}

    def refuse_overlaps(self, tensors: set[Tensor]) -> None:
        asked = sum(tensor.entry.nbytes for tensor in tensors)
        storages = {tensor.storage.key: tensor.storage for tensor in tensors}
        held = sum(Entry(storage.dtype, (storage.elements,)).nbytes for storage in storages.values())
        if asked > held + MOST_EXTRA_BYTES:
            raise self.file.error(f"expected tensors of {held} bytes as stored, got {asked}: they overlap")

    def read_storage(self, sharers: dict[Tensor, list[str]], into: Into | None, arrays: dict[str, Array]) -> None:
        """All wanted tensors of one storage. Equal ones are one array, unless `into` has a place for each."""
        whole = None
        for tensor, (first, *others) in sharers.items():
            target = into(first, tensor.entry) if into else None
            if self.is_direct(tensor):
                array = self.read_run(tensor.storage, tensor.offset, tensor.entry, target)
            else:
                if whole is None:
                    elements = Entry(tensor.storage.dtype, (tensor.storage.elements,))
                    whole = self.read_run(tensor.storage, 0, elements, None)
                array = allocated(self.file, tensor.entry) if target is None else target
                gather(whole, tensor, array)
            arrays[first] = array
            for name in others:
                target = into(name, tensor.entry) if into else None
                if target is not None:
                    check_destination(target, tensor.entry)
                    np.copyto(target, array)
                arrays[name] = array if target is None else target

    def is_direct(self, tensor: Tensor) -> bool:
        """In order, and where there is a checksum all that it covers."""
        fills = tensor.entry.nbytes == Entry(tensor.storage.dtype, (tensor.storage.elements,)).nbytes
        return tensor.is_row_major and (fills or self.places[tensor.storage.key].crc is None)

    def read_run(self, storage: Storage, start: int, entry: Entry, target: Array | None) -> Array:
        """Elements in order from `start`; all of the storage where there is a checksum, which is verified."""
        place = self.places[storage.key]
        checksum = Checksum()
        seen = None if place.crc is None else checksum.add
        offset = place.offset + start * entry.itemsize
        array = read_tensor(self.file, offset, entry, target, self.order, seen)
        if place.crc not in (None, checksum.value):
            raise self.file.error(f"{place.label}: expected CRC-32 {place.crc:08x}, got {checksum.value:08x}")
        return array


class Checksum:
    """The CRC-32 of bytes as they come."""

    def __init__(self) -> None:
        self.value = 0

    def add(self, part: memoryview) -> None:
        self.value = zlib.crc32(part, self.value)


def gather(whole: Array, tensor: Tensor, target: Array) -> None:
    """Copy a tensor out of its storage; NumPy checks the bounds once more."""
    check_destination(target, tensor.entry)
    if not target.size:
        return
    # The stride of a dimension of one element is never used, and may be any number.
    steps = [stride if size > 1 else 0 for size, stride in zip(tensor.shape, tensor.strides, strict=True)]
    strides = [step * whole.itemsize for step in steps]
    view: Array = np.ndarray(tensor.shape, whole.dtype, whole.data, tensor.offset * whole.itemsize, strides)
    np.copyto(target, view)
