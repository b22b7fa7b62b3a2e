"""Pages that a command writes and opens in the browser: --open."""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from .output import tell


def add_open(parser: argparse.ArgumentParser) -> None:
    """--open; with --output that page, without it one in a new temporary folder."""
    help = "open the page in a browser (without --output: a temporary file)"
    parser.add_argument("--open", action="store_true", help=help)


def page_path(output: Path | None, is_opened: bool, name: str) -> Path | None:
    """Where the page is written: `output`, or for --open alone a file in a new temporary folder. None: no page."""
    return Path(tempfile.mkdtemp(prefix="numpy-bert-"), name) if is_opened and output is None else output


def open_page(path: Path) -> None:
    """Open the page in the user's browser; without a browser say so on stderr."""
    import webbrowser

    if not webbrowser.open(path.absolute().as_uri()):
        tell(f"--open: no browser found; open {path} yourself")
