"""Temporary files and folders of killed writers: found by a lock that only a living writer holds, and removed.

A process that is killed cannot clean up. So each writer holds a lock (flock) on its temporary file, which the system
releases with the process, and the next writer in the same folder removes what no process holds. Where there are no such
locks (Windows, some network file systems) nothing is removed.
"""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import shutil
from typing import BinaryIO

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

NAME = re.compile(r"\.numpy-bert-[0-9a-f]{16}\.tmp")


def new_file(folder: str) -> tuple[str, BinaryIO]:
    """A temporary file to write to, held as long as it is open. OSError: it cannot be made."""
    while True:
        path = _new_name(folder)
        stream = open(path, "xb")  # noqa: SIM115 - the caller's to close
        if _holds(stream.fileno(), path):
            return path, stream
        stream.close()


def new_folder(folder: str) -> tuple[str, int | None]:
    """A temporary folder, held as long as the descriptor is open. OSError: it cannot be made."""
    while True:
        path = _new_name(folder)
        os.mkdir(path)
        if fcntl is None:
            return path, None
        descriptor = os.open(path, os.O_RDONLY)
        if _holds(descriptor, path):
            return path, descriptor
        os.close(descriptor)


def _new_name(folder: str) -> str:
    """A short name, so that a long name of the file itself still fits."""
    return os.path.join(folder, f".numpy-bert-{secrets.token_hex(8)}.tmp")


def _holds(descriptor: int, path: str) -> bool:
    """Lock it; False where another writer took it for a leftover before that, and removed it."""
    if fcntl is not None:
        with contextlib.suppress(OSError):
            fcntl.flock(descriptor, fcntl.LOCK_EX)
    return os.path.lexists(path)


def remove(folder: str) -> None:
    """Remove what killed writers left in a folder. Whatever cannot be removed stays."""
    if fcntl is None:
        return
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            if NAME.fullmatch(entry.name) and not entry.is_symlink():
                with contextlib.suppress(OSError):
                    _remove_if_free(entry.path, entry.is_dir())


def _remove_if_free(path: str, is_folder: bool) -> None:
    """OSError: a living writer holds it, or it cannot be removed."""
    assert fcntl is not None
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if is_folder:
            shutil.rmtree(path)
        else:
            os.unlink(path)
    finally:
        os.close(descriptor)
