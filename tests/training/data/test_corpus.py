"""Lines and documents of text files of any size."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from numpy_bert.errors import Error
from numpy_bert.files import text_lines
from numpy_bert.files.reading import File
from numpy_bert.training.data import corpus
from numpy_bert.training.data.corpus import Corpus


def written(folder, data, name="corpus.txt"):
    path = folder / name
    path.write_bytes(data if isinstance(data, bytes) else data.encode("utf-8"))
    return path


@given(st.lists(st.binary(max_size=12).map(lambda b: b.replace(b"\n", b"")), max_size=8), st.booleans(),
       st.integers(1, 7))  # fmt: skip
@settings(max_examples=60)
def test_raw_lines_are_the_file_wherever_it_is_read_in_pieces(tmp_path_factory, parts, ends, chunk):
    data = b"\n".join(parts) + (b"\n" if ends and parts else b"")
    path = written(tmp_path_factory.mktemp("lines"), data)
    with File(path) as file, pytest.MonkeyPatch.context() as patch:
        patch.setattr(text_lines, "CHUNK", chunk)
        result = list(text_lines.raw_lines(file))
    assert b"".join(result) == data
    assert all(line.endswith(b"\n") for line in result[:-1])
    assert all(line.count(b"\n") <= 1 and line for line in result)


def test_lines_are_numbered_and_end_at_newlines_alone(tmp_path):
    path = written(tmp_path, b"\xef\xbb\xbfone\r\n\ntwo\xe2\x80\xa8\x0bstill two\nthree\r")
    assert list(text_lines.lines(path)) == [(1, "one"), (2, ""), (3, "two\u2028\x0bstill two"), (4, "three")]


BAD = {
    b"one\ntwo\nth\xffree\n": "line 3: expected UTF-8, got byte 0xff, perhaps Windows-1252 or Latin-1: "
    "convert it with iconv -f WINDOWS-1252 -t UTF-8",
    b"one\n\xed\xa0\x80\n": "line 2: expected UTF-8, got byte 0xed, perhaps Windows-1252 or Latin-1: "
    "convert it with iconv -f WINDOWS-1252 -t UTF-8",
    b"one\nt\0wo\n": "line 2: expected text, got a NUL character",
    b"a\n" + b"b" * 50: "line 2: expected at most 40 bytes, got more",
    b"a\n" + b"b" * 50 + b"\n": "line 2: expected at most 40 bytes, got 50",
}


@pytest.mark.parametrize("data", BAD)
def test_a_bad_line_is_named(tmp_path, data, monkeypatch):
    monkeypatch.setattr(text_lines, "LONGEST", 40)
    path = written(tmp_path, data)
    for read in (lambda: list(text_lines.lines(path)), lambda: Corpus([path])):
        with pytest.raises(Error) as caught:
            read()
        assert str(caught.value).endswith("corpus.txt: " + BAD[data])


# Documents.

SENTENCES = st.lists(st.text("aé\u2028字 ", min_size=1, max_size=6).filter(lambda s: s.strip()), min_size=1, max_size=5)
DOCUMENTS = st.lists(SENTENCES, min_size=2, max_size=6)


@given(documents=DOCUMENTS, blanks=st.lists(st.sampled_from(["\n", "\n\n", " \t\n", "\r\n"]), min_size=7, max_size=7),
       ends=st.booleans())  # fmt: skip
@settings(max_examples=60)
def test_documents_come_back(tmp_path_factory, documents, blanks, ends):
    text = blanks[0].join(["", *["".join(f"{s}\n" for s in d) + blanks[i + 1] for i, d in enumerate(documents)]])
    path = written(tmp_path_factory.mktemp("corpus"), text if ends else text.rstrip("\n"))
    result = Corpus([path])
    assert [result.document(i) for i in range(len(result))] == [[s.strip() for s in d] for d in documents]


def test_several_files_are_one_corpus(tmp_path):
    paths = [written(tmp_path, text, f"{i}.txt") for i, text in enumerate(("a\nb\n\nc", "d\n"))]
    result = Corpus(paths)
    assert [result.document(i) for i in range(3)] == [["a", "b"], ["c"], ["d"]]
    assert result.sha256 != Corpus(paths[::-1]).sha256
    assert result.sha256 == Corpus(paths).sha256


def test_a_long_document_is_read_in_several(tmp_path, monkeypatch):
    monkeypatch.setattr(corpus, "LONGEST", 10)
    result = Corpus([written(tmp_path, "aaaa\nbbbb\ncccc\ndddd\n\ne\n")])
    assert [result.document(i) for i in range(len(result))] == [["aaaa", "bbbb"], ["cccc", "dddd"], ["e"]]
    with pytest.raises(Error, match="two documents"):
        Corpus([written(tmp_path, "aaaa\nbbbb\ncccc\ndddd\n")])  # it is still one


def test_bad_corpora(tmp_path):
    cases = {
        "": "expected documents, a sentence a line, got no text",
        "\n \n\t\n": "expected documents, a sentence a line, got no text",
        "a\nb\n": "expected at least two documents with blank lines between them (a random sentence is one of "
        "another), got 1",
    }
    for text, message in cases.items():
        with pytest.raises(Error) as caught:
            Corpus([written(tmp_path, text)])
        assert str(caught.value).endswith("corpus.txt: " + message)
    with pytest.raises(Error, match="no such file"):
        Corpus([tmp_path / "absent.txt"])
    with pytest.raises(Error, match="a folder"):
        Corpus([tmp_path])
    with pytest.raises(Error, match="two documents"):
        Corpus([])


def test_a_file_that_changes_under_us_is_an_error(tmp_path):
    path = written(tmp_path, "aaaa\n\nbbbb\n")
    result = Corpus([path])
    path.write_bytes(b"aa\xffa\n\nbbbb\n")
    with pytest.raises(Error, match="expected the text that was there before, got other bytes at 0"):
        result.document(0)
    path.write_bytes(b"aaaa\n")
    with pytest.raises(Error, match=r"corpus.txt: data: expected"):
        result.document(1)
