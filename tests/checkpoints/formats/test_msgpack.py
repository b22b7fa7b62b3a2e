"""MessagePack items: every kind as the msgpack library writes it, and lengths that lie."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from numpy_bert.checkpoints.formats.msgpack import LONGEST_TEXT, Item, item, text
from numpy_bert.errors import Error
from numpy_bert.files.reading import File

library = pytest.importorskip("msgpack")


@pytest.fixture(scope="module")
def first(tmp_path_factory):
    path = tmp_path_factory.mktemp("items") / "x"

    def read(data, function=item, end=None):
        path.write_bytes(data)
        with File(path) as file:
            return function(file, 0, len(data) if end is None else end)

    return read


NUMBERS = [0, 1, 127, 128, 255, 256, 2**16 - 1, 2**16, 2**32 - 1, 2**32, 2**64 - 1]


@pytest.mark.parametrize("number", [*NUMBERS, *(-number - 1 for number in NUMBERS[:-1])])
def test_integers(first, number):
    data = library.packb(number)
    assert first(data + b"more") == Item("integer", number, len(data), len(data))


@pytest.mark.parametrize("length", [0, 1, 4, 15, 16, 31, 32, 255, 256, 65535, 65536])
def test_lengths(first, length):
    kinds = {"text": "x" * length, "bytes": bytes(length), "list": [None] * length}
    for kind, value in kinds.items():
        data = library.packb(value)
        result = first(data + b"more")
        assert result.kind == kind
        assert result.end == (result.begin if kind == "list" else len(data))
        assert kind != "list" or result.number == length
        assert len(data) - result.begin == length
    data = library.packb({i: None for i in range(length)})
    assert first(data)[:2] == ("map", length)
    for code in (0, 1, 127):
        data = library.packb(library.ExtType(code, bytes(length)))
        assert first(data + b"more") == Item("extension", code, len(data) - length, len(data))


@pytest.mark.parametrize(
    ("value", "kind"), [(None, "nothing"), (True, "true"), (False, "false"), (1.5, "float")], ids=str
)
def test_atoms(first, value, kind):
    data = library.packb(value)
    assert first(data)[0] == kind
    assert first(data).end == len(data)
    assert first(library.packb(1.5, use_single_float=True)).end == 5
    assert first(b"\xc7\0\xff") == Item("extension", -1, 3, 3)


@settings(max_examples=60)
@given(st.text(max_size=60))
def test_texts(first, value):
    data = library.packb(value)
    assert first(data + b"more", text) == (value, len(data))


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "byte 0: expected an item, got the end"),
        (b"\xc1", "expected an item of MessagePack, got the byte 0xc1"),
        (b"\xdb\xff\xff\xff\xff", "expected at most 5 bytes, got text of 4294967300"),
        (b"\xc6\xff\xff\xff\xff", "got bytes of 4294967300"),
        (b"\xc9\xff\xff\xff\xff\x01", "got extension of 4294967301"),
        (b"\xdf\xff\xff\xff\xff", "got map of 8589934595"),
        (b"\xdd\xff\xff\xff\xff", "got list of 4294967300"),
        (b"\x8f", "got map of 31"),
        (b"\xcf\xff", "byte 0: expected at most 2 bytes, got integer of 9"),
        (b"\xc7\x00", "got extension of 3"),
        (b"\xd8\x01", "got extension of 18"),
    ],
)
def test_lengths_that_lie(first, data, words):
    with pytest.raises(Error) as caught:
        first(data)
    assert words in str(caught.value)


def test_an_end_before_that_of_the_file(first):
    with pytest.raises(Error, match="expected at most 3 bytes, got text of 6"):
        first(library.packb("hello"), item, 3)


@pytest.mark.parametrize("data", [b"\xa1\xff", b"\x05", b"\xc4\x01a", library.packb("x" * (LONGEST_TEXT + 1))])
def test_what_is_no_text(first, data):
    with pytest.raises(Error, match=r"expected (UTF-8|a text of at most 1024 bytes), got"):
        first(data, text)
