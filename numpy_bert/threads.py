"""Work spread over the cores: one thread of ours on each, and one BLAS thread in each of ours.

Several threads with one BLAS thread each beat one thread with several: element-wise steps run side by side as well
(NumPy gives up Python's lock while it computes), and a core that another process takes slows one worker instead of
all. How many threads BLAS uses is a setting of the whole process, so it is changed only while work is under way and
given back by the last one that leaves.
"""

from __future__ import annotations

import contextlib
import functools
import os
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from threadpoolctl import ThreadpoolController

Item = TypeVar("Item")
Result = TypeVar("Result")

_lock = threading.Lock()
_inside = 0  # how many callers hold BLAS to one thread
_limit: Any = None  # what gives the threads back


def cores() -> int:
    """How many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@functools.cache
def _controller() -> ThreadpoolController:
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=_forget)
    return ThreadpoolController()  # looks through the libraries of the process, which takes a while: once


def _forget() -> None:
    """In a process forked while others were at work: they are not there, and the lock is nobody's."""
    global _lock, _inside
    _lock = threading.Lock()
    if _inside:
        _inside = 0
        _give_back(_limit)


@contextlib.contextmanager
def one_blas_thread() -> Iterator[None]:
    """BLAS computes each product in the thread that asks for it. May be entered by several threads at once."""
    global _inside, _limit
    with _lock:
        if _inside == 0:
            _limit = _controller().limit(limits=1, user_api="blas")
        _inside += 1
    try:
        yield
    finally:
        with _lock:
            _inside -= 1
            if _inside == 0:
                _give_back(_limit)


def _give_back(limit: Any) -> None:
    """The last to leave gives back what the first took; recent releases of threadpoolctl else heed only the first."""
    for library in _controller().lib_controllers:
        if hasattr(library, "clear_controlling_thread"):
            library.clear_controlling_thread(force=True)
    limit.restore_original_limits()


def spread(function: Callable[[Item], Result], items: Iterable[Item], workers: int | None = None) -> Iterator[Result]:
    """The results in the order of the items, computed by one worker for each core, or by as many as told."""
    with one_blas_thread(), ThreadPoolExecutor(workers or cores()) as pool:
        yield from pool.map(function, items)
