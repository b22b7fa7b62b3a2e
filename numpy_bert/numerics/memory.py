"""Memory that is used again instead of being given back.

glibc asks the system for the memory of every large array and gives it back when the array is freed, and the system
clears each page at its first use: for a large elementwise step that takes about as long as the arithmetic. Above its
thresholds (mallopt(3)) freed memory stays with the process, and it is advised to lie in huge pages (madvise(2)), of
which the processor needs to look up fewer. No result depends on either. Where the C library is not glibc nothing is
set. numerics.threads sets both when the first work begins, and its `close` gives free memory back.
"""

from __future__ import annotations

import ctypes
import platform
from typing import Any

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD, M_ARENA_MAX = -1, -3, -8  # malloc.h
DEFAULT = 128 << 10  # bytes, of both
LARGEST = 32 << 20  # bytes of an array whose memory is kept; glibc takes no larger threshold
PAGE = 4096
MADV_HUGEPAGE = 14  # madvise(2)
HEAP = 256 << 20  # bytes of addresses that are advised
KEPT = 1 << 30  # free bytes at the end of the heap that stay with the process


def keep_freed_memory() -> None:
    """Let arrays take the memory of those that were freed before them, from now on."""
    if _has_glibc():
        libc = ctypes.CDLL(None)
        _set_thresholds(libc, LARGEST, KEPT)
        _advise_huge_pages(libc)


def give_back_freed_memory() -> None:
    """Give what is free back to the system, now and, until `keep_freed_memory` is called again, from then on."""
    if _has_glibc():
        libc = ctypes.CDLL(None)
        _set_thresholds(libc, DEFAULT, DEFAULT)
        libc.malloc_trim(ctypes.c_size_t(0))


def _has_glibc() -> bool:
    return platform.libc_ver()[0] == "glibc"


def _set_thresholds(libc: Any, mmap: int, trim: int) -> None:
    libc.mallopt(M_MMAP_THRESHOLD, mmap)
    libc.mallopt(M_TRIM_THRESHOLD, trim)
    libc.mallopt(M_ARENA_MAX, 1)  # a heap for all threads: those of their own give memory back whatever the thresholds


def _advise_huge_pages(libc: Any) -> None:
    """Ask for pages of 2 MB for the heap to come: to look up one of 4 KB for every thousand numbers takes time.

    Blocks are taken, advised and freed again without a write, so until arrays use them they cost addresses alone.
    """
    libc.malloc.restype = ctypes.c_void_p
    blocks = [libc.malloc(ctypes.c_size_t(LARGEST // 2)) for _ in range(HEAP // (LARGEST // 2))]
    for block in filter(None, blocks):
        start = -(-block // PAGE) * PAGE
        libc.madvise(ctypes.c_void_p(start), ctypes.c_size_t(LARGEST // 2 - PAGE), MADV_HUGEPAGE)
    for block in reversed(blocks):
        libc.free(ctypes.c_void_p(block))
