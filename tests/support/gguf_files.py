"""GGUF files by hand: a head, tensors, and what may be wrong with either."""

import struct
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

NUMBERS = {"u32": (4, "<I"), "i32": (5, "<i"), "f32": (6, "<f"), "bool": (7, "<?"), "u64": (10, "<Q")}


class Stored(NamedTuple):
    """A tensor as the file holds it."""

    name: str
    shape: tuple[int, ...]  # as NumPy has it, rows first
    kind: int
    data: bytes
    offset: int | None = None  # None: where the one before ends, aligned


def text(value: str | bytes) -> bytes:
    data = value.encode() if isinstance(value, str) else value
    return struct.pack("<Q", len(data)) + data


def key(name: str, kind: str, value: object) -> bytes:
    """A key with its value: a string, a number, or a list ("i32[]", "str[]")."""
    head = text(name)
    if kind == "str":
        return head + struct.pack("<I", 8) + text(value)
    if kind == "str[]":
        return head + struct.pack("<IIQ", 9, 8, len(value)) + b"".join(map(text, value))
    number, form = NUMBERS[kind.removesuffix("[]")]
    if kind.endswith("[]"):
        return head + struct.pack("<IIQ", 9, number, len(value)) + b"".join(struct.pack(form, item) for item in value)
    return head + struct.pack("<I", number) + struct.pack(form, value)


def stored(name: str, array: np.ndarray) -> Stored:
    kind = {"float32": 0, "float16": 1, "float64": 28}[array.dtype.name]
    return Stored(name, array.shape, kind, array.tobytes())


def q8_0(name: str, array: np.ndarray) -> Stored:
    """Rows in blocks of 32: a float16 scale, the largest magnitude over 127, and 32 signed bytes."""
    blocks = array.reshape(-1, 32)
    d = (np.abs(blocks).max(axis=1, keepdims=True) / 127.0).astype(np.float16)
    q = np.round(blocks / np.maximum(d.astype(np.float64), 1e-30)).clip(-127, 127).astype(np.int8)
    return Stored(name, array.shape, 8, b"".join(a.tobytes() + b.tobytes() for a, b in zip(d, q, strict=True)))


def gguf(
    keys: Sequence[bytes] = (),
    tensors: Sequence[Stored] = (),
    *,
    magic: bytes = b"GGUF",
    version: int = 3,
    counts: tuple[int | None, int | None] = (None, None),
    alignment: int = 32,
    tail: bytes = b"",
) -> bytes:
    """The file. `counts` are what it says of its tensors and keys; None is the truth."""
    tensor_count, key_count = (
        len(things) if n is None else n for n, things in zip(counts, (tensors, keys), strict=True)
    )
    head = magic + struct.pack("<IQQ", version, tensor_count, key_count) + b"".join(keys)
    place, data = 0, b""
    for name, shape, kind, content, offset in tensors:
        place = -(-len(data) // alignment) * alignment
        head += text(name) + struct.pack("<I", len(shape))
        head += b"".join(struct.pack("<Q", size) for size in shape[::-1])
        head += struct.pack("<IQ", kind, place if offset is None else offset)
        data = data.ljust(place, b"\0") + content
    return head.ljust(-(-len(head) // alignment) * alignment, b"\0") + data + tail
