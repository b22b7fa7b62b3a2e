"""What the machine can do at best, measured then and there, and what it is: measured times mean little without."""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import scipy
import threadpoolctl
from numpy.typing import DTypeLike

SIDE = 1536  # of the matrices whose product is timed
COPIED = 1 << 27  # bytes of the array that is copied: several times the largest caches
TRIES = 5


class Peak(NamedTuple):
    """The best of a few tries, with as many BLAS threads as there are now."""

    flops: float  # a second, in a product of large matrices
    bandwidth: float  # bytes a second, read or written, in a copy of a large array by one thread


def peak(dtype: DTypeLike) -> Peak:
    """Takes a second or two."""
    a = np.full((SIDE, SIDE), 0.5, dtype)
    b, c = a.copy(), np.empty_like(a)
    flops = 2 * SIDE**3 / _shortest(lambda: np.matmul(a, b, out=c))
    source = np.ones(COPIED, np.uint8)
    target = np.empty_like(source)
    return Peak(flops, 2 * COPIED / _shortest(lambda: np.copyto(target, source)))


def _shortest(work: Callable[[], object]) -> float:
    work()  # the memory is claimed
    seconds = []
    for _ in range(TRIES):
        start = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - start)
    return min(seconds)


def describe() -> dict[str, str]:
    """Processor, cores, versions, BLAS."""
    libraries = [library for library in threadpoolctl.threadpool_info() if library["user_api"] == "blas"]
    blas = {
        f"{library['internal_api']} {library['version']} {library.get('architecture', '')}".strip()
        for library in libraries
    }
    return {
        "processor": _processor(),
        "cores": str(os.cpu_count()),
        "Python": platform.python_version(),
        "NumPy": np.__version__,
        "SciPy": scipy.__version__,
        "BLAS": ", ".join(sorted(blas)),
    }


def _processor() -> str:
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        text = ""
    names = (line.partition(": ")[2] for line in text.split("\n") if line.startswith("model name"))
    return next(names, platform.processor() or platform.machine())


def free_memory() -> int | None:
    """Bytes that a program may still ask for; None where the system does not tell."""
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii").split("\n")
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable"))
    except (OSError, StopIteration):
        pass
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):
        return None
