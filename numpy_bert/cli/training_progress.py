"""What a training run shows of each step: the figures below the bar, and messages above it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import monotonic

from ..training.step import StepReport
from .progress import Progress


@contextmanager
def shown(total: int, hidden: bool) -> Iterator[Callable[[StepReport], None]]:
    """A function to call with the report of each step. total: the steps of the run, those of a resumed one included.

    The speed is measured from the end of the first step that is reported.
    """
    start: StepReport | None = None
    begun = 0.0
    with Progress(total, "step", hidden) as progress:

        def report(step: StepReport) -> None:
            nonlocal start, begun
            now = monotonic()  # setting the computer's clock back cannot make it negative
            if start is None:
                start, begun = step, now
            speed = (step.tokens - start.tokens) / (now - begun) if now > begun else 0.0
            progress.reach(step.step, total, info=figures(step, speed))

        yield report


def figures(step: StepReport, tokens_per_second: float) -> str:
    """One line that fits 60 columns."""
    speed = f"  {tokens_per_second:,.0f} tokens/s" if tokens_per_second else ""
    return f"loss {step.loss:.4f}  rate {step.learning_rate:.1e}  norm {step.gradient_norm:.2f}{speed}"
