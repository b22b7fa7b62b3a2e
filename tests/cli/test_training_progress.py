"""The progress bar of a training run."""

import io
import sys

from numpy_bert.cli import training_progress
from numpy_bert.training.step import StepReport


def test_a_clock():
    assert [training_progress.clock(seconds) for seconds in (0, 59.6, 61, 3725)] == ["0:00", "1:00", "1:01", "1:02:05"]


def shown(monkeypatch, times, steps, total):
    """The last line on a terminal after these steps, each of 100 tokens, at these times."""

    class Terminal(io.StringIO):
        def isatty(self):
            return True

    stream, times = Terminal(), iter(times)
    monkeypatch.setattr(sys, "stderr", stream)
    monkeypatch.setattr(training_progress.time, "monotonic", lambda: next(times))
    with training_progress.Progress(total) as bar:
        for step in steps:
            bar.report(StepReport(step, 0.5, 1e-4, 2.0, 100 * step))
        bar.say("saved")
    text = stream.getvalue()
    assert "saved\n" in text
    return text.rstrip().splitlines()[-1]


def test_a_person_sees_the_bar(monkeypatch):
    last = shown(monkeypatch, [90.0, 100.0, 99.0, 104.0], (1, 2, 3), 4)  # a clock that runs back makes nothing negative
    assert "3/4" in last
    assert "loss 0.5000, rate 1.00e-04, norm 2.00, 50 tokens/s, 0:02 left" in last
    assert "-" not in last.replace("1.00e-04", "")


def test_a_resumed_run_counts_its_own_steps_only(monkeypatch):
    last = shown(monkeypatch, [0.0, 10.0, 20.0], (51, 52), 54)
    assert "52/54" in last
    assert "10 tokens/s, 0:20 left" in last
