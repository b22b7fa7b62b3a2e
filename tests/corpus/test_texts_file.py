"""The texts of a job: lines of a file in chunks, wherever the reading begins."""

import hashlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from numpy_bert.corpus import texts_file
from numpy_bert.corpus.texts_file import TextsFile
from numpy_bert.errors import Error
from numpy_bert.files import text_lines

LINES = st.lists(st.text("aé字 \r\t", max_size=5), max_size=12)


def scanned(path, row=0):
    with TextsFile(path) as source:
        source.scan()
        return source.rows, source.sha256, list(source.chunks(row)), source.changed


@given(LINES, st.booleans(), st.integers(1, 5), st.integers(1, 12), st.integers(1, 7))
@settings(max_examples=60)
def test_chunks_are_the_lines_in_order_wherever_they_begin(tmp_path_factory, lines, ends, rows, size, piece):
    data = ("\n".join(lines) + ("\n" if ends and lines else "")).encode()
    wanted = [line.removesuffix("\r") for line in data.decode().split("\n")]
    if wanted[-1] == "":  # nothing behind the last newline is no line
        wanted.pop()
    if data.endswith(b"\n\r") or data == b"\r":
        wanted = [*data.decode().split("\n")[:-1], ""]
        wanted = [line.removesuffix("\r") for line in wanted]
    path = tmp_path_factory.mktemp("texts") / "texts.txt"
    path.write_bytes(data)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(texts_file, "ROWS", rows)
        patch.setattr(texts_file, "BYTES", size)
        patch.setattr(text_lines, "CHUNK", piece)
        count, sha256, chunks, changed = scanned(path)
        assert (count, sha256, changed) == (len(wanted), hashlib.sha256(data).hexdigest(), False)
        assert [text for chunk in chunks for text in chunk.texts] == wanted
        assert all(1 <= len(chunk.texts) <= rows for chunk in chunks)
        for number, chunk in enumerate(chunks):  # from the beginning of each chunk on, the same chunks follow
            assert scanned(path, chunk.row)[2:] == (chunks[number:], False)
        assert scanned(path, count)[2:] == ([], False)


def test_a_chunk_has_a_bound_in_bytes(tmp_path, monkeypatch):
    monkeypatch.setattr(texts_file, "BYTES", 10)
    path = tmp_path / "texts.txt"
    path.write_text("aaaa\nbbbb\ncccc\n" + "d" * 100 + "\ne\n")
    chunks = scanned(path)[2]
    assert [(chunk.row, len(chunk.texts)) for chunk in chunks] == [(0, 2), (2, 2), (4, 1)]


@pytest.mark.parametrize(("data", "message"), [
    (b"good\nth\xffree\n", "texts.txt: line 2: expected UTF-8, got byte 0xff, perhaps Windows-1252 or Latin-1: "
     "convert it with iconv -f WINDOWS-1252 -t UTF-8"),
    (b"good\n\ntwo\0\n", "texts.txt: line 3: expected text, got a NUL character"),
    (b"good\n" + b"x" * (1 << 20) + b"y\n", "texts.txt: line 2: expected at most 1048576 bytes, got 1048577"),
])  # fmt: skip
def test_a_bad_line_is_found_in_the_scan(tmp_path, data, message):
    path = tmp_path / "texts.txt"
    path.write_bytes(data)
    with pytest.raises(Error) as caught:
        scanned(path)
    assert str(caught.value).endswith(message)


@pytest.mark.parametrize("change", [b"Good\nbad\nvery\n", b"good\n", b"good\nbad\nverY\n"])
def test_a_change_after_the_scan_is_noticed(tmp_path, change):
    path = tmp_path / "texts.txt"
    path.write_bytes(b"good\nbad\nvery\n")
    with TextsFile(path) as source:
        source.scan()
        path.write_bytes(change)
        if len(change) < source.size:
            with pytest.raises(Error, match="it became shorter"):
                list(source.chunks(1))
        else:
            list(source.chunks(1))
            assert source.changed
