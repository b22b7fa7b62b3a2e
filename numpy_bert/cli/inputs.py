"""What several commands read: texts, a model, a tokenizer; and the output that must not be there yet."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import Error, UsageError

if TYPE_CHECKING:
    from ..model import Bert
    from ..tokenizer.interface import Tokenizer


def add_texts(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("text", nargs="*", metavar="TEXT", help="texts, each in quotation marks")
    parser.add_argument("--input", metavar="FILE", help="read the texts from a file, one per line, UTF-8; - for stdin")


def read_texts(texts: Sequence[str], input: str | None) -> list[str]:
    """The texts of the command line, or the lines of a file."""
    if input is None:
        if not texts:
            raise UsageError("expected TEXT or --input FILE, got neither")
        return list(texts)
    if texts:
        raise UsageError("expected TEXT or --input FILE, got both")
    return list(_lines(input))


def _lines(name: str) -> Iterator[str]:
    """The lines of a UTF-8 file, split at newlines alone; "-" is standard input."""
    from ..files.reading import File

    if name == "-":
        if sys.stdin is None:
            raise Error("standard input: expected text, got a closed stream")
        data, source = sys.stdin.buffer.read(), "standard input"
    else:
        with File(name) as file:
            data, source = file.read_at(0, file.size), name
    lines = data.split(b"\n")
    if lines[-1] == b"":
        lines.pop()
    for number, line in enumerate(lines, 1):
        try:
            yield line.removesuffix(b"\r").decode("utf-8")
        except UnicodeDecodeError as error:
            raise Error(f"line {number}: expected UTF-8, got byte 0x{line[error.start]:02x}", at=source) from None


def load_model(path: str | None, dtype: str | None = None) -> Bert:
    """The checkpoint at a path or of a hub name; None is the model of the package."""
    from ..model import load

    return load(path, dtype=dtype)


def add_plain(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--plain", action="store_true", help="read [SEP], [MASK] and the like in a text as plain text")


def chosen_model(options: argparse.Namespace) -> Bert:
    """The model of the options --model, --tokenizer and --plain."""
    from ..model import load

    special = False if getattr(options, "plain", False) else None
    return load(options.model, tokenizer=options.tokenizer, special=special)


def load_tokenizer(path: str | None) -> Tokenizer:
    """The tokenizer alone: the weights are not read for it."""
    from ..tokenizer.folder import read_tokenizer

    if path is None:
        from ..model import PRETRAINED

        return read_tokenizer(PRETRAINED)
    if os.path.isdir(path):  # a vocabulary without weights will do
        return read_tokenizer(Path(path))
    from ..checkpoints import beside
    from ..checkpoints.locate import locate

    return beside.tokenizer(locate(path))


def require_new(*paths: Path | None) -> None:
    """Before the work: each output is a name of its own that nothing has yet. None stands for no output."""
    from ..files.atomic import require_new

    outputs = [path for path in paths if path is not None]
    for path in outputs:
        require_new(path)
    if len({os.path.abspath(path) for path in outputs}) < len(outputs):
        raise UsageError("expected another file for each output, got the same")


def short(text: str, longest: int = 40) -> str:
    """A text for a cell of a table."""
    return text if len(text) <= longest else text[: longest - 1] + "…"
