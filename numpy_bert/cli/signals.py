"""Ctrl-C and SIGTERM during a long command: one line that says what is saved."""

from __future__ import annotations

import contextlib
import signal
import sys
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any

NUMBERS = (signal.SIGINT, signal.SIGTERM)


class Interrupted(KeyboardInterrupt):
    """The signal ended a run. status: the exit status that the shell expects."""

    status = 128 + signal.SIGINT


class Terminated(Interrupted):
    status = 128 + signal.SIGTERM


@contextlib.contextmanager
def interruptible() -> Iterator[Callable[[], None]]:
    """Both signals end the block with Interrupted. Further ones are ignored from then on, so that none can cut the
    message off. Outside of the main thread, which signals do not reach, nothing changes.

    Yields a function to call now and then, which raises what was lost: Python drops an exception that comes up in the
    callback of a weak reference (the end of a thread pool has several) or of a C library, and goes on.
    """
    received: list[type[Interrupted]] = []
    usual = sys.unraisablehook

    def end(number: int, frame: FrameType | None) -> None:
        for other in NUMBERS:
            signal.signal(other, signal.SIG_IGN)
        received.append(Terminated if number == signal.SIGTERM else Interrupted)
        check()

    def check() -> None:
        if received:
            raise received[0]

    def dropped(unraisable: Any) -> None:
        if not isinstance(unraisable.exc_value, Interrupted):
            usual(unraisable)

    try:
        before = {number: signal.signal(number, end) for number in NUMBERS}
    except ValueError:
        yield check
        return
    sys.unraisablehook = dropped
    try:
        yield check
        received.clear()  # too late: the block is done
    finally:
        sys.unraisablehook = usual
        if not received:
            restore(before)


@contextlib.contextmanager
def resumable() -> Iterator[Callable[[], None]]:
    """As `interruptible`, for a run whose message names a save: it says how to resume."""
    try:
        with interruptible() as check:
            yield check
    except Interrupted as error:
        if str(error):
            raise type(error)(f"{error}: the same command with --resume resumes there") from None
        raise


@contextlib.contextmanager
def restored() -> Iterator[None]:
    """After the block both signals do what they did before it, though an interruption may have ended it."""
    before = {number: signal.getsignal(number) for number in NUMBERS}
    try:
        yield
    finally:
        restore(before)


def restore(handlers: dict[signal.Signals, Any]) -> None:
    """Give the signals these handlers, but for those that Python cannot set: of C, or from another thread."""
    for number, handler in handlers.items():
        if handler is not None and signal.getsignal(number) is not handler:
            signal.signal(number, handler)
