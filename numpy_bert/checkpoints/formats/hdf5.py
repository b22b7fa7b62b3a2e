"""tf_model.h5 of Keras: an HDF5 file, a tree of groups whose leaves are arrays.

    /bert/tf_bert_model/bert/pooler/dense/kernel:0    a group for each layer of the model, then the name of the weight

A name here is the whole path without the first slash. What several layers share is there once for each of them.

HDF5 is far larger than what checkpoints need of it. Its library (h5py, the extra `hdf5`) only walks the groups, on the
file as it was opened here, and tells where each array lies; the numbers are read here. All but plain arrays in
one piece, as Keras writes them, is refused: links to other names or files, arrays in chunks, compressed, virtual or in
other files, and elements that are not numbers. Attributes are not looked at. The form has no checksum.

Source: save_weights_to_hdf5_group in Keras' legacy hdf5_format.py; HDF5 File Format Specification 3.0.
"""

from __future__ import annotations

import contextlib
import io
import platform
from collections.abc import Iterable, Iterator
from types import ModuleType
from typing import Any, NamedTuple

from ...errors import Error, show
from ...files.reading import File, Path
from ...numerics.arrays import Array
from .tensors import (
    MOST_TENSORS,
    STORED,
    Entry,
    Into,
    Order,
    chosen,
    read_tensor,
    too_large,
)

SIGNATURE = b"\x89HDF\r\n\x1a\n"
DEEPEST = 32  # groups within each other; Keras makes ten or so of a BERT
MOST_OBJECTS = 4 * MOST_TENSORS


class Slot(NamedTuple):
    """An array of the file, and where its bytes are."""

    entry: Entry
    offset: int
    order: Order


def describe(path: Path) -> dict[str, Entry]:
    """Dtype and shape of every array by its path in the file."""
    with File(path) as file:
        return {name: slot.entry for name, slot in slots_of(file).items()}


def read(path: Path, names: Iterable[str] | None = None, into: Into | None = None) -> dict[str, Array]:
    """The arrays by their paths in the file; see tensors.py for `names`, `into` and dtypes."""
    with File(path) as file:
        slots = chosen(file, slots_of(file), names)
        return {
            name: read_tensor(file, offset, entry, into(name, entry) if into else None, order)
            for name, (entry, offset, order) in slots.items()
        }


def slots_of(file: File) -> dict[str, Slot]:
    """Every array, in the order of the groups, none sharing bytes with another."""
    h5py = library(file)
    if file.size < len(SIGNATURE) or file.read_at(0, len(SIGNATURE)) != SIGNATURE:
        raise file.error("expected the signature of an HDF5 file, got other bytes")
    with refusals(file), h5py.File(Window(file), "r") as root:
        slots = dict(Walk(file, h5py).arrays(root, ""))
    end = 0
    for name, slot in sorted(slots.items(), key=lambda item: item[1].offset):
        if slot.entry.nbytes:
            if slot.offset < end:
                raise file.error(f"{show(name)}: expected bytes of its own from {end} on, got {slot.offset}")
            end = slot.offset + slot.entry.nbytes
    return slots


def library(file: File) -> ModuleType:
    try:
        with processor_unasked():
            import h5py
    except ImportError:
        raise file.error("an HDF5 file needs h5py to be read; run: pip install 'numpy-bert[hdf5]'") from None
    return h5py  # type: ignore[no-any-return]


@contextlib.contextmanager
def processor_unasked() -> Iterator[None]:
    """When h5py is first imported it reads all of platform.uname(), for whose last part Python starts the program
    `uname`. Reading a file should start nothing, so that part has an answer meanwhile."""
    known = vars(platform.uname())
    if "processor" in known:
        yield
        return
    known["processor"] = ""
    try:
        yield
    finally:
        del known["processor"]


@contextlib.contextmanager
def refusals(file: File) -> Iterator[None]:
    """Turn any exception of the library into one error: it cannot read the file."""
    try:
        yield
    except Error:
        raise
    except Exception as error:
        text = show(" ".join(str(error).split()), 150)
        raise file.error(f"expected an HDF5 file, got one that h5py refuses: {text}") from None


class Window(io.RawIOBase):
    """The open file as the library wants it, so that it sees the very file that was checked."""

    def __init__(self, file: File) -> None:
        self.file = file
        self.at = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self.at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        self.at = offset + {io.SEEK_SET: 0, io.SEEK_CUR: self.at, io.SEEK_END: self.file.size}[whence]
        return self.at

    def readinto(self, buffer: Any) -> int:
        view = memoryview(buffer).cast("B")
        count = min(len(view), max(self.file.size - self.at, 0))
        if count:
            view[:count] = self.file.read_at(self.at, count)
            self.at += count
        return count


class Walk:
    """One walk through the groups of a file."""

    def __init__(self, file: File, h5py: ModuleType) -> None:
        self.file = file
        self.h5py = h5py
        self.seen: set[int] = set()  # addresses of objects: each may have one name only

    def arrays(self, group: Any, path: str) -> Iterator[tuple[str, Slot]]:
        self.enter(group, path)
        for name in group:
            here = f"{path}/{name}" if path else name
            link = type(group.get(name, getlink=True))
            if link is not self.h5py.HardLink:
                raise self.error(here, "an array or a group", f"a {link.__name__} to another")
            member = group[name]
            if isinstance(member, self.h5py.Group):
                yield from self.arrays(member, here)
            elif isinstance(member, self.h5py.Dataset):
                self.enter(member, here)
                yield here, self.slot(member, here)
            else:
                raise self.error(here, "an array or a group", type(member).__name__)

    def enter(self, member: Any, path: str) -> None:
        """Count an object. Error: it was here before, or is one too many, or too deep, or has a broken name."""
        address = self.h5py.h5o.get_info(member.id).addr
        if address in self.seen:
            raise self.error(path, "every object once", "one that has another name too")
        self.seen.add(address)
        if len(self.seen) > MOST_OBJECTS:
            raise self.error(path, f"at most {MOST_OBJECTS} objects", "more")
        if path.count("/") >= DEEPEST:
            raise self.error(path, f"at most {DEEPEST} groups within each other", "more")
        if not path.isascii() and path != path.encode("utf-8", "replace").decode():
            raise self.error(path, "a name in UTF-8", "other bytes")

    def slot(self, dataset: Any, path: str) -> Slot:
        """Where the array lies, if it is a plain one."""
        dtype, shape = dataset.dtype, dataset.shape
        if shape is None or dtype.name not in STORED or dtype.kind not in "iuf":
            raise self.error(path, "an array of numbers", show(str(dtype), 60) if shape is not None else "nothing")
        if not dataset.id.get_type().equal(self.h5py.h5t.py_create(dtype)):
            raise self.error(path, f"plain {dtype.name}", "numbers with another layout of bits")
        problem = too_large(shape)
        if problem:
            raise self.error(path, "a shape that memory can hold", problem)
        properties = dataset.id.get_create_plist()
        contiguous = properties.get_layout() == self.h5py.h5d.CONTIGUOUS
        if not contiguous or properties.get_external_count() or properties.get_nfilters():
            advice = "run: h5repack -l CONTI -f NONE OLD NEW"
            raise self.error(path, "its numbers in one piece of this file", f"chunks or other places; {advice}")
        entry = Entry(dtype.name, shape)
        size, offset = dataset.id.get_storage_size(), dataset.id.get_offset()
        if size != entry.nbytes or (size and offset is None):
            needs = f"{entry.nbytes} bytes as shape {show(list(shape), 60)} needs"
            raise self.error(path, needs, f"{size} stored")
        self.file.require(offset or 0, size, show(path))
        return Slot(entry, offset or 0, ">" if dtype.byteorder == ">" else "<")

    def error(self, path: str, expected: str, got: str) -> Error:
        return self.file.error(f"{show(path)}: expected {expected}, got {got}")
