"""Where results live, and whether what backward needs is kept.

Every forward takes a workspace `ws`. With the default, FRESH, each result is a new array and each cache is kept:
a reader may take `ws.empty(shape, *operands)` for `np.empty` and skip the rest. Inference passes a Pool: no caches,
and the memory of a finished intermediate serves the next one. The mathematics is the same lines either way, so the
results agree to the bit; a test says so.
"""

from __future__ import annotations

from typing import Any

import numpy as np

Array = np.ndarray[Any, np.dtype[Any]]


class Fresh:
    """New arrays; caches kept unless told otherwise."""

    def __init__(self, keeps_caches: bool = True) -> None:
        self.keeps_caches = keeps_caches

    def empty(self, shape: tuple[int, ...], *operands: Array) -> Array:
        """An array for a result of these operands: its dtype is the promotion of all of theirs."""
        return np.empty(shape, np.result_type(*operands))

    def release(self, *arrays: Array) -> None:
        """The caller will not read these again. Here nothing follows from that: a cache may hold them."""


class Pool(Fresh):
    """Reused buffers and no caches, for inference. One pool serves one thread: two in one pool overwrite each other.

    A buffer goes back to the pool with `release` and is handed out again for any result that fits in it. What is not
    released stays with whoever holds it, so a result that leaves the forward is simply never released.
    """

    def __init__(self) -> None:
        super().__init__(keeps_caches=False)
        self._free: list[Array] = []  # flat byte buffers

    def empty(self, shape: tuple[int, ...], *operands: Array) -> Array:
        dtype = np.result_type(*operands)
        needed = dtype.itemsize * int(np.prod(shape, dtype=np.int64))
        fitting = [i for i, buffer in enumerate(self._free) if buffer.nbytes >= needed]
        if fitting:
            smallest = min(fitting, key=lambda i: self._free[i].nbytes)
            buffer = self._free.pop(smallest)
        else:
            buffer = np.empty(needed, np.uint8)
        return buffer[:needed].view(dtype).reshape(shape)

    def release(self, *arrays: Array) -> None:
        for array in arrays:
            owner = array
            while isinstance(owner.base, np.ndarray):
                owner = owner.base
            self._free.append(owner)


FRESH = Fresh()
