"""The table of a TensorFlow bundle: right ones by hand and by the writer, and every part of one wrong."""

import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.tf_files import MAGIC, block, contents, record, table, varint

from numpy_bert.checkpoints.formats.tensorflow.table import LARGEST_TABLE, LONGEST_KEY, Table, table_bytes
from numpy_bert.errors import Error
from numpy_bert.files.reading import File

A, B = (b"a", b"1"), (b"b", b"22")


def restarts(*places, count=None):
    return b"".join(struct.pack("<I", place) for place in (*places, len(places) if count is None else count))


@pytest.fixture
def read(tmp_path):
    def records(data):
        path = tmp_path / "x.index"
        path.write_bytes(data)
        with File(path) as file:
            return list(Table(file).records())

    return records


def test_blocks_in_order(read):
    assert read(table([contents([A]), contents([B])])) == [A, B]


def test_shared_beginnings(read):
    first, second = record(b"layer_0", b"x"), record(b"1", b"y", shared=6)
    with pytest.raises(Error, match="duplicate key"):
        read(body(first, second, record(b"", b"z", shared=7)))
    assert read(body(first, second, record(b"/b", b"z", shared=7))) == [
        (b"layer_0", b"x"),
        (b"layer_1", b"y"),
        (b"layer_1/b", b"z"),
    ]


def test_snappy_blocks(read):
    packed = varint(len(BODY)) + bytes([len(BODY) - 1 << 2]) + BODY
    assert read(table([packed], kinds=[1])) == [A, B]
    with pytest.raises(Error, match="block at 0: corrupt snappy block: expected 99 bytes of output"):
        read(table([varint(99) + packed[1:]], kinds=[1]))


def test_a_table_without_records(read):
    assert read(table([])) == []
    assert read(table_bytes([])) == []


def test_unpacked_size_is_capped(read):
    zeros = b"".join(bytes([63 << 2 | 2, 1, 0]) for _ in range(LARGEST_TABLE // 64))
    bomb = varint(LARGEST_TABLE + 1) + b"\0x" + zeros
    with pytest.raises(Error, match="at most 2097127 bytes of output"):
        read(table([bomb], kinds=[1]))


BODY = contents([A, B])
GOOD = table([BODY])
BARE = GOOD[:-48]  # without the footer


def footed(*numbers):
    """GOOD with another footer: offset and size of the first block, then of the index block."""
    return BARE + b"".join(map(varint, numbers)).ljust(40, b"\0") + MAGIC


def listed(*handles):
    """Two blocks, of 18 and 19 bytes, listed by these handles."""
    return table([contents([A]), contents([B])], handles=[b"".join(map(varint, handle)) for handle in handles])


def body(*records, at=(0,), count=None):
    return table([b"".join(records) + restarts(*at, count=count)])


WRONG = {
    "nothing": (b"", "at least the 48 bytes of a table's footer, got 0"),
    "short": (GOOD[-47:], "got 47"),
    "magic": (GOOD[:-1] + b"\0", "footer: expected the magic number 57fb808b247547db, got 57fb808b24754700"),
    "one byte more": (GOOD + b"\0", "magic"),
    "too large": (bytes(LARGEST_TABLE) + GOOD, "expected a table of at most"),
    "varint of 11 bytes": (BARE + (b"\x80" * 10 + b"\1").ljust(40, b"\0") + MAGIC, "footer: byte 0: expected a varint"),
    "handles that fill it": (BARE + b"\x80" * 39 + b"\1" + MAGIC, "footer: byte 0: expected a varint"),
    "padding": (GOOD[:-9] + b"\1" + MAGIC, "footer: expected two handles and zeros"),
    "handle beyond": (footed(len(block(BODY)), 8, 2**40, 8), "block at 1099511627776: expected it before byte"),
    "handle huge": (footed(0, 2**63, 0, 8), "block at 0: expected it before byte"),
    "index block in the footer": (footed(len(GOOD) - 53, 8, 0, 0), "expected it before byte"),
    "data block beyond": (listed((4, 10**6)), "block at 4: expected it before byte"),
    "block twice": (listed((0, 13), (0, 13)), "index block: expected a block at 13 or after it, got one at 0"),
    "blocks out of order": (listed((18, 14), (0, 13)), "index block: expected a block at 32 or after it, got one at 0"),
    "handle and more": (listed((0, 13, 0)), "index block: expected a handle, got 1 more bytes"),
    "handle cut off": (table([BODY], handles=[b"\0\x80"]), "index block: byte 1: expected a varint"),
    "block type": (table([BODY], kinds=[2]), "block at 0: expected the type 0 (raw) or 1 (Snappy), got 2"),
    "checksum": (GOOD.replace(block(BODY), BODY + bytes(5)), "block at 0: expected the masked CRC32C 00000000, got "),
    "no restarts": (table([b""]), "count of restarts that fits 0 bytes"),
    "three bytes": (table([b"abc"]), "count of restarts that fits 3 bytes"),
    "restarts 2^31": (body(record(*A), count=2**31), "count of restarts that fits 13 bytes, got 2147483648"),
    "restarts 0": (body(record(*A), at=()), "got 0"),
    "restarts too many": (body(record(*A), count=4), "got 4"),
    "first restart": (body(record(*A), at=[1]), "rising restarts from 0 on"),
    "falling restarts": (body(record(*A), record(*B), at=[0, 5, 5]), "rising restarts from 0 on"),
    "restart inside": (body(record(*A), record(*B), at=[0, 3]), "restarts where entries begin, got one at 3"),
    "restart behind": (body(record(*A), at=[0, 5]), "restarts where entries begin, got one at 5"),
    "shared first": (body(record(*A, shared=1)), "entry at 0: expected at most 0 shared bytes, got 1"),
    "shared too many": (body(record(*A), record(*B, shared=2)), "entry at 5: expected at most 1 shared bytes, got 2"),
    "shared at restart": (body(record(*A), record(*B, shared=1), at=[0, 5]), "at most 0 shared bytes, got 1"),
    "entry too long": (body(record(*A)[:-1]), "entry at 0: expected its end at most at 4, got 5"),
    "huge value": (body(b"\0\1" + varint(2**62) + b"a"), "entry at 0: expected its end at most at"),
    "entry cut off": (body(b"\0"), "entry at 0: expected its end at most at 1, got"),
    "long key": (body(record(b"k" * (LONGEST_KEY + 1), b"")), "a key of at most 2048 bytes, got 2049"),
    "out of order": (
        body(record(*B), record(*A)),
        "block at 0: expected rising keys, got keys out of order: 'a' after 'b'",
    ),
    "duplicate": (body(record(*A), record(*A)), "got a duplicate key: 'a' after 'a'"),
    "duplicate in the next block": (table([BODY, contents([B])]), "got a duplicate key: 'b' after 'b'"),
    "ugly key": (body(*[record(b"\x1b[31m\n", b"")] * 2), r"'\x1b[31m\n'"),
    "10001 records": (body(*(record(b"%06d" % i, b"") for i in range(10001))), "at most 10000 records, got more"),
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_tables(read, name):
    data, words = WRONG[name]
    with pytest.raises(Error) as caught:
        read(data)
    assert words in str(caught.value)
    assert "x.index: " in str(caught.value)


def test_writer_agrees_with_the_one_by_hand():
    """One record fits one block, one restart and no shared key: there is only one way to write it, but for the key
    of the index block, which may be any that sorts right."""
    here = table_bytes([A])
    assert here.startswith(block(contents([A])))
    index = contents([(b"b", varint(0) + varint(len(contents([A]))))])
    assert block(index) in here


def test_many_blocks_there_and_back(read):
    records = [(b"layer/%06d" % i, bytes([i % 256]) * 300) for i in range(3000)]
    data = table_bytes(records)
    assert read(data) == records
    assert data.count(b"layer/00") > 10


@settings(max_examples=50)
@given(st.dictionaries(st.binary(max_size=40), st.binary(max_size=40), max_size=60))
def test_any_records_there_and_back(tmp_path_factory, records):
    path = tmp_path_factory.getbasetemp() / "any.index"
    path.write_bytes(table_bytes(sorted(records.items())))
    with File(path) as file:
        assert list(Table(file).records()) == sorted(records.items())
