"""pytorch_model.bin as a zip archive: what PyTorch wrote is read to the bit, what is broken is told and not read."""

import struct
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.bits import same
from support.file_damage import mutated
from support.hostile_files import (
    ELEMENTS,
    ONE_TENSOR,
    Entry,
    Scratch,
    assert_refused_under_limits,
    dict_of,
    number,
    pickled,
    storage,
    tensor,
    text,
    torch_entries,
    torch_zip,
    zip_archive,
)

from numpy_bert.checkpoints.formats import tensors
from numpy_bert.checkpoints.formats.torch import archive as reader
from numpy_bert.errors import Error

WRITTEN = Path(__file__).parents[3] / "data" / "torch_files"


@pytest.fixture(scope="module")
def scratch(tmp_path_factory):
    return Scratch(tmp_path_factory.mktemp("zip") / "pytorch_model.bin")


@pytest.fixture(scope="module")
def expected():
    with np.load(WRITTEN / "expected.npz") as arrays:
        return dict(arrays)


# What PyTorch wrote


@pytest.mark.parametrize("name", ["zip.bin", "zip_big_endian.bin"])
def test_every_kind_of_tensor(name, expected):
    """Every dtype; tied, transposed, strided, partial, scalar and empty tensors; either byte order."""
    arrays = reader.read(WRITTEN / name)
    assert list(arrays) == [key for key in expected if not key.startswith("module.")]
    for key, array in arrays.items():
        assert same(array, expected[key]), key
        assert array.flags.c_contiguous
        assert array.flags.writeable
    entries = reader.describe(WRITTEN / name)
    assert entries["bfloat16"] == tensors.Entry("bfloat16", (8,))
    assert {key: (entry.loaded, entry.shape) for key, entry in entries.items()} == {
        key: (array.dtype, array.shape) for key, array in arrays.items()
    }


def test_tied_tensors_are_one_array_and_views_are_not():
    arrays = reader.read(WRITTEN / "zip.bin")
    assert arrays["embedding.weight"] is arrays["decoder.weight"]
    assert not np.shares_memory(arrays["embedding.weight"], arrays["tied_transposed"])
    assert not np.shares_memory(arrays["part"], arrays["strided"])


def test_bytes_of_tied_tensors_count_once(expected):
    total = sum(entry.nbytes for entry in reader.describe(WRITTEN / "zip.bin").values())
    assert reader.distinct_bytes(WRITTEN / "zip.bin") == total - expected["decoder.weight"].nbytes


@pytest.mark.parametrize("name", ["module.bin", "parameters.bin"])
def test_state_of_a_module(name, expected):
    arrays = reader.read(WRITTEN / name)
    assert list(arrays) == ["0.weight", "0.bias", "1.weight", "1.bias"]
    assert all(same(array, expected[f"module.{key}"]) for key, array in arrays.items())


def test_wrapped_state():
    arrays = reader.read(WRITTEN / "wrapped.bin")
    assert arrays.keys() == {"module.a"}
    np.testing.assert_array_equal(arrays["module.a"], [0, 1, 2])


def test_programs_are_refused():
    with pytest.raises(Error, match="got a TorchScript program"):
        reader.read(WRITTEN / "program.pt")


def test_only_the_asked_names_and_only_their_storages(scratch):
    names = ["decoder.weight", "half"]
    assert list(reader.read(WRITTEN / "zip.bin", names)) == names
    data = bytearray((WRITTEN / "zip.bin").read_bytes())
    place = data.index(np.load(WRITTEN / "expected.npz")["double"].tobytes())
    data[place] ^= 1
    assert list(reader.read(scratch.put(data), names)) == names
    with pytest.raises(Error, match="CRC-32"):
        reader.read(scratch.put(data), ["double"])
    with pytest.raises(Error, match="'nothing': expected a tensor of this name"):
        reader.read(WRITTEN / "zip.bin", ["nothing"])


def test_into_places_of_the_caller(expected):
    keys = ("embedding.weight", "decoder.weight", "tied_transposed", "dense.weight", "part", "half", "empty")
    places = {key: np.full_like(expected[key], 7, dtype="f8" if key == "half" else None) for key in keys}
    arrays = reader.read(WRITTEN / "zip.bin", into=lambda name, entry: places.get(name))
    for key, place in places.items():
        assert arrays[key] is place
        np.testing.assert_array_equal(place, expected[key])
    for wrong in keys:
        with pytest.raises(ValueError, match="a destination for"):
            reader.read(
                WRITTEN / "zip.bin", into=lambda name, _, wrong=wrong: np.empty((9, 9), "f4") if name == wrong else None
            )


# By hand


def test_the_smallest_archive(scratch):
    arrays = reader.read(scratch.put(torch_zip()))
    assert arrays.keys() == {"a"}
    np.testing.assert_array_equal(arrays["a"], [[0, 1, 2], [3, 4, 5]])


def test_strides_that_do_not_matter(scratch):
    pickle = pickled(dict_of(a=tensor(storage(), (3, 1, 2), (1, 2**62, 3)), b=tensor(storage(), (0, 2), (2**62, 1))))
    arrays = reader.read(scratch.put(torch_zip(pickle)))
    np.testing.assert_array_equal(arrays["a"][:, 0], [[0, 3], [1, 4], [2, 5]])
    assert arrays["b"].shape == (0, 2)


def test_without_byteorder_it_is_little_endian(scratch):
    entries = [entry for entry in torch_entries() if b"byteorder" not in entry.name]
    assert same(reader.read(scratch.put(zip_archive(entries)))["a"], reader.read(scratch.put(torch_zip()))["a"])


def zip64(data, **change):
    """The archive with a zip64 end record and its locator, whose fields can be changed."""
    start, end = data.rindex(b"PK\5\6"), data[-22:]
    _, _, _, _, count, size, offset, _ = struct.unpack("<4s4H2IH", end)
    fields = {"length": 44, "here": count, "count": count, "size": size, "offset": offset, "place": start, **change}
    record = struct.pack("<4sQ2H2I", b"PK\6\6", fields["length"], 45, 45, 0, 0)
    record += struct.pack("<4Q", fields["here"], fields["count"], fields["size"], fields["offset"])
    locator = struct.pack("<4sIQI", b"PK\6\7", 0, fields["place"], 1)
    return data[:start] + record + locator + end


def wide(entry, values, sizes=0xFFFFFFFF):
    """The entry with its sizes in a zip64 field."""
    extra = struct.pack("<2H", 1, 8 * len(values)) + b"".join(struct.pack("<Q", value) for value in values)
    return entry._replace(size=sizes, packed=sizes, flags=8, extra=extra)


def test_sizes_of_64_bits(scratch):
    expected = reader.read(scratch.put(torch_zip()))["a"]
    assert same(reader.read(scratch.put(zip64(torch_zip())))["a"], expected)
    for narrow in (b"\xff\xff" * 2 + b"\xff" * 8, b"\4\0\4\0" + b"\xff" * 8):
        data = bytearray(zip64(torch_zip()))
        data[-14:-2] = narrow
        assert same(reader.read(scratch.put(data))["a"], expected)


def with_entry(index, **change):
    entries = torch_entries()
    entries[index] = entries[index]._replace(**change)
    return zip_archive(entries)


def with_more(*entries):
    return zip_archive([*torch_entries(), *entries])


def without(name):
    return zip_archive([entry for entry in torch_entries() if not entry.name.endswith(name)])


PICKLE, ORDER, DATA, VERSION = range(4)
DEFLATED = zlib.compress(bytes(100_000))[2:-4]
OTHER = b"archive/other"
GOOD = torch_zip()
CRC = struct.pack("<I", zlib.crc32(ELEMENTS))
SIZES = struct.pack("<2I", 24, 24)
WRITTEN_ZIP = (WRITTEN / "tiny_zip.bin").read_bytes()

HOSTILE = {
    "empty": (b"", "got a file of 0 bytes"),
    "cut": (GOOD[:-1], "that ends with its end record"),
    "longer": (GOOD + b"\0", "that ends with its end record"),
    "comment": (zip_archive(torch_entries(), b"hello"), "that ends with its end record"),
    "comment that is not there": (GOOD[:-2] + b"\5\0", "that ends with its end record"),
    "comment with a second end": (zip_archive(torch_entries(), GOOD[-22:]), "zip directory: expected its end"),
    "bad CRC of elements": (with_entry(DATA, crc=1), "zip entry 'archive/data/0': expected CRC-32 00000001, got"),
    "bad CRC of the pickle": (with_entry(PICKLE, crc=1), "zip entry 'archive/data.pkl': expected CRC-32 00000001"),
    "bad CRC of the version": (with_entry(VERSION, crc=1), "zip entry 'archive/version': expected CRC-32"),
    "changed element": (GOOD.replace(ELEMENTS, ELEMENTS[:-1] + b"\1"), "zip entry 'archive/data/0': expected CRC-32"),
    "duplicate": (with_more(Entry(b"archive/data/0", ELEMENTS)), "'archive/data/0': expected every name once"),
    "duplicate in capitals": (with_more(Entry(b"archive/DATA.PKL", ONE_TENSOR)), "expected every name once"),
    "local name": (with_entry(DATA, local_name=b"archive/data/1"), "expected the same in its two headers, got 'arch"),
    "local CRC": (GOOD.replace(CRC, bytes(4), 1), "expected 24 bytes as in the directory, got 24 before the data"),
    "local size": (GOOD.replace(SIZES, SIZES[:4] + b"\x19\0\0\0", 1), "expected 24 bytes as in the directory, got 25"),
    "prefix": (with_entry(PICKLE, gap=b"#!/bin/sh\n"), "expected the first entry at byte 0, got 10"),
    "prefix of one entry": (b"x" * 100 + GOOD, "zip directory: expected its end at byte"),
    "overlap": (with_more(Entry(OTHER, b"x", offset=0, local_name=b"archive/data.pkl")), "zip entry"),
    "same place twice": (with_more(Entry(b"archive/data.pkl", ONE_TENSOR, offset=0)), "an overlap"),
    "deflated": (
        with_entry(DATA, method=8, data=DEFLATED, size=100_000), "expected it stored as it is, got 114 bytes compress"),
    "deflated elsewhere": (with_more(Entry(OTHER, DEFLATED, method=8, size=100_000)), "expected it stored as it is"),
    "stored but larger": (with_entry(DATA, size=2**31), "expected 2147483648 bytes, got 24 stored"),
    "encrypted": (with_entry(DATA, flags=1), "got flags 0x1: encrypted?"),
    "strongly encrypted": (with_entry(DATA, flags=0x2041), "got flags 0x2041"),
    "sizes beyond the file": (with_entry(DATA, size=2**31, packed=2**31), "expected 2147483648 bytes at byte"),
    "sizes into the directory": (
        with_entry(VERSION, size=40, packed=40), "expected its end before byte 355, the directory, got 393"),
    "zip64 size 2^63": (
        with_more(wide(Entry(OTHER, b"x"), [2**63, 2**63])), "expected a zip64 field with 2 sizes, got too few"),
    "zip64 field missing": (with_more(Entry(OTHER, b"x", size=0xFFFFFFFF)), "expected a zip64 field with 1 sizes"),
    "zip64 end elsewhere": (zip64(GOOD, place=3), "zip64 locator"),
    "zip64 end with another count": (zip64(GOOD, here=5, count=5), "zip end records: expected them to agree"),
    "zip64 end with another size": (zip64(GOOD, size=3), "zip end records: expected them to agree"),
    "zip64 end of 2^63": (zip64(GOOD, length=2**63), "zip64 end record"),
    "zip64 here and count": (zip64(GOOD, here=5), "zip64 end record"),
    "two disks": (GOOD[:-18] + b"\1\0" + GOOD[-16:], "expected one disk"),
    "count too small": (zip_archive(torch_entries(), count=3), "zip directory: expected 3 entries, got 4"),
    "count too great": (zip_archive(torch_entries(), count=5), "zip directory: expected 5 entries, got 4"),
    "no entries": (zip_archive([]), "expected a zip archive of one folder, as PyTorch writes it, got nothing"),
    "two folders": (with_more(Entry(b"other/data.pkl", ONE_TENSOR)), "one folder, as PyTorch writes it, got 'arch"),
    "no folder": (zip_archive([entry._replace(name=entry.name[8:]) for entry in torch_entries()]), "one folder, as"),
    "another zip": (zip_archive([Entry(b"word/document.xml", b"<a/>")]), "expected the entry 'word/data.pkl'"),
    "nested zip": (zip_archive([Entry(b"archive/data.pkl.zip", GOOD)]), "expected the entry 'archive/data.pkl'"),
    "npz": (zip_archive([Entry(b"a.npy", b"\x93NUMPY")]), "expected the entry 'a.npy/data.pkl'"),
    "up": (with_more(Entry(b"archive/../../etc/passwd", b"")), "expected a plain relative name"),
    "absolute": (with_more(Entry(b"/etc/passwd", b"")), "expected a plain relative name"),
    "backslash": (with_more(Entry(b"archive\\data", b"")), "expected a plain relative name"),
    "drive": (with_more(Entry(b"c:/data", b"")), "expected a plain relative name"),
    "zero in the name": (with_more(Entry(b"archive/a\0b", b"")), "expected a plain relative name"),
    "name not UTF-8": (with_more(Entry(b"archive/\xff", b"")), "expected a name in UTF-8"),
    "control characters": (with_more(Entry(b"archive/\x1b[31m\n/../", b"")), "'archive/\\x1b[31m\\n/../'"),
    "no version": (without(b"version"), "expected the entry 'archive/version'"),
    "no pickle": (without(b"data.pkl"), "expected the entry 'archive/data.pkl'"),
    "version of words": (with_entry(VERSION, data=b"three"), "archive/version: expected a number, got 'three'"),
    "version of 1 KB": (with_entry(VERSION, data=b"3" * 1000), "expected at most 20 bytes, got 1000"),
    "byteorder middle": (with_entry(ORDER, data=b"middle"), "byteorder: expected 'little' or 'big', got 'middle'"),
    "TorchScript": (with_more(Entry(b"archive/constants.pkl", b"")), "got a TorchScript program"),
    "TorchScript code": (with_more(Entry(b"archive/code/a.py", DEFLATED, method=8)), "got a TorchScript program"),
    "elements missing": (without(b"data/0"), "storage '0': expected an entry of the archive"),
    "key that leads out": (
        torch_zip(pickled(dict_of(a=tensor(storage(key="../../etc/passwd"))))), "storage '../../etc/passwd': expected"),
    "elements 2^62": (
        torch_zip(pickled(dict_of(a=tensor(storage(elements=2**62))))),
        "storage '0': expected 24 bytes as the entry holds, got 4611686018427387904 elements of float32 declared"),
    "elements too few": (
        torch_zip(elements=ELEMENTS + b"1"),
        "storage '0': expected 25 bytes as the entry holds, got 6 elements of float32 declared"),
    "dtype wider": (torch_zip(pickled(dict_of(a=tensor(storage("Double"))))), "24 bytes as the entry holds, got 6"),
    "after STOP": (torch_zip(ONE_TENSOR + b"."), "data.pkl: byte"),
    "not tensors": (torch_zip(pickled(dict_of(a=number(1)))), "expected a dictionary of tensors"),
    "views that overlap": (
        torch_zip(
            pickled(b"}(" + b"".join(
                text(f"k{i}") + tensor(storage(elements=10**6), (10**6 - i,), (1,)) for i in range(30)) + b"u"),
            bytes(4 * 10**6)),
        "they overlap"),
    "written, bit of the name": (WRITTEN_ZIP.replace(b"/data/0", b"/data/1", 1), "two headers"),
}  # fmt: skip
LARGE = {
    "70000 entries": (
        zip_archive([*torch_entries(), *(Entry(b"archive/%d" % i, b"") for i in range(70_000))]),
        "zip directory",
    ),
    "20000 entries": (
        zip_archive([*torch_entries(), *(Entry(b"archive/%d" % i, b"") for i in range(20_000))]),
        "expected at most 10000 entries, got 20004",
    ),
    "pickle of 17 MiB": (torch_zip(ONE_TENSOR.ljust(17 << 20)), "expected at most 16777216 bytes"),
    "many strings": (
        torch_zip(pickled(b"]" + b"".join(b"U\x08%08da" % i for i in range(240_000)))),
        "got list of 240000",
    ),
    "many keys": (
        torch_zip(pickled(b"}" + b"".join(b"U\x08%08dNs" % i for i in range(160_000)))),
        "got one of 160000 keys",
    ),
    "many maps": (
        torch_zip(pickled(b"](" + b"e](".join([b"}" * 9_000] * 11) + b"e" + b"a" * 10)),
        "got list of 9001",
    ),
}


@pytest.mark.parametrize("key", HOSTILE)
def test_hostile_archive(key, scratch):
    data, words = HOSTILE[key]
    path = scratch.put(data)
    with pytest.raises(Error) as caught:
        reader.read(path)
    message = str(caught.value)
    assert words in message
    assert message.isprintable()
    assert len(message) <= 300


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the limits are Linux's")
def test_hostile_archives_under_limits(tmp_path):
    """`describe` reads no elements, and so accepts a wrong CRC-32 of them and nothing else."""
    only_read = {"bad CRC of elements", "changed element", "views that overlap"}
    cases = {**HOSTILE, **LARGE}
    assert_refused_under_limits(
        "torch.archive", [case for key, case in cases.items() if key not in only_read], tmp_path, largest=18
    )


# Every change of a small file


def read_or_none(path):
    try:
        return reader.read(path)
    except Error:
        return None


@pytest.mark.parametrize("data", [GOOD, WRITTEN_ZIP], ids=["by hand", "by PyTorch"])
def test_cut_at_every_byte(data, scratch):
    for length in range(len(data)):
        assert read_or_none(scratch.put(data[:length])) is None


def test_every_bit_flipped(scratch):
    """An error or the same tensors: the CRC-32 covers every byte that matters."""
    expected = reader.read(scratch.put(GOOD))["a"]
    refused = 0
    for bit in range(8 * len(GOOD)):
        data = bytearray(GOOD)
        data[bit // 8] ^= 1 << bit % 8
        arrays = read_or_none(scratch.put(data))
        refused += arrays is None
        assert arrays is None or (arrays.keys() == {"a"} and same(arrays["a"], expected)), f"bit {bit}"
    assert refused > 6 * len(GOOD)


@settings(max_examples=300)
@given(st.integers(0, 2**32), st.sampled_from([GOOD, WRITTEN_ZIP, (WRITTEN / "zip.bin").read_bytes()]))
def test_any_damage_gives_arrays_or_an_error(scratch, seed, data):
    arrays = read_or_none(scratch.put(mutated(data, seed)))
    if arrays is not None:
        assert all(array.flags.c_contiguous and array.size < len(data) for array in arrays.values())


@settings(max_examples=100)
@given(st.binary(max_size=100))
def test_any_bytes_are_refused(scratch, data):
    assert read_or_none(scratch.put(data)) is None


@settings(max_examples=200)
@given(st.integers(0, 2**32))
def test_any_damage_to_the_pickle_inside_a_right_archive(scratch, seed):
    read_or_none(scratch.put(torch_zip(mutated(ONE_TENSOR, seed))))
