"""The elements of a tensor in a file as an array: dtypes, byte orders, destinations, sizes."""

import sys

import numpy as np
import pytest
from support.hostile_files import safetensors
from support.limits import run_limited

from numpy_bert.checkpoints.formats import tensors
from numpy_bert.checkpoints.formats.tensors import (
    Entry,
    read_tensor,
)
from numpy_bert.files import reading as files
from numpy_bert.files.reading import File

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
    assert tensors.too_large((1,) * 8) is None
    assert tensors.too_large((1,) * 9)
    assert tensors.too_large((0, 2**60))


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the limits are Linux's")
def test_a_file_larger_than_the_memory(tmp_path):
    path = tmp_path / "sparse"
    with open(path, "wb") as stream:
        stream.write(safetensors({"a": {"dtype": "U8", "shape": [2**40], "data_offsets": [0, 2**40]}}))
        stream.truncate(stream.tell() + 2**40)
    result = run_limited("from numpy_bert.checkpoints.formats.safetensors import read; read(sys.argv[1])", args=[path])
    assert result.returncode == 1, result
    assert "expected memory for a tensor of 1099511627776 bytes" in result.stderr
