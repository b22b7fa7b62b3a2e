"""Flax' files: those that transformers and flax wrote, every wrong one, and damage."""

import contextlib
import os
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from support.bits import same
from support.file_damage import mutated
from support.hostile_files import Scratch, assert_refused_under_limits
from support.tf_weights import weights

from numpy_bert.checkpoints.formats import flax
from numpy_bert.checkpoints.formats.tensors import Entry
from numpy_bert.errors import Error

FILES = Path(__file__).parents[2] / "data" / "tf_files" / "flax"


@pytest.fixture
def put(tmp_path):
    def write(data):
        path = tmp_path / "flax_model.msgpack"
        path.write_bytes(data)
        return path

    return write


def test_what_transformers_wrote():
    path = FILES / "flax_model.msgpack"
    entries, arrays = flax.describe(path), flax.read(path)
    assert len(arrays) == 30
    assert entries["bert/pooler/dense/kernel"] == Entry("float32", (4, 4))
    assert all(same(array, weights(name, entries[name].shape)) for name, array in arrays.items())
    assert flax.others(path) == {}


def test_what_flax_wrote():
    """Huge arrays in chunks, a dtype that NumPy lacks, scalars, an empty array, and leaves that are no arrays."""
    path = FILES / "chunked.msgpack"
    entries, arrays = flax.describe(path), flax.read(path)
    assert entries == {
        "bfloat16": Entry("bfloat16", (2, 3)),
        "chunked": Entry("float32", (5, 7)),
        "empty": Entry("float32", (0, 3)),
        "nested/int8": Entry("int8", (3,)),
        "scalar": Entry("float32", ()),
    }
    assert flax.others(path) == {"nested/none": "nothing", "step": "integer"}
    for name, array in arrays.items():
        assert same(array, weights(name.split("/")[-1], entries[name].shape, entries[name].dtype))


def test_names_and_destinations():
    path = FILES / "chunked.msgpack"
    place = np.empty((5, 7))
    arrays = flax.read(path, ["chunked"], into=lambda name, entry: place)
    assert list(arrays) == ["chunked"]
    assert arrays["chunked"] is place
    np.testing.assert_array_equal(place, weights("chunked", (5, 7)))
    with pytest.raises(ValueError, match="a destination"):
        flax.read(path, ["chunked"], into=lambda name, entry: np.empty((7, 5)).T)
    with pytest.raises(Error, match="'step': expected a tensor of this name, got none"):
        flax.read(path, ["step"])


# Files by hand


def key(value):
    data = value.encode() if isinstance(value, str) else value
    return (bytes([0xA0 | len(data)]) if len(data) < 32 else b"\xda" + len(data).to_bytes(2, "big")) + data


def table(*pairs):
    return b"\xde" + len(pairs).to_bytes(2, "big") + b"".join(key(name) + value for name, value in pairs)


def extension(content, code=1):
    return b"\xc9" + len(content).to_bytes(4, "big") + bytes([code]) + content


DATA = np.arange(6, dtype="<f4").tobytes()


def array(shape=b"\x92\x02\x03", dtype="float32", data=DATA, length=None):
    return b"\x93" + shape + key(dtype) + b"\xc6" + (len(data) if length is None else length).to_bytes(4, "big") + data


def chunks(shape, *parts, mark=b"\xc3"):
    sizes = table(*((str(i), bytes([size])) for i, size in enumerate(shape)))
    return table(
        (flax.CHUNKED, mark), ("shape", sizes), ("chunks", table(*((str(i), part) for i, part in enumerate(parts))))
    )


ROW = extension(array(b"\x91\x03", data=DATA[:12]))
ONE = extension(array())
GOOD = table(("bert", table(("x", ONE))))


def leaf(value):
    return table(("x", value))


def one(*args, **options):
    """A file with one array, of another shape, dtype or data."""
    return leaf(extension(array(*args, **options)))


def marked(*rest):
    return leaf(table((flax.CHUNKED, b"\xc3"), *rest))


def nested(depth):
    data = ONE
    for _ in range(depth):
        data = table(("x", data))
    return data


HOSTILE = {
    "nothing": (b"", "byte 0: expected an item, got the end of what holds it"),
    "a text": (b"\xa1x", "expected a map of arrays, got text"),
    "an empty map": (b"\x80", "expected a map of arrays, got nothing in it"),
    "one byte more": (GOOD + b"\0", "1 trailing bytes"),
    "one byte less": (GOOD[:-1], "expected"),
    "2^32 pairs": (b"\xdf\xff\xff\xff\xff" + key("x"), "got map of 8589934595"),
    "key is a number": (b"\x81\x01\x01", "expected a text of at most 1024 bytes, got integer"),
    "key is too long": (table(("k" * 1025, ONE)), "expected a text of at most 1024 bytes, got text of 1025"),
    "key is no text": (table((b"\xff", ONE)), "expected UTF-8, got"),
    "ugly key": (table(("\x1b[31m\n\u202e", extension(array(dtype="x")))), r"'\x1b[31m\n\u202e': expected a dtype of"),
    "duplicate": (table(("x", ONE), ("x", ONE)), "'x': expected every name once, got a duplicate"),
    "duplicate map": (table(("x", table(("a", ONE))), ("x", table(("b", ONE)))), "'x': expected every name once"),
    "duplicate path": (table(("x", table(("a", ONE))), ("x/a", ONE)), "'x/a': expected every name once"),
    "33 maps": (nested(33), "expected at most 32 maps within each other, got more"),
    "100000 maps": (b"\x81\xa1x" * 100_000 + b"\xc0", "expected at most 32 maps"),
    "long path": (table(*[("k" * 1000, table(("k" * 1000, table(("k" * 100, ONE)))))]), "at most 2048 characters"),
    "a list": (leaf(b"\x91\x01"), "'x': expected an array, a map or a number, got list 1"),
    "extension 9": (leaf(extension(b"", 9)), "'x': expected an array, a map or a number, got extension 9"),
    "unused byte": (leaf(b"\xc1"), "got the byte 0xc1"),
    "empty extension": (leaf(extension(b"")), "expected an item, got the end of what holds it"),
    "no list in it": (leaf(extension(b"\x05")), "expected an item"),
    "two in the list": (leaf(extension(b"\x92" + array()[1:])), "'x': expected a list of shape"),
    "shape is a number": (one(b"\x06"), "integer of 6 first"),
    "9 sizes": (one(b"\x99" + b"\1" * 9), "list of 9 first"),
    "negative size": (one(b"\x91\xff"), "'x': expected sizes of 0 or more, got integer -1"),
    "size is a text": (one(b"\x91\xa16"), "'x': expected sizes of 0 or more, got text"),
    "product overflows": (
        one(b"\x92\xcf\x80" + bytes(7) + b"\2"),
        "got 24 bytes (bytes), shape [9223372036854775808, 2] needs 737",
    ),
    "zero beside huge": (
        one(b"\x92\0\xcf\x80" + bytes(7), data=b""),
        "got more elements than memory has addresses",
    ),
    "unknown dtype": (one(dtype="complex64"), "'x': expected a dtype of bool, uint8"),
    "dtype with order": (one(dtype="<f4"), "got '<f4'"),
    "too few bytes": (one(data=DATA[:20]), "got 20 bytes (bytes), shape [2, 3] needs 24"),
    "too many bytes": (one(data=DATA + b"\0"), "got 25 bytes (bytes), shape [2, 3] needs 24"),
    "bytes beyond": (one(length=2**32 - 1), "bytes, got bytes of 4294967300"),
    "bytes and more": (leaf(extension(array() + b"\xc0")), "shape that fits its data, got 1 bytes behind them"),
    "bytes that end early": (one(length=20), "shape that fits its data, got 4 bytes behind them"),
    "data is a text": (
        leaf(extension(array()[: -len(DATA) - 5] + b"\xb8" + DATA)),
        "got 24 bytes (text), shape [2, 3] needs 24",
    ),
    "chunks: later": (leaf(table(("a", ONE), (flax.CHUNKED, b"\xc3"))), "expected this key at the beginning"),
    "chunks: on top": (chunks((2, 3), ROW, ROW), "expected this key at the beginning of a map"),
    "chunks: false": (leaf(chunks((2, 3), ROW, ROW, mark=b"\xc2")), "expected the keys __msgpack_chunk"),
    "chunks: none": (leaf(chunks((2, 3))), "expected chunks of one dtype that fill shape [2, 3], got 0"),
    "chunks: too few": (leaf(chunks((2, 3), ROW)), "got 3 elements of dtypes ['float32']"),
    "chunks: two dtypes": (
        leaf(chunks((2, 3), ROW, extension(array(b"\x91\x03", "int32", DATA[:12])))),
        "['float32', 'int32']",
    ),
    "chunks: numbers": (leaf(chunks((2, 3), b"\1", b"\2")), "'x': expected arrays as chunks"),
    "chunks: scalars": (leaf(chunks((2, 3), extension(array(), 3))), "'x': expected arrays as chunks"),
    "chunks: keys": (
        marked(("shape", table(("0", b"\6"))), ("chunks", table(("1", ONE)))),
        "'x': expected the keys '0' to '0', got '1'",
    ),
    "chunks: key twice": (
        marked(("shape", table(("0", b"\2"), ("0", b"\3"))), ("chunks", table())),
        "'x': expected the keys '0' to '1', got '0'",
    ),
    "chunks: no shape": (marked(("sizes", table()), ("chunks", table())), "got 'sizes' second"),
    "chunks: no chunks": (marked(("shape", table()), ("parts", table())), "got 'parts' third"),
    "chunks: shape of text": (
        marked(("shape", table(("0", b"\xa1a"))), ("chunks", table(("0", ROW)))),
        "expected sizes of 0 or more",
    ),
    "chunks: 9 sizes": (leaf(chunks([1] * 9, ROW)), "expected a map of at most 8 numbers, got map of 9"),
    "10001 leaves": (table(*((str(i), b"\xc0") for i in range(10_001))), "expected at most 10000 leaves, got more"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_files(put, name):
    data, words = HOSTILE[name]
    for use in (flax.describe, flax.read, flax.others):
        with pytest.raises(Error) as caught:
            use(put(data))
        message = str(caught.value)
        assert words in message, message
        assert message.isprintable()
        assert len(message) <= 300


def test_right_files(put):
    """What HOSTILE departs from is read as it is."""
    expected = np.arange(6, dtype="f4").reshape(2, 3)
    assert same(flax.read(put(GOOD))["bert/x"], expected)
    assert same(
        flax.read(put(table(("x", chunks((2, 3), ROW, extension(array(b"\x91\x03", data=DATA[12:])))))))["x"], expected
    )
    assert len(flax.read(put(nested(32)))) == 1
    assert len(flax.others(put(table(*((str(i), b"\xc0") for i in range(10_000)))))) == 10_000


def test_chunks_in_any_order(put):
    """Sorted as texts "10" comes before "2"."""
    parts = [extension(array(b"\x91\x01", "uint8", bytes([i]))) for i in range(12)]
    pairs = sorted((str(i), part) for i, part in enumerate(parts))
    path = put(
        table(("x", table((flax.CHUNKED, b"\xc3"), ("shape", table(("0", b"\x0c"))), ("chunks", table(*pairs)))))
    )
    assert flax.read(path)["x"].tolist() == list(range(12))


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the limits are Linux's")
def test_hostile_files_under_limits(tmp_path):
    assert_refused_under_limits("flax", list(HOSTILE.values()), tmp_path)


def test_describing_reads_no_weights(put):
    """A file of 1 GB with a hole in place of the weights."""
    size = 1 << 30
    head = table(("x", extension(array(b"\x91\xce" + size.to_bytes(4, "big"), "uint8", b"", size))))
    inside = len(array(b"\x91\xce" + size.to_bytes(4, "big"), "uint8", b"")) + size
    head = head.replace(b"\xc9" + (inside - size).to_bytes(4, "big"), b"\xc9" + inside.to_bytes(4, "big"))
    path = put(head)
    os.truncate(path, len(head) + size)
    started = time.process_time()
    assert flax.describe(path) == {"x": Entry("uint8", (size,))}
    assert time.process_time() - started < 0.2


@pytest.fixture(scope="module")
def read(tmp_path_factory):
    scratch = Scratch(tmp_path_factory.mktemp("changed") / "x")
    return lambda data: flax.read(scratch.put(data))


SMALL = (FILES / "chunked.msgpack").read_bytes()


def test_cut_at_every_byte(read):
    assert len(read(SMALL)) == 5
    for length in range(len(SMALL)):
        with pytest.raises(Error):
            read(SMALL[:length])


def test_every_bit_flipped(read):
    """There is no checksum: a name or weight may change, but an array that keeps its name keeps its shape."""
    right = read(SMALL)
    refused = 0
    for bit in range(8 * len(SMALL)):
        data = bytearray(SMALL)
        data[bit // 8] ^= 1 << bit % 8
        try:
            arrays = read(bytes(data))
        except Error:
            refused += 1
            continue
        for name in arrays.keys() & right.keys() - {"empty"}:  # of which any size fits any other
            assert arrays[name].shape == right[name].shape
    assert refused > len(SMALL)


def test_damage_gives_arrays_or_an_error(read):
    for seed in range(1500):
        with contextlib.suppress(Error):
            read(mutated(SMALL if seed % 2 else GOOD, seed))
