"""A disk that fails when it is told to, and that remembers what has been flushed."""

import errno
import os
from collections import Counter

from numpy_bert.files import atomic, leftovers

CALLS = ("mkdir", "rename", "replace", "fsync", "open", "close", "unlink", "rmdir")
FILLING = ("mkdir", "open", "write", "flush")  # what needs room


class Disk:
    """While it is entered, every call that the package makes to the file system goes through it.

    fail_at: the number of the call, from 1, that fails with `code`; None: none does. full: from then on every call
    that needs room fails. `done` counts the calls; `unflushed` has the files and folders with changes not yet flushed.
    """

    def __init__(self, patch, fail_at=None, code=errno.EIO, full=False):
        self.patch, self.fail_at, self.code, self.full = patch, fail_at, code, full
        self.calls = 0
        self.done = Counter()
        self.unflushed = set()
        self.renamed_with = []  # for each rename of a folder what in it was not flushed
        self._names = {}  # of descriptors

    def __enter__(self):
        for name in CALLS:
            self.patch.setattr(os, name, self._wrapped(name, getattr(os, name)))
        for module in (atomic, leftovers):
            self.patch.setattr(module, "open", self._open_stream, raising=False)
        return self

    def __exit__(self, *_):
        self.patch.undo()

    def _count(self, name):
        self.calls += 1
        self.done[name] += 1
        if self.fail_at is None:
            return
        again = self.full and self.calls > self.fail_at and name in FILLING
        if self.calls == self.fail_at or again:
            raise OSError(self.code, os.strerror(self.code))

    def _wrapped(self, name, real):
        def call(*args, **kwargs):
            if name == "close":
                real(*args, **kwargs)  # a close that fails has closed all the same
                self._names.pop(args[0], None)
                return self._count(name)
            self._count(name)
            self._note(name, args)
            if name == "fsync":
                return None  # it is noted; really waiting for the disk would only take time
            result = real(*args, **kwargs)
            if name == "open":
                self._names[result] = os.fspath(args[0])
            return result

        return call

    def _note(self, name, args):
        """Keep account of what a loss of power would take."""
        paths = [os.fspath(arg) for arg in args[:2] if isinstance(arg, (str, os.PathLike))]
        if name == "fsync":
            self.unflushed.discard(self._names.get(args[0]))
        elif name in ("rename", "replace"):
            old, new = paths
            if os.path.isdir(old):
                self.renamed_with.append({path for path in self.unflushed if path == old or path.startswith(old + "/")})
            moved = {path for path in self.unflushed if path == old or path.startswith(old + "/")}
            self.unflushed = (self.unflushed - moved) | {new + path[len(old) :] for path in moved}
            self.unflushed |= {os.path.dirname(old), os.path.dirname(new)}
        elif name in ("mkdir", "unlink", "rmdir") and paths:
            self.unflushed.discard(paths[0])
            if name == "mkdir":
                self.unflushed.add(paths[0])
            self.unflushed.add(os.path.dirname(paths[0]))

    def _open_stream(self, path, mode):
        self._count("open")
        path = os.fspath(path)
        stream = open(path, mode)  # noqa: SIM115 - whoever asked for it closes it
        self._names[stream.fileno()] = path
        self.unflushed |= {path, os.path.dirname(path)}
        return Stream(self, stream, path)


class Stream:
    """A file that is written through the disk."""

    def __init__(self, disk, stream, path):
        self.disk, self.stream, self.path = disk, stream, path

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.disk._names.pop(self.stream.fileno(), None)
        self.stream.close()
        self.disk._count("close")

    def fileno(self):
        return self.stream.fileno()

    def flush(self):
        self.disk._count("flush")
        self.stream.flush()

    def write(self, data):
        self.disk._count("write")
        self.disk.unflushed.add(self.path)
        return self.stream.write(data)
