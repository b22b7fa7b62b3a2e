"""A command, run in this process."""

import json

from numpy_bert.cli.main import main


def run(capsys, *arguments):
    """Exit status, stdout and stderr."""
    status = main([str(argument) for argument in arguments])
    captured = capsys.readouterr()
    return status, captured.out, captured.err


def run_json(capsys, *arguments):
    """What --json prints, an object a line; nothing else may be printed."""
    status, out, err = run(capsys, *arguments, "--json")
    assert (status, err) == (0, "")
    return [json.loads(line) for line in out.splitlines()]
