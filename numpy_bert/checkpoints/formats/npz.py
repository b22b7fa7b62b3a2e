"""An .npz file, as NumPy's savez writes it: a zip archive with an entry `<name>.npy` for each array.

    entry    = 93 4e 55 4d 50 59 ("NUMPY" after a byte that is not text), version, length of the header, header, data
    header   = {'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), } and spaces, a literal of Python
    data     = the elements, row-major, or column-major where fortran_order is True

The header is matched as text and never evaluated, so there is no way to a pickle from here: arrays of Python objects
are refused, as is every entry that is not exactly as long as its header says. The CRC-32 of every entry that is
read is verified. A compressed archive may hold at most a few times its size.

Source: NEP 1 and numpy/lib/format.py of NumPy; for the archive, see zip_archive.py.
"""

from __future__ import annotations

import re
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from ...errors import Error, show
from ...files.atomic import replacing
from ...files.reading import CHUNK, File, Path
from ...numerics.arrays import Array
from . import zip_archive
from .tensors import (
    MOST_TENSORS,
    STORED,
    Entry,
    Into,
    Order,
    check_destination,
    chosen,
    numbers,
    read_tensor,
    too_large,
)
from .zip_archive import Member

SUFFIX = ".npy"
MAGIC = b"\x93NUMPY"
LENGTH_BYTES = {b"\1\0": 2, b"\2\0": 4, b"\3\0": 4}  # by version
LONGEST_HEADER = 10_000
LONGEST_NAME = 1024  # characters
HEADER = re.compile(
    rb"\{\s*'descr':\s*'([^']{1,20})',\s*'fortran_order':\s*(True|False),\s*'shape':\s*\(([0-9, ]{0,200})\),?\s*\}\s*"
)
NUMBERS = re.compile(rb"([<>|])([biuf])([1248])")
KINDS = {b"b": "bool", b"i": "int", b"u": "uint", b"f": "float"}
SHAPE = re.compile(rb"|[0-9]{1,18}, *|[0-9]{1,18}(, *[0-9]{1,18})+(, *)?")
NOT_COMPRESSED, DEFLATED = 0, 8  # methods of zip entries
# A compressed archive may hold this many times its bytes and this many more: weights hardly compress, and an
# archive that expands a thousandfold holds no model.
LARGEST_GROWTH, SMALL = 4, 1 << 24
DAY = (1980, 1, 1, 0, 0, 0)  # the date of every entry written, so that equal arrays give equal files


class Slot(NamedTuple):
    """An array of the archive."""

    entry: Entry
    order: Order
    fortran: bool  # the data are those of the transpose
    member: Member
    header: int  # bytes before the data


def describe(path: Path) -> dict[str, Entry]:
    """Dtype and shape of every array by name, after every check but the CRC-32 of the data."""
    with File(path) as file:
        return {name: slot.entry for name, slot in slots_of(file).items()}


def read(path: Path, names: Iterable[str] | None = None, into: Into | None = None) -> dict[str, Array]:
    """The arrays by name; see tensors.py for `names`, `into` and dtypes."""
    with File(path) as file:
        slots = chosen(file, slots_of(file), names)
        return {name: read_slot(file, slot, into(name, slot.entry) if into else None) for name, slot in slots.items()}


def slots_of(file: File) -> dict[str, Slot]:
    members = zip_archive.members(file)
    size = sum(member.size for member in members.values())
    most = LARGEST_GROWTH * file.size + SMALL
    if size > most:
        raise file.error(f"expected at most {most} bytes of arrays in {file.size} compressed ones, got {size}")
    slots = {}
    for name, member in members.items():
        if not name.endswith(SUFFIX) or member.method not in (NOT_COMPRESSED, DEFLATED):
            got = f"{show(name)}, method {member.method}"
            raise file.error(f"expected entries *{SUFFIX}, stored or deflated, got {got}")
        slots[name.removesuffix(SUFFIX)] = slot_of(file, member)
    return slots


def slot_of(file: File, member: Member) -> Slot:
    """The array whose header begins an entry."""
    title = show(member.name)
    head = beginning(file, member, len(MAGIC) + 6 + LONGEST_HEADER)
    wide = LENGTH_BYTES.get(head[6:8])
    if head[:6] != MAGIC or wide is None:
        raise file.error(f"{title}: expected {MAGIC!r} and version 1 to 3, got {show(head[:8].hex(' '))}")
    length = int.from_bytes(head[8 : 8 + wide], "little")
    start = 8 + wide + length
    if length > LONGEST_HEADER or start > member.size:
        raise file.error(f"{title}: expected a header of at most {LONGEST_HEADER} bytes, got {length}")
    text = head[8 + wide : start]
    match = HEADER.fullmatch(text)
    if not match or not SHAPE.fullmatch(match[3]):
        raise file.error(f"{title}: expected a header of plain numbers, got {show(text.decode('latin-1').strip())}")
    dtype, order = dtype_of(file, title, match[1])
    shape = tuple(int(size) for size in match[3].split(b",") if size.strip())
    entry = Entry(dtype, shape)
    problem = too_large(shape)
    if start + entry.nbytes != member.size:
        problem = f"{member.size - start} bytes, shape {show(list(shape), 60)} needs {show(entry.nbytes, 40)}"
    if problem:
        raise file.error(f"{title}: expected a shape that fits its data, got {problem}")
    return Slot(entry, order, match[2] == b"True", member, start)


def dtype_of(file: File, title: str, description: bytes) -> tuple[str, Order]:
    match = NUMBERS.fullmatch(description)
    name = ""
    if match:
        name = KINDS[match[2]] + ("" if match[2] == b"b" else str(8 * int(match[3])))
    if not match or name not in STORED or (match[1] == b"|") != (match[3] == b"1"):
        hint = ": Python objects, which only unpickling could read" if b"O" in description else ""
        raise file.error(f"{title}: expected an array of numbers, got {show(description.decode('latin-1'))}{hint}")
    return name, ">" if match[1] == b">" else "<"


def beginning(file: File, member: Member, most: int) -> bytes:
    """The first bytes of an entry, at most `most` of them."""
    if member.method == NOT_COMPRESSED:
        return file.read_at(member.offset, min(member.size, most))
    head = bytearray()
    for part in inflated(file, member):
        head += part
        if len(head) >= most:
            break
    return bytes(head)


def inflated(file: File, member: Member) -> Iterator[bytes]:
    """The bytes of a deflated entry, CHUNK of them at most at a time. Error: they are not what deflate makes."""
    stream = zlib.decompressobj(-zlib.MAX_WBITS)
    at = 0
    while not stream.eof:
        packed = stream.unconsumed_tail
        if not packed and at < member.packed:
            packed = file.read_at(member.offset + at, min(CHUNK, member.packed - at))
            at += len(packed)
        try:
            part = stream.decompress(packed, CHUNK)
        except zlib.error:
            raise file.error(f"{show(member.name)}: expected deflated data, got other bytes") from None
        if not part and not packed:
            raise file.error(f"{show(member.name)}: expected the end of the deflated data, got them cut off")
        yield part
    if stream.unused_data or at < member.packed:
        raise file.error(f"{show(member.name)}: expected nothing behind the deflated data, got more bytes")


def read_slot(file: File, slot: Slot, target: Array | None) -> Array:
    entry = slot.entry
    if target is not None:
        check_destination(target, entry)
    laid = Entry(entry.dtype, entry.shape[::-1]) if slot.fortran else entry
    if slot.member.method == NOT_COMPRESSED:
        array = read_stored(file, slot, laid, None if slot.fortran else target)
    else:
        array = read_deflated(file, slot, laid)
    if array is target:
        return array
    array = array.T if slot.fortran else array
    if target is None:
        return array.copy(order="C") if slot.fortran else array
    target[...] = array
    return target


def read_stored(file: File, slot: Slot, entry: Entry, target: Array | None) -> Array:
    member = slot.member
    crc = zlib.crc32(file.read_at(member.offset, slot.header))

    def seen(data: memoryview) -> None:
        nonlocal crc
        crc = zlib.crc32(data, crc)

    array = read_tensor(file, member.offset + slot.header, entry, target, slot.order, seen)
    verify(file, member, crc)
    return array


def read_deflated(file: File, slot: Slot, entry: Entry) -> Array:
    member = slot.member
    content = np.empty(member.size, np.uint8)
    done, crc = 0, 0
    for part in inflated(file, member):
        if done + len(part) > member.size:
            raise file.error(f"{show(member.name)}: expected {member.size} bytes unpacked, got more")
        content[done : done + len(part)] = np.frombuffer(part, np.uint8)
        done += len(part)
        crc = zlib.crc32(part, crc)
    if done < member.size:
        raise file.error(f"{show(member.name)}: expected {member.size} bytes unpacked, got {done}")
    verify(file, member, crc)
    stored = np.frombuffer(content, np.dtype(STORED[entry.dtype]).newbyteorder(slot.order), offset=slot.header)
    array = numbers(stored, entry.dtype).astype(entry.loaded, copy=False).reshape(entry.shape)
    return np.require(array, requirements="A")  # headers may have any length


def verify(file: File, member: Member, crc: int) -> None:
    if crc != member.crc:
        raise file.error(f"{show(member.name)}: expected CRC-32 {member.crc:08x}, got {crc:08x}")


def write(path: Path, arrays: Mapping[str, Array], reading: Sequence[Path] = ()) -> None:
    """Write the arrays, whole or not at all; see atomic.py for `reading`. numpy.load reads the file.

    Equal arrays give equal bytes. Error: a dtype that is not a plain number; a name that no entry can have; the disk.
    """
    names = sorted(arrays)
    if len({name.lower() for name in names}) < len(names) or len(names) > MOST_TENSORS:
        raise Error(f"expected at most {MOST_TENSORS} names, distinct but for case, got others", at=path)
    for name in names:
        if arrays[name].dtype.name not in STORED or not is_plain(name):
            got = f"{show(name)}, {arrays[name].dtype}"
            raise Error(f"expected plain relative names and arrays of numbers, got {got}", at=path)
    with replacing(path, reading) as stream, zipfile.ZipFile(stream, "w", zipfile.ZIP_STORED) as archive:
        for name in names:
            with archive.open(zipfile.ZipInfo(name + SUFFIX, DAY), "w", force_zip64=True) as entry:
                np.lib.format.write_array(entry, arrays[name], allow_pickle=False)


def is_plain(name: str) -> bool:
    """Whether an entry may have this name: short, of valid Unicode, and leading nowhere else when unpacked."""
    parts = name.split("/")
    leads = "" in parts or {".", ".."} & set(parts) or any(symbol in name for symbol in "\\\0:")
    return not leads and len(name) <= LONGEST_NAME and name == name.encode("utf-8", "replace").decode()
