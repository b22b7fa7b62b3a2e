"""Keras' HDF5 files: one that transformers wrote, everything that is refused, and damage."""

import contextlib
import sys
from pathlib import Path

import numpy as np
import pytest
from support.bits import same
from support.file_damage import mutated
from support.hostile_files import Scratch
from support.limits import run_limited
from support.tf_weights import weights

from numpy_bert.checkpoints.formats import hdf5
from numpy_bert.checkpoints.formats.tensors import Entry
from numpy_bert.errors import Error

h5py = pytest.importorskip("h5py")

KERAS = Path(__file__).parents[2] / "data" / "tf_files" / "keras" / "tf_model.h5"


@pytest.fixture
def path(tmp_path):
    return tmp_path / "tf_model.h5"


def refused(words, path):
    for use in (hdf5.describe, hdf5.read):
        with pytest.raises(Error) as caught:
            use(path)
        message = str(caught.value)
        assert words in message, message
        assert message.isprintable()
        assert len(message) <= 300


def test_what_transformers_wrote():
    entries, arrays = hdf5.describe(KERAS), hdf5.read(KERAS)
    assert len(arrays) == 35
    assert entries == {name: Entry("float32", array.shape) for name, array in arrays.items()}
    for name, array in arrays.items():
        variable = name.split("/", 1)[1]  # the group of its layer comes before
        assert same(array, weights(variable, array.shape))
    pooler = "bert/tf_bert_for_pre_training/bert/pooler/dense/kernel:0"
    assert entries[pooler] == Entry("float32", (4, 4))
    with h5py.File(KERAS, "r") as file:
        listed = [
            f"{layer}/{name}" for layer in file.attrs["layer_names"] for name in file[layer].attrs["weight_names"]
        ]
    assert sorted(listed) == sorted(arrays)


ARRAYS = {
    "a/half": np.array([1.5, -0.0, np.inf], "f2"),
    "a/deep/er/int": np.arange(4, dtype="i8").reshape(2, 2),
    "big": np.arange(3, dtype=">f4"),
    "double": np.array(1e300),
    "none": np.empty((0, 3), "f4"),
    "ü/\x1b": np.array([1, 2], "u1"),
}


def test_plain_arrays(path):
    with h5py.File(path, "w") as file:
        for name, array in ARRAYS.items():
            file[name] = array
        file.create_group("empty")
        file.attrs["keras_version"] = "2.21.0"
    arrays = hdf5.read(path)
    assert arrays.keys() == ARRAYS.keys()
    for name, array in ARRAYS.items():
        assert same(arrays[name], array.astype(array.dtype.newbyteorder("=")))
    place = np.empty(3)
    chosen = hdf5.read(path, ["a/half"], into=lambda name, entry: place)
    assert list(chosen) == ["a/half"]
    assert chosen["a/half"] is place
    np.testing.assert_array_equal(place, ARRAYS["a/half"])


def test_without_h5py(monkeypatch, path):
    monkeypatch.setitem(sys.modules, "h5py", None)
    path.write_bytes(hdf5.SIGNATURE)
    refused("an HDF5 file needs h5py to be read; run: pip install 'numpy-bert[hdf5]'", path)


def soft_link(file):
    file["a"] = np.zeros(2)
    file["b"] = h5py.SoftLink("/a")


def external_link(file):
    file["secret"] = h5py.ExternalLink("/etc/passwd", "/a")


def hard_link(file):
    file["a"] = np.zeros(2)
    file["b"] = file["a"]


def cycle(file):
    file["a/b"] = file["/"]


def deep(file):
    file["/".join("x" * 40)] = np.zeros(1)


def committed_type(file):
    file["a"] = np.dtype("f4")


def compound(file):
    file["a"] = np.zeros(2, [("x", "f4"), ("y", "f4")])


def reference(file):
    file["a"] = np.zeros(2)
    file.create_dataset("b", data=file["a"].ref, dtype=h5py.ref_dtype)


def text(file):
    file["a"] = ["some", "words"]


def truth(file):
    file["a"] = np.array([True, False])


def enumeration(file):
    file.create_dataset("a", (2,), h5py.enum_dtype({"RED": 0, "BLUE": 1}, "i1"))


def no_space(file):
    file["a"] = h5py.Empty("f4")


def odd_float(file):
    kind = h5py.h5t.IEEE_F32LE.copy()
    kind.set_ebias(100)
    space = h5py.h5s.create_simple((2,))
    h5py.h5d.create(file.id, b"a", kind, space)


def chunked(file):
    file.create_dataset("a", (10, 10), "f4", chunks=(5, 5), data=np.zeros((10, 10)))


def bomb(file):
    file.create_dataset("a", (1 << 20, 1 << 20), "f4", chunks=(1 << 10, 1 << 10), compression="gzip")


def compressed(file):
    file.create_dataset("a", data=np.zeros(1000), compression="gzip")


def virtual(file):
    layout = h5py.VirtualLayout((1 << 40,), "f4")
    layout[:10] = h5py.VirtualSource("other.h5", "a", (10,))
    file.create_virtual_dataset("a", layout)


def elsewhere(file):
    file.create_dataset("a", (4,), "f4", external=[("/etc/passwd", 0, 16)])


def never_written(file):
    file.create_dataset("a", (1 << 40,), "f4")


def many_dimensions(file):
    file["a"] = np.zeros([1] * 9)


HOSTILE = {
    soft_link: "'b': expected an array or a group, got a SoftLink",
    external_link: "'secret': expected an array or a group, got a ExternalLink",
    hard_link: "'b': expected every object once, got one that has another name too",
    cycle: "'a/b': expected every object once",
    deep: "expected at most 32 groups within each other",
    committed_type: "'a': expected an array or a group, got Datatype",
    compound: "'a': expected an array of numbers, got",
    reference: "'b': expected an array of numbers, got 'object'",
    text: "'a': expected an array of numbers, got 'object'",
    truth: "'a': expected an array of numbers, got 'bool'",
    enumeration: "'a': expected plain int8, got numbers with another layout of bits",
    no_space: "'a': expected an array of numbers, got nothing",
    odd_float: "'a': expected",
    chunked: "'a': expected its numbers in one piece of this file, got chunks or other places; run: h5repack -l CONTI",
    bomb: "'a': expected its numbers in one piece",
    compressed: "'a': expected its numbers in one piece",
    virtual: "'a': expected its numbers in one piece",
    elsewhere: "'a': expected its numbers in one piece",
    never_written: "'a': expected 4398046511104 bytes as shape [1099511627776] needs, got 0 stored",
    many_dimensions: "'a': expected a shape that memory can hold, got 9 dimensions",
}


@pytest.mark.parametrize("make", HOSTILE, ids=lambda make: make.__name__)
def test_what_checkpoints_do_not_need_is_refused(path, make):
    with h5py.File(path, "w") as file:
        make(file)
    refused(HOSTILE[make], path)


def test_too_many_objects(path, monkeypatch):
    monkeypatch.setattr(hdf5, "MOST_OBJECTS", 10)
    with h5py.File(path, "w") as file:
        for i in range(10):
            file[str(i)] = np.zeros(1)
    refused("expected at most 10 objects", path)


def test_arrays_that_share_bytes(path):
    """Two headers are made to point at the same data by hand."""
    with h5py.File(path, "w") as file:
        file["a"], file["b"] = np.zeros(8), np.ones(8)
        first, second = file["a"].id.get_offset(), file["b"].id.get_offset()
    data = path.read_bytes()
    place = data.index(second.to_bytes(8, "little"))
    path.write_bytes(data[:place] + first.to_bytes(8, "little") + data[place + 8 :])
    refused("expected bytes of its own from", path)


@pytest.mark.parametrize(
    "data", [b"", b"\x89HDF", b"PK\x03\x04" + bytes(100), bytes(2048) + hdf5.SIGNATURE + bytes(600)]
)
def test_other_files(path, data):
    path.write_bytes(data)
    refused("expected the signature of an HDF5 file, got other bytes", path)


def test_after_the_signature_nothing(path):
    path.write_bytes(hdf5.SIGNATURE + bytes(3000))
    refused("expected an HDF5 file, got one that h5py refuses: ", path)


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    scratch = Scratch(tmp_path_factory.mktemp("small") / "small.h5")
    with h5py.File(scratch.path, "w") as file:
        file["bert/kernel:0"], file["bert/bias:0"] = np.arange(6, dtype="f4").reshape(2, 3), np.arange(3.0)
        file.attrs["layer_names"] = ["bert"]
    return scratch, scratch.path.read_bytes()


def test_cut_short(small):
    scratch, data = small
    for length in range(0, len(data), 5):
        with pytest.raises(Error):
            hdf5.read(scratch.put(data[:length]))
    with pytest.raises(Error):
        hdf5.read(scratch.put(data[:-1]))


def test_flipped_bits(small):
    """There is no checksum: a name may change or be lost, but an array that keeps its name keeps its shape."""
    scratch, data = small
    right = hdf5.describe(scratch.put(data))
    assert len(right) == 2
    outcomes = [0, 0]
    for bit in range(0, 8 * len(data), 197):
        changed = bytearray(data)
        changed[bit // 8] ^= 1 << bit % 8
        with contextlib.suppress(Error):
            entries = hdf5.describe(scratch.put(bytes(changed)))
            outcomes[entries == right] += 1
            assert set(entries.values()) <= set(right.values())
    assert outcomes[1] > 20 * outcomes[0]


DAMAGED = """
import os
from numpy_bert.checkpoints.formats import hdf5
from numpy_bert.errors import Error
for name in sorted(os.listdir(sys.argv[1])):
    try:
        hdf5.read(os.path.join(sys.argv[1], name))
    except Error:
        pass
print("all")
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the limits are Linux's")
def test_damage_under_limits(small, tmp_path):
    """In a process of its own, because a library in C may fall."""
    for seed in range(200):
        (tmp_path / str(seed)).write_bytes(mutated(small[1], seed))
    for i, make in enumerate(HOSTILE):
        with h5py.File(tmp_path / f"hostile {i}", "w") as file:
            make(file)
    result = run_limited(DAMAGED, args=[tmp_path], memory_mib=128, cpu_seconds=20)
    assert (result.returncode, result.stdout) == (0, "all\n"), result
    assert len(list(tmp_path.iterdir())) == 200 + len(HOSTILE)
    assert not [name for name in result.opened if name.startswith("/etc")]
