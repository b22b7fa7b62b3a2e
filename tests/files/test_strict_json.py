"""Strict JSON: Python's reader agrees on what is good, and what it lets pass is refused in one line."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from numpy_bert.errors import Error
from numpy_bert.files import strict_json

TEXT = st.text(st.characters(exclude_categories=["Cs"]))
NUMBERS = st.integers(-(10**30), 10**30) | st.floats(allow_nan=False, allow_infinity=False)
DOCUMENTS = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=20,
)


@given(DOCUMENTS, st.booleans(), st.sampled_from([None, 1]))
def test_what_python_writes_comes_back(document, ascii_only, indent):
    data = json.dumps(document, ensure_ascii=ascii_only, indent=indent).encode()
    assert repr(strict_json.load(data, "x")) == repr(document)


REFUSED = {
    "empty": (b"", "line 1, column 1: expected valid JSON, got the end of the file"),
    "cut": (b'{"a": 1', "line 1, column 8: expected valid JSON, got the end of the file"),
    "comment": (b'{\n  "a": 1, // why\n}', "line 2, column 11: expected valid JSON, got '// why"),
    "trailing comma": (b'{"a": 1,}', "expected valid JSON, got"),
    "single quotes": (b"{'a': 1}", "expected valid JSON, got"),
    "two documents": (b"{} {}", "line 1, column 4: expected valid JSON, got '{}'"),
    "trailing NUL": (b'{"a": 1}\0', r"expected valid JSON, got '\x00'"),
    "control character": (b'["\n"]', "expected valid JSON, got"),
    "leading zero": (b"[01]", "expected valid JSON"),
    "duplicate key": (b'{"a": 1, "b": {"c": 1, "c": 1}}', "expected every key once, got duplicate key 'c'"),
    "duplicate by escape": (b'{"a": 1, "\\u0061": 1}', "duplicate key 'a'"),
    "hostile key": (b'{"\\u001b[31m": 1, "\\u001b[31m": 1}', r"duplicate key '\x1b[31m'"),
    "NaN": (b'{"a": NaN}', "expected numbers that JSON has, got NaN"),
    "infinity": (b"[-Infinity]", "expected numbers that JSON has, got -Infinity"),
    "overflow": (b"[1e400]", "expected numbers that a double holds, got '1e400'"),
    "long integer": (b"[" + b"9" * 5000 + b"]", "expected integers of at most 40 digits, got 5000"),
    "long negative": (b"[-" + b"9" * 41 + b"]", "expected integers of at most 40 digits, got 42"),
    "deep lists": (b"[" * 65 + b"]" * 65, "expected at most 64 arrays and objects inside each other"),
    "deep objects": (b'{"a":' * 100_000 + b"1" + b"}" * 100_000, "expected at most 64 arrays and objects"),
    "BOM": (b"\xef\xbb\xbf{}", "expected UTF-8 without a byte-order mark, got a byte-order mark"),
    "UTF-16": ('{"a": 1}'.encode("utf-16"), "got UTF-16"),
    "UTF-16 without mark": ('{"a": 1}'.encode("utf-16-be"), "expected UTF-8, got zero bytes"),
    "UTF-32": ('{"a": 1}'.encode("utf-32-le"), "expected UTF-8, got zero bytes"),
    "Latin-1": (b'{"a": "\xe9"}', "expected UTF-8, got b'\\xe9\"}' at byte 7"),
    "overlong": (b'["\xc0\x80"]', "expected UTF-8"),
    "encoded surrogate": (b'["\xed\xa0\x80"]', "expected UTF-8"),
    "lone surrogate": (b'{"a": ["\\ud800"]}', r"expected Unicode text, got the lone surrogate '\ud800'"),
    "lone surrogate in a key": (b'{"\\uDFFF": 1}', r"got the lone surrogate '\udfff'"),
    "too large": (b" " * (1 << 20) + b"1", "expected at most 1048576 bytes of JSON, got 1048577"),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_refused(kind):
    data, expected = REFUSED[kind]
    with pytest.raises(Error) as caught:
        strict_json.load(data, "some.json")
    message = str(caught.value)
    assert message.startswith("some.json: ")
    assert expected in message
    assert message.isprintable()


def test_accepted_at_the_limits():
    assert strict_json.load(b'"\\ud83d\\ude00"', "x") == "\N{GRINNING FACE}"
    assert strict_json.load(b"9" * 40, "x") == 10**40 - 1
    assert strict_json.load(b"[" * 64 + b"]" * 64, "x")
    assert strict_json.load(b'"' + rb"[{\"[{\\" * 100 + b'"', "x") == '[{"[{\\' * 100
    assert strict_json.load(b" " * ((1 << 20) - 1) + b"1", "x") == 1
    assert strict_json.load(b"12", "x", largest=2) == 12


def test_read_looks_at_the_size_first(tmp_path):
    path = tmp_path / "x.json"
    with open(path, "wb") as stream:
        stream.truncate(1 << 40)
    with pytest.raises(Error, match=r"x\.json: expected at most 1048576 bytes of JSON, got 1099511627776"):
        strict_json.read(path)
    path.write_bytes(b'{"a": 1}')
    assert strict_json.read(path) == {"a": 1}
    with pytest.raises(Error, match="expected a regular file, got a folder"):
        strict_json.read(tmp_path)


@given(st.binary(max_size=40) | st.text('{}[]",:\\u0d8e1N', max_size=40).map(str.encode))
def test_any_bytes_are_read_as_python_reads_them_or_refused(data):
    try:
        document = strict_json.load(data, "x")
    except Error as error:
        message = str(error)
        assert message.isprintable()
        return
    assert repr(document) == repr(json.loads(data))
