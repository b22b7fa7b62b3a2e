"""pytorch_model.bin before PyTorch 1.6: five pickles, then the elements.

    1 the magic number       2 the protocol version 1001      3 facts about the machine that wrote it
    4 the dictionary of tensors, see unpickle.py          5 the keys of the storages, in their order
    then for each key: the number of elements (64 bits) and the elements, little-endian

The form has no checksum: a changed weight cannot be noticed here; compare the sha256 of the file with its source.
Source: `_legacy_save` and `_legacy_load` in torch/serialization.py, and torch/csrc/generic/serialization.cpp.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ....errors import show
from ....files.reading import File, Path
from ....numerics.arrays import Array
from ..tensors import (
    Entry,
    Into,
)
from .pickle_machine import Machine
from .pickle_stream import Stream
from .pickle_values import Items, Map, kind_of
from .tensors import Place, Reader
from .unpickle import Storage, Tensor, TorchMachine, state_dict

MAGIC = bytes.fromhex("8002 8a0a 6cfc9c46f9206aa85019 2e")  # PROTO 2, LONG1 of ten bytes, STOP
PROTOCOL = 1001
ID_FIELDS = 6


def describe(path: Path) -> dict[str, Entry]:
    """Dtype and shape of every tensor by name, after every check that the form allows."""
    with File(path) as file:
        tensors, _ = parts(file)
        return {name: tensor.entry for name, tensor in tensors.items()}


def read(path: Path, names: Iterable[str] | None = None, into: Into | None = None) -> dict[str, Array]:
    """The tensors by name; see tensors.py for `names`, `into` and dtypes. Tensors tied in the file are one array."""
    with File(path) as file:
        tensors, places = parts(file)
        return Reader(file, tensors, places, "<").read(names, into)


def distinct_bytes(path: Path) -> int:
    """Bytes of the tensors in the file, those that are tied counted once."""
    with File(path) as file:
        tensors, _ = parts(file)
        return sum(tensor.entry.nbytes for tensor in set(tensors.values()))


def parts(file: File) -> tuple[dict[str, Tensor], dict[str, Place]]:
    """The tensors, and where their storages lie: the five pickles in turn, and every number after them."""
    check_magic(file)
    at = len(MAGIC)
    stream, protocol = plain_part(file, at, 2, "protocol")
    if protocol != PROTOCOL or type(protocol) is not int:
        stream.fail(str(PROTOCOL), kind_of(protocol), at)
    at = stream.at
    stream, machine_facts = plain_part(file, at, 3, "machine")
    check_machine(stream, machine_facts, at)
    stream = part(file, stream.at, 4, "tensors")
    machine = TorchMachine(stream, ID_FIELDS)
    tensors = state_dict(machine.run(), stream)
    at = stream.at
    stream, keys = plain_part(file, at, 5, "storage keys")
    check_keys(stream, keys, machine.storages, at)
    return tensors, places(file, stream.at, [machine.storages[key] for key in keys])


def part(file: File, start: int, number: int, name: str) -> Stream:
    return Stream(file, start, file.size, f"part {number} of 5 ({name})")


def plain_part(file: File, start: int, number: int, name: str) -> tuple[Stream, Any]:
    """A pickle without names and calls, and its stream, which then stands behind it."""
    stream = part(file, start, number, name)
    return stream, Machine(stream).run()


def check_magic(file: File) -> None:
    """The number must be in the file itself: the result of a call could imitate it."""
    magic = file.read_at(0, min(len(MAGIC), file.size))
    if magic != MAGIC:
        got = magic.hex() or "an empty file"
        raise file.error(f"part 1 of 5 (magic number): byte 0: expected {MAGIC.hex()}, got {got}")


def check_machine(stream: Stream, facts: Any, at: int) -> None:
    if not isinstance(facts, Map):
        stream.fail("a dictionary", kind_of(facts), at)
    if facts.get("little_endian") is not True:
        got = kind_of(facts.get("little_endian"))
        stream.fail("little_endian True", f"{got}; save the model again on a little-endian machine", at)


def check_keys(stream: Stream, keys: Any, storages: dict[str, Storage], at: int) -> None:
    """Exactly the storages that the tensors name, each once."""
    if not (isinstance(keys, Items) and all(type(key) is str for key in keys)):
        stream.fail("a list of keys", kind_of(keys), at)
    if len(set(keys)) != len(keys):
        stream.fail("every storage key once", "a key twice", at)
    for key in sorted(storages.keys() ^ set(keys)):
        got = "no such key" if key in storages else f"also {show(key, 40)}"
        stream.fail(f"the {len(storages)} storages that the tensors name", f"{got} ({len(keys)} keys)", at)


def places(file: File, start: int, storages: list[Storage]) -> dict[str, Place]:
    """Where each storage lies. Its own number of elements agrees, and the last one ends the file."""
    by_key = {}
    for storage in storages:
        label = f"storage {show(storage.key, 40)}"
        size = Entry(storage.dtype, (storage.elements,)).nbytes
        stored = int.from_bytes(file.read_at(start, 8, label), "little", signed=True)
        if stored != storage.elements:
            expected = f"{show(storage.elements, 40)} elements"
            raise file.error(f"{label}: byte {start}: expected {expected}, got {stored}")
        file.require(start + 8, size, label)
        by_key[storage.key] = Place(start + 8, label, None)
        start += 8 + size
    if start != file.size:
        raise file.error(f"expected {start} bytes in all, got {file.size}: {file.size - start} trailing bytes")
    return by_key
