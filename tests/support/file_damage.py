"""Small damage to a file, the same for the same seed: what fuzzers and tests of the readers feed on."""

from __future__ import annotations

import json
import math
import random
from collections.abc import Callable, Sequence

NUMBERS = (0, 1, 127, 128, 255, 256, 2**15, 2**16 - 1, 2**31 - 1, 2**31, 2**32 - 1, 2**63 - 1, 2**63, 2**64 - 1)
WORDS = (
    b"{", b"}", b"[", b"]", b",", b":", b'"', b"\\", b"-1", b"0", b"1e3", b"null", b"true", b"\\u0061", b"[]", b"{}",
    b'"F32"', b'"BF16"', b'"dtype"', b'"shape"', b'"data_offsets"', b'"__metadata__"', b"9223372036854775808",
    b"PK\x03\x04", b"PK\x01\x02", b"PK\x05\x06", b"PK\x06\x06", b"PK\x06\x07", b"\x80\x02", b"(", b")", b"t", b"\x85",
    b"q\0", b"h\0", b"h\1", b"]", b"}", b"a", b"e", b"s", b"u", b"R", b"Q", b"b", b".", b"N", b"K\0", b"K\xff",
    b"\x8a\x08\xff\xff\xff\xff\xff\xff\xff\x7f", b"cos\nsystem\n", b"ctorch\nFloatStorage\n", b"X\1\0\0\0a",
)  # fmt: skip


def flip(data: bytearray, chance: random.Random) -> None:
    data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)


def set_byte(data: bytearray, chance: random.Random) -> None:
    data[chance.randrange(len(data))] = chance.randrange(256)


def set_number(data: bytearray, chance: random.Random) -> None:
    size = chance.choice((1, 2, 4, 8))
    place = chance.randrange(len(data))
    value = (chance.choice(NUMBERS) + chance.randrange(-2, 3)) % (1 << 8 * size)
    data[place : place + size] = value.to_bytes(size, "little")


def add_to_number(data: bytearray, chance: random.Random) -> None:
    size = chance.choice((1, 2, 4, 8))
    place = chance.randrange(len(data))
    value = int.from_bytes(data[place : place + size], "little") + chance.choice((-8, -4, -1, 1, 4, 8))
    data[place : place + size] = (value % (1 << 8 * size)).to_bytes(size, "little")


def cut_out(data: bytearray, chance: random.Random) -> None:
    place = chance.randrange(len(data))
    del data[place : place + chance.choice((1, 2, 4, 8, 30))]


def cut_short(data: bytearray, chance: random.Random) -> None:
    del data[chance.randrange(len(data)) :]


def repeat(data: bytearray, chance: random.Random) -> None:
    place = chance.randrange(len(data))
    part = data[place : place + chance.choice((1, 4, 16, 64))]
    data[place:place] = part * chance.choice((1, 1, 1, 3))


def move(data: bytearray, chance: random.Random) -> None:
    place = chance.randrange(len(data))
    part = data[place : place + chance.choice((1, 4, 16, 64))]
    there = chance.randrange(len(data))
    data[there : there + len(part)] = part


def insert_word(data: bytearray, chance: random.Random) -> None:
    place = chance.randrange(len(data))
    data[place:place] = chance.choice(WORDS)


def overwrite_word(data: bytearray, chance: random.Random) -> None:
    place = chance.randrange(len(data))
    word = chance.choice(WORDS)
    data[place : place + len(word)] = word


KINDS: Sequence[Callable[[bytearray, random.Random], None]] = (
    flip, flip, set_byte, set_number, add_to_number, cut_out, cut_short, repeat, move, insert_word, overwrite_word,
)  # fmt: skip


def mutated(data: bytes, seed: int) -> bytes:
    """`data` with one to five of the changes above."""
    chance = random.Random(seed)
    changed = bytearray(data)
    for _ in range(chance.choice((1, 1, 1, 2, 3, 5))):
        if not changed:
            break
        chance.choice(KINDS)(changed, chance)
    return bytes(changed)


def framed_mutation(data: bytes, seed: int) -> bytes:
    """A safetensors file with a damaged header whose length is right again, so that the damage is looked at."""
    length = int.from_bytes(data[:8], "little")
    header = mutated(data[8 : 8 + length], seed)
    return len(header).to_bytes(8, "little") + header + data[8 + length :]


SIZES = {"BOOL": 1, "U8": 1, "I8": 1, "I16": 2, "F16": 2, "BF16": 2, "U32": 4, "F32": 4, "I64": 8, "F64": 8}
FLAWS: Sequence[Callable[[list[dict[str, object]], random.Random], None]] = (
    lambda all_, chance: chance.choice(all_).update(dtype=chance.choice([*SIZES, "F8_E4M3", "f32", "C64", 3])),
    lambda all_, chance: chance.choice(all_).update(shape=chance.choice([[], [0], [-1], [1.0], [2**63, 0], "2"])),
    lambda all_, chance: chance.choice(all_).update(data_offsets=[chance.randrange(20), chance.randrange(40)]),
    lambda all_, chance: chance.choice(all_).update(data_offsets=chance.choice([[0], [0, 0, 0], None, [True, 4]])),
    lambda all_, chance: chance.choice(all_).update(name=chance.choice(all_)["name"]),
    lambda all_, chance: chance.choice(all_).update(more=chance.choice([None, 1, "x"])),
    lambda all_, chance: chance.choice(all_).pop(chance.choice(["dtype", "shape", "data_offsets"]), None),
    lambda all_, chance: chance.shuffle(all_),
)


def random_safetensors(seed: int) -> bytes:
    """A right safetensors file, spelled in one of the ways JSON has, or one with one or two flaws of meaning."""
    chance = random.Random(seed)
    tensors: list[dict[str, object]] = []
    place = 0
    for i in range(chance.randrange(1, 5)):
        dtype, shape = chance.choice(list(SIZES)), [chance.randrange(4) for _ in range(chance.randrange(4))]
        end = place + SIZES[dtype] * math.prod(shape)
        name = chance.choice(["a", "ü", 'q"', "b\\", "layer.0.weight", ""]) + str(i)
        tensors.append({"name": name, "dtype": dtype, "shape": shape, "data_offsets": [place, end]})
        place = end
    for _ in range(chance.choice((0, 0, 0, 1, 1, 2))):
        chance.choice(FLAWS)(tensors, chance)
    space, escaped = chance.choice((None, (",", ":"), (" ,\n", "\t:  "))), chance.random() < 0.5
    members = []
    for tensor in tensors:
        fields = [item for item in tensor.items() if item[0] != "name"]
        chance.shuffle(fields)
        key = json.dumps(tensor["name"], ensure_ascii=escaped)
        members.append(key + ":" + json.dumps(dict(fields), separators=space, ensure_ascii=escaped))
    if chance.random() < 0.4:
        right = ('{"format":"pt"}', "{}", '{"a" :"\\u00fc"}')
        extra = chance.choice((*right, *right, '{"a":1}', "null", '{"a":"1","a":"2"}', "[]"))
        members.insert(chance.randrange(len(members) + 1), '"__metadata__":' + extra)
    before, after = chance.choice(("", " ")), chance.choice(("", "", "", "  ", "\n", "\0"))
    header = (before + "{" + ",".join(members) + "}" + after).encode()
    data = bytes(chance.randrange(256) for _ in range(place + chance.choice((0, 0, 0, 0, 0, 0, 1, -1))))
    return len(header).to_bytes(8, "little") + header + data
