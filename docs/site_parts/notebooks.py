"""A notebook as a page: its texts, its programs, and the outputs that are stored in it. Nothing is run.

A notebook is JSON (form 4): cells, of which those of code have outputs, each a stream, an error, or data by MIME type.
A text is a string or a list of lines.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ANSI = re.compile(r"\x1b\[[0-9;]*m")


def to_markdown(source: Path, target: Path) -> None:
    """Write the page to `target`, and its pictures beside it."""
    cells = json.loads(source.read_text(encoding="utf-8"))["cells"]
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text("\n\n".join(text for cell in cells for text in _cell(cell, target)) + "\n", encoding="utf-8")


def _cell(cell: dict[str, Any], page: Path) -> Iterator[str]:
    if cell["cell_type"] == "markdown":
        yield _text(cell["source"])
    elif cell["cell_type"] == "code":
        yield _fenced("python", cell["source"])
        for output in cell["outputs"]:
            yield from _output(output, page)


def _output(output: dict[str, Any], page: Path) -> Iterator[str]:
    data = output.get("data", {})
    if output["output_type"] == "stream":
        yield _fenced("text", output["text"])
    elif output["output_type"] == "error":
        yield _fenced("text", "\n".join(output["traceback"]))
    elif "image/png" in data:
        number = len(list(page.parent.glob(f"{page.stem}-*.png")))
        picture = page.with_name(f"{page.stem}-{number}.png")
        picture.write_bytes(base64.b64decode(_text(data["image/png"])))
        yield f"![a figure]({picture.name})"
    elif "text/plain" in data:
        yield _fenced("text", data["text/plain"])


def _fenced(language: str, text: str | list[str]) -> str:
    return f"````{language}\n{ANSI.sub('', _text(text)).rstrip()}\n````"


def _text(text: str | list[str]) -> str:
    return text if isinstance(text, str) else "".join(text)
