"""GGUF, the file of llama.cpp and Ollama: metadata, a list of tensors, then the tensors themselves, aligned.

    "GGUF"  version  number of tensors  number of keys
    keys:      name  type  value                      strings are a 64-bit length and UTF-8
    tensors:   name  rank  sizes  type  offset        sizes with the fastest axis first; offsets count from the data
    data:      from the next multiple of general.alignment, each tensor on a multiple of it

Everything is little-endian (version 3 also exists in big-endian, which is refused by name). A quantized type holds an
axis in blocks: Q8_0 is 32 numbers as one float16 scale d and 32 signed bytes q, and means d q. Types other than the
plain ones and Q8_0 are dequantized by the format's own library (extra "gguf"), on bytes whose size was checked here.

Nothing is allocated before the file is known to hold it. Source: the specification in ggml's docs/gguf.md.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np

from ...errors import show
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

MAGIC = b"GGUF"
VERSIONS = (2, 3)
MOST_KEYS = 10_000
MOST_ITEMS = 1 << 20  # in an array of the metadata; the largest vocabulary of a published BERT has 501,153 tokens
LONGEST_NAME = 1 << 16  # bytes of a key or of a tensor's name
LONGEST_METADATA = 64 << 20  # bytes of all keys and tensor names together
WINDOW = 1 << 16  # bytes of the head that are read together
ALIGNMENT = 32  # where general.alignment does not say otherwise

# Number of a metadata type -> how struct reads one.
SCALARS = {0: "<B", 1: "<b", 2: "<H", 3: "<h", 4: "<I", 5: "<i", 6: "<f", 7: "<?", 10: "<Q", 11: "<q", 12: "<d"}
STRING, ARRAY = 8, 9

# Number of a tensor type -> its name, how many numbers a block holds, and in how many bytes.
TYPES = {
    0: ("F32", 1, 4), 1: ("F16", 1, 2), 28: ("F64", 1, 8), 30: ("BF16", 1, 2), 8: ("Q8_0", 32, 34),
    2: ("Q4_0", 32, 18), 3: ("Q4_1", 32, 20), 6: ("Q5_0", 32, 22), 7: ("Q5_1", 32, 24), 10: ("Q2_K", 256, 84),
    11: ("Q3_K", 256, 110), 12: ("Q4_K", 256, 144), 13: ("Q5_K", 256, 176), 14: ("Q6_K", 256, 210),
    16: ("IQ2_XXS", 256, 66), 17: ("IQ2_XS", 256, 74), 18: ("IQ3_XXS", 256, 98), 19: ("IQ1_S", 256, 50),
    20: ("IQ4_NL", 32, 18), 21: ("IQ3_S", 256, 110), 22: ("IQ2_S", 256, 82), 23: ("IQ4_XS", 256, 136),
    29: ("IQ1_M", 256, 56), 34: ("TQ1_0", 256, 54), 35: ("TQ2_0", 256, 66), 39: ("MXFP4", 32, 17),
}  # fmt: skip
PLAIN = {"F32": "float32", "F16": "float16", "F64": "float64", "BF16": "bfloat16"}
BLOCKS_AT_ONCE = 1 << 14  # quantized blocks that are read and converted together


class Tensor(NamedTuple):
    """One tensor of the list."""

    entry: Entry  # what it becomes: a quantized tensor is read as float32
    kind: str  # a name in TYPES
    begin: int  # of its bytes in the file
    nbytes: int


class Header(NamedTuple):
    metadata: dict[str, Any]
    tensors: dict[str, Tensor]


def describe(path: Path) -> dict[str, Entry]:
    """Dtype and shape of every tensor by name, after every check that the form allows."""
    with File(path) as file:
        return {name: tensor.entry for name, tensor in read_header(file).tensors.items()}


def read(path: Path, names: Iterable[str] | None = None, into: Into | None = None) -> dict[str, Array]:
    """The tensors by name; quantized ones become float32. Error: a type that only the extra can read, without it."""
    with File(path) as file:
        arrays = {}
        for name, tensor in chosen(file, read_header(file).tensors, names).items():
            target = into(name, tensor.entry) if into else None
            if tensor.kind in PLAIN:
                arrays[name] = read_tensor(file, tensor.begin, tensor.entry, target)
            else:
                arrays[name] = _read_blocks(file, name, tensor, target)
        return arrays


def metadata(path: Path) -> dict[str, Any]:
    """The keys of the file: numbers, strings, and lists of them."""
    with File(path) as file:
        return read_header(file).metadata


def read_header(file: File) -> Header:
    """All keys and tensors of the file, checked."""
    cursor = _Cursor(file)
    if cursor.bytes(4, "the magic number") != MAGIC:
        raise file.error(f"expected a GGUF file, which begins {MAGIC!r}, got another beginning")
    version = cursor.scalar("<I", "version")
    if version not in VERSIONS:
        swapped = int.from_bytes(version.to_bytes(4, "little"), "big")
        got = f"{swapped} in big-endian; convert it with gguf-convert-endian" if swapped in VERSIONS else str(version)
        raise file.error(f"version: expected 2 or 3, got {got}")
    tensor_count = cursor.count("<Q", "number of tensors", MOST_TENSORS, least=24)
    key_count = cursor.count("<Q", "number of keys", MOST_KEYS, least=13)
    values: dict[str, Any] = {}
    for _ in range(key_count):
        key = cursor.string("a key", LONGEST_NAME)
        if key in values:
            raise file.error(f"{show(key)}: expected every key once, got it twice")
        values[key] = cursor.value(show(key))
    alignment = values.get("general.alignment", ALIGNMENT)
    if type(alignment) is not int or not 8 <= alignment <= 1 << 16 or alignment % 8:
        raise file.error(f"general.alignment: expected a multiple of 8 up to 65536, got {show(alignment)}")
    listed = {}
    for _ in range(tensor_count):
        name, tensor = cursor.tensor()
        if name in listed:
            raise file.error(f"{show(name)}: expected every tensor once, got it twice")
        listed[name] = tensor
    start = -(-cursor.at // alignment) * alignment
    placed = {name: tensor._replace(begin=start + tensor.begin) for name, tensor in listed.items()}
    _check_places(file, placed, start, alignment)
    return Header(values, placed)


def _check_places(file: File, tensors: dict[str, Tensor], start: int, alignment: int) -> None:
    """Every tensor lies in the file, aligned, and none overlaps another."""
    end = start
    for name, tensor in sorted(tensors.items(), key=lambda item: (item[1].begin, item[1].nbytes)):
        if (tensor.begin - start) % alignment:
            raise file.error(f"{show(name)}: offset: expected a multiple of {alignment}, got {tensor.begin - start}")
        if tensor.begin < end:
            raise file.error(
                f"{show(name)}: expected data behind byte {end}, where another tensor ends, got an overlap"
            )
        file.require(tensor.begin, tensor.nbytes, show(name))
        end = tensor.begin + tensor.nbytes


class _Cursor:
    """Reads the head of the file in order. Every length is compared with the file before anything is taken for it."""

    def __init__(self, file: File) -> None:
        self.file = file
        self.at = 0
        self._window, self._start = b"", 0  # bytes of the file from _start on

    def bytes(self, length: int, what: str) -> bytes:
        end = self.at + length
        if end > LONGEST_METADATA:
            raise self.file.error(f"{what}: expected metadata of at most {LONGEST_METADATA} bytes, got more")
        if end > self._start + len(self._window):
            self.file.require(self.at, length, what)
            window = min(max(length, WINDOW), self.file.size - self.at)
            self._window, self._start = self.file.read_at(self.at, window, what), self.at
        data = self._window[self.at - self._start : end - self._start]
        self.at = end
        return data

    def scalar(self, form: str, what: str) -> Any:
        return struct.unpack(form, self.bytes(struct.calcsize(form), what))[0]

    def count(self, form: str, what: str, most: int, least: int) -> int:
        """A count of items, each of which takes at least `least` bytes of the file."""
        number = int(self.scalar(form, what))
        most = min(most, (self.file.size - self.at) // least)
        if number > most:
            raise self.file.error(f"{what}: expected at most {most}, as the file has room for, got {number}")
        return number

    def string(self, what: str, longest: int = LONGEST_METADATA) -> str:
        length = self.count("<Q", f"{what}: length", longest, least=1)
        try:
            return self.bytes(length, what).decode("utf-8")
        except UnicodeDecodeError:
            raise self.file.error(f"{what}: expected a string in UTF-8, got other bytes") from None

    def value(self, what: str) -> Any:
        kind = self.scalar("<I", what)
        if kind != ARRAY:
            return self._item(kind, what)
        kind = self.scalar("<I", what)
        if kind in SCALARS:
            dtype = np.dtype(np.bool_ if kind == 7 else SCALARS[kind])
            number = self.count("<Q", f"{what}: length", MOST_ITEMS, least=dtype.itemsize)
            return np.frombuffer(self.bytes(number * dtype.itemsize, what), dtype).tolist()
        if kind != STRING:
            raise self.file.error(f"{what}: expected an array of numbers or strings, got type {kind}")
        return self._strings(self.count("<Q", f"{what}: length", MOST_ITEMS, least=8), what)

    def _strings(self, number: int, what: str) -> list[str]:
        """As `string` reads them one by one; those that lie in the window, thus nearly all, by a short way."""
        strings: list[str] = []
        while len(strings) < number:
            window, at, first = self._window, self.at - self._start, len(strings)
            for _ in range(number - first):
                begin = at + 8
                end = begin + int.from_bytes(window[at:begin], "little")
                if end > len(window):
                    break
                try:
                    strings.append(window[begin:end].decode("utf-8"))
                except UnicodeDecodeError:
                    break
                at = end
            self.at = self._start + at
            if len(strings) < number:
                strings.append(self.string(what))
        return strings

    def _item(self, kind: int, what: str) -> Any:
        if kind == STRING:
            return self.string(what)
        if kind not in SCALARS:
            raise self.file.error(f"{what}: expected a type from 0 to 12, got {kind}")
        return self.scalar(SCALARS[kind], what)

    def tensor(self) -> tuple[str, Tensor]:
        """Name, shape, type and offset of a tensor; the offset is not yet that in the file."""
        name = self.string("a tensor's name", LONGEST_NAME)
        rank = self.scalar("<I", show(name))
        if rank > 4:
            raise self.file.error(f"{show(name)}: expected at most 4 axes, got {rank}")
        shape = tuple(self.scalar("<Q", show(name)) for _ in range(rank))[::-1]  # rows first, as NumPy has it
        number = self.scalar("<I", show(name))
        offset = self.scalar("<Q", show(name))
        if number not in TYPES:
            raise self.file.error(f"{show(name)}: expected a known type, got type {number}")
        kind, block, size = TYPES[number]
        problem = too_large(shape)
        if problem is None and block > 1 and (not shape or shape[-1] % block):
            problem = f"rows of {shape[-1] if shape else 0} numbers, no multiple of the block of {block}"
        if problem:
            raise self.file.error(f"{show(name)}: expected a shape that fits its type {kind}, got {problem}")
        entry = Entry(PLAIN[kind], shape) if kind in PLAIN else Entry("float32", shape, quantized=kind)
        return name, Tensor(entry, kind, offset, math.prod(shape) // block * size)


def _read_blocks(file: File, name: str, tensor: Tensor, target: Array | None) -> Array:
    """A quantized tensor as float32, some blocks at a time."""
    array = np.empty(tensor.entry.shape, np.float32) if target is None else target
    flat = array.reshape(-1)
    _, block, size = next(kind for kind in TYPES.values() if kind[0] == tensor.kind)
    for first in range(0, flat.size // block, BLOCKS_AT_ONCE):
        count = min(BLOCKS_AT_ONCE, flat.size // block - first)
        stored = np.frombuffer(file.read_at(tensor.begin + first * size, count * size, show(name)), np.uint8)
        rows = dequantized(file, name, stored.reshape(count, size), tensor.kind)
        flat[first * block : (first + count) * block] = rows.reshape(-1)
    return array


def dequantized(file: File, name: str, blocks: Array, kind: str) -> Array:
    """blocks (n, bytes of a block) uint8 -> (n, numbers of a block) float32"""
    if kind == "Q8_0":
        d = blocks[:, :2].copy().view("<f2").astype(np.float32)  # (n, 1)
        with np.errstate(invalid="ignore"):  # a scale that is infinite; loading the weights warns of it
            return d * blocks[:, 2:].view(np.int8)
    try:
        from gguf import GGMLQuantizationType
        from gguf.quants import dequantize
    except ImportError:
        advice = "install the extra: pip install 'numpy-bert[gguf]'"
        raise file.error(f"{show(name)}: expected a type that needs no library, got {kind}; {advice}") from None
    try:
        rows: Array = dequantize(blocks, GGMLQuantizationType[kind])
    except NotImplementedError:
        raise file.error(f"{show(name)}: expected a type that the library reads, got {kind}") from None
    return rows
