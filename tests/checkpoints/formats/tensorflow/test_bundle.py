"""TensorFlow bundles: what TensorFlow wrote, what the writer makes, every record wrong, and every bit flipped."""

import os
import shutil
import struct
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support import tf_files
from support.bits import same
from support.hostile_files import Scratch
from support.limits import run_limited
from support.tf_files import DATA, GOOD, HEADER, ONE, Case, entry, extents, field, index, masked, put, sliced, table
from support.tf_weights import google_shapes, weights

from numpy_bert.checkpoints.formats.tensorflow import bundle
from numpy_bert.checkpoints.formats.tensorflow.slices import slice_key
from numpy_bert.checkpoints.formats.tensors import Entry
from numpy_bert.errors import Error

FILES = Path(__file__).parents[3] / "data" / "tf_files"


def refused(words, call, *args, **options):
    with pytest.raises(Error) as caught:
        call(*args, **options)
    message = str(caught.value)
    assert words in message, message
    assert message.isprintable()
    assert len(message) <= 300


# What TensorFlow wrote


@pytest.mark.parametrize("suffix", ["", ".index", *(f".data-0000{i}-of-00003" for i in range(3))])
def test_a_bert_with_adam_slots_in_three_shards(suffix):
    path = FILES / f"bert.ckpt{suffix}"
    entries, arrays = bundle.describe(path), bundle.read(path)
    shapes = google_shapes()
    assert len(entries) == 139
    assert list(entries) == list(arrays) == sorted(entries)
    assert sum("/adam_" in name for name in entries) == 92
    assert same(arrays.pop("global_step"), np.array(20, np.int64))
    for name, array in arrays.items():
        variable = name.removesuffix("/adam_m").removesuffix("/adam_v")
        assert entries[name] == Entry("float32", shapes[variable])
        assert same(array, weights(name, shapes[variable]))
    assert bundle.others(path) == {}


def test_a_folder_with_one_index(tmp_path):
    for path in FILES.glob("bert.ckpt.*"):
        shutil.copy(path, tmp_path)
    assert len(bundle.read(tmp_path)) == 139
    assert len(bundle.read(str(tmp_path) + os.sep)) == 139


def test_every_dtype():
    path = FILES / "types.ckpt"
    entries, arrays = bundle.describe(path), bundle.read(path)
    assert bundle.others(path) == {"complex": "complex64", "strings": "string"}
    special = arrays.pop("special")
    assert special.view(np.uint32).tolist() == [0x7FC00000, 0x7F800000, 0xFF800000, 1 << 31, 0x000116C2, 0x7F7FC99E]
    assert arrays.pop("special_bfloat16").view(np.uint32)[:4].tolist() == [0x7FC00000, 0x7F800000, 0xFF800000, 1 << 31]
    assert same(arrays.pop("empty"), np.zeros((3, 0, 2), np.float32))
    assert len(arrays) == 15
    for name, array in arrays.items():
        assert same(array, weights(name, array.shape, entries[name].dtype))
    assert entries["bfloat16"] == Entry("bfloat16", (2, 3))
    assert arrays["naïve/名前"].shape == (2,)
    assert arrays["scalar"].shape == ()


@pytest.mark.parametrize("name", ["partitioned.ckpt", "snappy.ckpt"])
def test_partitioned_variables(name):
    entries, arrays = bundle.describe(FILES / name), bundle.read(FILES / name)
    assert {name: entry.shape for name, entry in entries.items()} == {
        "columns": (5, 9), "grid": (4, 6), "lo\0ng": (9000,), "rows": (10, 3), "whole": (4,),
    }  # fmt: skip
    for name, array in arrays.items():
        assert same(array, weights(name, entries[name].shape, entries[name].dtype))


def test_a_checkpoint_of_objects():
    path = FILES / "objects.ckpt"
    kernel = "layer/kernel/.ATTRIBUTES/VARIABLE_VALUE"
    assert list(bundle.read(path)) == [kernel]
    assert same(bundle.read(path)[kernel], weights("kernel", (2, 3)))
    assert bundle.others(path) == {"_CHECKPOINTABLE_OBJECT_GRAPH": "string"}


def test_writes_the_bytes_that_tensorflow_writes(tmp_path):
    bundle.write(tmp_path / "plain.ckpt", bundle.read(FILES / "plain.ckpt"))
    for suffix in (".index", ".data-00000-of-00001"):
        assert (tmp_path / f"plain.ckpt{suffix}").read_bytes() == (FILES / f"plain.ckpt{suffix}").read_bytes()


# Names, destinations, byte order


def test_some_names():
    assert list(bundle.read(FILES / "bert.ckpt", ["global_step"])) == ["global_step"]
    refused("'bert': expected a tensor of this name, got none", bundle.read, FILES / "bert.ckpt", ["bert"])
    refused("'strings': expected", bundle.read, FILES / "types.ckpt", ["strings"])


def test_destinations():
    """Tensors, whole and in slices, go where the caller says, into wider numbers too."""
    path = FILES / "partitioned.ckpt"
    places = {"rows": np.empty((10, 3)), "columns": np.empty((5, 9), np.float32), "whole": np.empty(4)}
    arrays = bundle.read(path, into=lambda name, entry: places.get(name))
    for name, place in places.items():
        assert arrays[name] is place
        np.testing.assert_array_equal(place, weights(name, place.shape))
    assert same(arrays["grid"], weights("grid", (4, 6), "float64"))
    for name, place in (("rows", np.empty((10, 3), np.float16)), ("columns", np.empty((9, 5), np.float32).T)):
        with pytest.raises(ValueError, match="a destination"):
            bundle.read(path, [name], into=lambda name, entry, place=place: place)


ARRAYS = {
    "bert/bool": np.array([True, False, True]),
    "bert/float": np.arange(6, dtype="f4").reshape(2, 3),
    "bert/half": np.array(1.5, "f2"),
    "bert/int": np.array([1, -2], "i8"),
    "bert/none": np.empty((0, 3), "f8"),
}


@pytest.mark.parametrize("big_endian", [False, True])
def test_both_byte_orders(tmp_path, big_endian):
    tf_files.bundle(tmp_path / "x", ARRAYS, big_endian)
    arrays = bundle.read(tmp_path / "x")
    assert arrays.keys() == ARRAYS.keys()
    assert all(same(arrays[name], array) for name, array in ARRAYS.items())


# Files that are missing or not what they seem


@pytest.fixture
def five_shards(tmp_path):
    for shard in range(5):
        (tmp_path / f"x.data-0000{shard}-of-00005").write_bytes(DATA)
    records = [(b"%d" % i, entry(place=(i, 0, 24))) for i in range(5)]
    (tmp_path / "x.index").write_bytes(index(records, field(1, 5) + HEADER[2:]))
    return tmp_path / "x"


def test_missing_shards_are_all_named(five_shards):
    assert len(bundle.read(five_shards)) == 5
    os.remove(f"{five_shards}.data-00003-of-00005")
    words = "x.index: expected its data shards beside it, got 1 of 5 missing: x.data-00003-of-00005"
    refused(words, bundle.read, five_shards)
    os.remove(f"{five_shards}.data-00000-of-00005")
    words = "got 2 of 5 missing: x.data-00000-of-00005, 00003-of-00005"
    refused(words, bundle.read, five_shards)
    refused(words, bundle.read, five_shards, ["1"])
    assert len(bundle.describe(five_shards)) == 5


def test_shards_of_another_count(five_shards):
    for shard in range(5):
        os.rename(f"{five_shards}.data-0000{shard}-of-00005", f"{five_shards}.data-0000{shard}-of-00006")
    words = ": x.data-00000-of-00005, 00001-of-00005, 00002-of-00005, 00003-of-00005, 00004-of-00005"
    refused(words, bundle.read, five_shards)
    refused("got 5 of 5 missing (there is x.data-00000-of-00006)", bundle.read, f"{five_shards}.data-00000-of-00006")


def test_missing_index(tmp_path):
    (tmp_path / "x.data-00000-of-00001").write_bytes(DATA)
    for path in (tmp_path / "x", tmp_path / "x.index", tmp_path / "x.data-00000-of-00001"):
        refused("x.index: expected a readable file, got no such file", bundle.read, path)
    refused("expected one file *.index, got none", bundle.read, tmp_path)


def test_folder_with_several(tmp_path):
    for name in "abcd":
        (tmp_path / f"{name}.index").write_bytes(GOOD)
    refused("expected one file *.index, got 'a.index', 'b.index', 'c.index', ...", bundle.read, tmp_path)


def test_index_of_another_model(tmp_path):
    path = put(tmp_path, Case(GOOD, ""))
    Path(f"{path}.data-00000-of-00001").write_bytes(bytes(24))
    refused(f"'bert/x': expected the masked CRC32C {masked(DATA):08x}, got", bundle.read, path)
    refused("damaged, or of another index", bundle.read, path)
    Path(f"{path}.data-00000-of-00001").write_bytes(DATA[:20])
    words = "'bert/x': expected its bytes 0 to 24, got a shard of 20: truncated, or of another index"
    refused(words, bundle.read, path)


def test_a_v1_checkpoint(tmp_path):
    """A single file without .index that is a table, but of SavedTensorSlices."""
    path = tmp_path / "model.ckpt-1000"
    path.write_bytes(index([], field(1, field(1, b""))))
    refused("model.ckpt-1000: header: expected a TensorFlow V2 bundle, got a V1 checkpoint", bundle.read, path)


@pytest.mark.parametrize("kind", ["folder", "pipe", "zero", "loop"])
def test_things_that_are_no_files(tmp_path, kind):
    for suffix in ("index", "data-00000-of-00001"):
        for old in tmp_path.glob("x.*"):
            old.rmdir() if old.is_dir() else old.unlink()
        (tmp_path / "x.index").write_bytes(GOOD)
        path = tmp_path / f"x.{suffix}"
        path.unlink(missing_ok=True)
        if kind == "folder":
            path.mkdir()
        elif kind == "pipe":
            os.mkfifo(path)
        else:
            path.symlink_to("/dev/zero" if kind == "zero" else path)
        started = time.process_time()
        refused("x.", bundle.read, tmp_path / "x")
        assert time.process_time() - started < 1


# Records that are wrong. The data are DATA, 24 bytes, unless said otherwise.

BOX = (2, 3)


def one(value, *more):
    return index([(b"bert/x", value), *more])


def in_slices(slices, pieces, dims=BOX):
    """A tensor w, and records of its slices under the keys of `pieces`."""
    parts = [(slice_key(b"w", piece), value) for piece, value in pieces]
    return index([*sorted(parts), (b"w", sliced(dims, *slices))])


def row(i, **options):
    return entry(**{"dims": (1, 3), "place": (0, 12 * i, 12), "crc": masked(DATA[12 * i : 12 * i + 12]), **options})


FIRST, SECOND = ((0, 1), (0, None)), ((1, 1), (0, None))
ROWS = (extents((0, 1), None), extents((1, 1), None))
PIECES = ((FIRST, row(0)), (SECOND, row(1)))

WRONG = {
    "no header": Case(table([tf_files.contents(ONE)]), "expected the header of a bundle first"),
    "no records": Case(table([]), "expected the header of a bundle, got a table without records"),
    "header of one message": Case(index(ONE, field(1, b"")), "header: expected a TensorFlow V2 bundle, got a V1"),
    "header broken": Case(index(ONE, b"\xff"), "header: byte 0: expected a varint"),
    "no shards": Case(index(ONE, HEADER[2:]), "header: expected 1 to 10000 data shards, got 0"),
    "-1 shards": Case(index(ONE, field(1, -1)), "data shards, got -1"),
    "2^31 shards": Case(index(ONE, field(1, 2**31)), "data shards, got 2147483648"),
    "byte order": Case(
        index(ONE, field(1, 1) + field(2, 2)), "header: expected the byte order 0 (little) or 1 (big), got 2"
    ),
    "later version": Case(index(ONE, HEADER[:2] + field(3, field(2, 2))), "version 1 reads, got version 2"),
    "bad version": Case(index(ONE, HEADER[:2] + field(3, field(3, b"\x01"))), "bad are [1]"),
    "name not UTF-8": Case(index([(b"\xff", entry())]), "expected a name in UTF-8"),
    "ugly name": Case(
        index([(b"\x1b[31m\n\xe2\x80\xae", entry(dtype=0))]), r"'\x1b[31m\n\u202e': dtype: expected one of"
    ),
    "long name": Case(index([(b"n" * 2000, entry(dtype=0))]), "nnn...: dtype"),
    "dtype 0": Case(
        one(entry(dtype=0)), "'bert/x': dtype: expected one of 1, 2, 3, 4, 5, 6, 9, 10, 14, 17, 19, 22, 23, got 0"
    ),
    "dtype 21": Case(one(entry(dtype=21)), "got 21: unknown"),
    "dtype 101": Case(one(entry(dtype=101)), "got 101: a reference type"),
    "dtype 999": Case(one(entry(dtype=999)), "got 999"),
    "dtype -1": Case(one(entry(dtype=-1)), "got -1"),
    "dtype that wraps": Case(one(entry(dtype=2**32 + 1)), "got 4294967297"),
    "dtype as text": Case(one(field(1, b"\x01")), "'bert/x': field 1: expected wire type 0, got 2"),
    "dtype twice": Case(one(entry() + field(1, 1)), "field 1: expected it once, got it 2 times"),
    "strings and too long": Case(
        one(entry(dtype=7, place=(0, 0, 25))), "'bert/x': expected its bytes 0 to 25, got a shard of 24"
    ),
    "complex and too short": Case(one(entry(dtype=8)), "expected 48 bytes as shape [2, 3] needs, got 24"),
    "negative size": Case(one(entry(dims=(-1,))), "shape: expected sizes of 0 or more, got [-1]"),
    "65 dimensions": Case(
        one(entry(dims=[1] * 65)), "shape: expected one that memory can hold, got 65 dimensions, more than 8"
    ),
    "product overflows": Case(one(entry(dims=(2**62, 4), place=(0, 0, 0))), "more elements than memory has addresses"),
    "zero beside huge": Case(one(entry(dims=(2**62, 0), place=(0, 0, 0))), "more elements than memory"),
    "unknown rank": Case(one(field(1, 1) + field(2, field(3, 1))), "expected a known number of dimensions"),
    "dimension broken": Case(one(field(1, 1) + field(2, field(2, b"\x08"))), "'bert/x': byte 1: expected a varint"),
    "size 23": Case(one(entry(place=(0, 0, 23))), "'bert/x': size: expected 24 bytes as shape [2, 3] needs, got 23"),
    "size 25": Case(one(entry(place=(0, 0, 25))), "[2, 3] needs, got 25"),
    "size -1": Case(one(entry(place=(0, 0, -1))), "of 0 or more, got -1 bytes at byte 0"),
    "shard 1 of 1": Case(one(entry(place=(1, 0, 24))), "'bert/x': shard: expected 0 to 0, got 1"),
    "shard 9 of 1": Case(one(entry(place=(9, 0, 24))), "got 9"),
    "shard -1": Case(one(entry(place=(-1, 0, 24))), "got -1"),
    "offset -1": Case(one(entry(place=(0, -1, 24))), "of 0 or more, got 24 bytes at byte -1"),
    "offset 1": Case(one(entry(place=(0, 1, 24))), "expected its bytes 1 to 25, got a shard of 24"),
    "offset 2^62": Case(one(entry(place=(0, 2**62, 24))), "expected its bytes 4611686018427387904 to"),
    "crc": Case(
        one(entry(crc=masked(DATA) + 1)), f"expected the masked CRC32C {masked(DATA) + 1:08x}, got {masked(DATA):08x}"
    ),
    "crc of nothing": Case(
        one(entry(dims=(0,), place=(0, 0, 0), crc=1)), "expected the masked CRC32C 00000001, got a282ead8"
    ),
    "alias": Case(
        one(entry(), (b"bert/y", entry())), "'bert/y': expected bytes of its own from 24 on, got 0: overlaps 'bert/x'"
    ),
    "overlap": Case(
        one(entry(place=(0, 8, 24)), (b"bert/y", entry(dims=(2, 2), place=(0, 0, 16)))), "overlaps 'bert/y'", DATA * 2
    ),
    "500 aliases": Case(index([(b"%03d" % i, entry()) for i in range(500)]), "overlaps '000'"),
    "slices and bytes": Case(
        one(entry(more=field(7, extents((0, 2), None)))), "to have no bytes of its own, got 24 at 0"
    ),
    "slices of strings": Case(one(field(1, 7) + sliced(BOX, *ROWS)[2:]), "to have no bytes of its own"),
    "slice missing": Case(
        in_slices(ROWS, PIECES[:1]), "'w': expected a record of its slice [1:2, 0:3], dtype 1, got none"
    ),
    "slice of nothing": Case(
        index([(slice_key(b"v", FIRST), row(0)), *ONE]), "expected a tensor for every slice, got the key"
    ),
    "slice of another shape": Case(
        in_slices(ROWS, (PIECES[0], (SECOND, row(1, dims=(3, 1))))), "got one of shape [3, 1], dtype 1"
    ),
    "slice of another dtype": Case(
        in_slices(ROWS, (PIECES[0], (SECOND, row(1, dtype=3)))), "got one of shape [1, 3], dtype 3"
    ),
    "slice in slices": Case(
        in_slices(ROWS, (PIECES[0], (SECOND, sliced((1, 3), extents((0, 1), None))))), "expected a record of its slice"
    ),
    "slices that overlap": Case(in_slices((ROWS[0], ROWS[0]), PIECES), "'w': slices: expected every element once"),
    "slices that miss": Case(
        in_slices(ROWS, PIECES, dims=(3, 3)), "'w': slices: expected them to cover 9 elements, got 6"
    ),
    "slice beyond": Case(in_slices(ROWS, PIECES, dims=(1, 3)), "'w': slices: expected a part of 0 to 1, got 1 to 2"),
    "slice negative": Case(in_slices((extents((-1, 1), None),), ()), "got -1 to 0"),
    "slice overflows": Case(in_slices((extents((1, 2**63 - 1), None),), ()), "got 1 to 9223372036854775808"),
    "slices without end": Case(
        in_slices([extents((0, 1), None)] * 1001, ()), "'w': field 7: expected at most 1000 values"
    ),
    "crc of a slice": Case(
        in_slices(ROWS, (PIECES[0], (SECOND, row(1, crc=5)))),
        "'w' slice [1:2, 0:3]: expected the masked CRC32C 00000005",
    ),
    "slice of a slice's bytes": Case(in_slices(ROWS, (PIECES[0], (SECOND, row(0)))), "overlaps 'w' slice [0:1, 0:3]"),
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_records(tmp_path, name):
    case = WRONG[name]
    refused(case.words, bundle.read, put(tmp_path, case))


def test_right_records(tmp_path):
    """What WRONG departs from is read as it is."""
    assert same(bundle.read(put(tmp_path, Case(GOOD, "")))["bert/x"], np.arange(6, dtype="f4").reshape(2, 3))
    path = put(tmp_path, Case(in_slices(ROWS, PIECES), ""), "slices")
    assert same(bundle.read(path)["w"], np.arange(6, dtype="f4").reshape(2, 3))
    gap = Case(one(entry(place=(0, 8, 24))), "", bytes(8) + DATA + b"more")
    assert len(bundle.read(put(tmp_path, gap, "gaps"))) == 1


def test_unknown_fields_are_skipped_by_their_length(tmp_path):
    nested = b""
    for _ in range(12_000):
        nested = field(99, nested)
    case = Case(index([(b"bert/x", entry(more=field(15, nested)))], HEADER + field(15, nested)), "")
    started = time.process_time()
    assert len(bundle.read(put(tmp_path, case))) == 1
    assert time.process_time() - started < 1


READ_EACH = """
import os, time
from numpy_bert.checkpoints.formats.tensorflow import bundle
from numpy_bert.errors import Error
for name in sorted(name for name in os.listdir(sys.argv[1]) if name.endswith(".index")):
    started = time.process_time()
    try:
        bundle.read(os.path.join(sys.argv[1], name))
        outcome = "accepted"
    except Error as error:
        outcome = str(error)
    print(name, outcome if time.process_time() - started < 2 else "too slow")
"""


def long_keys():
    """Each key shares 2000 bytes with the one before: a small file whose names take 40 MB."""
    empty = entry(place=(0, 0, 0), dims=(0,), crc=masked(b""))
    records = tf_files.record(b"", HEADER) + tf_files.record(b"n" * 2000, empty)
    records += b"".join(tf_files.record(b"%04d" % i, empty, 2000) for i in range(9998))
    return table([records + struct.pack("<2I", 0, 1)])


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the limits are Linux's")
def test_wrong_records_under_limits(tmp_path):
    """Bounded time and memory, nothing run or written, nothing opened but the two files of each."""
    cases = {f"{i:03}": case for i, case in enumerate(WRONG.values())}
    cases["long"] = Case(long_keys(), "accepted")
    for name, case in cases.items():
        put(tmp_path, case, name)
    result = run_limited(READ_EACH, args=[tmp_path], memory_mib=64, cpu_seconds=30)
    assert result.returncode == 0, result
    for line, (name, case) in zip(result.stdout.splitlines(), cases.items(), strict=True):
        assert line.startswith(f"{name}.index")
        assert case.words in line
        assert "too slow" not in line
    assert {os.path.dirname(name) for name in result.opened} == {str(tmp_path)}
    assert len(os.listdir(tmp_path)) == 2 * len(cases)


def test_10000_tensors_are_read_quickly(tmp_path):
    path = tmp_path / "x"
    bundle.write(path, {f"layer/{i}": np.zeros((i % 2, 3), "f4") for i in range(9_999)})
    started = time.process_time()
    assert len(bundle.read(path)) == 9_999
    assert time.process_time() - started < 2
    refused("fewer than 10000 arrays", bundle.write, path, {str(i): np.zeros(0) for i in range(10_000)})


# Every change of a small bundle


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """A bundle with a whole and a cut tensor, and a function that reads it with one of its files replaced."""
    folder = tmp_path_factory.mktemp("small")
    half = entry(dtype=19, dims=(2,), place=(0, 24, 4), crc=masked(b"\0\1\2\3"))
    parts = [(slice_key(b"w", key), value) for key, value in PIECES]
    case = Case(index([*sorted(parts), (b"half", half), (b"w", sliced(BOX, *ROWS))]), "", DATA + b"\0\1\2\3")
    path = put(folder, case)
    files = {suffix: Scratch(Path(f"{path}.{suffix}")) for suffix in ("index", "data-00000-of-00001")}
    right = {suffix: file.path.read_bytes() for suffix, file in files.items()}

    def read(suffix, data):
        for other, scratch in files.items():
            scratch.put(data if other == suffix else right[other])
        return bundle.read(path)

    return right, read, bundle.read(path)


@pytest.mark.parametrize("suffix", ["index", "data-00000-of-00001"])
def test_cut_at_every_byte(small, suffix):
    right, read, _ = small
    for length in range(len(right[suffix])):
        with pytest.raises(Error):
            read(suffix, right[suffix][:length])


@pytest.mark.parametrize("suffix", ["index", "data-00000-of-00001"])
def test_every_bit_flipped(small, suffix):
    """Everything has a checksum, so a change is noticed. Only in the footer, which has none, one is not, and changes
    nothing: 90 00 is the varint 10 in more bytes than it needs."""
    right, read, arrays = small
    unnoticed = 0
    for bit in range(8 * len(right[suffix])):
        data = bytearray(right[suffix])
        data[bit // 8] ^= 1 << bit % 8
        try:
            changed = read(suffix, bytes(data))
        except Error:
            continue
        unnoticed += 1
        assert changed.keys() == arrays.keys()
        assert all(same(changed[name], array) for name, array in arrays.items())
    assert unnoticed == (1 if suffix == "index" else 0)


def test_one_byte_more(small):
    right, read, arrays = small
    with pytest.raises(Error):
        read("index", right["index"] + b"\0")
    longer = read("data-00000-of-00001", right["data-00000-of-00001"] + b"\0")
    assert all(same(longer[name], array) for name, array in arrays.items())


NUMBERS = st.one_of(st.integers(-2, 30), st.sampled_from((2**31, 2**32, 2**62, 2**63 - 1, -(2**31), -(2**63))))
ENTRIES = st.builds(
    lambda dtype, dims, place, more: entry(dtype, dims, place, more=more),
    st.one_of(st.just(1), NUMBERS),
    st.lists(NUMBERS, max_size=3),
    st.tuples(st.integers(-1, 1), NUMBERS, NUMBERS),
    st.one_of(st.just(b""), st.binary(max_size=12)),
)
SLICED = st.builds(
    lambda dims, slices: sliced(dims, *(extents(*parts) for parts in slices)),
    st.lists(st.integers(0, 4), max_size=2),
    st.lists(st.lists(st.one_of(st.none(), st.tuples(NUMBERS, NUMBERS)), max_size=2), max_size=3),
)


@settings(max_examples=150)
@given(
    st.dictionaries(st.sampled_from((b"a", b"b", b"w", b"\xff")), st.one_of(ENTRIES, SLICED, st.binary(max_size=20))),
    st.one_of(st.just(HEADER), st.binary(max_size=12)),
)
def test_any_records_give_arrays_or_an_error(tmp_path_factory, records, header):
    """All checksums of the index are right, so that what it says is looked at."""
    path = put(tmp_path_factory.getbasetemp(), Case(index(sorted(records.items()), header), ""), "any")
    try:
        entries = bundle.describe(path)
        arrays = bundle.read(path)
    except Error:
        return
    assert entries == {name: Entry(array.dtype.name, array.shape) for name, array in arrays.items()}
    assert sum(array.nbytes for array in arrays.values()) <= len(DATA)


# Writing


@settings(max_examples=40)
@given(
    st.dictionaries(
        st.text(min_size=1, max_size=20).filter(lambda name: name[0] != "\0"), st.integers(0, 4), max_size=8
    )
)
def test_what_is_written_is_read(tmp_path_factory, sizes):
    path = tmp_path_factory.getbasetemp() / "written"
    arrays = {name: weights(name, (size, 2)) for name, size in sizes.items()}
    bundle.write(path, arrays)
    read = bundle.read(path)
    assert list(read) == sorted(arrays, key=str.encode)
    assert all(same(read[name], array) for name, array in arrays.items())


def test_arrays_of_every_layout_are_written(tmp_path, rng):
    base = rng.standard_normal((4, 6))
    arrays = {**ARRAYS, "transposed": base.T, "every second": base[::2, ::3], "big-endian": base.astype(">f4")}
    bundle.write(tmp_path / "x", arrays)
    read = bundle.read(tmp_path / "x.index")
    for name, array in arrays.items():
        assert same(read[name], array.astype(array.dtype.newbyteorder("="), order="C"))
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    assert {path.name for path in before} == {"x.index", "x.data-00000-of-00001"}
    bundle.write(tmp_path / "x", dict(reversed(arrays.items())))
    assert before == {path: path.read_bytes() for path in tmp_path.iterdir()}


@pytest.mark.parametrize(
    ("name", "array", "words"),
    [
        ("", np.zeros(1), "expected a name of 1 to 2048 bytes"),
        ("\0w", np.zeros(1), r"that begins with no zero byte, got '\x00w'"),
        ("\ud800", np.zeros(1), r"got '\ud800'"),
        ("n" * 2049, np.zeros(1), "expected a name of"),
        ("x", np.zeros(1, complex), "'x': expected a dtype that a bundle has, rank 8 at most, got complex128"),
        ("x", np.array(["a"]), "got <U1"),
        ("x", np.array([None]), "got object"),
        ("x", np.zeros([1] * 9), "rank 8 at most, got float64 in 9 dimensions"),
    ],
)
def test_what_cannot_be_written(tmp_path, name, array, words):
    refused(words, bundle.write, tmp_path / "x", {"a": np.zeros(1), name: array})
    assert list(tmp_path.iterdir()) == []


def test_the_bundle_that_is_read_is_not_written_over(tmp_path):
    bundle.write(tmp_path / "x", ARRAYS)
    for source in ("x.index", "x.data-00000-of-00001"):
        refused("the file that is being read", bundle.write, tmp_path / "x", ARRAYS, [tmp_path / source])
    refused("cannot write", bundle.write, tmp_path / "none" / "x", ARRAYS)
