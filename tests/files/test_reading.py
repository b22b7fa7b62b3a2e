"""Opening, reading and recognising files: whatever lies under a name, and whatever bytes it holds."""

import errno
import os
import socket
import sys
import time

import numpy as np
import pytest
from support.hostile_files import safetensors, torch_legacy, torch_zip
from support.limits import run_limited

from numpy_bert.checkpoints.detect import recognise
from numpy_bert.errors import Error
from numpy_bert.files import reading as files
from numpy_bert.files.atomic import replacing
from numpy_bert.files.reading import Entry, File, read_tensor


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
    started = time.perf_counter()
    for use in (File, recognise):
        with pytest.raises(Error, match=words):
            use("it")
    assert time.perf_counter() - started < 1


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


STORED = {  # dtype -> elements as they are stored, little-endian, and as they are meant
    "bool": (np.array([0, 1, 2, 255], "u1"), np.array([False, True, True, True])),
    "int16": (np.array([-2, 300], "<i2"), np.array([-2, 300], "i2")),
    "int64": (np.array([-(2**62), 7], "<i8"), np.array([-(2**62), 7], "i8")),
    "float16": (np.array([1.5, 6e-8], "<f2"), np.array([1.5, 6e-8], "f2")),
    "bfloat16": (
        np.array([0x3FC0, 0xFF80, 0x8000, 0x0001, 0x7FC1], "<u2"),
        np.array([0x3FC00000, 0xFF800000, 0x80000000, 0x00010000, 0x7FC10000], "u4").view("f4"),
    ),
    "float32": (np.array([1.5, np.nan, -0.0], "<f4"), np.array([1.5, np.nan, -0.0], "f4")),
    "float64": (np.array([1e300], "<f8"), np.array([1e300])),
}


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("dtype", STORED)
def test_every_dtype_in_both_byte_orders(dtype, order, tmp_path, monkeypatch):
    monkeypatch.setattr(files, "CHUNK", 16)  # several chunks
    stored, meant = (np.tile(part, 7) for part in STORED[dtype])
    path = tmp_path / "elements"
    path.write_bytes(b"abc" + stored.astype(stored.dtype.newbyteorder(order)).tobytes())
    entry = Entry(dtype, (7, stored.size // 7))
    with File(path) as file:
        array = read_tensor(file, 3, entry, order=order)
    assert array.dtype == entry.loaded == meant.dtype
    assert array.shape == entry.shape
    assert array.tobytes() == meant.tobytes()


def test_wider_destinations_and_wrong_ones(tmp_path):
    path = tmp_path / "elements"
    path.write_bytes(np.arange(6, dtype="<f2").tobytes())
    entry = Entry("float16", (2, 3))
    with File(path) as file:
        for dtype in ("f2", "f4", "f8"):
            both = np.zeros((4, 3), dtype)
            assert read_tensor(file, 0, entry, both[2:]).base is both
            np.testing.assert_array_equal(both[2:].ravel(), np.arange(6))
            assert not both[:2].any()
        locked = np.empty((2, 3), "f4")
        locked.flags.writeable = False
        wrong = [locked, np.empty((3, 2), "f4"), np.empty((3, 2), "f4").T, np.empty((2, 3), "i4"), np.empty(6, "f4")]
        for destination in wrong:
            with pytest.raises(ValueError, match="a destination for float16"):
                read_tensor(file, 0, entry, destination)


def test_entry_sizes():
    assert Entry("bfloat16", (2, 3)).nbytes == 12
    assert Entry("float64", ()).nbytes == 8
    assert Entry("float32", (2, 2**63)).nbytes == 2**66
    assert files.too_large((1,) * 8) is None
    assert files.too_large((1,) * 9)
    assert files.too_large((0, 2**60))


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the limits are Linux's")
def test_a_file_larger_than_the_memory(tmp_path):
    path = tmp_path / "sparse"
    with open(path, "wb") as stream:
        stream.write(safetensors({"a": {"dtype": "U8", "shape": [2**40], "data_offsets": [0, 2**40]}}))
        stream.truncate(stream.tell() + 2**40)
    result = run_limited("from numpy_bert.checkpoints.formats.safetensors import read; read(sys.argv[1])", args=[path])
    assert result.returncode == 1, result
    assert "expected memory for a tensor of 1099511627776 bytes" in result.stderr


# Recognising

LFS = b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"0" * 64 + b"\nsize 440449768\n"
TABLE_END = bytes.fromhex("57fb808b247547db")

FORMS = {
    "safetensors": safetensors({"a": {"dtype": "F32", "shape": [], "data_offsets": [0, 4]}}, bytes(4)),
    "safetensors whose length looks like a pickle": safetensors(b"{}".ljust(640)),
    "safetensors whose length looks like gzip": safetensors(b"{}".ljust(0x8B1F)),
    "safetensors after spaces": safetensors(b"  {}"),
    "safetensors of too great a length": safetensors(b"{}", length=2**64 - 1),
    "torch_zip": torch_zip(),
    "torch_legacy": torch_legacy(),
    "hdf5": b"\x89HDF\r\n\x1a\n" + bytes(100),
    "npz": b"PK\x03\x04" + bytes(22) + b"\x05\0\0\0a.npy" + bytes(30),
    "tf_bundle": b"\0\0\x0c\x08\x01\x1a\x02\x08\x01" + bytes(60) + TABLE_END,
    "flax": b"\x81\xa4bert\x80",
    "flax of many": b"\xde\x01\x00\xa4bert",
}
OTHERS = {
    "empty": (b"", "an empty file"),
    "lfs": (LFS, "a Git LFS pointer; the file itself has 440449768 bytes; run 'git lfs pull'"),
    "lfs cut": (LFS[:60], "a Git LFS pointer; run"),
    "html": (b"\n <!DOCTYPE html><html>", "an HTML page; the download failed"),
    "html tag": (b"<html lang=en>", "an HTML page"),
    "error page": (b"<?xml version='1.0'?><Error>", "an HTML page"),
    "gzip": (b"\x1f\x8b\x08" + bytes(60), "gzip data; unpack it"),
    "xz": (b"\xfd7zXZ\0" + bytes(60), "xz data"),
    "zstandard": (b"\x28\xb5\x2f\xfd" + bytes(60), "zstandard data"),
    "tar": (bytes(257).replace(b"\0", b"x") + b"ustar\0" + bytes(300), "a tar archive"),
    "pickle": (b"\x80\x02}q\0.", "a pickle of something else"),
    "pickle 4": (b"\x80\x04\x95" + bytes(40), "a pickle of something else"),
    "empty zip": (b"PK\x05\x06" + bytes(18), "a zip archive with nothing in it"),
    "V1": (b"\0\0\x80\x01\x0a\x7e" + bytes(60) + TABLE_END, "a V1 checkpoint"),
    "text": (b"Hello, world, this is no checkpoint", "begin 48 65 6c 6c 6f"),
    "short": (b"1234567", "got 7 bytes"),
    "zeros": (bytes(100), "got 100 bytes that begin 00"),
    "json": (b'{\n  "model_type": "bert"\n}', "begin 7b 0a"),
}


@pytest.mark.parametrize("form", FORMS)
def test_recognised_by_content_and_not_by_name(form, tmp_path):
    path = tmp_path / "misleading.h5"
    path.write_bytes(FORMS[form])
    assert recognise(path) == form.split()[0]


@pytest.mark.parametrize("other", OTHERS)
def test_other_things_are_named_for_what_they_are(other, tmp_path):
    data, words = OTHERS[other]
    path = tmp_path / "model.safetensors"
    path.write_bytes(data)
    with pytest.raises(Error) as caught:
        recognise(path)
    assert words in str(caught.value)
    assert str(caught.value).startswith(str(Error("expected", at=path)))


# Writing


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
    with pytest.raises(Error, match=f"cannot write: {os.strerror(number)}"), replacing(path) as stream:
        stream.write(b"new")
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
