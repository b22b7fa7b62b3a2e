"""The vocabulary: `vocab.txt` holds one token a line, and the number of its line, from 0, is the token's id.

Lines end with "\\n" and with nothing else: U+2028, U+0085 and U+000B end a line for `str.splitlines`, and U+2028 is a
token of the published Chinese vocabulary. A "\\r" before the "\\n" belongs to the line end. Nothing else is stripped.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from ..errors import Error, show, warn
from ..files.atomic import replacing
from ..files.reading import File, Path

LARGEST_VOCABULARY = 64 << 20  # bytes
MOST_TOKENS = 1 << 20  # twice the largest vocabulary of a published BERT
BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_UNWRITABLE = re.compile("[\n\0\ud800-\udfff]|\r\\Z")  # no line would bring it back


def read_vocabulary(path: Path) -> list[str]:
    """The tokens of a `vocab.txt`, each at the index that is its id.

    Error: the file is empty, larger than 64 MiB, not UTF-8, or no text. A byte-order mark is dropped with a warning. Of
    a token that is there twice the last id counts, with a warning; "" stands at the others, as transformers reads it.
    """
    data = _read_bytes(path)
    if data.startswith(BYTE_ORDER_MARK):
        warn("a byte-order mark before the first token is left out", at=path)
        data = data.removeprefix(BYTE_ORDER_MARK)
    if not data:
        raise Error("expected one token a line, got an empty file", at=path)
    count = data.count(b"\n")
    if count > MOST_TOKENS:
        raise Error(f"expected at most {MOST_TOKENS} lines, got {count}", at=path)
    lines = _decoded(data, path).removesuffix("\n").split("\n")
    tokens = [line.rstrip("\r") for line in lines]
    if len(set(tokens)) < len(tokens):
        token, first, second = first_twice(tokens)
        lines_of_it = f"lines {first + 1} and {second + 1}"
        warn(f"expected each token once, got {show(token)} on {lines_of_it}: the last one counts", at=path)
        last = {token: index for index, token in enumerate(tokens)}
        tokens = [token if last[token] == index else "" for index, token in enumerate(tokens)]
    return tokens


def _read_bytes(path: Path) -> bytes:
    """All bytes of the file, unless it is too large, or one of the things that failed downloads leave."""
    with File(path) as file:
        if file.size > LARGEST_VOCABULARY:
            raise file.error(f"expected at most {LARGEST_VOCABULARY} bytes, got {file.size}")
        data = file.read_at(0, file.size)
        if data.startswith(b"version https://git-lfs"):
            raise file.error("expected a vocabulary, got a Git LFS pointer; run 'git lfs pull'")
        if re.match(rb"(?:\xef\xbb\xbf)?\s*<(?:!doctype|html|\?xml)", data, re.IGNORECASE):
            raise file.error("expected a vocabulary, got an HTML page; the download failed, fetch the file again")
        if data.startswith((b"\x1f\x8b", b"PK\x03\x04")):
            raise file.error("expected a vocabulary, got a compressed one; unpack it first")
        return data


def _decoded(data: bytes, path: Path) -> str:
    """The bytes as text. Error, with the line, where they are not UTF-8 or hold a NUL."""
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise Error(f"line {line}: expected UTF-8, got byte 0x{data[error.start]:02x}", at=path) from None
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        raise Error(f"line {line}: expected text, got a NUL character", at=path)
    return text


def write_vocabulary(tokens: Sequence[str], path: Path) -> None:
    """Write a `vocab.txt` that reads back as the same tokens. Error: a token that no line can hold."""
    for index, token in enumerate(tokens):
        if _UNWRITABLE.search(token) or (index == 0 and token.startswith("\ufeff")):
            raise Error(f"expected tokens that fit on a line, got {show(token)} with id {index}", at=path)
    with replacing(path) as file:
        file.write("".join(f"{token}\n" for token in tokens).encode("utf-8"))


def first_twice(tokens: Iterable[str]) -> tuple[str, int, int]:
    """The first token that is there a second time, and both its indices. There must be one."""
    seen: dict[str, int] = {}
    for index, token in enumerate(tokens):
        if token in seen:
            return token, seen[token], index
        seen[token] = index
    raise AssertionError("every token is there once")


def is_cased(tokens: Sequence[str]) -> bool:
    """Whether the vocabulary is of a cased model: over one token in a hundred has a capital, [UNK] and such aside."""
    capitals = sum(token != token.lower() for token in tokens if not (token.startswith("[") and token.endswith("]")))
    return capitals * 100 > len(tokens)
