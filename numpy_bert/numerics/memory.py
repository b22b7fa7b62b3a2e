"""The type of an array, and memory that is used again instead of being given back.

glibc asks the system for every large array anew and gives it back when the array is freed, and the system clears each
page at its first use: for a large elementwise step that takes about as long as the arithmetic. Above its thresholds
(mallopt(3)) freed memory stays with the process. No result depends on them; where the C library is not glibc nothing
is set. numerics.threads sets them when work begins, and its `close` undoes it.
"""

from __future__ import annotations

import ctypes
import functools
import platform
from typing import Any

import numpy as np

Array = np.ndarray[Any, np.dtype[Any]]

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # malloc.h
DEFAULT = 128 << 10  # bytes, of both
LARGEST = 32 << 20  # bytes of an array whose memory is kept; glibc takes no larger threshold
KEPT = 1 << 30  # free bytes at the end of the heap that stay with the process


@functools.cache
def keep_freed_memory() -> None:
    """Let arrays take the memory of those that were freed before them, from now on."""
    _set_thresholds(LARGEST, KEPT)


def give_back_freed_memory() -> None:
    """Give what is free back to the system, now and, until `keep_freed_memory` is called again, from now on."""
    _set_thresholds(DEFAULT, DEFAULT)
    if platform.libc_ver()[0] == "glibc":
        ctypes.CDLL(None).malloc_trim(ctypes.c_size_t(0))
    keep_freed_memory.cache_clear()


def _set_thresholds(mmap: int, trim: int) -> None:
    if platform.libc_ver()[0] == "glibc":
        mallopt = ctypes.CDLL(None).mallopt
        mallopt(M_MMAP_THRESHOLD, mmap)
        mallopt(M_TRIM_THRESHOLD, trim)
