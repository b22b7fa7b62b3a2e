"""Protocol Buffers: numbers, fields, unknown ones skipped, and every way to be wrong."""

import contextlib
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support import tf_files

from numpy_bert.checkpoints.formats.protobuf import (
    BYTES,
    FOUR_BYTES,
    VARINT,
    Message,
    bytes_field,
    fields,
    four_bytes_field,
    varint,
    varint_bytes,
    varint_field,
    varints,
)
from numpy_bert.errors import Error

KNOWN = {1: VARINT, 2: BYTES, 6: FOUR_BYTES}


@given(st.integers(0, 2**64 - 1))
@settings(max_examples=50)
def test_varints_there_and_back(value):
    assert varint_bytes(value) == tf_files.varint(value)
    assert varint(b"\xff" + varint_bytes(value) + b"\x80", 1) == (value, 1 + len(varint_bytes(value)))
    assert list(varints(varint_bytes(value) * 3)) == [value] * 3


@pytest.mark.parametrize(
    "data", [b"", b"\x80", b"\xff" * 9, b"\xff" * 10 + b"\x01", b"\xff" * 9 + b"\x02", b"\x80" * 11]
)
def test_varints_cut_off_or_too_long(data):
    with pytest.raises(Error, match="expected a varint of at most 64 bits"):
        varint(data, 0)


def test_fields_there_and_back():
    data = varint_field(1, 300) + bytes_field(2, b"ab") + four_bytes_field(6, 0xA282EAD8) + bytes_field(2, b"")
    message = Message(data, KNOWN)
    assert (message.unsigned(1), message.unsigned(6), message.contents(2)) == (300, 0xA282EAD8, [b"ab", b""])
    assert data[:3] == tf_files.field(1, 300)
    assert varint_field(1, 0) == b""


def test_absent_fields_are_zero():
    message = Message(b"", KNOWN)
    assert (message.unsigned(1), message.signed(1), message.content(2), message.contents(2)) == (0, 0, b"", [])
    assert not message.has(1)


@pytest.mark.parametrize("value", [0, 1, -1, 2**63 - 1, -(2**63), -(2**31)])
def test_signed_numbers(value):
    assert Message(tf_files.field(1, value), KNOWN).signed(1) == value


def test_unknown_fields_of_every_kind_are_skipped():
    nested = b""
    for _ in range(12_000):
        nested = tf_files.field(9, nested)
    unknown = tf_files.field(9, nested) + tf_files.field(10, 5) + b"\x59" + bytes(8) + b"\x65" + bytes(4)
    started = time.process_time()
    assert Message(unknown + tf_files.field(1, 7), KNOWN).unsigned(1) == 7
    assert time.process_time() - started < 0.1


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"\x0b\x0c", "wire type 0, 1, 2 or 5, got 3"),
        (b"\x0c", "got 4"),
        (b"\x0e", "got 6"),
        (b"\x0f", "got 7"),
        (b"\x00\x01", "field number of 1 to 536870911, got 0"),
        (tf_files.varint(2**29 * 8) + b"\x01", "got 536870912"),
        (b"\x08", "varint"),
        (b"\x12\x05abcd", "expected 5 bytes, got 4"),
        (b"\x12" + tf_files.varint(2**63), "expected 9223372036854775808 bytes, got 0"),
        (b"\x49" + bytes(7), "expected 8 bytes, got 7"),
        (b"\x35" + bytes(3), "expected 4 bytes, got 3"),
        (b"\x0a\x01a", "field 1: expected wire type 0, got 2"),
        (b"\x10\x01", "field 2: expected wire type 2, got 0"),
        (tf_files.field(2, b"") * 1001, "at most 1000 values"),
    ],
)
def test_wrong_messages(data, words):
    with pytest.raises(Error) as caught:
        Message(data, KNOWN)
    assert words in str(caught.value)


def test_a_field_twice():
    with pytest.raises(Error, match="field 1: expected it once, got it 2 times"):
        Message(tf_files.field(1, 3) * 2, KNOWN).unsigned(1)


@settings(max_examples=200)
@given(st.binary(max_size=40))
def test_any_bytes_give_fields_or_an_error(data):
    with contextlib.suppress(Error):
        assert all(0 < field.number < 1 << 29 for field in fields(data))
