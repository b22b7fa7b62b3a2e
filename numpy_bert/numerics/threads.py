"""Work spread over the cores: one thread of ours on each, and one BLAS thread in each of ours.

Several threads with one BLAS thread each beat one thread with several: element-wise steps run side by side as well
(NumPy gives up Python's lock while it computes), and a core that another process takes slows one worker instead of
all. How many threads BLAS uses is a setting of the whole process, so it is changed only while work is under way and
given back by the last one that leaves.
"""

from __future__ import annotations

import contextlib
import functools
import itertools
import os
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import Any, TypeVar

from threadpoolctl import ThreadpoolController

Item = TypeVar("Item")
Result = TypeVar("Result")

_lock = threading.Lock()
_inside = 0  # how many callers hold BLAS to one thread
_before: Any = None  # what gives the threads back
_helpers: ThreadPoolExecutor | None = None  # the other threads of a team; they wait for work until the process ends
_own = threading.local()  # .team: whether what this thread computes is shared out


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
    global _lock, _inside, _helpers, _own
    _lock, _helpers, _own = threading.Lock(), None, threading.local()
    if _inside:
        _inside = 0
        _give_back()


@contextlib.contextmanager
def one_blas_thread() -> Iterator[None]:
    """BLAS computes each product in the thread that asks for it. May be entered by several threads at once."""
    global _inside
    entered = False  # an interruption may come at any moment
    try:
        with _lock:
            _inside += 1
            entered = True
            if _inside == 1:
                _hold()
        yield
    finally:
        if entered:
            with _lock:
                _inside = max(0, _inside - 1)  # 0 before: in a process that was forked meanwhile
                if _inside == 0:
                    _give_back()


def blas_has_one() -> bool:
    """Whether BLAS is held to one thread, or has no core for a second."""
    return _inside > 0 or cores() == 1


def _hold() -> None:
    """The first to come remembers the number of threads and makes it 1."""
    global _before
    _take_control()
    if _before is None:  # else giving back was interrupted
        _before = _controller().limit(limits=None, user_api="blas")
    _controller().limit(limits=1, user_api="blas")


def _give_back() -> None:
    """The last to leave gives back what the first found, and leaves the numbers to whoever comes next."""
    global _before
    if _before is not None:
        _take_control()
        _before.restore_original_limits()
        _take_control()
        _before = None


def _take_control() -> None:
    """Recent releases of threadpoolctl heed one thread alone, the first that changes a number, and pass over all others
    in silence as long as it lives. Here they take turns.
    """
    for library in _controller().lib_controllers:
        if hasattr(library, "clear_controlling_thread"):
            library.clear_controlling_thread(force=True)


def spread(function: Callable[[Item], Result], items: Iterable[Item], workers: int | None = None) -> Iterator[Result]:
    """The results in the order of the items, computed by one worker for each core, or by as many as told.

    No more than two results for each worker wait to be taken, so large ones do not pile up.
    """
    many = workers or cores()
    waiting: deque[Future[Result]] = deque()
    with one_blas_thread():
        if _ending():
            yield from map(function, items)
            return
        with ThreadPoolExecutor(many) as pool:
            try:
                for item in items:
                    waiting.append(pool.submit(function, item))
                    if len(waiting) > 2 * many:
                        yield waiting.popleft().result()
                while waiting:
                    yield waiting.popleft().result()
            finally:
                for other in waiting:
                    other.cancel()


def _ending() -> bool:
    """Whether the main thread has ended. Others may still compute, but Python begins no more work in a pool."""
    return not threading.main_thread().is_alive()


@contextlib.contextmanager
def team() -> Iterator[None]:
    """All cores for what this thread computes meanwhile, where it uses `each`: for a single batch, which has no other
    beside it. To wake a thread takes some 0.1 ms, so this is for large arrays.
    """
    global _helpers
    with one_blas_thread():
        with _lock:
            if _helpers is None and cores() > 1:
                _helpers = ThreadPoolExecutor(cores() - 1)
        outer = getattr(_own, "team", False)  # whether this team is within another
        _own.team = True
        try:
            yield
        finally:
            _own.team = outer


def hands() -> int:
    """How many threads `each` would use here."""
    return cores() if getattr(_own, "team", False) and not _ending() else 1


def shares(n: int) -> list[slice]:
    """0 to n-1 in as many stretches of like length as `each` would use threads."""
    ends = [n * i // hands() for i in range(hands() + 1)]
    return [slice(start, stop) for start, stop in itertools.pairwise(ends)]


def each(function: Callable[[Item], object], items: Sequence[Item]) -> None:
    """function(item) for every item, whose results lie apart from each other: in a team on all cores, else in turn."""
    if len(items) < 2 or hands() == 1 or _helpers is None:
        for item in items:
            function(item)
        return
    left = deque(items)

    def work() -> None:
        try:
            while left:
                try:
                    item = left.popleft()
                except IndexError:  # another thread took the last
                    return
                function(item)
        except BaseException:
            left.clear()  # for nothing
            raise

    others = [_helpers.submit(work) for _ in range(min(len(items), hands()) - 1)]
    try:
        work()
    finally:  # one that has not begun is not needed any more; all that have must end, they write where the caller reads
        begun = [other for other in others if not other.cancel()]
        wait(begun)
    for other in begun:
        other.result()
