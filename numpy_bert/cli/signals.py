"""Ctrl-C and SIGTERM while a run trains: one line that says what is saved, whatever comes after."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Iterator
from types import FrameType

NUMBERS = (signal.SIGINT, signal.SIGTERM)


class Interrupted(KeyboardInterrupt):
    """The signal ended a run. status: the exit status that the shell expects."""

    status = 128 + signal.SIGINT


class Terminated(Interrupted):
    status = 128 + signal.SIGTERM


@contextlib.contextmanager
def resumable() -> Iterator[None]:
    """Both signals end the block with KeyboardInterrupt, which says how to resume. Further ones are ignored while it
    ends, so that none can cut the message off. Outside of the main thread, which signals do not reach, nothing changes.
    """

    def end(number: int, frame: FrameType | None) -> None:
        for other in NUMBERS:
            signal.signal(other, signal.SIG_IGN)
        raise Terminated if number == signal.SIGTERM else Interrupted

    try:
        before = {number: signal.signal(number, end) for number in NUMBERS}
    except ValueError:
        yield
        return
    try:
        yield
    except Interrupted as error:
        if str(error):
            raise type(error)(f"{error}: the same command with --resume resumes there") from None
        raise
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
