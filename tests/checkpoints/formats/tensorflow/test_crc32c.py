"""CRC32C: published vectors, a loop over bytes as the oracle, the identity that makes it fast, and its speed."""

import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support import tf_files

from numpy_bert.checkpoints.formats.tensorflow import crc32c as module
from numpy_bert.checkpoints.formats.tensorflow.crc32c import MOVES, PIECE, crc32c, masked

VECTORS = [  # RFC 3720, B.4, and the check value of the catalog of CRCs
    (bytes(32), 0x8A9136AA),
    (b"\xff" * 32, 0x62A8AB43),
    (bytes(range(32)), 0x46DD794E),
    (bytes(range(31, -1, -1)), 0x113FDB5C),
    (b"123456789", 0xE3069283),
    (b"", 0),
]


@pytest.mark.parametrize(("data", "crc"), VECTORS)
def test_published_vectors(data, crc):
    assert crc32c(data) == crc
    assert tf_files.crc32c(data) == crc


def test_masked_form():
    assert masked(0) == 0xA282EAD8
    assert masked(crc32c(b"123456789")) == tf_files.masked(b"123456789")


def test_moves_are_those_of_a_multiple_of_the_polynomial():
    """x^5685 + x^1362 + x^426 + 1 = 0 (mod P), by multiplying by x again and again."""
    powers, power = [], 1
    for _ in range(MOVES[-1] + 1):
        powers.append(power)
        power <<= 1
        if power >> 32:
            power ^= 0x11EDC6F41
    remainder = 0
    for place in (0, *MOVES):
        remainder ^= powers[MOVES[-1] - place]
    assert remainder == 0
    assert f"{module.REFLECTED:032b}"[::-1] == f"{0x1EDC6F41:032b}"


EDGES = (
    0,
    1,
    3,
    4,
    5,
    255,
    256,
    257,
    MOVES[-1] - 1,
    MOVES[-1] + 1,
    MOVES[-1] * 8 - 8,
    MOVES[-1] * 8 + 8,
    PIECE,
    PIECE + 1,
)


@pytest.mark.parametrize("size", EDGES)
def test_sizes_at_which_the_way_changes(size, rng):
    data = rng.bytes(size)
    expected = tf_files.crc32c(data)
    assert crc32c(data) == expected
    for cut in (0, size // 3, size):
        assert crc32c(data[cut:], crc32c(data[:cut])) == expected


@settings(max_examples=60)
@given(st.binary(max_size=700), st.integers(0, 700))
def test_agrees_with_the_loop_over_bytes(data, cut):
    assert crc32c(data[cut:], crc32c(data[:cut])) == tf_files.crc32c(data)


def test_every_bit_of_a_large_array_counts(rng):
    """Along the way through moves and tables no bit gets lost: a flipped one changes the result as its place says."""
    data = bytearray(PIECE)
    nothing = crc32c(bytes(data))
    for place in rng.integers(0, PIECE, 20):
        data[place] ^= 1 << place % 8
        alone = bytes(data[place:])  # zeros in front change the register only
        change = crc32c(bytes(data)) ^ nothing
        assert change == tf_files.crc32c(alone) ^ tf_files.crc32c(bytes(len(alone)))
        data[place] = 0


def test_takes_views_of_arrays(rng):
    array = rng.standard_normal(1000)
    assert crc32c(array.view(np.uint8).data) == tf_files.crc32c(array.tobytes())


def test_speed(rng):
    """200 MB/s are asked for; this machine-independent floor only notices a fall back to loops (5 MB/s)."""
    data = rng.bytes(1 << 25)
    crc32c(data[:PIECE])
    fastest = 1.0
    for _ in range(5):
        started = time.process_time()
        crc32c(data)
        fastest = min(fastest, time.process_time() - started)
    assert len(data) / fastest > 200e6
