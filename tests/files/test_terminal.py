"""What is told on stderr: escaped, and lost without harm where stderr is closed, full or gone."""

import errno
import io
import sys

import pytest

from numpy_bert.cli.main import main
from numpy_bert.cli.training_progress import Progress
from numpy_bert.files import terminal
from numpy_bert.training.step import StepReport


class Failing(io.StringIO):
    """A stream of which no write succeeds."""

    def __init__(self, error, watched=False):
        super().__init__()
        self.error, self.watched = error, watched

    def isatty(self):
        return self.watched

    def write(self, text):
        raise self.error


def closed():
    stream = io.StringIO()
    stream.close()
    return stream


STREAMS = {
    "none": lambda: None,
    "closed": closed,
    "full": lambda: Failing(OSError(errno.ENOSPC, "No space left on device")),
    "nobody reads": lambda: Failing(BrokenPipeError(errno.EPIPE, "Broken pipe")),
    "a terminal that went": lambda: Failing(OSError(errno.EIO, "Input/output error"), watched=True),
}


@pytest.mark.parametrize("kind", STREAMS)
def test_what_cannot_be_told_is_lost(capsys, monkeypatch, kind):
    monkeypatch.setattr(sys, "stderr", STREAMS[kind]())
    terminal.tell("told")
    with Progress(2) as progress:
        for step in (1, 2):
            progress.report(StepReport(step, 0.5, 1e-3, 1.0, 10))
            progress.say("saved")
    with terminal.progress(3, "text") as bar:
        bar.update(3)
    assert capsys.readouterr().out == ""  # nor does it go to stdout instead


@pytest.mark.parametrize("kind", STREAMS)
def test_a_command_ends_with_its_own_status(capsys, monkeypatch, kind):
    monkeypatch.setattr(sys, "stderr", STREAMS[kind]())
    assert main(["tokenize"]) == 2
    assert capsys.readouterr().out == ""


def test_nothing_that_is_told_touches_the_terminal(capsys):
    with Progress(1) as progress:
        progress.say("f1_\x1b[31m\u202e\r: saved")
    terminal.tell("\x9b2J")
    assert capsys.readouterr().err == "f1_\\x1b[31m\\u202e\\r: saved\n\\x9b2J\n"


def test_above_a_bar_neither(monkeypatch):
    stream = io.StringIO()
    stream.isatty = lambda: True
    monkeypatch.setattr(sys, "stderr", stream)
    with Progress(1) as progress:
        progress.say("f1_\x1b[31m")
    assert "f1_\\x1b[31m\n" in stream.getvalue()
