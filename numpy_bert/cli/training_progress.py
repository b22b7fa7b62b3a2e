"""The progress bar of a training run: loss, learning rate, gradient norm, tokens per second, time left.

Times are of the monotonic clock: setting the computer's clock back cannot make them negative.
"""

from __future__ import annotations

import contextlib
import sys
import time
from typing import Any

from ..files.terminal import is_watched, printable, tell
from ..training.step import StepReport


class Progress:
    """A context manager. The bar is on stderr, and only where that is a terminal. total: the steps of the run."""

    def __init__(self, total: int) -> None:
        from tqdm import tqdm

        self._watched = is_watched()
        layout = "{percentage:3.0f}% |{bar}| {n_fmt}/{total_fmt} {postfix}"
        self._bar: Any = tqdm(total=total, bar_format=layout, disable=not self._watched, dynamic_ncols=True)
        self._total = total
        self._first: StepReport | None = None
        self._begun = time.monotonic()

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.close()

    def report(self, report: StepReport) -> None:
        """Show the figures of a step. The speed is measured from the end of the first step that was reported."""
        if self._first is None:
            self._first, self._begun = report, time.monotonic()
            self._bar.update(report.step - 1)
            speed = ""
        else:
            seconds = max(time.monotonic() - self._begun, 1e-9)
            tokens = report.tokens - self._first.tokens
            left = seconds / (report.step - self._first.step) * (self._total - report.step)
            speed = f", {tokens / seconds:.0f} tokens/s, {clock(left)} left"
        self._bar.set_postfix_str(
            f"loss {report.loss:.4f}, rate {report.learning_rate:.2e}, norm {report.gradient_norm:.2f}{speed}",
            refresh=False,
        )
        self._bar.update(1)

    def say(self, text: str) -> None:
        """A line above the bar, or on stderr where there is no bar. Training continues if it cannot be written."""
        if not self._watched:
            return tell(text)
        with contextlib.suppress(OSError, ValueError):
            self._bar.write(printable(text), file=sys.stderr)


def clock(seconds: float) -> str:
    """3725 -> 1:02:05"""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"
