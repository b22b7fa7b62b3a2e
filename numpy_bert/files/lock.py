"""One process at a time: who trains in a folder, or writes a file for hours, holds the lock of it.

The system holds the lock for as long as the process lives, however it ends: a lock file that a dead process left
behind locks nothing.
"""

from __future__ import annotations

import contextlib
import os
import sys
from pathlib import Path

from ..errors import Error
from .atomic import unwritable


class Lock:
    """A file that is held from the beginning until `release`.

    Error: another process holds it (`taken`), or its folder cannot be written.
    """

    def __init__(self, path: Path, taken: Error) -> None:
        self.path = path
        try:
            self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        except OSError as error:
            raise unwritable(path, error) from None
        try:
            _lock(self._descriptor)
        except OSError as error:
            os.close(self._descriptor)
            if not isinstance(error, (BlockingIOError, PermissionError)):  # which say that another has it
                raise unwritable(path, error) from None
            raise taken from None
        if not self._is_there():  # who had it before removed it after we opened it, so others would lock a new file
            os.close(self._descriptor)
            raise taken

    def _is_there(self) -> bool:
        try:
            return os.path.samestat(os.fstat(self._descriptor), os.stat(self.path))
        except OSError:
            return False

    def release(self, remove: bool = False) -> None:
        """Let others have it; `remove` deletes the file first, which whoever has just opened it notices. A file with
        something in it was there before, and is somebody's: it stays.
        """
        with contextlib.suppress(OSError):
            if remove and not os.fstat(self._descriptor).st_size:
                os.unlink(self.path)
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
