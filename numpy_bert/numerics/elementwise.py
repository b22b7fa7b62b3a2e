"""Elementwise functions of several steps, so that what one step writes is in cache for the next."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from .arrays import Array
from .threads import parallel_for

CHUNK = 1 << 18  # elements; fewer suit the cache better, and then two threads wait for each other (docs/speed.md)


def elementwise(f: Callable[..., Array], *arrays: Array) -> Array:
    """f(*arrays), where f works element by element and all arrays have one shape. A new array.

    In a thread team the chunks are spread over the cores.
    """
    shape, size = arrays[0].shape, arrays[0].size
    if size <= CHUNK:
        return f(*arrays)
    flat = [np.ascontiguousarray(array).reshape(-1) for array in arrays]
    y = np.empty(size, np.result_type(*arrays))

    def chunk(start: int) -> None:
        y[start : start + CHUNK] = f(*(array[start : start + CHUNK] for array in flat))

    parallel_for(chunk, range(0, size, CHUNK))
    return y.reshape(shape)


def multiply_add(a: Array, b: Array, c: Array) -> Array:
    """a, b and c of shapes that broadcast to that of a * b -> a * b + c, with one new array instead of two"""
    y: Array = np.multiply(a, b, dtype=np.result_type(a, b, c))
    y += c
    return y
