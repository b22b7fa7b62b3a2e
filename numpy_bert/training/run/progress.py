"""The progress bar of a run: loss, learning rate, gradient norm, pieces a second, time left.

Times are of the monotonic clock: setting the computer's clock back cannot make them negative.
"""

from __future__ import annotations

import contextlib
import sys
import time
from typing import Any

from ...files.terminal import is_watched, printable, tell
from ..step import Report


class Progress:
    """A context manager; shows itself on stderr, and only where a person can see it."""

    def __init__(self, done: int, total: int) -> None:
        from tqdm import tqdm

        self._shown = is_watched()
        layout = "{percentage:3.0f}% |{bar}| {n_fmt}/{total_fmt} {postfix}"
        unseen = not self._shown
        self._bar: Any = tqdm(total=total, initial=done, bar_format=layout, disable=unseen, dynamic_ncols=True)
        self._first, self._total = done, total
        self._begun = time.monotonic()
        self._pieces: int | None = None

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.close()

    def show(self, report: Report, pieces: int) -> None:
        """After each step; pieces: those of this step."""
        self._pieces = (self._pieces or 0) + pieces
        seconds = max(time.monotonic() - self._begun, 1e-9)
        left = seconds / (report.step - self._first) * (self._total - report.step)
        self._bar.set_postfix_str(
            f"loss {report.loss:.4f}, rate {report.learning_rate:.2e}, norm {report.gradient_norm:.2f}, "
            f"{self._pieces / seconds:.0f} pieces/s, {clock(left)} left",
            refresh=False,
        )
        self._bar.update(1)

    def say(self, text: str) -> None:
        """A line above the bar; where there is no bar, a line on stderr. If it cannot be written, training goes on."""
        if not self._shown:
            return tell(text)
        with contextlib.suppress(OSError, ValueError):
            self._bar.write(printable(text), file=sys.stderr)


def clock(seconds: float) -> str:
    """3725 -> 1:02:05"""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"
