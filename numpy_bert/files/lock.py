"""One process at a time: who trains in a folder, or writes a file for hours, holds the lock of it.

The system holds the lock for as long as the process lives, however it ends: a lock file that a dead process left
behind locks nothing.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

import filelock

from ..errors import Error
from .atomic import unwritable


class Lock:
    """A file that is held from the beginning until `release`.

    Error: another process holds it (`taken`), or its folder cannot be written.
    """

    def __init__(self, path: Path, taken: Error) -> None:
        self.path = path
        self._lock = filelock.FileLock(path, blocking=False, thread_local=False)
        try:
            self._lock.acquire()
        except filelock.Timeout:
            raise taken from None
        except OSError as error:
            raise unwritable(path, error) from None

    def release(self, remove: bool = False) -> None:
        """Let others have it; `remove` deletes the file first. A file that holds something belongs to somebody else:
        it stays.
        """
        with contextlib.suppress(OSError):
            if remove and not os.stat(self.path).st_size:
                os.unlink(self.path)
        with contextlib.suppress(OSError):
            self._lock.release()
