"""The progress of a command on stderr: a bar, how much is done, the rate and the time left, while a person looks."""

from __future__ import annotations

import contextlib
import sys
from typing import Any

BYTES = "B"  # the unit that is scaled: kB, MB, GB


class Progress:
    """A context manager. Nothing is shown where stderr is not a terminal or `hidden` says so.

    total: None where it is not known. unit: what is counted, one of it ("text").
    """

    def __init__(self, total: int | None, unit: str, hidden: bool = False) -> None:
        self._bar: Any = None
        if not hidden and is_watched():
            self._bar, self._unit = _bar(), unit
            self._task = self._bar.add_task("", total=total, info="", unit=unit)

    def __enter__(self) -> Progress:
        if self._bar is not None:
            self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.stop()

    def update(self, more: int = 1) -> None:
        """So much more is done."""
        if self._bar is not None:
            self._bar.update(self._task, advance=more)

    def reach(self, done: int, total: int, unit: str | None = None, info: str = "") -> None:
        """So much of the total is done now. unit: of another kind of work, from here on. info: a line below the bar."""
        if self._bar is not None:
            if unit not in (None, self._unit):
                self._unit = unit
                self._bar.reset(self._task, unit=unit)
            self._bar.update(self._task, completed=done, total=total, info=info)


def is_watched() -> bool:
    """Whether stderr is a terminal."""
    try:
        return sys.stderr is not None and sys.stderr.isatty()
    except ValueError:  # it was closed
        return False


class _Lossy:
    """A stream that may be closed, full, or gone: what cannot be written is lost, and the work continues."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        with contextlib.suppress(OSError, ValueError):
            self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        with contextlib.suppress(OSError, ValueError):
            self._stream.flush()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def _amount(count: float, unit: str) -> str:
    from rich.filesize import decimal

    if unit == BYTES:
        return decimal(int(count))
    return f"{count:,.0f}" if count >= 10 or count == int(count) else f"{count:.2g}"


def _bar() -> Any:
    from rich.console import Console, Group
    from rich.progress import BarColumn, ProgressColumn, Task
    from rich.progress import Progress as RichProgress
    from rich.table import Column
    from rich.text import Text

    class Figures(ProgressColumn):
        """`12,288/40,960 texts  1,234/s  0:23 left`"""

        max_refresh = 0.5

        def render(self, task: Task) -> Text:
            unit: str = task.fields["unit"]
            total = f"/{_amount(task.total, unit)}" if task.total else ""
            parts = [f"{_amount(task.completed, unit)}{total}{'' if unit == BYTES else f' {unit}s'}"]
            if task.speed:
                parts.append(f"{_amount(task.speed, unit)}/s")
            if task.time_remaining is not None and task.total:
                parts.append(f"{clock(task.time_remaining)} left")
            elif task.elapsed is not None:
                parts.append(clock(task.elapsed))
            return Text("  ".join(parts))

    class Bar(RichProgress):
        """With a line of information below it."""

        def get_renderable(self) -> Any:
            notes = [Text(task.fields["info"], no_wrap=True, overflow="ellipsis") for task in self.tasks]
            return Group(super().get_renderable(), *(note for note in notes if note.plain))

    bar = BarColumn(bar_width=None, table_column=Column(ratio=1))
    figures = Figures(table_column=Column(no_wrap=True))
    console = Console(file=_Lossy(sys.stderr), highlight=False, markup=False, emoji=False)  # type: ignore[arg-type]
    return Bar(
        bar, figures, console=console, expand=True, transient=True, refresh_per_second=4, redirect_stdout=False
    )  # fmt: skip


def clock(seconds: float) -> str:
    """3725 -> 1:02:05"""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"
