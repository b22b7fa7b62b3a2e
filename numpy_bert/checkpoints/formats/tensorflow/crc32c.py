"""CRC32C: the remainder of the data, taken as a polynomial over two elements, by

    P = x^32 + x^28 + x^27 + x^26 + x^25 + x^23 + x^22 + x^20 + x^19 + x^18 + x^14 + x^13 + x^11 + x^10
        + x^9 + x^8 + x^6 + 1

The first bit of the data, the lowest of the first byte, is the coefficient of the highest power. Addition is XOR.
The remainder lives in a 32-bit register that starts as all ones and is inverted at the end.

One byte after another this takes Python 0.2 s for a megabyte, so the data are first made short. This multiple of P
has four terms:

    x^5685 + x^1362 + x^426 + 1  =  0  (mod P)

so a bit may be moved to the places 4323, 5259 and 5685 behind it: the remainder stays the same. Squaring is
linear here, (a + b)^2 = a^2 + b^2, so squared three or six times the equation holds for x^8 or x^64 in the place
of x: whole bytes or 64-bit words may be moved by as many places, 4323 of them with three XORs of NumPy. What is
left, some 6 KB, goes in blocks of 256 bytes through a table: what byte v at place i of a block adds.

Sources: Castagnoli, Braeuer and Herrmann 1993 for P; RFC 3720, B.4, for the vectors in the tests; Russell 2024
(arXiv 2412.16398) for making the data short with a multiple of few terms. This multiple was found by a search.
"""

from __future__ import annotations

import functools

import numpy as np

from ....numerics.arrays import Array

REFLECTED = 0x82F63B78  # P without x^32, the lowest bit being the coefficient of x^31
ONES = 0xFFFFFFFF
MOVES = (4323, 5259, 5685)  # where a word may go: 5685 - 1362, 5685 - 426, 5685 - 0
BLOCK = 256  # bytes
PIECE = 1 << 18  # bytes made short at a time, so that they stay in the cache
MASK_ADDED = 0xA282EAD8


def crc32c(data: bytes | memoryview, value: int = 0) -> int:
    """The CRC32C of the data; `value` is that of the data before them: crc32c(b, crc32c(a)) == crc32c(a + b)."""
    flat = np.frombuffer(data, np.uint8)
    register = value ^ ONES
    for start in range(0, flat.size, PIECE):
        register = advanced(register, flat[start : start + PIECE])
    return register ^ ONES


def masked(crc: int) -> int:
    """The form in which TensorFlow stores it, so that a CRC over data that hold CRCs stays a good one."""
    return ((crc >> 15 | crc << 17) + MASK_ADDED) & ONES


def advanced(register: int, data: Array) -> int:
    """The register after these bytes: the remainder of the data, the register added to their first 32 bits."""
    if data.size < 4:
        for byte in data.tolist():
            register = register >> 8 ^ int(block_tables()[-1, (register ^ byte) & 0xFF])
        return register
    padding = -data.size % BLOCK  # zeros in front of a polynomial change nothing
    work = np.zeros(padding + data.size, np.uint8)
    work[padding:] = data
    work[padding : padding + 4] ^= np.frombuffer(register.to_bytes(4, "little"), np.uint8)
    used = shortened(work.view(np.uint64)) * 8
    used += shortened(work[used:])
    start = used // BLOCK * BLOCK
    work[start:used] = 0
    return remainder(work[start:].reshape(-1, BLOCK))


def shortened(words: Array) -> int:
    """Move words back, in place, until all but the last few are used up. Returns how many are."""
    used = max(words.size - MOVES[-1], 0)
    for start in range(0, used, MOVES[0]):
        moving = words[start : min(start + MOVES[0], used)]
        for places in MOVES:
            target = words[start + places : start + places + moving.size]
            np.bitwise_xor(target, moving, out=target)
    return used


def remainder(blocks: Array) -> int:
    """The remainder of the bytes (n, BLOCK): of each block alone, then with what the ones before it carry over."""
    of_blocks = np.bitwise_xor.reduce(block_tables()[np.arange(BLOCK), blocks], axis=1)  # (n,)
    first, second, third, fourth = carry_tables()
    register = 0
    for of_block in of_blocks.tolist():
        carried = first[register & 0xFF] ^ second[register >> 8 & 0xFF]
        register = of_block ^ carried ^ third[register >> 16 & 0xFF] ^ fourth[register >> 24]
    return int(register)


@functools.cache
def block_tables() -> Array:
    """tables[i, v]: the remainder of a block that is zero but for the byte v at place i. 256 KiB."""
    last = np.arange(256, dtype=np.uint32)
    for _ in range(8):
        last = np.where(last & 1, last >> 1 ^ REFLECTED, last >> 1).astype(np.uint32)
    tables = np.empty((BLOCK, 256), np.uint32)
    tables[-1] = last
    for i in range(BLOCK - 2, -1, -1):
        tables[i] = tables[i + 1] >> 8 ^ last[tables[i + 1] & 0xFF]
    return tables


@functools.cache
def carry_tables() -> list[list[int]]:
    """The first four of the tables, for a register of four bytes, in the form that Python's loops read fastest."""
    rows: list[list[int]] = block_tables()[:4].tolist()
    return rows
