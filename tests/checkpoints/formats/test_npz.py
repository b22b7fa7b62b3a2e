"""npz files: NumPy's own in both directions, every wrong entry, bombs, and damage."""

import contextlib
import io
import sys
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.bits import same
from support.file_damage import mutated
from support.hostile_files import Entry as ZipEntry
from support.hostile_files import Scratch, assert_refused_under_limits, zip_archive
from support.tf_weights import weights

from numpy_bert.checkpoints.formats import npz
from numpy_bert.checkpoints.formats.tensors import Entry
from numpy_bert.errors import Error


@pytest.fixture
def put(tmp_path):
    def write(data):
        path = tmp_path / "model.npz"
        path.write_bytes(data)
        return path

    return write


def refused(words, call, *args):
    with pytest.raises(Error) as caught:
        call(*args)
    message = str(caught.value)
    assert words in message, message
    assert message.isprintable()
    assert len(message) <= 300


ARRAYS = {
    "bert.embedding.word": np.arange(6, dtype="f4").reshape(2, 3),
    "big-endian": np.arange(3, dtype=">i4"),
    "bool": np.array([True, False]),
    "columns": np.asfortranarray(np.arange(24.0).reshape(2, 3, 4)),
    "folder/name": np.array([1.5, -0.0, np.nan], "f2"),
    "large": np.ones(300_000, "f4"),
    "none": np.empty((3, 0), "f8"),
    "scalar": np.array(-1, "i8"),
    "ü": np.array([255], "u1"),
}
WRITERS = {
    "savez": lambda path, arrays: np.savez(path, **arrays),
    "savez_compressed": lambda path, arrays: np.savez_compressed(path, **arrays),
    "write": npz.write,
}


@pytest.mark.parametrize("writer", WRITERS)
def test_there_and_back(tmp_path, writer):
    path = tmp_path / "model.npz"
    WRITERS[writer](path, ARRAYS)
    expected = {name: array.astype(array.dtype.newbyteorder("="), order="C") for name, array in ARRAYS.items()}
    arrays = npz.read(path)
    assert arrays.keys() == expected.keys()
    assert all(same(arrays[name], array) and array.flags.c_contiguous for name, array in expected.items())
    assert npz.describe(path) == {name: Entry(array.dtype.name, array.shape) for name, array in expected.items()}
    places = {name: np.empty(array.shape) for name, array in expected.items() if array.dtype.kind == "f"}
    arrays = npz.read(path, places, into=lambda name, entry: places[name])
    for name, place in places.items():
        assert arrays[name] is place
        np.testing.assert_array_equal(place, expected[name])
    with pytest.raises(ValueError, match="a destination"):
        npz.read(path, ["columns"], into=lambda name, entry: np.empty((4, 3, 2)).T)
    refused("'bert': expected a tensor of this name, got none", npz.read, path, ["bert"])


def test_numpy_reads_what_we_write(tmp_path):
    path = tmp_path / "model.npz"
    npz.write(path, ARRAYS)
    before = path.read_bytes()
    with np.load(path, allow_pickle=False) as file:
        assert sorted(file.files) == sorted(ARRAYS)
        assert all(same(file[name], array) for name, array in ARRAYS.items())
    npz.write(path, dict(reversed(ARRAYS.items())))
    assert path.read_bytes() == before


@settings(max_examples=30)
@given(st.dictionaries(st.text(max_size=10), st.integers(0, 4), max_size=5))
def test_what_is_written_is_read(tmp_path_factory, sizes):
    path = tmp_path_factory.getbasetemp() / "any.npz"
    arrays = {name: weights(name, (size, 2)) for name, size in sizes.items()}
    try:
        npz.write(path, arrays)
    except Error:
        assert any(not npz.is_plain(name) for name in arrays) or len({name.lower() for name in arrays}) < len(arrays)
        return
    read = npz.read(path)
    assert read.keys() == arrays.keys()
    assert all(same(read[name], array) for name, array in arrays.items())


@pytest.mark.parametrize("name", ["", "a/../b", "..", ".", "/a", "a//b", "a\\b", "a:b", "a\0", "\ud800", "n" * 1025])
def test_names_that_no_entry_has(tmp_path, name):
    refused("expected plain relative names", npz.write, tmp_path / "x.npz", {name: np.zeros(1)})
    assert list(tmp_path.iterdir()) == []


def test_what_cannot_be_written(tmp_path):
    path = tmp_path / "x.npz"
    refused("arrays of numbers, got 'a', object", npz.write, path, {"a": np.array([None])})
    refused("arrays of numbers, got 'a', complex128", npz.write, path, {"a": np.zeros(1, complex)})
    refused("distinct but for case", npz.write, path, {"a": np.zeros(1), "A": np.zeros(1)})
    npz.write(path, {"a": np.zeros(1)})
    refused("the file that is being read", npz.write, path, {"a": np.zeros(1)}, [path])


# Files by hand

DATA = np.arange(6, dtype="<f4").tobytes()


def npy(descr="'<f4'", order="False", shape="(2, 3)", data=DATA, version=b"\1\0", text=None):
    header = (text or f"{{'descr': {descr}, 'fortran_order': {order}, 'shape': {shape}, }}\n").encode()
    return npz.MAGIC + version + len(header).to_bytes(2 if version[0] == 1 else 4, "little") + header + data


def file_of(*contents, **options):
    return zip_archive([ZipEntry(b"%d.npy" % i, content, **options) for i, content in enumerate(contents)])


def deflated(content, packed=None, **options):
    stream = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    right = stream.compress(content) + stream.flush()
    fields = {"method": 8, "crc": zlib.crc32(content), "size": len(content), **options}
    return zip_archive([ZipEntry(b"0.npy", right if packed is None else packed, **fields)])


def pickled():
    buffer = io.BytesIO()
    np.savez(buffer, x=np.array([{"a": 1}], dtype=object))
    return buffer.getvalue()


HOSTILE = {
    "nothing": (b"", "expected the end record of a zip archive"),
    "no zip": (bytes(100), "expected a zip archive"),
    "other entries": (zip_archive([ZipEntry(b"model.bin", b"abc")]), "expected entries *.npy, stored or deflated"),
    "method 12": (file_of(npy(), method=12), "got '0.npy', method 12"),
    "encrypted": (file_of(npy(), flags=1), "encrypted?"),
    "twice": (zip_archive([ZipEntry(b"a.npy", npy()), ZipEntry(b"a.npy", npy())]), "duplicate"),
    "outside": (zip_archive([ZipEntry(b"../a.npy", npy())]), "expected a plain relative name"),
    "empty entry": (file_of(b""), "'0.npy': expected b'\\x93NUMPY' and version 1 to 3, got ''"),
    "other magic": (file_of(b"\x92" + npy()[1:]), "and version 1 to 3, got '92 4e"),
    "version 4": (file_of(npy(version=b"\4\0")), "got '93 4e 55 4d 50 59 04 00'"),
    "header beyond": (file_of(npz.MAGIC + b"\1\0\xff\xff{"), "expected a header of at most 10000 bytes, got 65535"),
    "header of 4 GB": (file_of(npz.MAGIC + b"\2\0\xff\xff\xff\xff{"), "got 4294967295"),
    "header cut off": (file_of(npy()[:40]), "expected a header of at most 10000 bytes, got 60"),
    "length cut off": (file_of(npz.MAGIC + b"\2\0\1"), "expected a header"),
    "objects": (pickled(), "expected an array of numbers, got '|O': Python objects, which only unpickling could read"),
    "fields": (file_of(npy("[('a', '<f4')]")), "expected a header of plain numbers, got"),
    "code": (file_of(npy("__import__('os')")), "expected a header of plain numbers, got"),
    "code as shape": (file_of(npy(shape="(2, 1+2)")), "expected a header of plain numbers"),
    "four keys": (file_of(npy(text="{'descr': '<f4', 'fortran_order': False, 'shape': (), 1: 1}")), "of plain numbers"),
    "other order": (file_of(npy(text="{'shape': (), 'descr': '<f4', 'fortran_order': False}")), "of plain numbers"),
    "no tuple": (file_of(npy(shape="(6)")), "expected a header of plain numbers"),
    "negative": (file_of(npy(shape="(-2, 3)")), "expected a header of plain numbers"),
    "only a comma": (file_of(npy(shape="(,)")), "expected a header of plain numbers"),
    "no text": (file_of(npy(text="\xff")), r"got '\xc3\xbf'"),
    "text": (file_of(npy("'<U6'")), "expected an array of numbers, got '<U6'"),
    "void": (file_of(npy("'|V4'")), "got '|V4'"),
    "complex": (file_of(npy("'<c8'")), "got '<c8'"),
    "float128": (file_of(npy("'<f16'")), "got '<f16'"),
    "float8": (file_of(npy("'|f1'")), "got '|f1'"),
    "no order": (file_of(npy("'|f4'")), "got '|f4'"),
    "order of a byte": (file_of(npy("'<i1'", shape="(24,)")), "got '<i1'"),
    "native order": (file_of(npy("'=f4'")), "got '=f4'"),
    "dates": (file_of(npy("'<M8[ns]'")), "got '<M8[ns]'"),
    "too few bytes": (file_of(npy(data=DATA[:-1])), "got 23 bytes, shape [2, 3] needs 24"),
    "too many bytes": (file_of(npy(data=DATA + b"\0")), "got 25 bytes, shape [2, 3] needs 24"),
    "product overflows": (file_of(npy(shape=f"({2**59}, {2**59})")), "got 24 bytes, shape [576460752"),
    "zero beside huge": (file_of(npy(shape=f"({2**59}, 0)", data=b"")), "more elements than memory has addresses"),
    "20 digits": (file_of(npy(shape=f"({10**19},)")), "expected a header of plain numbers"),
    "9 dimensions": (file_of(npy(shape=f"({'1, ' * 9})", data=DATA[:4])), "got 9 dimensions, more than 8"),
    "inflates too far": (deflated(npy(shape=f"({1 << 23},)", data=bytes(1 << 25))), "expected at most 169"),
    "no deflate": (deflated(npy(), b"\xff" * 40), "'0.npy': expected deflated data, got other bytes"),
    "deflate of nothing": (deflated(npy(), b""), "expected the end of the deflated data, got them cut off"),
}  # fmt: skip
UNREADABLE = {  # by `read` only: `describe` looks at the headers alone
    "crc": (file_of(npy(), crc=1), "'0.npy': expected CRC-32 00000001, got"),
    "crc of deflated": (deflated(npy(), crc=1), "'0.npy': expected CRC-32 00000001, got"),
    "deflated to less": (deflated(npy()[:-4], size=len(npy())), "bytes unpacked, got "),
    "deflated to more": (deflated(npy() + b"more", size=len(npy())), "bytes unpacked, got more"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_files(put, name):
    data, words = HOSTILE[name]
    for use in (npz.describe, npz.read):
        refused(words, use, put(data))


@pytest.mark.parametrize("name", UNREADABLE)
def test_entries_that_are_not_what_their_header_says(put, name):
    data, words = UNREADABLE[name]
    refused(words, npz.read, put(data))
    assert npz.describe(put(data)) == {"0": Entry("float32", (2, 3))}


def test_deflate_with_bytes_behind_it(put):
    content = npy()
    stream = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    packed = stream.compress(content) + stream.flush() + b"hidden"
    path = put(zip_archive([ZipEntry(b"0.npy", packed, method=8, crc=zlib.crc32(content), size=len(content))]))
    refused("expected nothing behind the deflated data, got more bytes", npz.read, path)


@pytest.mark.parametrize("version", [b"\1\0", b"\2\0", b"\3\0"])
def test_right_files(put, version):
    """What HOSTILE departs from is read as it is, in every version and with other spaces."""
    expected = np.arange(6, dtype="f4").reshape(2, 3)
    other = "{'descr':'<f4','fortran_order':False,'shape':(2,3)}   \n"
    for content in (npy(version=version), npy(version=version, text=other)):
        assert same(npz.read(put(file_of(content)))["0"], expected)
        unpacked = npz.read(put(deflated(content)))["0"]
        assert same(unpacked, expected)
        assert unpacked.flags.aligned
        assert unpacked.flags.writeable
    columns = npy(order="True", shape="(3, 2)", version=version)
    for data in (file_of(columns), deflated(columns)):
        assert same(npz.read(put(data))["0"], np.ascontiguousarray(expected.T))


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the limits are Linux's")
def test_hostile_files_under_limits(tmp_path):
    assert_refused_under_limits("npz", list(HOSTILE.values()), tmp_path)


@pytest.fixture(scope="module")
def read(tmp_path_factory):
    scratch = Scratch(tmp_path_factory.mktemp("changed") / "x")
    return lambda data: npz.read(scratch.put(data))


SMALL = {"stored": file_of(npy(), npy("'|i1'", shape="(3,)", data=b"abc")), "deflated": deflated(npy())}


@pytest.mark.parametrize("kind", SMALL)
def test_cut_at_every_byte(read, kind):
    data = SMALL[kind]
    read(data)
    for length in range(len(data)):
        with pytest.raises(Error):
            read(data[:length])


@pytest.mark.parametrize("kind", SMALL)
def test_every_bit_flipped(read, kind):
    """A change in an entry is noticed by its CRC-32; one in the directory may change nothing that is read, or a name
    that is there twice only."""
    right = read(SMALL[kind])
    accepted = 0
    for bit in range(8 * len(SMALL[kind])):
        data = bytearray(SMALL[kind])
        data[bit // 8] ^= 1 << bit % 8
        with contextlib.suppress(Error):
            arrays = read(bytes(data))
            accepted += 1
            assert all(same(arrays[name], right[name]) for name in right)
    assert accepted < 3 * len(SMALL[kind])


def test_damage_gives_arrays_or_an_error(read):
    for seed in range(1200):
        with contextlib.suppress(Error):
            read(mutated(SMALL["stored" if seed % 2 else "deflated"], seed))
