"""Vectors in a quarter or a thirty-second of the memory, in the codes of sentence-transformers' quantize_embeddings

    int8, uint8       256 steps between the smallest and the largest number of each component: the `ranges` (2, S)
    binary, ubinary   a bit for each component, 1 where it is above 0, eight of them in a byte

int8 and binary are the other two minus 128, which their names have from sentence-transformers.

Letters: n vectors, S numbers in each.
Source: util/quantization.py of sentence-transformers 6.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..errors import Error, show
from ..numerics.arrays import Array

PRECISIONS = ("float32", "int8", "uint8", "binary", "ubinary")
STEPS = 255


def check_precision(precision: Any) -> None:
    """Error: it is none of PRECISIONS."""
    if not isinstance(precision, str) or precision not in PRECISIONS:
        raise Error(f"precision: expected one of {', '.join(PRECISIONS)}, got {show(precision)}")


def ranges_of(vectors: Array) -> Array:
    """(n, S) -> (2, S): the smallest and the largest number of each component. Error: fewer than two vectors."""
    vectors = _floats(vectors)
    if len(vectors) < 2:
        raise Error(f"ranges: expected at least two vectors to take them from, got {len(vectors)}; pass ranges (2, S)")
    return np.stack([vectors.min(axis=0), vectors.max(axis=0)])


def quantize(vectors: Array, precision: str, ranges: Array | None = None) -> Array:
    """(n, S) floats -> (n, S), or for bits (n, ⌈S/8⌉). ranges: see above; None takes those of these vectors.

    Keep the ranges: int8 and uint8 vectors mean nothing without them. Error: no such precision, no floats, or a single
    vector without ranges.
    """
    check_precision(precision)
    vectors = _floats(vectors)
    if precision == "float32":
        return vectors.astype(np.float32)
    if precision in ("binary", "ubinary"):
        bits = np.packbits(vectors > 0, axis=-1)
        return bits if precision == "ubinary" else (bits ^ 0x80).view(np.int8)  # minus 128
    if not len(vectors):
        return np.zeros(vectors.shape, precision)
    starts, steps = _scale(ranges_of(vectors) if ranges is None else ranges, vectors.shape[1])
    levels = np.clip(np.floor((vectors - starts) / steps), 0, STEPS)
    return (levels - 128 if precision == "int8" else levels).astype(precision)


def _floats(value: Any) -> Array:
    try:
        array = np.asarray(value)
    except ValueError:
        raise Error("vectors: expected floats of shape (n, S), got rows of different lengths") from None
    if array.ndim != 2 or array.dtype.kind != "f":
        raise Error(f"vectors: expected floats of shape (n, S), got {array.dtype} of shape {array.shape}")
    return array


def dequantize(levels: Array, ranges: Array) -> Array:
    """(n, S) int8 or uint8 -> (n, S) float32, each number the lower end of its step."""
    starts, steps = _scale(ranges, levels.shape[1])
    floats = levels.astype(np.float32)
    if levels.dtype == np.int8:
        floats += 128
    floats *= steps
    floats += starts
    return floats


def bits(packed: Array, size: int) -> Array:
    """(n, ⌈S/8⌉) int8 or uint8 -> (n, S) float32 of 0 and 1."""
    plain = packed.view(np.uint8) ^ 0x80 if packed.dtype == np.int8 else packed
    return np.unpackbits(plain.view(np.uint8), axis=-1, count=size).astype(np.float32)


def _scale(ranges: Any, size: int) -> tuple[Array, Array]:
    """Where the steps of each component begin, and how long they are."""
    expected = f"expected finite numbers of shape (2, {size})"
    try:
        array = np.asarray(ranges)
    except ValueError:
        raise Error(f"ranges: {expected}, got rows of different lengths") from None
    if array.shape != (2, size) or array.dtype.kind not in "fiu" or not np.isfinite(array).all():
        raise Error(f"ranges: {expected}, got {array.dtype} of shape {array.shape}")
    starts, ends = array.astype(np.float32)
    steps = (ends - starts) / STEPS
    return starts, np.where(steps == 0, np.float32(1), steps)
