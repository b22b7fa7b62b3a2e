"""The type of an array, and memory that is used again instead of being given back.

glibc asks the system for every large array anew and gives it back when the array is freed, and the system clears each
page at its first use: for a large elementwise step that takes about as long as the arithmetic. Above its thresholds
(mallopt(3)) freed memory stays with the process. No result depends on them; where the C library is not glibc nothing
is set.
"""

from __future__ import annotations

import ctypes
import functools
import platform
from typing import Any

import numpy as np

Array = np.ndarray[Any, np.dtype[Any]]

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # malloc.h
LARGEST = 32 << 20  # bytes of an array whose memory is kept; glibc takes no larger threshold
KEPT = 1 << 30  # free bytes at the end of the heap that stay with the process


@functools.cache
def keep_freed_memory() -> None:
    """Let arrays take the memory of those that were freed before them, from now on."""
    if platform.libc_ver()[0] == "glibc":
        mallopt = ctypes.CDLL(None).mallopt
        mallopt(M_MMAP_THRESHOLD, LARGEST)
        mallopt(M_TRIM_THRESHOLD, KEPT)
