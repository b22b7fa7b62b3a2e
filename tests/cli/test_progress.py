"""Progress: at once, only for a person, and lost without harm where stderr is closed, full or gone."""

import errno
import io
import re
import sys

import pytest

from numpy_bert.cli.main import main
from numpy_bert.cli.output import tell
from numpy_bert.cli.progress import Progress, clock


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
def test_what_cannot_be_shown_is_lost(capsys, monkeypatch, kind):
    monkeypatch.setattr(sys, "stderr", STREAMS[kind]())
    tell("told")
    with Progress(3, "text") as progress:
        progress.update(2)
        tell("told")
        progress.reach(3, 3)
    assert capsys.readouterr().out == ""  # nor does it go to stdout instead


@pytest.mark.parametrize("kind", STREAMS)
def test_a_command_ends_with_its_own_status(capsys, monkeypatch, kind):
    monkeypatch.setattr(sys, "stderr", STREAMS[kind]())
    assert main(["tokenize"]) == 2
    assert capsys.readouterr().out == ""


def terminal(monkeypatch):
    stream = io.StringIO()
    stream.isatty = lambda: True
    monkeypatch.setattr(sys, "stderr", stream)
    monkeypatch.setenv("COLUMNS", "60")
    monkeypatch.setenv("TERM", "xterm")
    return stream


def shown(stream):
    """Without the codes that move the cursor and give color."""
    return re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", stream.getvalue())


def test_it_is_there_before_anything_is_done(monkeypatch):
    stream = terminal(monkeypatch)
    with Progress(1000, "text"):
        assert "0/1,000 texts" in shown(stream)


def test_it_shows_what_is_done_and_what_is_told(monkeypatch):
    stream = terminal(monkeypatch)
    with Progress(1000, "text") as progress:
        progress.reach(20, 1000, info="loss 0.5000")
        tell("f1_\x1b[31m")
    lines = [line.strip() for line in re.split("[\r\n]", shown(stream))]
    assert any("20/1,000 texts" in line for line in lines)
    assert "loss 0.5000" in lines
    assert "f1_\\x1b[31m" in lines
    assert max(map(len, lines)) <= 60


def test_bytes_are_scaled(monkeypatch):
    stream = terminal(monkeypatch)
    with Progress(None, "B") as progress:
        progress.reach(64_200_000, 181_705_728)
    assert "64.2 MB/181.7 MB" in shown(stream)


def test_there_is_none_for_a_program(monkeypatch):
    stream = terminal(monkeypatch)
    with Progress(10, "text", hidden=True) as progress:
        progress.update(10)
    monkeypatch.setattr(stream, "isatty", lambda: False)
    with Progress(10, "text") as progress:
        progress.update(10)
        progress.reach(10, 10)
    assert stream.getvalue() == ""


def test_no_message_touches_the_terminal(capsys):
    tell("f1_\x1b[31m\u202e\r: saved \x9b2J")
    assert capsys.readouterr().err == "f1_\\x1b[31m\\u202e\\r: saved \\x9b2J\n"


def test_clock():
    assert [clock(seconds) for seconds in (0, 59.6, 3725)] == ["0:00", "1:00", "1:02:05"]
