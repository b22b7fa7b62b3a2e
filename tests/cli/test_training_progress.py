"""What a person sees of a training run."""

import io
import re
import sys

from numpy_bert.cli import training_progress
from numpy_bert.training.step import StepReport


def shown(monkeypatch, times, steps, total):
    """The last two lines on a terminal after these steps, each of 100 tokens, at these times."""
    stream = io.StringIO()
    stream.isatty = lambda: True
    monkeypatch.setattr(sys, "stderr", stream)
    monkeypatch.setenv("COLUMNS", "60")
    monkeypatch.setenv("TERM", "xterm")
    clock = iter(times)
    with monkeypatch.context() as changed, training_progress.shown(total, hidden=False) as report:
        changed.setattr(training_progress, "monotonic", clock.__next__)
        for step in steps:
            report(StepReport(step, 0.5, 1e-4, 2.0, 100 * step))
    text = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", stream.getvalue())
    return [line.strip() for line in re.split("[\r\n]+", text) if line.strip()][-2:]


def test_a_person_sees_the_bar_and_the_figures(monkeypatch):
    bar, figures = shown(monkeypatch, [100.0, 99.0, 104.0], (1, 2, 3), 4)  # a clock that runs back counts for nothing
    assert "3/4 steps" in bar
    assert figures == "loss 0.5000  rate 1.0e-04  norm 2.00  50 tokens/s"


def test_a_resumed_run_counts_its_own_steps_only(monkeypatch):
    bar, figures = shown(monkeypatch, [10.0, 20.0], (51, 52), 54)
    assert "52/54 steps" in bar
    assert figures.endswith("10 tokens/s")
    assert max(map(len, (bar, figures))) <= 60
