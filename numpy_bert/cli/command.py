"""What a command is, and the parser of its arguments: help in groups, errors in one line with a suggestion."""

from __future__ import annotations

import argparse
import difflib
import os
import sys
import textwrap
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple, NoReturn

from ..errors import UsageError
from .output import printable

PATHS = ("PATH", "FILE", "FOLDER", "OTHER", "SRC", "DST")  # metavars of paths, besides those like OUT.npy
# What other programs call a command of ours.
ELSEWHERE = {
    "encode": "embed",
    "rerank": "rank",
    "predict": "classify",
    "ner": "tag",
    "qa": "answer",
    "train": "finetune",
}
EMBEDDED = "the small model that comes with the package"


class Command(NamedTuple):
    """One command of numpy-bert."""

    name: str
    summary: str  # a sentence without its full stop
    add_arguments: Callable[[argparse.ArgumentParser], None]
    run: Callable[[argparse.Namespace], int]  # returns the exit status; raises Error
    example: str  # a command line that works as it stands, but for the names of files
    model: str | None = EMBEDDED  # what is used without --model; None: the command takes no --model
    texts: bool = True  # whether it reads texts, and so takes --tokenizer


class Group(NamedTuple):
    """Commands under one title of the help page."""

    title: str
    commands: Sequence[Command]


class _Formatter(argparse.HelpFormatter):
    """Breaks lines at spaces alone; keeps those of the examples, which are indented."""

    def __init__(self, prog: str, **options: Any) -> None:
        super().__init__(prog, **{"max_help_position": 28, **options})

    def _split_lines(self, text: str, width: int) -> list[str]:
        return textwrap.wrap(" ".join(text.split()), width, break_on_hyphens=False, break_long_words=False)

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        lines: list[str] = []
        for line in text.splitlines():
            lines += [line] if line.startswith("  ") else self._split_lines(line, width - len(indent))
        return "\n".join(indent + line for line in lines)


class Parser(argparse.ArgumentParser):
    """Usage errors in one line; no guessing of abbreviated options."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**{"allow_abbrev": False, "formatter_class": _Formatter, **options})

    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{printable(message)} (see: {self.prog} --help)")

    def _print_message(self, message: str, file: Any = None) -> None:
        """As argparse does; but that a help cannot be written is an OSError, which argparse passes over."""
        stream = file or sys.stderr
        if message and stream is not None:
            stream.write(message)

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        if action.choices is not None and value not in action.choices:
            what = "a command" if action.metavar == "COMMAND" else ", ".join(map(str, action.choices))
            ours = ELSEWHERE.get(str(value)) if action.metavar == "COMMAND" else None
            elsewhere = f"; here it is {ours}" if ours else ""
            raise argparse.ArgumentError(
                None if action.metavar == "COMMAND" else action,
                f"expected {what}, got {value!r}{elsewhere or suggestion(str(value), map(str, action.choices))}",
            )

    def _get_value(self, action: argparse.Action, arg_string: str) -> Any:
        """A text is the UTF-8 it was typed as, even if Python decoded its bytes otherwise in this locale (LC_ALL=C).

        The name of a file stays as Python has it, for so it is opened.
        """
        metavar = str(action.metavar)
        if metavar not in PATHS and "." not in metavar:
            try:
                arg_string = os.fsencode(arg_string).decode("utf-8")
            except UnicodeDecodeError as error:
                self.error(f"expected UTF-8, got byte 0x{error.object[error.start]:02x} in {arg_string!r}")
            except UnicodeEncodeError:  # no argument of a process, but a str of a caller's
                pass
        return super()._get_value(action, arg_string)

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """As argparse does it, but what no argument takes is an error here, where the options are known."""
        namespace, rest = super().parse_known_args(args, namespace)
        if rest:
            options = [option for action in self._actions for option in action.option_strings]
            name = str(rest[0]).partition("=")[0]
            expected = "an option of this command" if name.startswith("-") else "no more arguments"
            self.error(f"expected {expected}, got {rest[0]!r}{suggestion(name, options)}")
        return namespace, rest


def given(options: argparse.Namespace, names: Iterable[str]) -> dict[str, Any]:
    """Those of the options that the user gave, by name."""
    values = ((name, getattr(options, name)) for name in names)
    return {name: value for name, value in values if value is not None}


def suggestion(name: str, known: Iterable[str]) -> str:
    """`; did you mean embed?`, or nothing where no known name is close."""
    close = difflib.get_close_matches(name[:100], list(known), n=2, cutoff=0.7)
    return f"; did you mean {' or '.join(close)}?" if close else ""


def parser(prog: str, description: str, version: str, groups: Sequence[Group]) -> Parser:
    """The parser of all commands. Its result has `run`, which takes that result."""

    class Root(Parser):
        """Lists the commands in their groups."""

        def format_help(self) -> str:
            formatter = self._get_formatter()
            formatter.add_usage("%(prog)s COMMAND ...", [], [])
            formatter.add_text(description)
            for group in groups:
                formatter.start_section(group.title)
                for command in group.commands:
                    formatter.add_argument(argparse.Action([], command.name, help=command.summary))
                formatter.end_section()
            formatter.add_text(f"{prog} COMMAND --help describes the options of a command and shows an example.")
            return formatter.format_help()

    root = Root(prog=prog)
    root.add_argument("--version", action="version", version=f"{prog} {version}", help="print the version")
    commands = root.add_subparsers(metavar="COMMAND", dest="command", parser_class=Parser)
    for group in groups:
        for command in group.commands:
            _add(commands.add_parser(command.name), prog, command)
    return root


def _add(parser: argparse.ArgumentParser, prog: str, command: Command) -> None:
    parser.description, parser.epilog = f"{command.summary}.", f"Example:\n  {prog} {command.example}"
    command.add_arguments(parser)
    parser.set_defaults(run=command.run)
    if command.model is not None:
        model_help = f"folder, file or hub name of a checkpoint (default: {command.model})"
        parser.add_argument("--model", metavar="PATH", help=model_help)
        if command.texts:
            parser.add_argument("--tokenizer", metavar="PATH", help="folder of another tokenizer than the checkpoint's")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--debug", action="store_true", help="show where an error came from")
