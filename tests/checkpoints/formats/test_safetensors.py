"""The safetensors reader and writer: correct files, hostile headers, and the reference library as a second opinion."""

import json
import os
import struct
import sys
import time

import numpy as np
import pytest
import safetensors.numpy as reference
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors import SafetensorError
from support.bits import same
from support.file_damage import framed_mutation, mutated, random_safetensors
from support.hostile_files import Scratch, assert_refused_under_limits, tensor_entry
from support.hostile_files import safetensors as file_of

from numpy_bert.checkpoints.formats import safetensors
from numpy_bert.checkpoints.formats.tensors import Entry
from numpy_bert.errors import Error

DATA = np.arange(6, dtype="<f4").tobytes()
GOOD = file_of({"a": tensor_entry()}, DATA)


@pytest.fixture
def put(tmp_path):
    def write(data):
        path = tmp_path / "model.safetensors"
        path.write_bytes(data)
        return path

    return write


# Correct files

EVERY_DTYPE = {
    "bool": np.array([True, False]),
    "float16": np.array([1.5, -0.0, np.inf, 6e-8], "f2"),
    "float32": np.arange(6, dtype="f4").reshape(2, 3),
    "float64": np.array(1e300),
    "none": np.empty((0, 3), "f4"),
    "one": np.ones((1, 1, 1), "f4"),
    **{name: np.array([0, 1, np.iinfo(name).max], name) for name in ("int8", "int16", "int32", "int64")},
    **{name: np.array([0, 1, np.iinfo(name).max], name) for name in ("uint8", "uint16", "uint32", "uint64")},
}


def test_reads_what_the_reference_writes(put):
    path = put(reference.save(EVERY_DTYPE, {"format": "pt"}))
    arrays = safetensors.read(path)
    assert arrays.keys() == EVERY_DTYPE.keys()
    assert all(same(arrays[name], array) for name, array in EVERY_DTYPE.items())
    entries = safetensors.describe(path)
    assert entries == {name: Entry(array.dtype.name, array.shape) for name, array in EVERY_DTYPE.items()}


def test_the_reference_reads_what_we_write(tmp_path):
    path = tmp_path / "model.safetensors"
    safetensors.write(path, EVERY_DTYPE, {"format": "pt", "über": "ü"})
    arrays = reference.load_file(path)
    assert arrays.keys() == EVERY_DTYPE.keys()
    assert all(same(arrays[name], array) for name, array in EVERY_DTYPE.items())
    with reference.safe_open(path, "np") as file:
        assert file.metadata() == {"format": "pt", "über": "ü"}


def test_bfloat16_becomes_float32_exactly(put):
    bits = np.array([0x3FC0, 0xFF80, 0x8000, 0x0001, 0x7FC1], "<u2")
    path = put(file_of({"a": tensor_entry("BF16", [5], [0, 10])}, bits.tobytes()))
    array = safetensors.read(path)["a"]
    assert array.dtype == np.float32
    np.testing.assert_array_equal(array.view(np.uint32), bits.astype(np.uint32) << 16)
    assert safetensors.describe(path)["a"] == Entry("bfloat16", (5,))


@pytest.mark.parametrize("header", [b"{}", b"  {}  ", b'{"__metadata__":{}}', b'{ "__metadata__" : {"a":"b"} }'])
def test_a_file_without_tensors(header, put):
    assert safetensors.read(put(file_of(header))) == {}


def test_names_with_escapes_and_any_characters(put):
    names = ['a"b', "back\\slash", "\\", "\\\\", '\\"', "tab\t", "über", "日本", "😀", "", "a" * 1000, "\x1b[31m", "\0"]
    arrays = {name: np.full(2, i, "f4") for i, name in enumerate(names)}
    for escaped in (True, False):
        header = {name: tensor_entry("F32", [2], [8 * i, 8 * i + 8]) for i, name in enumerate(names)}
        text = json.dumps(header, ensure_ascii=escaped).encode()
        read = safetensors.read(put(file_of(text, b"".join(array.tobytes() for array in arrays.values()))))
        assert list(read) == names
        assert all(same(read[name], arrays[name]) for name in names)


def test_only_the_asked_names(put):
    path = put(reference.save(EVERY_DTYPE))
    assert safetensors.read(path, ["float64", "bool"]).keys() == {"float64", "bool"}
    assert safetensors.read(path, []) == {}
    with pytest.raises(Error, match="'missing': expected a tensor of this name"):
        safetensors.read(path, ["bool", "missing"])


def test_three_tensors_into_one_array(put):
    parts = {name: np.random.default_rng(i).random((4, 4), "f4") for i, name in enumerate(["k", "q", "v"])}
    path = put(reference.save({**parts, "other": np.ones(3, "f4"), "half": np.ones((4, 4), "f2")}))
    qkv = np.zeros((12, 4), "f4")
    wide = np.zeros((4, 4), "f8")
    places = {"q": qkv[:4], "k": qkv[4:8], "v": qkv[8:], "half": wide}
    asked = []

    def into(name, entry):
        asked.append((name, entry))
        return places.get(name)

    arrays = safetensors.read(path, into=into)
    np.testing.assert_array_equal(qkv, np.concatenate([parts["q"], parts["k"], parts["v"]]))
    assert wide.all()
    assert all(arrays[name] is place for name, place in places.items())
    assert sorted(asked) == sorted(safetensors.describe(path).items())
    with pytest.raises(ValueError, match="a destination for float32"):
        safetensors.read(path, into=lambda *_: np.zeros((4, 4), "f2"))


def test_shared_pages(put):
    path = put(reference.save(EVERY_DTYPE))
    shared = safetensors.read(path, mmap=True)
    assert all(same(shared[name], array) for name, array in EVERY_DTYPE.items())
    with open(path, "r+b") as stream:
        stream.seek(-300, os.SEEK_END)
        stream.write(bytes(300))
    for name, array in shared.items():
        if name not in ("bool", "none"):
            assert not array.flags.writeable
            assert not array.any(), f"{name} does not share the pages of the file"


def test_unaligned_tensors_are_copied_instead_of_shared(put):
    path = put(file_of(b'{"a":{"dtype":"F32","shape":[2,3],"data_offsets":[0,24]}} ', DATA))
    array = safetensors.read(path, mmap=True)["a"]
    assert array.flags.aligned
    assert array.flags.writeable
    assert array.tobytes() == DATA


# Writing


def test_equal_arrays_give_equal_bytes(tmp_path):
    names = sorted(EVERY_DTYPE)
    for path, order in (("one", names), ("two", names[::-1])):
        safetensors.write(tmp_path / path, {name: EVERY_DTYPE[name] for name in order}, {"b": "1", "a": "2"})
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()
    safetensors.write(tmp_path / "three", safetensors.read(tmp_path / "one"), {"a": "2", "b": "1"})
    assert (tmp_path / "one").read_bytes() == (tmp_path / "three").read_bytes()


def test_written_tensors_are_aligned(tmp_path):
    path = tmp_path / "model.safetensors"
    safetensors.write(path, EVERY_DTYPE)
    assert struct.unpack("<Q", path.read_bytes()[:8])[0] % 8 == 0
    for name, array in safetensors.read(path, mmap=True).items():
        assert array.flags.aligned
        assert name == "bool" or not array.flags.writeable, "shared, so it was aligned in the file"


def test_any_layout_and_byte_order_is_written_right(tmp_path):
    square = np.arange(12.0).reshape(3, 4)
    arrays = {"transposed": square.T, "strided": square[::2, 1::2], "big": square.astype(">f8"), "zero": np.float32(3)}
    safetensors.write(tmp_path / "model", {name: np.asarray(array) for name, array in arrays.items()})
    read = safetensors.read(tmp_path / "model")
    assert all(np.array_equal(read[name], array) and read[name].shape == array.shape for name, array in arrays.items())


@pytest.mark.parametrize(
    "arrays",
    [{"a": np.zeros(2, complex)}, {"a": np.array(["x"])}, {"__metadata__": np.zeros(2)}, {"\ud800": np.zeros(2)}],
)
def test_what_the_form_cannot_hold(arrays, tmp_path):
    with pytest.raises(Error) as caught:
        safetensors.write(tmp_path / "model", arrays)
    assert str(caught.value).isprintable()
    assert os.listdir(tmp_path) == []


def test_never_over_the_file_being_read(put):
    path = put(GOOD)
    with pytest.raises(Error, match="got the file that is being read"):
        safetensors.write(path, safetensors.read(path), reading=[path])
    assert path.read_bytes() == GOOD


# Hostile files: name -> (bytes, words of the message)

TWO = {"a": tensor_entry("F32", [2], [0, 8]), "b": tensor_entry("F32", [2], [8, 16])}


def two(**change):
    return file_of({**TWO, "b": {**TWO["b"], **change}}, bytes(16))


def one(dtype="F32", shape=(2, 3), offsets=(0, 24)):
    return file_of({"a": tensor_entry(dtype, shape, offsets)}, DATA)


def raw(shape=b"[2,3]", offsets=b"[0,24]", dtype=b'"F32"'):
    return file_of(b'{"a":{"dtype":' + dtype + b',"shape":' + shape + b',"data_offsets":' + offsets + b"}}", DATA)


NUMBERS = "expected a list of non-negative integers"
HOSTILE = {
    "empty": (b"", "got 0: too short"),
    "seven bytes": (b"1234567", "got 7: too short"),
    "length 0": (bytes(8), "got 0: too short"),
    "length 0 and data": (bytes(40), "expected a length of 1 to 32"),
    "length 2^64-1": (file_of({}, length=2**64 - 1), "a length of at most 16777216 bytes, got 18446744073709551615"),
    "length 10^8+1": (file_of({}, length=10**8 + 1), "got 100000001"),
    "length of the file and one": (file_of({}, length=3), "expected a length of 1 to 2, got 3: too short"),
    "one byte more": (GOOD + b"\0", "1 trailing bytes"),
    "one byte less": (GOOD[:-1], "1 bytes too few"),
    "no tensor but data": (file_of({}, b"1"), "1 trailing bytes"),
    "overlap": (two(data_offsets=[4, 12]), "'b': expected data_offsets that begin at 8"),
    "alias": (two(data_offsets=[0, 8]), "an overlap"),
    "hole": (two(shape=[1], data_offsets=[12, 16]), "a hole"),
    "first offset 4": (one(shape=[5], offsets=[4, 24]), "'a': expected data_offsets that begin at 0"),
    "end before begin": (one(offsets=[24, 0]), "'a': data_offsets: expected [begin, end], got [24, 0]"),
    "negative offset": (one(offsets=[-24, 0]), "'a': data_offsets: " + NUMBERS),
    "negative zero": (raw(shape=b"[-0]"), NUMBERS),
    "float": (raw(offsets=b"[0,24.0]"), NUMBERS),
    "exponent": (raw(shape=b"[2e0,3]"), NUMBERS),
    "bool": (raw(shape=b"[true,6]"), NUMBERS),
    "string": (raw(shape=b'["2",3]'), NUMBERS),
    "null": (raw(shape=b"null"), NUMBERS),
    "leading zero": (raw(shape=b"[02,3]"), NUMBERS),
    "plus": (raw(shape=b"[+2,3]"), NUMBERS),
    "10^23": (raw(shape=b"[100000000000000000000000]"), NUMBERS),
    "5000 digits": (raw(shape=b"[" + b"9" * 5000 + b"]"), NUMBERS),
    "trailing comma": (raw(shape=b"[2,3,]"), NUMBERS),
    "nested list": (raw(shape=b"[[2],3]"), NUMBERS),
    "open list": (file_of(b'{"a":{"shape":[2,3', DATA), NUMBERS),
    "three offsets": (one(offsets=[0, 24, 24]), "data_offsets: expected [begin, end], got [0, 24, 24]"),
    "one offset": (one(offsets=[24]), "data_offsets: expected [begin, end]"),
    "product overflow": (one(shape=[2, 2**63]), "shape [2, 9223372036854775808] needs 73786976294838206464 bytes"),
    "product overflow to right size": (one(shape=[2**62, 4, 6]), "needs"),
    "zero beside 2^63": (one(shape=[2**63, 4, 0], offsets=[0, 0]), "more elements than memory"),
    "rank 100": (one(shape=[1] * 99 + [6]), "100 dimensions, more than 8"),
    "shape too small": (one(shape=[5]), "shape [5] needs 20 bytes, entry holds 24"),
    "offsets beyond the file": (one(shape=[100], offsets=[0, 400]), "376 bytes too few"),
    "offsets 2^64": (one(shape=[2**62], offsets=[0, 2**64]), "more elements than memory"),
    "duplicate": (file_of(b'{"a":{"dtype":"F32","shape":[0],"data_offsets":[0,0]},"a":'
                          b'{"dtype":"F16","shape":[0],"data_offsets":[0,0]}}'), "duplicate key 'a'"),
    "duplicate by escape": (file_of(b'{"a":{"dtype":"F32","shape":[0],"data_offsets":[0,0]},"\\u0061":'
                                    b'{"dtype":"F32","shape":[0],"data_offsets":[0,0]}}'), "duplicate key 'a'"),
    "duplicate field": (file_of(b'{"a":{"dtype":"F32","dtype":"F32"'), "duplicate key 'dtype'"),
    "duplicate metadata": (file_of(b'{"__metadata__":{},"__metadata__":{}}'), "duplicate key '__metadata__'"),
    "duplicate in metadata": (file_of(b'{"__metadata__":{"k":"1","k":"2"}}'), "duplicate key 'k'"),
    "metadata of numbers": (file_of(b'{"__metadata__":{"k":1}}'), "expected a string"),
    "metadata null": (file_of(b'{"__metadata__":null}'), "expected '{' in __metadata__"),
    "extra field": (file_of(b'{"a":{"dtype":"F32","shape":[0],"data_offsets":[0,0],"x":1}}'), "got 'x'"),
    "field missing": (file_of({"a": {"dtype": "F32", "shape": [0]}}), "got not all of them"),
    "tensor is a list": (file_of({"a": []}), "expected '{' in 'a'"),
    "unknown dtype": (one("F31"), "dtype: expected one of BOOL, U8, I8, I16, U16, I32, U32, I64, U64, F16, BF16, F32"),
    "lower case": (one("f32"), "got 'f32'"),
    "F4 odd": (one("F4", [3], [0, 2]), "got 'F4'"),
    "8-bit float": (one("F8_E4M3", [24]), "got 'F8_E4M3'"),
    "dtype a number": (raw(dtype=b"4"), "expected a string"),
    "array": (file_of([]), "header byte 0: expected '{'"),
    "deep": (file_of(b"[" * 100_000), "header byte 0: expected '{'"),
    "deep tensor": (file_of(b'{"a":' * 100_000), "expected dtype, shape and data_offsets, got 'a'"),
    "trailing zero": (file_of(b"{}\0"), "expected the end of the header"),
    "two objects": (file_of(b"{}{}"), "expected the end of the header"),
    "comment": (file_of(b"{/**/}"), "expected a string"),
    "byte-order mark": (file_of(b"\xef\xbb\xbf{}"), "expected '{'"),
    "UTF-16": (file_of("{}".encode("utf-16")), "expected '{'"),
    "NaN": (file_of(b'{"__metadata__":NaN}'), "expected '{'"),
    "single quotes": (file_of(b"{'a':1}"), "expected a string"),
    "not UTF-8": (file_of(b'{"\xff":'), "expected a string in UTF-8"),
    "lone surrogate": (file_of(b'{"\\ud800":'), "expected a string in UTF-8"),
    "surrogate in UTF-8": (file_of(b'{"\xed\xa0\x80":'), "expected a string in UTF-8"),
    "bad escape": (file_of(b'{"\\x41":'), "expected a string with valid escapes"),
    "raw control": (file_of(b'{"a\nb":'), "expected a string with valid escapes"),
    "open string": (file_of(b'{"a\\"'), "expected a string"),
    "only a brace": (file_of(b"{"), "expected a string of at most 1048576 bytes, got its end"),
    "control names": (file_of({"\n\x1b[31m\0\u202e": 1}), "'\\n\\x1b[31m\\x00\\u202e'"),
    "name of 1 MB": (file_of({"n" * 10**6: 1}), "nnn..."),
}  # fmt: skip
LARGE = {  # more than a few bytes, so that only the test under limits uses them
    "16 MiB of lists": (file_of(b"[" + b"[]," * (2**24 // 3 - 1) + b"]"), "expected '{'"),
    "16 MiB of lists as shape": (file_of((b'{"a":{"shape":[' + b"[]," * 2**23)[: 2**24]), NUMBERS),
    "16 MiB of numbers": (file_of((b'{"a":{"shape":[' + b"0," * 2**23)[: 2**24 - 1] + b"]"), NUMBERS),
    "16 MiB of metadata": (
        file_of(b'{"__metadata__":{' + b",".join(b'"%d":""' % i for i in range(10**6)) + b"}}"), "at most 10000 keys"),
    "16 MiB of escapes": (file_of(b'{"' + b"\\n" * (2**23 - 2)), "expected a string"),
    "16 MiB of astral characters": (file_of(b'{"' + "😀".encode() * (2**22 - 2) + b'":1}'), "expected a string"),
    "1 MiB of astral characters": (file_of(b'{"' + "😀".encode() * (2**18 - 1) + b'":1}'), "expected '{'"),
    "one more than 16 MiB": (file_of(b"{}".ljust(2**24 + 1)), "at most 16777216"),
    "100000 tensors": (
        file_of({str(i): {"dtype": "F32", "shape": [0], "data_offsets": [0, 0]} for i in range(10**5)}),
        "at most 10000 keys",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_file(name, put):
    data, words = HOSTILE[name]
    path = put(data)
    for use in (safetensors.describe, safetensors.read):
        with pytest.raises(Error) as caught:
            use(path)
        message = str(caught.value)
        assert words in message
        assert message.isprintable()
        assert len(message) <= 300


def test_the_longest_header_is_a_parameter(put):
    path = put(file_of(b"{}".ljust(100)))
    assert safetensors.read(path, longest_header=100) == {}
    with pytest.raises(Error, match="at most 99"):
        safetensors.read(path, longest_header=99)


def test_10000_tensors_are_read_quickly(put):
    header = {str(i): {"dtype": "F32", "shape": [0, 7], "data_offsets": [0, 0]} for i in range(10**4)}
    path = put(file_of(header))
    started = time.process_time()
    assert len(safetensors.read(path)) == 10**4
    assert time.process_time() - started < 2


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the limits are Linux's")
def test_hostile_files_under_limits(tmp_path):
    assert_refused_under_limits("safetensors", [*HOSTILE.values(), *LARGE.values()], tmp_path, largest=16)


# Every change of a small file


@pytest.fixture(scope="module")
def read(tmp_path_factory):
    scratch = Scratch(tmp_path_factory.mktemp("changed") / "model.safetensors")
    return lambda data: safetensors.read(scratch.put(data))


SMALL = file_of(
    {
        "__metadata__": {"format": "pt"},
        "first.weight": tensor_entry("F32", [2, 3], [0, 24]),
        "first.bias": tensor_entry("F16", [3], [24, 30]),
        "counts": tensor_entry("I64", [1, 2], [30, 46]),
        **{f"layer.{i}.weight": tensor_entry("BF16", [4], [46 + 8 * i, 54 + 8 * i]) for i in range(4)},
    },
    bytes(range(78)),
)


def test_cut_at_every_byte(read):
    read(SMALL)
    for length in range(len(SMALL)):
        with pytest.raises(Error):
            read(SMALL[:length])


def test_every_bit_flipped(read):
    """An error, or tensors of the file's own bytes: a checksum, which the form lacks, would be needed for more."""
    start = 8 + struct.unpack("<Q", SMALL[:8])[0]
    shapes = {name: (array.dtype, array.shape) for name, array in read(SMALL).items()}
    refused = 0
    for bit in range(8 * len(SMALL)):
        data = bytearray(SMALL)
        data[bit // 8] ^= 1 << bit % 8
        try:
            arrays = read(data)
        except Error:
            refused += 1
            assert bit // 8 < start, "a change in the weights cannot be seen"
            continue
        if bit // 8 >= start:
            assert {name: (array.dtype, array.shape) for name, array in arrays.items()} == shapes
        assert_as_reference(data, arrays)
    assert refused > 4 * start


# Against the reference library


def assert_as_reference(data, arrays):
    """What we accept it accepts, with equal tensors. It knows bfloat16 only as bits, through its own parser."""
    theirs = dict(reference.deserialize(bytes(data)))
    assert theirs.keys() == arrays.keys()
    for name, array in arrays.items():
        assert list(array.shape) == theirs[name]["shape"]
        stored = bytes(theirs[name]["data"])
        if theirs[name]["dtype"] == "BF16":
            assert array.tobytes() == (np.frombuffer(stored, "<u2").astype("u4") << 16).tobytes()
        elif theirs[name]["dtype"] == "BOOL":
            assert array.tobytes() == (np.frombuffer(stored, "u1") != 0).tobytes()
        else:
            assert array.tobytes() == stored


def error_of(read, data):
    try:
        read(data)
    except Error as error:
        return str(error)
    return None


def test_accepts_a_part_of_what_the_reference_accepts(read):
    accepted = 0
    for seed in range(400):
        for data in (mutated(SMALL, seed), framed_mutation(SMALL, seed), random_safetensors(seed)):
            if error_of(read, data) is None:
                accepted += 1
                assert_as_reference(data, read(data))
    assert 150 < accepted < 1000


def test_refuses_nothing_right(read):
    """Where the reader is stricter than the reference, it is so by one of its own rules."""
    rules = ("duplicate key", "expected '{' in __metadata__", "dtype: expected one of", "more elements than memory")
    stricter = 0
    for seed in range(400):
        data = random_safetensors(seed)
        try:
            reference.deserialize(data)
        except SafetensorError:
            continue
        message = error_of(read, data)
        stricter += message is not None
        assert message is None or any(rule in message for rule in (*rules, "data_offsets, got 'more'")), message
    assert stricter > 10


@settings(max_examples=150)
@given(data=st.one_of(st.binary(max_size=200), st.binary(max_size=100).map(file_of)))
def test_any_bytes_give_arrays_or_an_error(read, data):
    try:
        arrays = read(data)
    except Error:
        return
    assert_as_reference(data, arrays)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 30) | st.floats() | st.sampled_from(["F32", "U8", "dtype", ""]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=6,
)
FIELDS = st.fixed_dictionaries(
    {},
    optional={
        "dtype": st.sampled_from(["F32", "U8", "BOOL", "BF16", "F8_E5M2"]) | JSON,
        "shape": st.lists(st.integers(0, 4), max_size=3) | JSON,
        "data_offsets": st.lists(st.integers(0, 16), min_size=2, max_size=2) | JSON,
    },
)


@settings(max_examples=150)
@given(header=st.dictionaries(st.text(max_size=5), FIELDS | JSON, max_size=3), data=st.binary(max_size=16))
def test_any_json_gives_arrays_or_an_error(read, header, data):
    try:
        arrays = read(file_of(header, data))
    except Error:
        return
    assert_as_reference(file_of(header, data), arrays)


@settings(max_examples=50)
@given(
    st.dictionaries(
        st.text(max_size=20).filter(lambda name: name != "__metadata__"),
        st.sampled_from(sorted(EVERY_DTYPE)).map(EVERY_DTYPE.get),
        max_size=5,
    )
)
def test_writing_and_reading_keep_everything(tmp_path_factory, arrays):
    place = tmp_path_factory.getbasetemp() / "written.safetensors"
    safetensors.write(place, arrays)
    read = safetensors.read(place)
    assert read.keys() == arrays.keys()
    assert all(same(read[name], array) for name, array in arrays.items())
