"""Where results live, and whether what backward needs is kept.

Every forward takes a workspace `ws`. With the default, FRESH, each result is a new array and everything in a Cache
stays valid: a reader may take `ws.empty(shape, *operands)` and `ws.over(x)` for `np.empty` and skip the rest.
Inference passes a Pool instead: an elementwise step writes its result over its operand, a finished intermediate gives
its memory to the next one, and the Caches, which nobody will read, point at memory that has moved on. The
mathematics is the same lines either way and the results agree to the bit; tests say so. (Not quite where a score of
attention is beyond 50: rows of the part that it is in are shifted before exp, and a Pool has smaller parts.)
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

Array = np.ndarray[Any, np.dtype[Any]]


class Fresh:
    """New arrays; what backward needs is kept."""

    keeps_caches = True
    recomputes = False

    def empty(self, shape: tuple[int, ...], *operands: Array) -> Array:
        """An array for a result of these operands: its dtype is the promotion of all of theirs."""
        return np.empty(shape, np.result_type(*operands))

    def over(self, x: Array, *operands: Array) -> Array:
        """An array of the shape of x for a result of x and the operands; a Pool gives x itself."""
        return self.empty(x.shape, x, *operands)

    def release(self, *arrays: Array) -> None:
        """The caller will not read these again. Nothing follows from that here: a Cache may hold them."""


class Recompute(Fresh):
    """New arrays; of each encoder layer only the input is kept, and backward runs its forward a second time
    (activation checkpointing: Chen et al., arXiv:1604.06174). A third more work for an L-th of the caches.
    """

    recomputes = True


class Pool(Fresh):
    """Reused buffers and no caches, for inference. One pool serves one thread: two in one pool would overwrite each
    other's results.

    `empty` hands out the smallest free buffer that is large enough; `release` takes one back. An array that is never
    released, such as the final result, belongs to whoever holds it; an array that is released belongs to the pool from
    then on, wherever it came from.
    """

    keeps_caches = False

    def __init__(self) -> None:
        self._free: list[Array] = []  # flat arrays of bytes

    def empty(self, shape: tuple[int, ...], *operands: Array) -> Array:
        dtype = np.result_type(*operands)
        needed = dtype.itemsize * math.prod(shape)
        fitting = [i for i, buffer in enumerate(self._free) if buffer.nbytes >= needed]
        if fitting:
            buffer = self._free.pop(min(fitting, key=lambda i: self._free[i].nbytes))
        else:
            if self._free:  # the largest of those that are too small goes: else they would add up over many sizes
                self._free.pop(max(range(len(self._free)), key=lambda i: self._free[i].nbytes))
            buffer = np.empty(needed, np.uint8)
        return buffer[:needed].view(dtype).reshape(shape)

    def over(self, x: Array, *operands: Array) -> Array:
        return x if np.result_type(x, *operands) == x.dtype else self.empty(x.shape, x, *operands)

    def release(self, *arrays: Array) -> None:
        for array in arrays:
            buffer = array
            while isinstance(buffer.base, np.ndarray):
                buffer = buffer.base
            self._free.append(buffer.reshape(-1).view(np.uint8))


FRESH = Fresh()
RECOMPUTE = Recompute()
