"""What the commands print: tables and text that fit the terminal, lines of JSON, messages on stderr.

The width is that of the terminal, or COLUMNS where it is set. A pipe or a file has none: nothing is wrapped there and
nothing is colored, so that other programs can read it. No text of others can reach the terminal unescaped.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

GAP = 2  # spaces between two columns
BAR = 24  # columns of a bar at most
SHORTEST_BAR = 8  # in a table; where there is less room, the bars are left out
NARROWEST = 20  # columns; less is taken for a mistake
BLOCKS = " ▏▎▍▌▋▊▉█"


class Bar(NamedTuple):
    """A cell of a table that shows a share from 0 to 1 as a bar, as long as there is room for."""

    share: float


class Styled(NamedTuple):
    """A cell or a word in a style of rich, such as "bold red", where there is color."""

    text: str
    style: str


def printable(text: str) -> str:
    """The text with whatever could move the cursor or turn the line (controls, bidirectional marks) escaped."""
    return text if text.isprintable() else "".join(s if s.isprintable() else ascii(s)[1:-1] for s in text)


def width() -> int | None:
    """Columns that stdout has; None for a pipe or a file, whose lines may be as long as they are."""
    columns = os.environ.get("COLUMNS", "")
    if columns.isascii() and columns.isdigit() and int(columns[:6]) > 0:
        return max(NARROWEST, int(columns[:6]))
    try:
        return max(NARROWEST, os.get_terminal_size(sys.stdout.fileno()).columns or 80)
    except (AttributeError, ValueError, OSError):  # None, closed, no terminal
        return None


def has_color() -> bool:
    """Whether stdout is a terminal whose user wants color (see no-color.org)."""
    try:
        watched = sys.stdout.isatty()
    except (AttributeError, ValueError):  # None, closed
        return False
    return watched and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def bar(share: float, columns: int = BAR) -> str:
    """A share from 0 to 1 as a bar of blocks, or of # where the terminal may have none."""
    share = max(0.0, min(1.0, share))
    if not _is_utf8():
        return "#" * round(share * columns)
    eighths = round(share * columns * 8)
    return "█" * (eighths // 8) + (BLOCKS[eighths % 8] if eighths % 8 else "")


def table(
    header: Sequence[str], rows: Sequence[Sequence[object]], right: str = "", *, repeat_first: bool = False
) -> str:
    """Columns with two spaces between them that fit the width, each cell wrapped at its spaces.

    header: one for each column. rows: cells, of which each is a Bar, a Styled, or anything that str() takes. right:
    which columns are aligned at the right, by a letter r or l for each. Where the columns are too wide together, the
    bars go first. Then the first cell of a row takes a line of its own, with the others below it; where a word alone is
    too wide, each cell takes a line, after the title of its column. repeat_first is for a table of numbers that are
    compared down their columns: they come one group of columns below the other, each group after the first column.
    """
    columns = [
        _Column([Styled(title, "bold"), *(row[i] for row in rows)], right[i : i + 1] == "r")
        for i, title in enumerate(header)
    ]
    room = width()
    if room is None:
        return "\n".join(_grid(columns, [column.longest for column in columns]))
    if widths := _widths(columns, room):
        return "\n".join(_grid(columns, widths))
    columns = [column for column in columns if not column.is_bar]
    if widths := _widths(columns, room):
        return "\n".join(_grid(columns, widths))
    if repeat_first:
        return "\n\n".join(_groups(columns, room))
    if max(column.least for column in columns) <= room - GAP:
        return "\n".join(_below_first(columns[0], _fitting(columns[1:], room - GAP), room - GAP))
    return "\n\n".join(_record(columns, i, room) for i in range(1, len(rows) + 1))


def facts(pairs: Sequence[tuple[str, object]]) -> str:
    """A line for each name and value; a value that does not fit, such as a path, is wrapped wherever it must."""
    names, values = _Column([name for name, _ in pairs]), _Column([value for _, value in pairs])
    room = width()
    return "\n".join(_grid([names, values], [names.longest, values.longest if room is None else _rest(names, room)]))


def paragraph(text: str, indent: int = 0) -> str:
    """A text wrapped at its spaces, each line indented."""
    room = width()
    lines = [printable(text)] if room is None else _wrapped(printable(text), room - indent)
    return "\n".join(" " * indent + line for line in lines)


def flow(words: Iterable[str | Styled]) -> str:
    """Words with a space between them, as many in a line as fit."""
    from rich.cells import cell_len

    room, used = width(), 0
    lines: list[list[str]] = []
    line: list[str] = []
    for word in map(_text, words):
        if line and room is not None and used + cell_len(word.text) > room:
            lines.append(line)
            line, used = [], 0
        line.append(_painted(word.text, word.style))
        used += cell_len(word.text) + 1
    return "\n".join(map(" ".join, [*lines, line]))


def print_result(as_json: bool, data: Any, text: str) -> int:
    """A result as JSON, or as text for people; returns the exit status 0."""
    if as_json:
        print_json(data)
    else:
        print(text)
    return 0


def print_json(value: Any) -> None:
    """A line of JSON on stdout. A number that JSON lacks is a mistake of ours: ValueError."""
    print(json.dumps(value, ensure_ascii=not _is_utf8(), allow_nan=False))


def tell(text: str) -> None:
    """A line on stderr, escaped; where it cannot be written it is lost, and the work continues."""
    if sys.stderr is not None:  # print() would take stdout for it
        with contextlib.suppress(OSError, ValueError):  # ValueError: it was closed
            print(printable(text), file=sys.stderr)


def _is_utf8() -> bool:
    return (getattr(sys.stdout, "encoding", None) or "").lower().replace("-", "") == "utf8"


# Tables. By hand but for the widths and the wrapping: rich.table takes half a millisecond for each row.


class _Column:
    """The cells of a column, its title the first of them, and how wide it may be."""

    def __init__(self, cells: Sequence[object], right: bool = False) -> None:
        from rich.cells import cell_len

        self.right = right
        self.is_bar = any(isinstance(cell, Bar) for cell in cells)
        self.cells = [cell if isinstance(cell, Bar) else _text(cell) for cell in cells]
        texts = [cell.text for cell in self.cells if isinstance(cell, Styled)]
        self.longest = max([cell_len(text) for text in texts], default=0)
        self.least = max([cell_len(word) for text in texts for word in text.split(" ")], default=0)
        if self.is_bar:
            self.longest, self.least = max(BAR, self.longest), max(SHORTEST_BAR, self.least)


def _text(value: object) -> Styled:
    return (
        Styled(printable(value.text), value.style) if isinstance(value, Styled) else Styled(printable(str(value)), "")
    )


def _widths(columns: Sequence[_Column], room: int) -> list[int]:
    """A width for each column with which no word is broken; [] where there is none."""
    spare = room - GAP * (len(columns) - 1) - sum(column.least for column in columns)
    if spare < 0:
        return []
    widths = [column.least for column in columns]
    order = sorted(range(len(columns)), key=lambda i: columns[i].longest - columns[i].least)
    for place, i in enumerate(order):  # those that want little get all of it
        more = min(columns[i].longest - columns[i].least, spare // (len(columns) - place))
        widths[i] += more
        spare -= more
    return widths


def _grid(columns: Sequence[_Column], widths: Sequence[int]) -> list[str]:
    """The lines of the table."""
    lines = []
    for row in zip(*(column.cells for column in columns), strict=True):
        cells = [_padded(*cell) for cell in zip(row, widths, (column.right for column in columns), strict=True)]
        blanks = [" " * columns_wide for columns_wide in widths]
        for i in range(max(map(len, cells))):
            parts = [cell[i] if i < len(cell) else blank for cell, blank in zip(cells, blanks, strict=True)]
            lines.append((" " * GAP).join(parts).rstrip(" "))
    return lines


def _padded(cell: Styled | Bar, columns: int, right: bool) -> list[str]:
    """The lines of a cell, each as wide as the column."""
    from rich.cells import cell_len

    text, style = (bar(cell.share, columns), "") if isinstance(cell, Bar) else cell
    lines = []
    for line in [text] if cell_len(text) <= columns else _wrapped(text, columns):
        space, painted = " " * (columns - cell_len(line)), _painted(line, style)
        lines.append(space + painted if right else painted + space)
    return lines


def _groups(columns: Sequence[_Column], room: int) -> list[str]:
    """As many columns as fit, again and again, each time after the first."""
    first, *rest = columns
    tables = []
    for group in _fitting(rest, room, [first]):
        widths = _widths([first, *group], room) or [first.least, max(1, room - first.least - GAP)]
        tables.append("\n".join(_grid([first, *group], widths)))
    return tables


def _fitting(columns: Sequence[_Column], room: int, first: Sequence[_Column] = ()) -> list[list[_Column]]:
    """The columns in groups, of as many as fit beside the first ones."""
    groups: list[list[_Column]] = []
    for column in columns:
        if groups and _widths([*first, *groups[-1], column], room):
            groups[-1].append(column)
        else:
            groups.append([column])
    return groups


def _below_first(first: _Column, groups: Sequence[Sequence[_Column]], room: int) -> list[str]:
    """The first cell of a row, and in lines below it, indented, the others."""
    lines = []
    for i, name in enumerate(first.cells):
        lines += _grid([_Column([name])], [first.longest])
        for group in groups:
            row = [_Column([column.cells[i]], column.right) for column in group]
            lines += [" " * GAP + line for line in _grid(row, _widths(group, room))]
    return [line for line in lines if line.strip()]


def _record(columns: Sequence[_Column], i: int, room: int) -> str:
    """A row as lines: title and cell."""
    filled = [column for column in columns if _text(column.cells[i]).text]
    titles, cells = _Column([column.cells[0] for column in filled]), _Column([column.cells[i] for column in filled])
    return "\n".join(_grid([titles, cells], [titles.longest, _rest(titles, room)]))


def _rest(first: _Column, room: int) -> int:
    return max(1, room - GAP - first.longest)


def _wrapped(text: str, columns: int) -> list[str]:
    from rich.console import Console
    from rich.text import Text

    return [
        line.plain.rstrip(" ") for line in Text(text).wrap(Console(width=columns), max(1, columns), overflow="fold")
    ]


def _painted(text: str, style: str) -> str:
    if not style or not has_color():
        return text
    from rich.color import ColorSystem
    from rich.style import Style

    return Style.parse(style).render(text, color_system=ColorSystem.EIGHT_BIT)
