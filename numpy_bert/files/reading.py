"""A file of a checkpoint: opened safely, its size learned once, every read checked, its tensors as arrays.

Every reader of a published form has the same two functions, and this module holds what they share:

    describe(path) -> {name: Entry}                      names, dtypes and shapes; no weights are read
    read(path, names=None, into=None) -> {name: array}   the weights of all names, or of the asked ones

`read` keeps the dtype of the file, but for bfloat16, which NumPy lacks and float32 holds exactly. `into`
lets the caller say where a tensor goes: `into(name, entry)` returns an array of the shape of the entry that
lies in one piece, or None for a new one. So Q, K and V are read into the three parts of one array, uncopied.
"""

from __future__ import annotations

import errno
import io
import math
import mmap
import os
import stat
from collections.abc import Callable, Iterable
from typing import Any, Literal, NamedTuple

import numpy as np

from ..errors import Error, show
from ..numerics.memory import Array

Path = str | os.PathLike[str]
Order = Literal["<", ">"]  # little-endian, big-endian
Seen = Callable[[memoryview], None]  # is shown the bytes of a tensor as they are stored, in order

MOST_TENSORS = 10_000  # in one file; the largest BERT has some 400
LARGEST_RANK = 8
READ_ONLY = os.O_RDONLY | sum(getattr(os, flag, 0) for flag in ("O_NONBLOCK", "O_CLOEXEC", "O_NOCTTY", "O_BINARY"))
CHUNK = 1 << 18  # bytes taken at a time where they are converted or checked: they stay in the cache meanwhile

# How the file holds each dtype. Having no dtype of its own in NumPy, bfloat16 is read as its 16 bits.
STORED = {
    "bool": "u1", "uint8": "u1", "int8": "i1", "int16": "i2", "uint16": "u2", "int32": "i4", "uint32": "u4",
    "int64": "i8", "uint64": "u8", "float16": "f2", "bfloat16": "u2", "float32": "f4", "float64": "f8",
}  # fmt: skip

KINDS = (
    (stat.S_ISDIR, "a folder; name a file in it"),
    (stat.S_ISFIFO, "a named pipe; save what it carries to a file first"),
    (stat.S_ISSOCK, "a socket; name a file"),
    (stat.S_ISCHR, "a character device; name a file"),
    (stat.S_ISBLK, "a block device; name a file"),
)


class Entry(NamedTuple):
    """What a checkpoint says of one tensor before it is read."""

    dtype: str  # a key of STORED: the name of a NumPy dtype, or "bfloat16"
    shape: tuple[int, ...]

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


def require_path(path: Path) -> None:
    """An error unless a file system can hold the path: it has a NUL, or half a surrogate pair."""
    try:
        usable = b"\0" not in os.fsencode(path)
    except UnicodeEncodeError:
        usable = False
    if not usable:
        raise Error("expected a path, got characters that no path holds", at=path)


def reason(error: OSError) -> str:
    """Why the system refused, with what to do where that is known."""
    known = {
        errno.ENOENT: "no such file",
        errno.ELOOP: "a loop of symbolic links; point the link at the file itself",
        errno.EACCES: "permission denied; make the file readable for this user",
        errno.ENXIO: "a socket or an unconnected device; name a file",
    }
    return known.get(error.errno or 0, error.strerror or type(error).__name__)


class File:
    """A regular file, held open for reading. A context manager; one thread uses it at a time.

    A folder, pipe, socket or device is refused at once, a pipe without waiting for its writer, and named
    for what it is. Every method raises Error, with the file's name, whatever the file or the system does.
    """

    def __init__(self, path: Path) -> None:
        require_path(path)
        self.path = path
        try:
            self._refuse_other_kinds(os.stat(path).st_mode)  # before opening, which can move a tape
            self._stream = io.FileIO(os.open(path, READ_ONLY))
        except OSError as error:
            raise self.error(f"expected a readable file, got {reason(error)}") from None
        status = os.fstat(self._stream.fileno())
        try:
            self._refuse_other_kinds(status.st_mode)  # again: the name may be another thing's by now
        except Error:
            self.close()
            raise
        self.size = status.st_size

    def _refuse_other_kinds(self, mode: int) -> None:
        if not stat.S_ISREG(mode):
            kind = next((text for test, text in KINDS if test(mode)), "something else")
            raise self.error(f"expected a regular file, got {kind}")

    def __enter__(self) -> File:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._stream.close()

    def error(self, text: str) -> Error:
        """The error to raise: `<file>: <text>`."""
        return Error(text, at=self.path)

    def require(self, offset: int, length: int, what: str = "data") -> None:
        """An error unless the bytes [offset, offset + length) lie in the file."""
        if offset < 0 or length < 0 or offset + length > self.size:
            place = f"{length} bytes at byte {offset}"
            raise self.error(f"{what}: expected {place}, got a file of {self.size} bytes")

    def read_at(self, offset: int, length: int, what: str = "data") -> bytes:
        """Exactly `length` bytes from `offset`. Nothing is allocated unless the file holds them."""
        self.require(offset, length, what)
        data = bytearray(length)
        self._fill(memoryview(data), offset)
        return bytes(data)

    def read_into(self, array: Array, offset: int, seen: Seen | None = None) -> None:
        """Fill an array that lies in one piece with the bytes from `offset`, shown to `seen` as they come."""
        view = array.reshape(-1).view(np.uint8).data
        self.require(offset, len(view))
        step = CHUNK if seen else max(len(view), 1)
        for start in range(0, len(view), step):
            part = view[start : start + step]
            self._fill(part, offset + start)
            if seen:
                seen(part)

    def _fill(self, view: memoryview, offset: int) -> None:
        done = 0
        try:
            self._stream.seek(offset)
            while done < len(view):
                count = self._stream.readinto(view[done:])
                if not count:
                    raise self.error(f"expected {self.size} bytes, got {offset + done}: it became shorter")
                done += count
        except OSError as error:
            raise self.error(f"reading at byte {offset + done} failed: {reason(error)}") from None

    def mapped(self) -> Array:
        """The bytes of the file, shared with it: read-only, and only as good as the file stays what it is."""
        try:
            pages = mmap.mmap(self._stream.fileno(), 0, access=mmap.ACCESS_READ)
        except (OSError, ValueError) as error:
            raise self.error(f"expected a file whose pages can be shared, got {show(str(error))}") from None
        return np.frombuffer(pages, np.uint8)


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


def chosen(file: File, entries: Iterable[str], names: Iterable[str] | None) -> set[str]:
    """The names to read: all there are, or the asked ones, each of which must be there."""
    present = set(entries)
    if names is None:
        return present
    asked = set(names)
    for name in sorted(asked - present):
        raise file.error(f"{show(name)}: expected a tensor of this name, got none")
    return asked
