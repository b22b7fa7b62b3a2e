"""Writing a file that is whole or not there: a temporary file beside it, flushed to disk, then renamed."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import stat
from collections.abc import Iterator, Sequence
from typing import BinaryIO

from ..errors import Error
from . import leftovers
from .reading import Path, reason, require_path

FULL = (errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC))


@contextlib.contextmanager
def replacing(path: Path, reading: Sequence[Path] = (), size: int | None = None) -> Iterator[BinaryIO]:
    """A file to write to, which takes the name `path` when the block ends well and vanishes when it does not.

    Whoever opens `path` meanwhile finds the old file or none, also after a power cut. `reading` names the
    files that the data come from: writing over one of them is refused. size: the bytes it will have, for the message of
    a full disk. Error: why `path` cannot be written.
    """
    require_path(path)
    refuse_same(path, reading)
    folder = os.path.dirname(os.fspath(path)) or os.curdir
    leftovers.remove(folder)
    try:
        temporary, stream = leftovers.new_file(folder)
    except OSError as error:
        raise unwritable(path, error, size) from None
    try:
        with stream:
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(temporary, path)
        flush_folder(folder)
    except BaseException as error:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        if isinstance(error, OSError):
            raise unwritable(path, error, size) from None
        raise


def write_text(path: Path, text: str) -> None:
    """A whole file of text in UTF-8. Error: as `replacing`."""
    with replacing(path) as stream:
        stream.write(text.encode("utf-8"))


def require_new(path: Path) -> None:
    """Before the work: an error unless the name is free, and its folder one that can be written to."""
    require_path(path)
    try:
        os.lstat(path)
    except FileNotFoundError:
        folder = os.path.dirname(os.fspath(path)) or os.curdir
        if not os.path.isdir(folder):
            raise Error("cannot write: its folder does not exist", at=path) from None
        if not os.access(folder, os.W_OK):
            raise Error("cannot write: no permission for its folder", at=path) from None
        return
    except OSError as error:
        raise unwritable(path, error) from None
    raise Error("expected a new file, got one that exists; nothing is written over", at=path)


def refuse_same(path: Path, reading: Sequence[Path]) -> None:
    """An error if `path` is one of the files being read, by whatever name, or something that is not a file."""
    try:
        target = os.stat(path)
    except OSError:
        return  # not there yet, or the attempt to write it will tell why
    if not stat.S_ISREG(target.st_mode):
        raise Error("expected a new name or a file to replace, got what is no regular file", at=path)
    for source in reading:
        with contextlib.suppress(OSError):
            if os.path.samestat(target, os.stat(source)):
                raise Error("expected a new name, got the file that is being read", at=path)


def flush_folder(folder: str) -> None:
    """Make the rename itself lasting. Some systems cannot flush a folder, and need not."""
    try:
        descriptor = os.open(folder, os.O_RDONLY)
    except PermissionError:
        return
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):
            raise
    finally:
        os.close(descriptor)


def unwritable(path: Path, error: OSError, size: int | None = None) -> Error:
    """Why a file cannot be written; of a full disk also the bytes it needs, where the size is known, and those free."""
    known = {errno.ENOENT: "its folder does not exist", errno.EACCES: "permission denied"}
    text = known.get(error.errno or 0) or reason(error)
    if error.errno in FULL:
        with contextlib.suppress(OSError):
            free = shutil.disk_usage(os.path.dirname(os.path.abspath(path))).free
            text += f": {free:,} bytes free" if size is None else f": expected {size:,} bytes free, got {free:,}"
    return Error(f"cannot write: {text}", at=path)
