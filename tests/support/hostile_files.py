"""Files made by hand, byte by byte: correct ones in every PyTorch and safetensors form, and their parts.

The tests break these parts on purpose; the fuzzers use the correct files as seeds.
"""

from __future__ import annotations

import json
import os
import struct
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from support.limits import run_limited

# safetensors


def safetensors(header: object, data: bytes = b"", length: int | None = None) -> bytes:
    """`header` is JSON text as bytes, or something that becomes JSON."""
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text) if length is None else length) + text + data


def tensor_entry(dtype: object = "F32", shape: object = (2, 3), offsets: object = (0, 24)) -> dict[str, object]:
    return {"dtype": dtype, "shape": shape, "data_offsets": offsets}


# Pickles, in the opcodes of protocol 2


def text(value: str) -> bytes:
    return b"X" + struct.pack("<I", len(value.encode())) + value.encode()


def number(value: int) -> bytes:
    if 0 <= value < 256:
        return b"K" + bytes([value])
    if -(2**31) <= value < 2**31:
        return b"J" + struct.pack("<i", value)
    size = value.bit_length() // 8 + 1
    return b"\x8a" + bytes([size]) + value.to_bytes(size, "little", signed=True)


def name(module: str, attribute: str) -> bytes:
    return f"c{module}\n{attribute}\n".encode()


def tuple_of(*parts: bytes) -> bytes:
    return b"(" + b"".join(parts) + b"t"


def numbers(*values: int) -> bytes:
    return tuple_of(*map(number, values))


def dict_of(**items: bytes) -> bytes:
    return b"}(" + b"".join(text(key) + value for key, value in items.items()) + b"u"


ORDERED = name("collections", "OrderedDict") + b")R"


def storage(dtype: str = "Float", key: str = "0", elements: int = 6, view: bytes | None = None) -> bytes:
    """A persistent id. `view` is the sixth field of the legacy form: b"N" or a tuple."""
    fields = [text("storage"), name("torch", f"{dtype}Storage"), text(key), text("cpu"), number(elements)]
    return tuple_of(*fields, *([] if view is None else [view])) + b"Q"


def tensor(stored: bytes, shape: tuple[int, ...] = (2, 3), strides: tuple[int, ...] = (3, 1), offset: int = 0) -> bytes:
    arguments = tuple_of(stored, number(offset), numbers(*shape), numbers(*strides), b"\x89", ORDERED)
    return name("torch._utils", "_rebuild_tensor_v2") + arguments + b"R"


def pickled(value: bytes) -> bytes:
    return b"\x80\x02" + value + b"."


ELEMENTS = struct.pack("<6f", 0, 1, 2, 3, 4, 5)
ONE_TENSOR = pickled(dict_of(a=tensor(storage())))


# Zip archives


class Entry(NamedTuple):
    """An entry of a zip archive, and what its headers say where that is not the truth."""

    name: bytes
    data: bytes
    local_name: bytes | None = None
    flags: int = 0
    method: int = 0
    crc: int | None = None
    size: int | None = None
    packed: int | None = None
    extra: bytes = b""
    offset: int | None = None  # of the local header, as the directory has it
    gap: bytes = b""  # bytes before the local header

    def fields(self) -> tuple[int, int, int]:
        crc = zlib.crc32(self.data) if self.crc is None else self.crc
        packed = len(self.data) if self.packed is None else self.packed
        return crc, packed, len(self.data) if self.size is None else self.size

    def local(self) -> bytes:
        local_name = self.name if self.local_name is None else self.local_name
        head = struct.pack("<4s5H", b"PK\x03\x04", 20, self.flags, self.method, 0, 0)
        return head + struct.pack("<3I2H", *self.fields(), len(local_name), 0) + local_name + self.data

    def central(self, offset: int) -> bytes:
        place = offset if self.offset is None else self.offset
        head = struct.pack("<4s6H", b"PK\x01\x02", 20, 20, self.flags, self.method, 0, 0)
        sizes = struct.pack("<3I3H", *self.fields(), len(self.name), len(self.extra), 0)
        return head + sizes + struct.pack("<2H2I", 0, 0, 0, place) + self.name + self.extra


def zip_archive(entries: list[Entry], comment: bytes = b"", count: int | None = None) -> bytes:
    body, directory = bytearray(), bytearray()
    for entry in entries:
        body += entry.gap
        directory += entry.central(len(body))
        body += entry.local()
    counted = (len(entries) if count is None else count) & 0xFFFF
    end = struct.pack("<4s4H2IH", b"PK\x05\x06", 0, 0, counted, counted, len(directory), len(body), len(comment))
    return bytes(body + directory + end + comment)


def torch_entries(pickle: bytes = ONE_TENSOR, elements: bytes = ELEMENTS, top: bytes = b"archive") -> list[Entry]:
    return [
        Entry(top + b"/data.pkl", pickle),
        Entry(top + b"/byteorder", b"little"),
        Entry(top + b"/data/0", elements),
        Entry(top + b"/version", b"3\n"),
    ]


def torch_zip(pickle: bytes = ONE_TENSOR, elements: bytes = ELEMENTS) -> bytes:
    return zip_archive(torch_entries(pickle, elements))


# The legacy form

LEGACY_MAGIC = bytes.fromhex("80028a0a6cfc9c46f9206aa850192e")
LEGACY_PROTOCOL = pickled(number(1001))
LEGACY_MACHINE = pickled(
    dict_of(protocol_version=number(1001), little_endian=b"\x88", type_sizes=dict_of(short=number(2)))
)
LEGACY_TENSOR = pickled(dict_of(a=tensor(storage(view=b"N"))))


def keys_of(*keys: str) -> bytes:
    return pickled(b"](" + b"".join(map(text, keys)) + b"e")


def torch_legacy(
    magic: bytes = LEGACY_MAGIC,
    protocol: bytes = LEGACY_PROTOCOL,
    machine: bytes = LEGACY_MACHINE,
    pickle: bytes = LEGACY_TENSOR,
    keys: bytes | None = None,
    data: bytes = struct.pack("<q", 6) + ELEMENTS,
) -> bytes:
    return magic + protocol + machine + pickle + (keys_of("0") if keys is None else keys) + data


class Scratch:
    """One file whose content is replaced thousands of times. It is never cut to nothing, which some disks make slow."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.touch()

    def put(self, data: bytes) -> Path:
        with open(self.path, "r+b", buffering=0) as stream:
            stream.write(data)
            stream.truncate(len(data))
        return self.path


USE_EACH = """
import importlib, os, time
from numpy_bert.errors import Error
reader = importlib.import_module("numpy_bert.checkpoints.formats." + sys.argv[2])
for name in sorted(os.listdir(sys.argv[1]), key=int):
    for use in (reader.describe, reader.read):
        started = time.process_time()
        try:
            use(os.path.join(sys.argv[1], name))
            outcome = "accepted"
        except Error as error:
            outcome = str(error)
        print(name, outcome if time.process_time() - started < 2 else "too slow")
"""


def assert_refused_under_limits(
    reader: str, cases: Sequence[tuple[bytes, str]], folder: Path, largest: int = 0
) -> None:
    """Both functions of the reader refuse each file with its words, in bounded time and memory, in one child.

    Nothing is run or written there, and nothing opened but the files. `largest` is the MiB of the largest file.
    """
    for i, (data, _) in enumerate(cases):
        (folder / str(i)).write_bytes(data)
    result = run_limited(USE_EACH, args=[folder, reader], memory_mib=64 + largest, cpu_seconds=20)
    assert result.returncode == 0, result
    expected = [words for _, words in cases for _ in range(2)]
    for line, words in zip(result.stdout.splitlines(), expected, strict=True):
        assert words in line, line
    assert {os.path.dirname(name) for name in result.opened} == {str(folder)}
    assert len(os.listdir(folder)) == len(cases)
