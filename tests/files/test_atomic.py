"""A file is replaced whole or stays as it was."""

import errno
import os
import re

import pytest

from numpy_bert.errors import Error
from numpy_bert.files.atomic import replacing


def test_a_file_is_replaced_whole(tmp_path):
    path = tmp_path / "out"
    path.write_bytes(b"old")
    with replacing(path) as stream:
        stream.write(b"new")
        assert path.read_bytes() == b"old"
    assert path.read_bytes() == b"new"
    assert os.listdir(tmp_path) == ["out"]


def test_a_failure_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "out"
    path.write_bytes(b"old")

    def interrupted():
        with replacing(path) as stream:
            stream.write(b"half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["out"]


@pytest.mark.parametrize("call", ["fsync", "replace"])
@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EIO])
def test_a_full_or_failing_disk_is_told(call, number, tmp_path, monkeypatch):
    path = tmp_path / "out"
    path.write_bytes(b"old")

    def fail(*_):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, call, fail)
    with (
        pytest.raises(Error, match=f"cannot write: {os.strerror(number)}") as caught,
        replacing(path, size=3) as stream,
    ):
        stream.write(b"new")
    has_room = re.search(r": expected 3 bytes free, got [\d,]+$", str(caught.value))
    assert bool(has_room) == (number == errno.ENOSPC)
    monkeypatch.undo()
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["out"]


def test_the_folder_is_flushed_after_the_rename(tmp_path, monkeypatch):
    calls = []
    for call in ("fsync", "replace"):
        real = getattr(os, call)
        monkeypatch.setattr(os, call, lambda *args, call=call, real=real: (calls.append(call), real(*args))[1])
    with replacing(tmp_path / "out") as stream:
        stream.write(b"new")
    assert calls == ["fsync", "replace", "fsync"]


def test_never_over_the_file_being_read(tmp_path):
    source = tmp_path / "source"
    source.write_bytes(b"old")
    (tmp_path / "link").symlink_to(source)
    os.link(source, tmp_path / "twin")
    for name in ("source", "link", "twin"):
        with pytest.raises(Error, match="got the file that is being read"), replacing(tmp_path / name, [source]):
            pass
    with replacing(tmp_path / "other", [source]) as stream:
        stream.write(b"new")
    assert source.read_bytes() == b"old"


@pytest.mark.parametrize("name", ["there/is/no/folder", "folder", "n" * 256, "a\0b", "pipe"])
def test_names_that_cannot_be_written(name, tmp_path):
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(Error), replacing(os.path.join(tmp_path, name)) as stream:
        stream.write(b"new")
    assert sorted(os.listdir(tmp_path)) == ["folder", "pipe"]


def test_a_name_as_long_as_names_can_be(tmp_path):
    with replacing(tmp_path / ("n" * 255)) as stream:
        stream.write(b"new")
    assert (tmp_path / ("n" * 255)).read_bytes() == b"new"
