"""One trainer in a folder at a time.

The system holds the lock for as long as the process lives, however it ends: a lock file that a dead process left
behind locks nothing.
"""

from __future__ import annotations

import contextlib
import os
import sys
from pathlib import Path

from ..checkpoints.atomic import unwritable
from ..checkpoints.files import label
from ..errors import Error

NAME = "lock"


class Lock:
    """Held from the beginning until `release`. Error: another process holds it, or the folder cannot be written."""

    def __init__(self, folder: Path) -> None:
        path = folder / NAME
        try:
            self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        except OSError as error:
            raise unwritable(label(path), error) from None
        try:
            _lock(self._descriptor)
        except OSError as error:
            os.close(self._descriptor)
            if not isinstance(error, (BlockingIOError, PermissionError)):  # which say that another has it
                raise unwritable(label(path), error) from None
            raise Error(f"{label(folder)}: expected a folder in which nobody trains, got one that is locked") from None

    def release(self) -> None:
        with contextlib.suppress(OSError):
            os.close(self._descriptor)


if sys.platform == "win32":
    import msvcrt

    def _lock(descriptor: int) -> None:
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)

else:
    import fcntl

    def _lock(descriptor: int) -> None:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
