"""An untrusted file: opened safely, its size read once, every read checked against it."""

from __future__ import annotations

import errno
import hashlib
import io
import mmap
import os
import stat
from collections.abc import Callable

import numpy as np

from ..errors import Error, show
from ..numerics.arrays import Array

Path = str | os.PathLike[str]
Seen = Callable[[memoryview], None]  # is shown the bytes of a tensor as they are stored, in order

READ_ONLY = os.O_RDONLY | sum(getattr(os, flag, 0) for flag in ("O_NONBLOCK", "O_CLOEXEC", "O_NOCTTY", "O_BINARY"))
CHUNK = 1 << 18  # bytes taken at a time where they are converted or checked: they stay in the cache meanwhile

KINDS = (
    (stat.S_ISDIR, "a folder; name a file in it"),
    (stat.S_ISFIFO, "a named pipe; save what it carries to a file first"),
    (stat.S_ISSOCK, "a socket; name a file"),
    (stat.S_ISCHR, "a character device; name a file"),
    (stat.S_ISBLK, "a block device; name a file"),
)


def require_path(path: Path) -> None:
    """An error unless a file system can hold the path: it has a NUL, or half a surrogate pair."""
    try:
        usable = b"\0" not in os.fsencode(path)
    except UnicodeEncodeError:
        usable = False
    if not usable:
        raise Error("expected a path, got characters that no path holds", at=path)


def reason(error: OSError) -> str:
    """Why the system refused, with what to do where that is known."""
    known = {
        errno.ENOENT: "no such file",
        errno.ELOOP: "a loop of symbolic links; point the link at the file itself",
        errno.EACCES: "permission denied; make the file readable for this user",
        errno.ENXIO: "a socket or an unconnected device; name a file",
    }
    return known.get(error.errno or 0, error.strerror or type(error).__name__)


class File:
    """A regular file, held open for reading. A context manager; one thread uses it at a time.

    A folder, pipe, socket or device is refused at once, a pipe without waiting for its writer, and named
    for what it is. Every method raises Error, with the file's name, whatever the file or the system does.
    """

    def __init__(self, path: Path) -> None:
        require_path(path)
        self.path = path
        try:
            self._refuse_other_kinds(os.stat(path).st_mode)  # before opening, which can move a tape
            self._stream = io.FileIO(os.open(path, READ_ONLY))
        except OSError as error:
            raise self.error(f"expected a readable file, got {reason(error)}") from None
        status = os.fstat(self._stream.fileno())
        try:
            self._refuse_other_kinds(status.st_mode)  # again: the name may be another thing's by now
        except Error:
            self.close()
            raise
        self.size = status.st_size

    def _refuse_other_kinds(self, mode: int) -> None:
        if not stat.S_ISREG(mode):
            kind = next((text for test, text in KINDS if test(mode)), "something else")
            raise self.error(f"expected a regular file, got {kind}")

    def __enter__(self) -> File:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._stream.close()

    def error(self, text: str) -> Error:
        """The error to raise: `<file>: <text>`."""
        return Error(text, at=self.path)

    def require(self, offset: int, length: int, what: str = "data") -> None:
        """An error unless the bytes [offset, offset + length) lie in the file."""
        if offset < 0 or length < 0 or offset + length > self.size:
            place = f"{length} bytes at byte {offset}"
            raise self.error(f"{what}: expected {place}, got a file of {self.size} bytes")

    def read_at(self, offset: int, length: int, what: str = "data") -> bytes:
        """Exactly `length` bytes from `offset`. Nothing is allocated unless the file holds them."""
        self.require(offset, length, what)
        data = bytearray(length)
        self._fill(memoryview(data), offset)
        return bytes(data)

    def hexdigest(self, digest: hashlib._Hash | None = None) -> str:
        """The sha256 of the file, or what another digest is after all its bytes."""
        digest = hashlib.sha256() if digest is None else digest
        for start in range(0, self.size, CHUNK):
            digest.update(self.read_at(start, min(CHUNK, self.size - start)))
        return digest.hexdigest()

    def read_into(self, array: Array, offset: int, seen: Seen | None = None) -> None:
        """Fill an array that lies in one piece with the bytes from `offset`, shown to `seen` as they come."""
        view = array.reshape(-1).view(np.uint8).data
        self.require(offset, len(view))
        step = CHUNK if seen else max(len(view), 1)
        for start in range(0, len(view), step):
            part = view[start : start + step]
            self._fill(part, offset + start)
            if seen:
                seen(part)

    def _fill(self, view: memoryview, offset: int) -> None:
        done = 0
        try:
            self._stream.seek(offset)
            while done < len(view):
                count = self._stream.readinto(view[done:])
                if not count:
                    raise self.error(f"expected {self.size} bytes, got {offset + done}: it became shorter")
                done += count
        except OSError as error:
            raise self.error(f"reading at byte {offset + done} failed: {reason(error)}") from None

    def mapped(self) -> Array:
        """The bytes of the file, shared with it: read-only, and only as good as the file stays what it is."""
        try:
            pages = mmap.mmap(self._stream.fileno(), 0, access=mmap.ACCESS_READ)
        except (OSError, ValueError) as error:
            raise self.error(f"expected a file whose pages can be shared, got {show(str(error))}") from None
        if len(pages) != self.size:  # an array of what is not there would kill the process when it is read
            raise self.error(f"expected {self.size} bytes, got {len(pages)}: its length changed")
        return np.frombuffer(pages, np.uint8)
