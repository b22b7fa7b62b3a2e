"""safetensors: a 64-bit length N, N bytes of JSON that name every tensor, then the tensors one after another.

    {"name": {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]}, "__metadata__": {"key": "text"}}

The offsets count from the end of the JSON. The tensors are little-endian and row-major, and fill the rest of
the file without hole or overlap. The form has no checksum: a changed weight cannot be noticed here.

The rules are those of the reference library and some stricter ones: no key twice, no fields but these three,
at most 10,000 tensors of at most 8 dimensions, a header of at most 16 MiB, and no dtype that NumPy and
bfloat16 do not cover. Source: the format's README and `validate` in its tensor.rs.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from ...errors import Error, show
from ...files.atomic import replacing
from ...files.reading import File, Path
from ...numerics.arrays import Array
from .tensors import (
    MOST_TENSORS,
    Entry,
    Into,
    chosen,
    read_tensor,
    too_large,
)

LONGEST_HEADER = 1 << 24
LONGEST_STRING = 1 << 20
METADATA = "__metadata__"
FIELDS = "dtype, shape and data_offsets"
DTYPES = {
    "BOOL": "bool", "U8": "uint8", "I8": "int8", "I16": "int16", "U16": "uint16", "I32": "int32",
    "U32": "uint32", "I64": "int64", "U64": "uint64", "F16": "float16", "BF16": "bfloat16", "F32": "float32",
    "F64": "float64",
}  # fmt: skip
WRITTEN = {name: code for code, name in DTYPES.items()}
SPACE = re.compile(rb"[ \t\r\n]*")
STRING = re.compile(rb'"[^"]*"')
ARRAY = re.compile(rb'\[[^\[\]{}"]*\]')
INTEGER = re.compile(rb"0|[1-9][0-9]{0,19}")


class Slot(NamedTuple):
    """A tensor and its bytes: [begin, end), counted from the end of the header."""

    entry: Entry
    begin: int
    end: int


def describe(path: Path, longest_header: int = LONGEST_HEADER) -> dict[str, Entry]:
    """Dtype and shape of every tensor by name, after every check that the form allows."""
    with File(path) as file:
        _, slots = read_header(file, longest_header)
        return {name: slot.entry for name, slot in slots.items()}


def read(
    path: Path,
    names: Iterable[str] | None = None,
    into: Into | None = None,
    mmap: bool = False,
    longest_header: int = LONGEST_HEADER,
) -> dict[str, Array]:
    """The tensors by name, each read straight into its array; see tensors.py for `names`, `into` and dtypes.

    With `mmap` an array shares the pages of the file where it can (neither bfloat16 nor unaligned): it is
    read-only, and the process dies if someone cuts the file short while it is used.
    """
    with File(path) as file:
        start, slots = read_header(file, longest_header)
        shared = file.mapped() if mmap else None
        arrays = {}
        for name, (entry, begin, end) in chosen(file, slots, names).items():
            view = None if shared is None else aligned_view(shared[start + begin : start + end], entry)
            target = into(name, entry) if into and view is None else None
            arrays[name] = read_tensor(file, start + begin, entry, target) if view is None else view
        return arrays


def aligned_view(stored: Array, entry: Entry) -> Array | None:
    """The bytes as the tensor itself, where its elements are NumPy's and lie on multiples of their size."""
    if entry.dtype in ("bool", "bfloat16"):
        return None
    view = stored.view(entry.loaded.newbyteorder("<")).reshape(entry.shape)
    return view if view.flags.aligned and view.dtype == entry.loaded else None


def read_header(file: File, longest: int = LONGEST_HEADER) -> tuple[int, dict[str, Slot]]:
    """Where the data begin in the file, and every tensor in the order of its data."""
    if file.size < 8:
        raise file.error(f"expected at least 8 bytes, the length of a header, got {file.size}: too short")
    length = int.from_bytes(file.read_at(0, 8), "little")
    if length > longest:
        raise file.error(f"header: expected a length of at most {longest} bytes, got {length}")
    if length == 0 or 8 + length > file.size:
        raise file.error(f"header: expected a length of 1 to {file.size - 8}, got {length}: too short a file")
    slots = Header(file, file.read_at(8, length, "header")).tensors()
    start = 8 + length
    ordered = dict(sorted(slots.items(), key=lambda item: (item[1].begin, item[1].end)))
    place = 0
    for name, slot in ordered.items():
        if slot.begin != place:
            kind = "a hole" if slot.begin > place else "an overlap"
            expected = f"data_offsets that begin at {place}, where the tensor before ends"
            raise file.error(f"{show(name)}: expected {expected}, got {slot.begin}: {kind}")
        place = slot.end
    if place != file.size - start:
        left = file.size - start - place
        got = f"{left} trailing bytes" if left > 0 else f"{-left} bytes too few"
        raise file.error(f"expected {start + place} bytes in all, got {file.size}: {got}")
    return start, ordered


class Header:
    """The JSON of a header, read strictly and in memory proportional to what it may hold.

    A JSON library would first build whatever the file asks for, 20 bytes for each of its own; here the
    grammar is that of the format, and the first wrong byte ends it.
    """

    def __init__(self, file: File, text: bytes) -> None:
        self.file = file
        self.text = text
        # Of the same length, and every quotation mark left in it begins or ends a string.
        self.plain = text.replace(rb"\\", b"..").replace(rb"\"", b"..")
        self.at = 0

    def tensors(self) -> dict[str, Slot]:
        slots = {}
        for name in self.members("the header"):
            if name == METADATA:
                for _ in self.members(METADATA):
                    self.string()
            else:
                slots[name] = self.slot(name)
        self.skip_space()
        if self.at != len(self.text):
            raise self.unexpected("the end of the header")
        return slots

    def slot(self, name: str) -> Slot:
        """The three fields of one tensor, in any order."""
        key = show(name)
        dtype, shape, offsets = None, None, None
        for field in self.members(key):
            if field == "dtype":
                dtype = self.string()
            elif field == "shape":
                shape = self.integers(f"{key}: shape")
            elif field == "data_offsets":
                offsets = self.integers(f"{key}: data_offsets")
            else:
                raise self.file.error(f"{key}: expected {FIELDS}, got {show(field, 40)}")
        if dtype is None or shape is None or offsets is None:
            raise self.file.error(f"{key}: expected {FIELDS}, got not all of them")
        return self.checked(key, dtype, shape, offsets)

    def checked(self, key: str, dtype: str, shape: tuple[int, ...], offsets: tuple[int, ...]) -> Slot:
        """The fields of one tensor agree. All sizes are Python integers, right for any value."""
        if dtype not in DTYPES:
            known = ", ".join(DTYPES)
            raise self.file.error(f"{key}: dtype: expected one of {known}, got {show(dtype, 20)}")
        if len(offsets) != 2 or offsets[0] > offsets[1]:
            got = show(list(offsets), 80)
            raise self.file.error(f"{key}: data_offsets: expected [begin, end], got {got}")
        begin, end = offsets
        entry = Entry(DTYPES[dtype], shape)
        problem = too_large(shape)
        if entry.nbytes != end - begin:
            needs = f"shape {show(list(shape), 60)} needs {show(entry.nbytes, 40)} bytes"
            problem = f"{needs}, entry holds {end - begin}"
        if problem:
            raise self.file.error(f"{key}: expected a shape that fits its data, got {problem}")
        return Slot(entry, begin, end)

    def members(self, where: str) -> Iterator[str]:
        """The keys of the object that begins here; the caller takes the value after each."""
        seen: set[str] = set()
        self.symbol(b"{", where)
        if self.peek() == b"}":
            self.at += 1
            return
        while True:
            key = self.string()
            if key in seen:
                raise self.file.error(f"{where}: expected every key once, got duplicate key {show(key)}")
            seen.add(key)
            if len(seen) > MOST_TENSORS + 1:
                raise self.file.error(f"{where}: expected at most {MOST_TENSORS} keys, got more")
            self.symbol(b":", where)
            yield key
            if self.symbol(b",}", where) == b"}":
                return

    def string(self) -> str:
        self.skip_space()
        match = STRING.match(self.plain, self.at)
        if not match or match.end() - self.at > LONGEST_STRING:
            raise self.unexpected(f"a string of at most {LONGEST_STRING} bytes")
        token = self.text[self.at : match.end()]
        try:
            value = json.loads(token.decode("utf-8"))  # of one string: checks escapes and control characters
            value.encode("utf-8")
        except UnicodeError:
            raise self.unexpected("a string in UTF-8") from None
        except ValueError:
            raise self.unexpected("a string with valid escapes") from None
        self.at = match.end()
        return str(value)

    def integers(self, where: str) -> tuple[int, ...]:
        self.skip_space()
        match = ARRAY.match(self.plain, self.at)
        inside = match[0][1:-1].strip(b" \t\r\n") if match and len(match[0]) < 1000 else b"-"
        items = [item.strip(b" \t\r\n") for item in inside.split(b",")] if inside else []
        if not match or not all(INTEGER.fullmatch(item) for item in items):
            end = match.end() if match else len(self.text)
            got = show(self.text[self.at : min(end, self.at + 80)].decode("latin-1"), 60)
            raise self.file.error(f"{where}: expected a list of non-negative integers, got {got}")
        self.at = match.end()
        return tuple(int(item) for item in items)

    def symbol(self, allowed: bytes, where: str) -> bytes:
        byte = self.peek()
        if not byte or byte not in allowed:
            names = " or ".join(f"'{chr(symbol)}'" for symbol in allowed)
            raise self.unexpected(f"{names} in {where}")
        self.at += 1
        return byte

    def peek(self) -> bytes:
        self.skip_space()
        return self.plain[self.at : self.at + 1]

    def skip_space(self) -> None:
        space = SPACE.match(self.plain, self.at)
        self.at = space.end() if space else self.at

    def unexpected(self, expected: str) -> Error:
        rest = self.text[self.at : self.at + 20].decode("latin-1")
        got = show(rest) if rest else "its end"
        return self.file.error(f"header byte {self.at}: expected {expected}, got {got}")


def write(
    path: Path,
    arrays: Mapping[str, Array],
    metadata: Mapping[str, str] | None = None,
    reading: Sequence[Path] = (),
) -> None:
    """Write the arrays, whole or not at all; see atomic.py for `reading`. Equal arrays give equal bytes.

    Wider elements come first and names are sorted among equals, so that with the header padded to eight bytes
    every tensor lies on a multiple of its element size. Error: a dtype or name that the form lacks; the disk.
    """
    order = sorted(arrays, key=lambda name: (-arrays[name].itemsize, name))
    header = header_of(path, {name: arrays[name] for name in order}, metadata)
    size = 8 + len(header) + sum(array.nbytes for array in arrays.values())
    with replacing(path, reading, size) as stream:
        stream.write(len(header).to_bytes(8, "little") + header)
        for name in order:
            little = arrays[name].astype(arrays[name].dtype.newbyteorder("<"), order="C", copy=False)
            stream.write(little.reshape(-1).view(np.uint8).data)


def header_of(path: Path, arrays: Mapping[str, Array], metadata: Mapping[str, str] | None) -> bytes:
    """The JSON for these arrays in this order, padded with spaces to a multiple of eight bytes."""
    header: dict[str, object] = {METADATA: dict(sorted(metadata.items()))} if metadata else {}
    place = 0
    for name, array in arrays.items():
        if array.dtype.name not in WRITTEN or name == METADATA:
            raise Error(f"expected a name and a dtype that safetensors has, got {array.dtype}", at=path, key=show(name))
        offsets = [place, place + array.nbytes]
        dtype = WRITTEN[array.dtype.name]
        header[name] = {"dtype": dtype, "shape": list(array.shape), "data_offsets": offsets}
        place += array.nbytes
    try:
        text = json.dumps(header, ensure_ascii=False, separators=(",", ":")).encode("utf-8")
    except UnicodeEncodeError:
        raise Error("expected names of valid Unicode, got lone surrogates", at=path) from None
    return text + b" " * (-len(text) % 8)
