"""GGUF: files by hand, the format's own library as a second opinion, hostile files, damage."""

import contextlib
import struct
import sys

import numpy as np
import pytest
from support.file_damage import mutated
from support.gguf_files import Stored, gguf, key, q8_0, stored, text
from support.hostile_files import Scratch, assert_refused_under_limits

from numpy_bert.checkpoints.formats import gguf as reader
from numpy_bert.errors import Error

KEYS = [
    key("general.architecture", "str", "bert"),
    key("bert.block_count", "u32", 2),
    key("bert.attention.causal", "bool", False),
    key("tokenizer.ggml.tokens", "str[]", ["[PAD]", "▁good", "ing"]),
    key("tokenizer.ggml.token_type", "i32[]", [3, 1, 1]),
]
SINGLE = np.arange(6, dtype=np.float32).reshape(2, 3)
HALF = np.linspace(-2, 2, 8, dtype=np.float16).reshape(4, 2)
ROWS = np.sin(np.arange(128.0)).reshape(2, 64)
BRAIN = np.array([[1.0, -2.5], [3.0, 0.0]], np.float32)
TENSORS = [
    stored("single", SINGLE),
    stored("half", HALF),
    q8_0("rows", ROWS),
    Stored("brain", (2, 2), 30, (BRAIN.view(np.uint32) >> 16).astype("<u2").tobytes()),
    stored("empty", np.zeros((0, 3), np.float32)),
]


@pytest.fixture
def put(tmp_path):
    def write(data):
        path = tmp_path / "model.gguf"
        path.write_bytes(data)
        return path

    return write


def test_tensors_and_metadata(put):
    path = put(gguf(KEYS, TENSORS))
    arrays = reader.read(path)
    np.testing.assert_array_equal(arrays["single"], SINGLE, strict=True)
    np.testing.assert_array_equal(arrays["half"], HALF, strict=True)
    np.testing.assert_array_equal(arrays["brain"], BRAIN, strict=True)
    assert arrays["rows"].dtype == np.float32
    assert np.abs(arrays["rows"] - ROWS).max() < 1.0 / 127
    assert arrays["empty"].shape == (0, 3)
    assert {name: entry.shape for name, entry in reader.describe(path).items()} == {
        name: array.shape for name, array in arrays.items()
    }
    assert reader.metadata(path) == {
        "general.architecture": "bert",
        "bert.block_count": 2,
        "bert.attention.causal": False,
        "tokenizer.ggml.tokens": ["[PAD]", "▁good", "ing"],
        "tokenizer.ggml.token_type": [3, 1, 1],
    }


def test_another_alignment_and_names_that_are_asked_for(put):
    path = put(gguf([key("general.alignment", "u32", 64)], TENSORS, alignment=64))
    place = np.empty((2, 64))
    arrays = reader.read(path, ["rows", "half"], into=lambda name, entry: place if name == "rows" else None)
    assert set(arrays) == {"rows", "half"}
    assert arrays["rows"] is place
    with pytest.raises(Error, match="'absent': expected a tensor of this name"):
        reader.read(path, ["absent"])


@pytest.mark.parametrize("kind", [name for name, _, _ in reader.TYPES.values() if name not in reader.PLAIN])
def test_blocks_are_those_of_the_library(kind, put):
    """Random bytes as blocks of each quantized type; scales that are no numbers are left out."""
    library = pytest.importorskip("gguf")
    number, block, size = next((n, b, s) for n, (name, b, s) in reader.TYPES.items() if name == kind)
    assert library.constants.GGML_QUANT_SIZES[library.GGMLQuantizationType[kind]] == (block, size)
    blocks = np.random.default_rng(number).integers(0, 256, (6, size), np.uint8)
    blocks[:, 1::2] &= 0x3F  # of a float16 scale the exponent, so that it is finite wherever it stands
    expected = library.quants.dequantize(blocks, library.GGMLQuantizationType[kind]).reshape(2, 3 * block)
    read_back = reader.read(put(gguf(KEYS, [Stored("w", (2, 3 * block), number, blocks.tobytes())])))["w"]
    np.testing.assert_array_equal(read_back, expected, strict=True)


def test_a_scale_that_is_no_number_is_read_as_it_is(put):
    blocks = np.full(4, np.inf, "<f2").view(np.uint8).reshape(4, 2)
    data = np.hstack([blocks, np.zeros((4, 32), np.uint8)]).tobytes()
    assert np.isnan(reader.read(put(gguf(KEYS, [Stored("w", (4, 32), 8, data)])))["w"]).all()


def test_without_the_library_the_error_says_what_to_install(put, monkeypatch):
    monkeypatch.setitem(sys.modules, "gguf", None)
    path = put(gguf(KEYS, [Stored("w", (1, 32), 2, bytes(18))]))
    with pytest.raises(Error, match=r"'w': expected a type that needs no library, got Q4_0; install the extra"):
        reader.read(path)
    assert reader.describe(path)["w"].shape == (1, 32)
    assert reader.read(put(gguf(KEYS, TENSORS)))["rows"].shape == (2, 64)


FLOATS = stored("w", np.ones(8, np.float32))
NO_MEMORY = "more elements than memory has addresses"
TOO_LONG = "length: expected at most"


def with_key(data):
    return gguf([data], counts=(None, 1))


HOSTILE = {
    "empty": (b"", "at byte 0"),
    "another beginning": (gguf(magic=b"GGML"), "expected a GGUF file"),
    "version 1": (gguf(version=1), "version: expected 2 or 3, got 1"),
    "big-endian": (gguf(version=3 << 24), "got 3 in big-endian; convert it"),
    "tensors without end": (gguf(counts=(2**63, None)), "number of tensors: expected at most"),
    "keys without end": (gguf(counts=(None, 2**40)), "number of keys: expected at most"),
    "more tensors than there are": (gguf(KEYS, TENSORS, counts=(6, None)), "expected"),
    "a key twice": (gguf([KEYS[1], KEYS[1]]), "expected every key once"),
    "a tensor twice": (gguf(KEYS, [FLOATS, FLOATS]), "expected every tensor once"),
    "a key of 2^62 bytes": (with_key(struct.pack("<Q", 2**62) + bytes(40)), "a key: " + TOO_LONG),
    "a string of 2^40 bytes": (with_key(text("a") + struct.pack("<IQ", 8, 2**40)), TOO_LONG),
    "an array of 2^50": (with_key(text("a") + struct.pack("<IIQ", 9, 4, 2**50)), TOO_LONG),
    "strings of 2^50": (with_key(text("a") + struct.pack("<IIQ", 9, 8, 2**50)), TOO_LONG),
    "an array of arrays": (with_key(text("a") + struct.pack("<IIQ", 9, 9, 1)), "got type 9"),
    "a type that is none": (with_key(text("a") + struct.pack("<I", 77)), "got 77"),
    "a key that is no text": (gguf([text(b"\xff\xfe") + struct.pack("<II", 4, 1)]), "expected a string in UTF-8"),
    "a token that is no text": (gguf([key("a", "str[]", ["x"]).replace(b"x", b"\xff")]), "expected a string in UTF-8"),
    "alignment 0": (gguf([key("general.alignment", "u32", 0)]), "general.alignment: expected a multiple of 8"),
    "alignment 2^31": (gguf([key("general.alignment", "u32", 2**31)]), "general.alignment: expected a multiple of 8"),
    "alignment as text": (gguf([key("general.alignment", "str", "32")]), "general.alignment: expected a multiple of 8"),
    "five axes": (gguf(tensors=[FLOATS._replace(shape=(1, 1, 1, 1, 8))]), "'w': expected at most 4 axes, got 5"),
    "2^32 axes": (gguf(tensors=[FLOATS]).replace(b"\1\0\0\0\x08", b"\xff\xff\xff\xff\x08"), "got 4294967295"),
    "2^63 numbers": (gguf(tensors=[FLOATS._replace(shape=(2**63,))]), NO_MEMORY),
    "2^64 by multiplying": (gguf(tensors=[FLOATS._replace(shape=(2**33, 2**33))]), NO_MEMORY),
    "a block cut": (gguf(tensors=[Stored("w", (4, 16), 8, bytes(68))]), "no multiple of the block of 32"),
    "a scalar in blocks": (gguf(tensors=[Stored("w", (), 8, bytes(34))]), "no multiple of the block of 32"),
    "a type that was removed": (gguf(tensors=[FLOATS._replace(kind=4)]), "expected a known type, got type 4"),
    "beyond the end": (gguf(tensors=[FLOATS._replace(data=bytes(31))]), "'w': expected 32 bytes at byte"),
    "an offset of 2^63": (gguf(tensors=[FLOATS._replace(offset=2**63)]), "'w': expected 32 bytes at byte"),
    "unaligned": (gguf(tensors=[FLOATS._replace(offset=4)], tail=bytes(8)), "offset: expected a multiple of 32, got 4"),
    "an overlap": (gguf(tensors=[FLOATS, FLOATS._replace(name="v", offset=0)]), "got an overlap"),
}  # fmt: skip


@pytest.mark.parametrize("kind", HOSTILE)
def test_what_is_refused(kind, put):
    data, words = HOSTILE[kind]
    path = put(data)
    for use in (reader.describe, reader.read):
        with pytest.raises(Error) as caught:
            use(path)
        assert words in str(caught.value)
        assert "model.gguf: " in str(caught.value)


def test_in_bounded_time_and_memory(tmp_path):
    count = b"".join(text("") + struct.pack("<IQIQ", 1, 0, 0, 0) for _ in range(200_000))
    large = (gguf(counts=(200_000, None)).rstrip(b"\0") + count, "number of tensors: expected at most 10000")
    assert_refused_under_limits("gguf", [*HOSTILE.values(), large], tmp_path, largest=8)


def test_cut_short_anywhere_it_is_refused(tmp_path):
    data = gguf(KEYS, TENSORS)
    scratch = Scratch(tmp_path / "model.gguf")
    end = len(data) - 16  # "empty" takes nothing, and what pads "brain" before it is not missed
    for length in range(end):
        with pytest.raises(Error):
            reader.read(scratch.put(data[:length]))


def test_damage_ends_in_an_error_or_in_arrays(tmp_path):
    data = gguf(KEYS, TENSORS)
    scratch = Scratch(tmp_path / "model.gguf")
    for seed in range(3_000):
        with contextlib.suppress(Error):
            reader.read(scratch.put(mutated(data, seed)))
