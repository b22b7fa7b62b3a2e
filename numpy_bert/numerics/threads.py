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

from .memory import give_back_freed_memory, keep_freed_memory

Item = TypeVar("Item")
Result = TypeVar("Result")


class _Process:
    """What this process has set up in order to compute on several cores."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.holders = 0  # how many callers hold BLAS to one thread
        self.limits: Any = None  # what gives BLAS its threads back
        self.helpers: ThreadPoolExecutor | None = None  # the other threads of a team, which wait for work
        self.turns: threading.Semaphore | None = None  # one for each core, for callers in many threads
        self.own = threading.local()  # .team: whether what this thread computes is shared out
        self.keeps_memory = False  # whether freed memory stays with the process

    def forget(self) -> None:
        """In a process forked while others were at work: they do not exist, and nobody holds the lock."""
        held, self.holders = self.holders, 0
        self.lock, self.helpers, self.own = threading.Lock(), None, threading.local()
        self.turns = None
        if held:
            self.give_back()

    def hold(self) -> None:
        """The first to come remembers the number of BLAS threads and makes it 1."""
        if not self.keeps_memory:
            keep_freed_memory()
            self.keeps_memory = True
        _take_control()
        if self.limits is None:  # else giving back was interrupted
            self.limits = _controller().limit(limits=None, user_api="blas")
        _controller().limit(limits=1, user_api="blas")

    def give_back(self) -> None:
        """The last to leave restores the settings that the first one found."""
        if self.limits is not None:
            _take_control()
            self.limits.restore_original_limits()
            _take_control()
            self.limits = None


_process = _Process()


def cores() -> int:
    """How many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def close() -> None:
    """End the threads that wait for work and give idle memory back to the system. The next work sets both up again.

    No work may be under way.
    """
    with _process.lock:
        helpers, _process.helpers = _process.helpers, None
        _process.keeps_memory = False
    if helpers is not None:
        helpers.shutdown()
    give_back_freed_memory()


@functools.cache
def _controller() -> ThreadpoolController:
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=_process.forget)
    return ThreadpoolController()  # looks through the libraries of the process, which takes a while: once


@contextlib.contextmanager
def single_blas_thread() -> Iterator[None]:
    """BLAS computes each product in the calling thread. May be entered by several threads at once."""
    entered = False  # an interruption may come at any moment
    try:
        with _process.lock:
            _process.holders += 1
            entered = True
            if _process.holders == 1:
                _process.hold()
        yield
    finally:
        if entered:
            with _process.lock:
                _process.holders = max(0, _process.holders - 1)  # 0 before: in a process that was forked meanwhile
                if _process.holders == 0:
                    _process.give_back()


@contextlib.contextmanager
def turn() -> Iterator[None]:
    """No more threads at a time than there are cores: others wait. Many threads that compute at once wait for Python's
    lock after every operation, and all of them together take longer than one after another. A thread has one turn.
    """
    with _process.lock:
        if _process.turns is None:
            _process.turns = threading.Semaphore(cores())
        turns = _process.turns
    with turns:
        yield


def blas_is_single() -> bool:
    """Whether BLAS is held to one thread, or has no core for a second."""
    return _process.holders > 0 or cores() == 1


def _take_control() -> None:
    """Recent releases of threadpoolctl heed one thread alone, the first that changes a number, and pass over all others
    in silence as long as it lives. Here they take turns.
    """
    for library in _controller().lib_controllers:
        if hasattr(library, "clear_controlling_thread"):
            library.clear_controlling_thread(force=True)


def ordered_map(
    function: Callable[[Item], Result], items: Iterable[Item], workers: int | None = None
) -> Iterator[Result]:
    """The results in the order of the items, computed by `workers` threads (default: one for each core).

    No more than two results for each worker wait to be taken, so large ones do not pile up.
    """
    size = workers or cores()
    waiting: deque[Future[Result]] = deque()
    with single_blas_thread():
        if _ending():
            yield from map(function, items)
            return
        with ThreadPoolExecutor(size) as pool:
            try:
                for item in items:
                    waiting.append(pool.submit(function, item))
                    if len(waiting) > 2 * size:
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
def thread_team() -> Iterator[None]:
    """All cores for what this thread computes meanwhile, where it uses `parallel_for`: for a single batch, which has no
    other beside it. To wake a thread takes some 0.1 ms, so this is for large arrays.
    """
    with single_blas_thread():
        with _process.lock:
            if _process.helpers is None and cores() > 1:
                _process.helpers = ThreadPoolExecutor(cores() - 1)
        own = _process.own
        outer = getattr(own, "team", False)  # whether this team is within another
        own.team = True
        try:
            yield
        finally:
            own.team = outer


def team_size() -> int:
    """How many threads `parallel_for` would use here."""
    return cores() if getattr(_process.own, "team", False) and not _ending() else 1


def even_slices(n: int) -> list[slice]:
    """0 to n-1 in as many stretches of like length as `parallel_for` would use threads."""
    ends = [n * i // team_size() for i in range(team_size() + 1)]
    return [slice(start, stop) for start, stop in itertools.pairwise(ends)]


def parallel_for(function: Callable[[Item], object], items: Sequence[Item]) -> None:
    """function(item) for every item, whose results lie apart from each other: in a team on all cores, else in turn."""
    helpers = _process.helpers
    if len(items) < 2 or team_size() == 1 or helpers is None:
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

    others = [helpers.submit(work) for _ in range(min(len(items), team_size()) - 1)]
    try:
        work()
    finally:  # one that has not begun is not needed any more; all that have must end, they write where the caller reads
        begun = [other for other in others if not other.cancel()]
        wait(begun)
    for other in begun:
        other.result()
