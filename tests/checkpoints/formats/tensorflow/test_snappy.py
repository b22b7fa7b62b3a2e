"""Snappy: elements of each kind by hand, every corrupt case, and random streams against a plain decoder."""

import contextlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from numpy_bert.checkpoints.formats.protobuf import varint_bytes
from numpy_bert.checkpoints.formats.tensorflow import snappy
from numpy_bert.errors import Error

MOST = 1 << 20


def literal(data, wide=None):
    if wide is None:
        wide = 0 if len(data) <= 60 else 1
    number = len(data) - 1
    tag = number if wide == 0 else 59 + wide
    return bytes([tag << 2]) + (number.to_bytes(wide, "little") if wide else b"") + data


def copy(offset, length, wide):
    if wide == 1:
        return bytes([1 | (length - 4) << 2 | offset >> 8 << 5, offset & 0xFF])
    return bytes([{2: 2, 4: 3}[wide] | (length - 1) << 2]) + offset.to_bytes(wide, "little")


def stream(length, *elements):
    return varint_bytes(length) + b"".join(elements)


@pytest.mark.parametrize(
    ("data", "output"),
    [
        (stream(0), b""),
        (stream(3, literal(b"abc")), b"abc"),
        (stream(100, literal(b"x" * 100, 1)), b"x" * 100),
        (stream(3, literal(b"abc", 2)), b"abc"),
        (stream(3, literal(b"abc", 3)), b"abc"),
        (stream(3, literal(b"abc", 4)), b"abc"),
        (stream(7, literal(b"abc"), copy(3, 4, 1)), b"abcabca"),
        (stream(14, literal(b"abc"), copy(1, 11, 1)), b"ab" + b"c" * 12),
        (stream(67, literal(b"abc"), copy(2, 64, 2)), b"a" + b"bc" * 33),
        (stream(4, literal(b"abc"), copy(3, 1, 4)), b"abca"),
        (stream(2004, literal(b"a" * 2000, 2), copy(2000, 4, 1)), b"a" * 2004),
        (b"\x83\x80\x80\x80\x00" + literal(b"abc"), b"abc"),  # a length in more bytes than it needs
    ],
)
def test_right_streams(data, output):
    assert snappy.decoded(data, MOST) == output


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "varint"),
        (b"\xff" * 10 + b"\x01", "varint"),
        (stream(2**32 - 1, literal(b"abc")), "at most 262 bytes"),
        (b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01" + literal(b"abc"), "at most"),
        (stream(MOST + 1, bytes(MOST)), f"at most {MOST} bytes"),
        (stream(4, literal(b"abc")), "expected 4 bytes of output, got 3"),
        (stream(2, literal(b"abc")), "expected 2 bytes of output, got more"),
        (stream(3), "got 0"),
        (stream(7, literal(b"abc"), copy(0, 4, 1)), "offset of 1 to 3, got 0"),
        (stream(7, literal(b"abc"), copy(4, 4, 1)), "offset of 1 to 3, got 4"),
        (stream(7, copy(1, 4, 1)), "offset of 1 to 0, got 1"),
        (stream(7, literal(b"abc"), copy(0, 4, 2)), "got 0"),
        (stream(7, literal(b"abc"), copy(2**32 - 1, 4, 4)), "got 4294967295"),
        (stream(8, literal(b"abc"), copy(3, 4, 2)[:2]), "expected 2 bytes, got 1"),
        (stream(8, literal(b"abc"), copy(3, 4, 4)[:2]), "expected 4 bytes, got 1"),
        (stream(8, literal(b"abcdefgh")[:5]), "expected 8 bytes, got 4"),
        (stream(8, bytes([63 << 2, 0xFF, 0xFF, 0xFF, 0xFF])), "expected 4294967296 bytes, got 0"),
        (stream(8, bytes([63 << 2, 0xFF])), "expected 4 bytes, got 1"),
    ],
)
def test_corrupt_streams(data, words):
    with pytest.raises(Error) as caught:
        snappy.decoded(data, MOST)
    assert str(caught.value).startswith("corrupt snappy block: ")
    assert words in str(caught.value)


elements = st.one_of(
    st.binary(min_size=1, max_size=80),
    st.tuples(st.integers(0, 1 << 30), st.integers(1, 64), st.sampled_from((1, 2, 4))),
)


@settings(max_examples=100)
@given(st.lists(elements, max_size=20))
def test_random_streams(parts):
    output, encoded = bytearray(), b""
    for part in parts:
        if isinstance(part, bytes):
            encoded += literal(part)
            output += part
        elif output:
            offset, length, wide = part[0] % len(output) + 1, part[1], part[2]
            if wide == 1:
                offset, length = min(offset, 2047), max(4, min(length, 11))
            encoded += copy(offset, length, wide)
            for _ in range(length):
                output.append(output[-offset])
    assert snappy.decoded(stream(len(output), encoded), len(output)) == bytes(output)


@settings(max_examples=200)
@given(st.binary(max_size=60), st.integers(0, 300))
def test_only_errors_and_never_more_than_the_cap(data, most):
    with contextlib.suppress(Error):
        assert len(snappy.decoded(data, most)) <= most
