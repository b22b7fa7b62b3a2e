"""What several commands read: a model, a tokenizer; and the output that must not be there yet."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import UsageError

if TYPE_CHECKING:
    from ..model import Bert
    from ..tokenizer.interface import Tokenizer


def load_model(path: str | None, dtype: str | None = None) -> Bert:
    """The checkpoint at a path or of a hub name; None is the model of the package."""
    from ..model import load

    return load(path, dtype=dtype)


def add_plain(parser: argparse.ArgumentParser) -> None:
    plain = "read special tokens typed in a text, such as [MASK], as plain text"
    parser.add_argument("--plain", action="store_true", help=plain)


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
    """Before the work: no output exists yet, and no two are the same. None stands for no output."""
    from ..files.atomic import require_new

    outputs = [path for path in paths if path is not None]
    for path in outputs:
        require_new(path)
    if len({os.path.abspath(path) for path in outputs}) < len(outputs):
        raise UsageError("expected another file for each output, got the same")


def short(text: str, longest: int = 40) -> str:
    """A text for a cell of a table."""
    return text if len(text) <= longest else text[: longest - 1] + "…"
