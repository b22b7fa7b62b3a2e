"""Tensors in a file: what a checkpoint says of one, where `read` puts it, and its elements as an array.

Every reader of a published form has the same two functions, and this module holds what they share:

    describe(path) -> {name: Entry}                      names, dtypes and shapes; no weights are read
    read(path, names=None, into=None) -> {name: array}   the weights of all names, or of those asked for

`read` keeps the dtype of the file, except for bfloat16, which NumPy lacks and float32 holds exactly. `into`
lets the caller choose the memory of a tensor: `into(name, entry)` returns a contiguous array of the shape of the entry,
or None for a new one. So Q, K and V are read into the three parts of one array without a copy.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Literal, NamedTuple, TypeVar

import numpy as np

from ...errors import show
from ...files.reading import CHUNK, File, Seen
from ...numerics.arrays import Array

Order = Literal["<", ">"]  # little-endian, big-endian
Described = TypeVar("Described")  # what a reader knows of a tensor

MOST_TENSORS = 10_000  # in one file; the largest BERT has some 400
LARGEST_RANK = 8

# How the file holds each dtype. Having no dtype of its own in NumPy, bfloat16 is read as its 16 bits.
STORED = {
    "bool": "u1", "uint8": "u1", "int8": "i1", "int16": "i2", "uint16": "u2", "int32": "i4", "uint32": "u4",
    "int64": "i8", "uint64": "u8", "float16": "f2", "bfloat16": "u2", "float32": "f4", "float64": "f8",
}  # fmt: skip


class Entry(NamedTuple):
    """What a checkpoint says of one tensor before it is read."""

    dtype: str  # a key of STORED: the name of a NumPy dtype, or "bfloat16"
    shape: tuple[int, ...]
    quantized: str = ""  # what the file really has, such as "Q8_0", where `dtype` is what it is dequantized to

    @property
    def loaded(self) -> np.dtype[Any]:
        """The dtype of the array that `read` returns."""
        return np.dtype("float32" if self.dtype == "bfloat16" else self.dtype)

    @property
    def itemsize(self) -> int:
        """Bytes of an element in the file."""
        return int(STORED[self.dtype][1:])

    @property
    def nbytes(self) -> int:
        """Bytes of the tensor in the file: a Python integer, right for any shape."""
        return math.prod(self.shape) * self.itemsize


Into = Callable[[str, Entry], Array | None]


def read_tensor(
    file: File,
    offset: int,
    entry: Entry,
    destination: Array | None = None,
    order: Order = "<",
    seen: Seen | None = None,
) -> Array:
    """The tensor whose elements lie in one piece from `offset`, row-major, in the byte order `order`.

    Returns `destination` if there is one; it may have a wider dtype than the file. Where the file holds what
    the array holds, the bytes go straight into it, else they are converted chunk by chunk: there is never a
    second copy. `seen` gets the bytes as stored, for a checksum.
    """
    array = allocated(file, entry) if destination is None else destination
    check_destination(array, entry)
    stored = np.dtype(STORED[entry.dtype]).newbyteorder(order)
    if stored == array.dtype:
        file.read_into(array, offset, seen)
        return array
    flat = array.reshape(-1)
    count = CHUNK // stored.itemsize
    scratch = np.empty(min(count, flat.size), stored)
    for start in range(0, flat.size, count):
        part = scratch[: flat.size - start]
        file.read_into(part, offset + start * stored.itemsize, seen)
        flat[start : start + part.size] = numbers(part, entry.dtype)
    return array


def allocated(file: File, entry: Entry) -> Array:
    """A new array for the tensor. The file holds as many bytes, but a file may be larger than the memory."""
    try:
        return np.empty(entry.shape, entry.loaded)
    except MemoryError:
        raise file.error(f"expected memory for a tensor of {entry.nbytes} bytes, got too little") from None


def numbers(stored: Array, dtype: str) -> Array:
    """What stored elements stand for: a bfloat16 is the upper half of a float32, others are what they are."""
    return (stored.astype(np.uint32) << 16).view(np.float32) if dtype == "bfloat16" else stored


def check_destination(array: Array, entry: Entry) -> None:
    """What `into` returned must take the tensor as it is. ValueError: the caller is wrong, not the file."""
    fits = array.shape == entry.shape and np.can_cast(entry.loaded, array.dtype, "safe")
    if not (fits and array.flags.c_contiguous and array.flags.writeable):
        raise ValueError(
            f"a destination for {entry.dtype} {list(entry.shape)} is writable, lies in one piece and has "
            f"that shape and a dtype at least as wide; got {array.dtype} {list(array.shape)}"
        )


def too_large(shape: Iterable[int]) -> str | None:
    """Why NumPy could not hold an array of this shape, or None. Sizes beside a zero count, as for NumPy."""
    dims = tuple(shape)
    if len(dims) > LARGEST_RANK:
        return f"{len(dims)} dimensions, more than {LARGEST_RANK}"
    if math.prod(max(size, 1) for size in dims) >= 1 << 56:
        return "more elements than memory has addresses"
    return None


def chosen(file: File, entries: Mapping[str, Described], names: Iterable[str] | None) -> dict[str, Described]:
    """The tensors to read, in the order of the file: all there are, or those of the names, which must be there."""
    asked = set(entries if names is None else names)
    for name in sorted(asked - entries.keys()):
        raise file.error(f"{show(name)}: expected a tensor of this name, got none")
    return {name: entry for name, entry in entries.items() if name in asked}
