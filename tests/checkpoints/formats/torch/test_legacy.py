"""pytorch_model.bin before PyTorch 1.6: read to the bit, and each of its five parts refused by number and place."""

import struct
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.bits import same
from support.file_damage import mutated
from support.hostile_files import (
    ELEMENTS,
    LEGACY_MACHINE,
    LEGACY_MAGIC,
    LEGACY_PROTOCOL,
    LEGACY_TENSOR,
    ORDERED,
    Scratch,
    assert_refused_under_limits,
    dict_of,
    keys_of,
    name,
    number,
    numbers,
    pickled,
    storage,
    tensor,
    text,
    torch_legacy,
    torch_zip,
    tuple_of,
)

from numpy_bert.checkpoints.formats.torch import legacy as reader
from numpy_bert.errors import Error

WRITTEN = Path(__file__).parents[3] / "data" / "torch_files"


@pytest.fixture(scope="module")
def scratch(tmp_path_factory):
    return Scratch(tmp_path_factory.mktemp("legacy") / "pytorch_model.bin")


def test_every_kind_of_tensor():
    """Every dtype; tied, transposed, strided, partial, scalar and empty tensors."""
    arrays = reader.read(WRITTEN / "legacy.bin")
    with np.load(WRITTEN / "expected.npz") as expected:
        assert list(arrays) == [key for key in expected.files if not key.startswith("module.")]
        assert all(same(array, expected[key]) for key, array in arrays.items())
    assert arrays["embedding.weight"] is arrays["decoder.weight"]
    assert not np.shares_memory(arrays["embedding.weight"], arrays["tied_transposed"])
    entries = reader.describe(WRITTEN / "legacy.bin")
    assert {key: (entry.loaded, entry.shape) for key, entry in entries.items()} == {
        key: (array.dtype, array.shape) for key, array in arrays.items()
    }
    total = sum(entry.nbytes for entry in entries.values())
    assert reader.distinct_bytes(WRITTEN / "legacy.bin") == total - arrays["decoder.weight"].nbytes


def test_names_and_places_of_the_caller():
    place = np.zeros((5, 4))
    names = ["decoder.weight", "part"]
    arrays = reader.read(WRITTEN / "legacy.bin", names, lambda key, _: place if key == "decoder.weight" else None)
    assert list(arrays) == names
    assert arrays["decoder.weight"] is place
    np.testing.assert_array_equal(place, reader.read(WRITTEN / "legacy.bin")["embedding.weight"])


def test_by_hand(scratch):
    np.testing.assert_array_equal(reader.read(scratch.put(torch_legacy()))["a"], [[0, 1, 2], [3, 4, 5]])


def test_a_view_of_a_storage(scratch):
    view = tuple_of(text("part"), number(2), number(3))
    pickle = pickled(dict_of(a=tensor(storage(view=view), (3,), (1,)), b=tensor(storage(view=b"N"), (3, 2), (1, 3))))
    arrays = reader.read(scratch.put(torch_legacy(pickle=pickle)))
    np.testing.assert_array_equal(arrays["a"], [2, 3, 4])
    np.testing.assert_array_equal(arrays["b"], [[0, 3], [1, 4], [2, 5]])


TWO = pickled(dict_of(a=tensor(storage(view=b"N")), b=tensor(storage(key="1", view=b"N"))))
RECORD = struct.pack("<q", 6) + ELEMENTS
CANARY = tuple_of(text("touch canary")) + b"R"
NAMESPACE = name("argparse", "Namespace") + b")\x81}b"
AT_2 = len(LEGACY_MAGIC)
AT_3 = AT_2 + len(LEGACY_PROTOCOL)
AT_4 = AT_3 + len(LEGACY_MACHINE)
AT_5 = AT_4 + len(LEGACY_TENSOR)
AT_DATA = AT_5 + len(keys_of("0"))


def machine(**facts):
    return torch_legacy(machine=pickled(dict_of(**facts)))


HOSTILE = {
    "empty": (b"", "part 1 of 5 (magic number): byte 0: expected 80028a0a6cfc9c46f9206aa850192e, got an empty file"),
    "wrong magic": (torch_legacy(magic=LEGACY_MAGIC[:-2] + b"\x18."), "part 1 of 5 (magic number): byte 0"),
    "magic by a call": (
        torch_legacy(magic=pickled(name("builtins", "eval") + tuple_of(text("0x1950a86a20f9469cfc6c")) + b"R")),
        "part 1 of 5 (magic number): byte 0"),
    "magic in another protocol": (torch_legacy(magic=b"\x80\4" + LEGACY_MAGIC[2:]), "part 1 of 5"),
    "tar": (b"sys_info".ljust(257, b"\0") + b"ustar\0", "part 1 of 5"),
    "zip": (torch_zip(), "part 1 of 5"),
    "only the magic": (LEGACY_MAGIC, f"part 2 of 5 (protocol): byte {AT_2}: expected 2 more bytes"),
    "protocol 1002": (torch_legacy(protocol=pickled(number(1002))), f"2 of 5 (protocol): byte {AT_2}: expected 1001"),
    "protocol by a call": (
        torch_legacy(protocol=pickled(name("os", "system") + CANARY)), "part 2 of 5 (protocol): byte 17: expected"),
    "protocol a float": (torch_legacy(protocol=pickled(b"G" + struct.pack(">d", 1001))), "expected 1001, got 1001.0"),
    "protocol a container": (torch_legacy(protocol=pickled(b"]")), "expected 1001, got list of 0"),
    "big-endian": (machine(little_endian=b"\x89"), f"part 3 of 5 (machine): byte {AT_3}: expected little_endian True"),
    "byte order unknown": (machine(protocol_version=number(1001)), "expected little_endian True, got None"),
    "machine a list": (torch_legacy(machine=pickled(b"]")), f"part 3 of 5 (machine): byte {AT_3}: expected a dict"),
    "machine by a call": (
        torch_legacy(machine=pickled(name("posix", "system") + CANARY)), "global 'posix.system', which is not allowed"),
    "machine by an allowed name": (torch_legacy(machine=pickled(ORDERED)), "global 'collections.OrderedDict'"),
    "tensors by a call": (
        torch_legacy(pickle=pickled(name("os", "system") + CANARY)), f"4 of 5 (tensors): byte {AT_4 + 2}: expected"),
    "training arguments": (
        torch_legacy(pickle=pickled(NAMESPACE), keys=keys_of(), data=b""), "global 'argparse.Namespace', which is not"),
    "scheduler": (
        torch_legacy(pickle=pickled(dict_of(last_epoch=number(3))), keys=keys_of(), data=b""),
        "part 4 of 5 (tensors)"),
    "id of five": (torch_legacy(pickle=pickled(dict_of(a=tensor(storage())))), "a persistent id of 6 fields"),
    "id of a module": (
        torch_legacy(pickle=pickled(tuple_of(text("module"), *[b"N"] * 5) + b"Q")), "a persistent id of 6 fields"),
    "view beyond": (
        torch_legacy(pickle=pickled(dict_of(a=tensor(storage(view=numbers(0, 4, 3)))))), "a view within 6 elements"),
    "keys short": (torch_legacy(pickle=TWO), f"part 5 of 5 (storage keys): byte {AT_4 + len(TWO)}: expected the 2"),
    "keys long": (
        torch_legacy(keys=keys_of("0", "1"), data=RECORD * 2), f"5 of 5 (storage keys): byte {AT_5}: expected the 1"),
    "keys twice": (torch_legacy(keys=keys_of("0", "0"), data=RECORD * 2), "every storage key once, got a key twice"),
    "other keys": (torch_legacy(keys=keys_of("1")), "expected the 1 storages that the tensors name"),
    "keys a tuple of numbers": (torch_legacy(keys=pickled(numbers(0))), "a list of keys"),
    "keys a number": (torch_legacy(keys=pickled(number(0))), "a list of keys, got 0"),
    "keys missing": (torch_legacy(keys=b"", data=b""), f"part 5 of 5 (storage keys): byte {AT_5}: expected 2 more"),
    "stored count": (
        torch_legacy(data=struct.pack("<q", 7) + ELEMENTS), f"storage '0': byte {AT_DATA}: expected 6 elements, got 7"),
    "stored count -1": (torch_legacy(data=struct.pack("<q", -1) + ELEMENTS), "expected 6 elements, got -1"),
    "elements 2^62": (
        torch_legacy(pickle=pickled(dict_of(a=tensor(storage(elements=2**62, view=b"N")))),
                     data=struct.pack("<q", 2**62)),
        "storage '0': expected 18446744073709551616 bytes at byte"),
    "no count": (torch_legacy(data=b"123"), f"storage '0': expected 8 bytes at byte {AT_DATA}"),
    "end within elements": (torch_legacy(data=RECORD[:-1]), f"storage '0': expected 24 bytes at byte {AT_DATA + 8}"),
    "one byte more": (torch_legacy() + b"\0", "1 trailing bytes"),
    "a record more": (torch_legacy() + RECORD, "32 trailing bytes"),
}  # fmt: skip
LARGE = {
    "pickle of 17 MiB": (torch_legacy(pickle=pickled(b"]" + (b"U\xff" + b"x" * 255 + b"a") * 66_000)), "part 4 of 5"),
}


@pytest.mark.parametrize("key", HOSTILE)
def test_hostile_file(key, scratch):
    data, words = HOSTILE[key]
    path = scratch.put(data)
    for use in (reader.describe, reader.read):
        with pytest.raises(Error) as caught:
            use(path)
        message = str(caught.value)
        assert words in message
        assert message.isprintable()
        assert len(message) <= 300


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the limits are Linux's")
def test_hostile_files_under_limits(tmp_path):
    assert_refused_under_limits("torch.legacy", [*HOSTILE.values(), *LARGE.values()], tmp_path, largest=17)


# Every change of a small file


def read_or_none(path):
    try:
        return reader.read(path)
    except Error:
        return None


SMALL = [torch_legacy(), (WRITTEN / "tiny_legacy.bin").read_bytes()]


@pytest.mark.parametrize("data", SMALL, ids=["by hand", "by PyTorch"])
def test_cut_at_every_byte(data, scratch):
    for length in range(len(data)):
        assert read_or_none(scratch.put(data[:length])) is None


@pytest.mark.parametrize("data", SMALL, ids=["by hand", "by PyTorch"])
def test_every_bit_flipped(data, scratch):
    """An error, or a tensor of all the elements: the form has no checksum of names, shapes or elements."""
    refused = 0
    for bit in range(8 * len(data)):
        changed = bytearray(data)
        changed[bit // 8] ^= 1 << bit % 8
        arrays = read_or_none(scratch.put(changed))
        refused += arrays is None
        if bit // 8 >= len(data) - len(ELEMENTS):
            assert arrays is not None
        if arrays is not None:
            (array,) = arrays.values()
            assert array.size <= 6
            assert bit // 8 < len(data) - len(ELEMENTS) or array.shape == (2, 3)
    assert refused > 4 * len(data)


@settings(max_examples=300)
@given(st.integers(0, 2**32), st.sampled_from([*SMALL, (WRITTEN / "legacy.bin").read_bytes()]))
def test_any_damage_gives_arrays_or_an_error(scratch, seed, data):
    arrays = read_or_none(scratch.put(mutated(data, seed)))
    if arrays is not None:
        assert all(array.flags.c_contiguous and array.size < len(data) for array in arrays.values())
