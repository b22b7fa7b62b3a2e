"""vocab.txt: which bytes end a line, and what happens to files that are no vocabulary."""

import os
import warnings

import pytest
from support.limits import assert_refused, run_limited

from numpy_bert.errors import Error
from numpy_bert.tokenizer.pipeline import WordPieceTokenizer
from numpy_bert.tokenizer.vocabulary import is_cased, read_vocabulary, write_vocabulary

SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]


def written(folder, data):
    path = folder / "vocab.txt"
    path.write_bytes(data if isinstance(data, bytes) else data.encode("utf-8"))
    return path


@pytest.mark.parametrize(
    ("data", "tokens"),
    [
        ("a\nb\n", ["a", "b"]),
        ("a\nb", ["a", "b"]),
        ("a\r\nb\r\n", ["a", "b"]),
        ("a\n\nb\n", ["a", "", "b"]),
        ("a \n b\n", ["a ", " b"]),
        # Of these str.splitlines, text files or str.strip would make more lines, fewer lines or other tokens.
        ("a\n\u2028\n\u0085\n\x0b\n\x0c\n\u00a0\n\x1c\n\u3000\nb\rc\nz\n",
         ["a", "\u2028", "\u0085", "\x0b", "\x0c", "\u00a0", "\x1c", "\u3000", "b\rc", "z"]),
        ("\n", [""]),
    ],
)  # fmt: skip
def test_lines_end_with_line_feeds_alone(tmp_path, data, tokens):
    assert read_vocabulary(written(tmp_path, data)) == tokens


def test_ids_after_strange_tokens_do_not_shift(tmp_path):
    tokens = [*SPECIAL, "\u2028", "\u0085", "\u00a0", "中", "##文", "last"]
    path = tmp_path / "vocab.txt"
    write_vocabulary(tokens, path)
    tokenizer = WordPieceTokenizer(read_vocabulary(path))
    assert tokenizer.vocab["last"] == 10
    assert tokenizer.encode_ids(["中 last\u2028last\u0085"]) == [[2, 8, 10, 10, 3]]


def test_a_byte_order_mark_is_dropped_with_a_warning(tmp_path):
    with pytest.warns(UserWarning, match="byte-order mark"):
        assert read_vocabulary(written(tmp_path, b"\xef\xbb\xbfa\nb\n")) == ["a", "b"]


def test_a_clean_file_gives_no_warning(tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        read_vocabulary(written(tmp_path, "a\nb\n"))


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "expected one token a line, got an empty file"),
        (b"a\nb\n\xff\xfe\n", "line 3: expected UTF-8, got byte 0xff"),
        ("a\nb\n".encode("utf-16"), "line 1: expected UTF-8, got byte 0xff"),
        (b"a\nb\0c\n", "line 2: expected text, got a NUL character"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "got a Git LFS pointer; run 'git lfs pull'"),
        (b"\n<!DOCTYPE html><html>", "got an HTML page"),
        (b"\x1f\x8b\x08\0", "got a compressed one"),
        (b"\n".join(b"%d" % n for n in range((1 << 20) + 2)), "expected at most 1048576 lines, got 1048577"),
    ],
)
def test_refused(tmp_path, data, message):
    with pytest.raises(Error) as caught:
        read_vocabulary(written(tmp_path, data))
    assert message in str(caught.value)
    assert "vocab.txt: " in str(caught.value)


def test_refused_in_bounded_time_and_memory(tmp_path):
    """A sparse file of 1 GB, a named pipe, a folder and nothing at all: told at once, and nothing is read."""
    big, pipe = tmp_path / "big.txt", tmp_path / "pipe.txt"
    with open(big, "wb") as file:
        file.truncate(1 << 30)
    os.mkfifo(pipe)
    code = "from numpy_bert.tokenizer.vocabulary import read_vocabulary; read_vocabulary(sys.argv[1])"
    for path, what in (
        (big, "expected at most 67108864 bytes, got 1073741824"),
        (pipe, "got a named pipe"),
        (tmp_path, "got a folder"),
        (tmp_path / "none.txt", "no such file"),
    ):
        assert_refused(run_limited(code, args=[path], cpu_seconds=2), what)


@pytest.mark.parametrize("token", ["a\nb", "a\0", "a\r", "\ud800"])
def test_a_token_that_fits_on_no_line_is_not_written(tmp_path, token):
    with pytest.raises(Error, match="expected tokens that fit on a line"):
        write_vocabulary(["x", token], tmp_path / "vocab.txt")
    assert list(tmp_path.iterdir()) == []


def test_a_first_token_that_would_be_taken_for_a_byte_order_mark_is_not_written(tmp_path):
    with pytest.raises(Error, match="with id 0"):
        write_vocabulary(["\ufeffa", "b"], tmp_path / "vocab.txt")
    write_vocabulary(["b", "\ufeffa"], tmp_path / "vocab.txt")
    assert read_vocabulary(tmp_path / "vocab.txt") == ["b", "\ufeffa"]


def test_cased_vocabularies_are_told_by_their_capitals():
    assert not is_cased([*SPECIAL, "[unused1]", "the", "##ing", "中", "ß"])
    assert is_cased([*SPECIAL, "The", "the", "##ing"])
    assert not is_cased([f"word{n}" for n in range(1000)] + ["A"])


def test_of_a_token_that_is_there_twice_the_last_counts(tmp_path):
    """As transformers reads it, whose table has one id for each token."""
    (tmp_path / "vocab.txt").write_bytes(b"a\nb\nc\nb\nd\n")
    with pytest.warns(UserWarning, match="expected each token once, got 'b' on lines 2 and 4: the last one counts"):
        assert read_vocabulary(tmp_path / "vocab.txt") == ["a", "", "c", "b", "d"]
