"""The parser: every argument described, a working example each, suggestions for what is nearly right."""

import argparse
import shlex
from pathlib import Path

import pytest

from numpy_bert import __version__
from numpy_bert.cli.command import parser, suggestion
from numpy_bert.cli.main import DESCRIPTION, GROUPS, NAME, main

COMMANDS = {command.name: command for group in GROUPS for command in group.commands}


def made():
    return parser(NAME, DESCRIPTION, __version__, GROUPS)


def parsers():
    [commands] = [action for action in made()._actions if isinstance(action, argparse._SubParsersAction)]
    return commands.choices


def test_every_argument_is_described():
    assert list(parsers()) == list(COMMANDS)
    for name, command in parsers().items():
        for action in command._actions:
            assert action.help, f"{name}: {action.dest}"
            assert "piece" not in action.help


@pytest.mark.parametrize("name", COMMANDS)
def test_the_example_is_read(name):
    command = COMMANDS[name]
    assert made().parse_args(shlex.split(command.example)).run == command.run


@pytest.mark.parametrize("name", COMMANDS)
@pytest.mark.parametrize("columns", [60, 80, 120])
def test_help_fits_and_breaks_no_word(capsys, monkeypatch, name, columns):
    texts = []
    for width in (columns, 200):
        monkeypatch.setenv("COLUMNS", str(width))
        with pytest.raises(SystemExit):
            main([name, "--help"])
        texts.append(capsys.readouterr().out)
    narrow, wide = texts
    assert COMMANDS[name].example in narrow
    body = narrow[narrow.index("\n\n") :]  # usage: argparse breaks it where it likes
    assert set(body.split()) <= set(wide.split())
    lines = [line for line in narrow.splitlines() if not line.startswith(("  numpy-bert ", "                  {"))]
    assert max(map(len, lines)) <= columns


@pytest.mark.parametrize(
    ("arguments", "suggestion"),
    [
        (["embd"], "expected a command, got 'embd'; did you mean embed?"),
        (["fly"], "expected a command, got 'fly' (see"),
        (["embed", "--modle", "x", "text"], "got '--modle'; did you mean --model? (see: numpy-bert embed --help)"),
        (["fill-mask", "a", "b"], "expected no more arguments, got 'b'"),
        (["gradcheck", "--method", "complx"], "got 'complx'; did you mean complex?"),
        (["gradcheck", "atention"], "got 'atention'; did you mean attention?"),
        (["finetune", "--task", "sequence-classification"], "did you mean sequence_classification"),
    ],
)
def test_what_is_nearly_right_is_suggested(capsys, arguments, suggestion):
    assert main(arguments) == 2
    assert suggestion in capsys.readouterr().err


def test_suggestions_are_close():
    assert suggestion("classfy", COMMANDS) == "; did you mean classify?"
    assert suggestion("zzz", COMMANDS) == ""
    assert suggestion("x" * 10**6, COMMANDS) == ""


def test_the_readme_lists_the_commands_as_the_help_does():
    groups = []
    for group in GROUPS:
        summaries = [(command.name, command.summary[0].lower() + command.summary[1:]) for command in group.commands]
        groups.append(
            f"    {group.title}\n" + "".join(f"      numpy-bert {name:<19}{text}\n" for name, text in summaries)
        )
    assert "\n".join(groups) in (Path(__file__).parents[2] / "README.md").read_text("utf-8")
