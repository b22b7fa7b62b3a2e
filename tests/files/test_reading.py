"""Opening and reading files: whatever lies under a name, and whatever the disk does."""

import errno
import os
import socket
import sys
import time

import numpy as np
import pytest

from numpy_bert.checkpoints.detect import recognize
from numpy_bert.errors import Error
from numpy_bert.files import reading as files
from numpy_bert.files.reading import File


@pytest.fixture
def numbered(tmp_path):
    """A file of the bytes 0 to 99."""
    path = tmp_path / "numbers"
    path.write_bytes(bytes(range(100)))
    return path


def make_folder(path):
    path.mkdir()


def make_socket(path):
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))


def make_loop(path):
    path.symlink_to(path.name)


def make_nothing(path):
    pass


KINDS = {
    "folder": (make_folder, "a folder"),
    "pipe": (os.mkfifo, "a named pipe"),
    "socket": (make_socket, "a socket"),
    "loop": (make_loop, "a loop of symbolic links"),
    "nothing": (make_nothing, "no such file"),
    "zero": (lambda path: path.symlink_to("/dev/zero"), "a character device"),
}


@pytest.mark.skipif(sys.platform == "win32", reason="no such things there")
@pytest.mark.parametrize("kind", KINDS)
def test_what_is_no_regular_file_is_named_at_once(kind, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    make, words = KINDS[kind]
    make(tmp_path / "it")
    started = time.process_time()
    for use in (File, recognize):
        with pytest.raises(Error, match=words):
            use("it")
    assert time.process_time() - started < 1


@pytest.mark.parametrize("kind", ["pipe", "zero"])
def test_a_thing_put_in_place_after_the_check_is_refused_too(kind, tmp_path, monkeypatch):
    """The name is looked at before it is opened and what was opened once more."""
    KINDS[kind][0](tmp_path / "it")
    (tmp_path / "regular").touch()
    before = len(os.listdir("/proc/self/fd")) if os.path.exists("/proc/self/fd") else None
    monkeypatch.setattr(os, "stat", lambda path, stat=os.stat: stat(tmp_path / "regular"))
    with pytest.raises(Error, match="expected a regular file"):
        File(tmp_path / "it")
    monkeypatch.undo()
    assert before is None or len(os.listdir("/proc/self/fd")) == before, "the descriptor was left open"


def test_unreadable_file(numbered, monkeypatch):
    def refuse(*_):
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(Error, match="permission denied; make the file readable"):
        File(numbered)


@pytest.mark.parametrize("path", ["a\0b", "a\ud800b"])
def test_a_path_that_cannot_be(path):
    with pytest.raises(Error, match="expected a path") as caught:
        File(path)
    assert str(caught.value).isprintable()


def test_long_and_strange_paths_are_escaped_and_cut(tmp_path):
    with pytest.raises(Error) as caught:
        File("x" * 10_000)
    assert len(str(caught.value)) < 200
    with pytest.raises(Error) as caught:
        File(tmp_path / "\x1b[31m\n\u202ename")
    assert str(caught.value).isprintable()
    assert str(caught.value).isascii()


def test_reads_are_exact_and_bounded(numbered):
    with File(numbered) as file:
        assert file.size == 100
        assert file.read_at(95, 5) == bytes(range(95, 100))
        assert file.read_at(100, 0) == b""
        for offset, length in [(0, 101), (100, 1), (-1, 1), (1, -1), (2**63, 1), (1, 2**80)]:
            with pytest.raises(Error, match=r"expected .* bytes at byte"):
                file.read_at(offset, length)


def test_no_allocation_for_bytes_that_are_not_there(numbered):
    with File(numbered) as file, pytest.raises(Error):
        file.read_at(0, 2**62)


def test_a_file_cut_short_while_it_is_read(numbered):
    with File(numbered) as file:
        os.truncate(numbered, 50)
        with pytest.raises(Error, match="expected 100 bytes, got 50: it became shorter"):
            file.read_at(0, 100)


def test_a_failing_disk_is_an_error(numbered):
    class Disk:
        def seek(self, _):
            raise OSError(errno.EIO, "Input/output error")

        def close(self):
            pass

    with File(numbered) as file:
        file.close()
        file._stream = Disk()
        with pytest.raises(Error, match="reading at byte 3 failed: Input/output error"):
            file.read_at(3, 1)


def test_bytes_are_shown_in_order_and_whole(tmp_path):
    path = tmp_path / "large"
    data = np.random.default_rng(1).bytes(3 * files.CHUNK + 5)
    path.write_bytes(data)
    seen = []
    array = np.empty(len(data) - 1, np.uint8)
    with File(path) as file:
        file.read_into(array, 1, lambda part: seen.append(bytes(part)))
    assert b"".join(seen) == data[1:] == array.tobytes()
    assert max(map(len, seen)) == files.CHUNK


def test_pages_of_a_file_whose_length_changed_are_not_shared(numbered):
    with File(numbered) as file:
        os.truncate(numbered, 50)
        with pytest.raises(Error, match="expected 100 bytes, got 50: its length changed"):
            file.mapped()
