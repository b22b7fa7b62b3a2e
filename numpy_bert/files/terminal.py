"""What the commands print for people: tables that align, bars, progress; no text can touch the terminal itself.

Standard error may be closed, full, or a pipe that nobody reads: what is told there is then lost, and the work goes on.
"""

from __future__ import annotations

import contextlib
import json
import sys
import unicodedata
from collections.abc import Sequence
from typing import Any

BLOCKS = " ▏▎▍▌▋▊▉█"


def printable(text: str) -> str:
    """The text with whatever could move the cursor or turn the line (controls, bidirectional marks) escaped."""
    return "".join(sign if sign.isprintable() else ascii(sign)[1:-1] for sign in text)


def width(text: str) -> int:
    """Columns a terminal gives to the text: two for the wide signs of East Asia, none for combining marks."""
    wide = sum(unicodedata.east_asian_width(sign) in "WF" for sign in text)
    return len(text) + wide - sum(unicodedata.combining(sign) > 0 for sign in text)


def table(header: Sequence[str], rows: Sequence[Sequence[object]], right: str = "") -> str:
    """Columns with two spaces between them; `right` names, by a letter r or l for each column, those of numbers."""
    cells = [list(header)] + [[printable(str(cell)) for cell in row] for row in rows]
    widths = [max(width(row[i]) for row in cells) for i in range(len(header))]
    lines = []
    for row in cells:
        parts = []
        for i, cell in enumerate(row):
            space = " " * (widths[i] - width(cell))
            parts.append(space + cell if right[i : i + 1] == "r" else cell + space)
        lines.append("  ".join(parts).rstrip())
    return "\n".join(lines)


def print_json(value: Any) -> None:
    """A line of JSON on stdout. A number that JSON lacks is a mistake of ours: ValueError."""
    print(json.dumps(value, ensure_ascii=not _is_utf8(), allow_nan=False))


def _is_utf8() -> bool:
    return (getattr(sys.stdout, "encoding", None) or "").lower().replace("-", "") == "utf8"


def bar(share: float, columns: int = 24) -> str:
    """A share from 0 to 1 as a bar of blocks, or of # where the terminal may have none."""
    if not _is_utf8():
        return "#" * round(max(0.0, min(1.0, share)) * columns)
    eighths = round(max(0.0, min(1.0, share)) * columns * 8)
    return "█" * (eighths // 8) + (BLOCKS[eighths % 8] if eighths % 8 else "")


def tell(text: str) -> None:
    """A line on stderr, escaped; where it cannot be written there is none."""
    if sys.stderr is not None:  # print() would take stdout for it
        with contextlib.suppress(OSError, ValueError):  # ValueError: it was closed
            print(printable(text), file=sys.stderr)


def is_watched() -> bool:
    """Whether stderr is a terminal."""
    try:
        return sys.stderr is not None and sys.stderr.isatty()
    except ValueError:  # it was closed
        return False
