"""The vectors of a job: an .npy file (n, H) that is filled from the first row to the last.

Until it is complete its name is that of the output with `.partial` appended. Its whole size is reserved at the start,
so a disk that is too small is reported before the work begins. The file is written by position rather than through a
memory map: a full disk is then an error, where a map would end the process, and the pages written do not count as
memory of the process. The result is an ordinary array file, which `numpy.load(name, mmap_mode="r")` maps.

Source: the .npy format, version 1.0, in the documentation of numpy.lib.format.
"""

from __future__ import annotations

import contextlib
import io
import os
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import numpy as np

from ..errors import Error
from ..files.atomic import flush_folder, unwritable
from ..files.reading import CHUNK
from ..numerics.arrays import Array


class VectorsFile:
    """A context manager. Error, in every method: the file cannot be written, or is not what it should be."""

    def __init__(self, path: Path, shape: tuple[int, int], dtype: str) -> None:
        self.path, self.dtype = path, np.dtype(dtype).newbyteorder("<")
        self._header = _header(shape, self.dtype)
        self._row_bytes = shape[1] * self.dtype.itemsize
        self._size = len(self._header) + shape[0] * self._row_bytes
        self._stream: io.FileIO | None = None

    def __enter__(self) -> VectorsFile:
        return self

    def __exit__(self, *_: object) -> None:
        if self._stream is not None:
            self._stream.close()

    def create(self) -> None:
        """Start a new file; one that has this name is deleted."""
        with self._telling(), contextlib.suppress(FileNotFoundError):
            os.unlink(self.path)
        self._stream = self._open("x+")
        with self._telling():
            if hasattr(os, "posix_fallocate"):
                os.posix_fallocate(self._stream.fileno(), 0, self._size)
            else:
                self._stream.truncate(self._size)
            self._put(0, memoryview(self._header))
        self.flush()
        with self._telling():
            flush_folder(os.path.dirname(self.path) or os.curdir)

    def reopen(self) -> None:
        """Open the file that an interrupted job left."""
        self._stream = stream = self._open("r+")
        with self._telling():
            size, header = os.fstat(stream.fileno()).st_size, stream.read(len(self._header))
        if (size, header) != (self._size, self._header):
            expected = f"the array of {self._size} bytes that was begun"
            raise Error(f"expected {expected}, got another file; remove it to start over", at=self.path)

    def write(self, row: int, vectors: Array) -> int:
        """Write vectors (m, H) at this row and those below it; returns the CRC-32 of their bytes."""
        data = vectors.astype(self.dtype, order="C", copy=False).reshape(-1).view(np.uint8).data
        with self._telling():
            self._put(len(self._header) + row * self._row_bytes, data)
        return zlib.crc32(data)

    def checksum(self, row: int, rows: int) -> int:
        """The CRC-32 of the bytes of so many rows, from this row on, as they are on the disk."""
        assert self._stream is not None
        value = 0
        with self._telling():
            self._stream.seek(len(self._header) + row * self._row_bytes)
            left = rows * self._row_bytes
            while data := self._stream.read(min(left, CHUNK)):
                value = zlib.crc32(data, value)
                left -= len(data)
        return value

    def flush(self) -> None:
        """Wait until everything that was written is on the disk."""
        assert self._stream is not None
        with self._telling():
            os.fsync(self._stream.fileno())

    def finish(self, output: Path) -> None:
        """Rename the file to the output, which must not exist."""
        assert self._stream is not None
        self._stream.close()
        with self._telling():
            os.rename(self.path, output)
            flush_folder(os.path.dirname(output) or os.curdir)

    def _open(self, mode: Literal["x+", "r+"]) -> io.FileIO:
        with self._telling():
            return io.FileIO(self.path, mode)

    def _put(self, place: int, data: memoryview) -> None:
        assert self._stream is not None
        self._stream.seek(place)
        while data:
            data = data[self._stream.write(data) :]

    @contextlib.contextmanager
    def _telling(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise unwritable(self.path, error, self._size) from None


def _header(shape: tuple[int, int], dtype: np.dtype[Any]) -> bytes:
    """The header of an .npy file of version 1.0."""
    buffer = io.BytesIO()
    description = {"descr": np.lib.format.dtype_to_descr(dtype), "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(buffer, description)
    return buffer.getvalue()
