"""numpy-bert: the command line. Each command prints for people, and with --json prints JSON.

Exit status: 0 done, 1 bad data or a failed check, 2 bad usage. An error is one line on stderr; --debug adds where it
came from.
"""

from __future__ import annotations

import io
import os
import signal
import sys
import warnings
from collections.abc import Sequence

from .. import __version__
from ..errors import Error, UsageError
from . import (
    convert,
    demo,
    drift,
    embed,
    exercise,
    explain,
    finetune,
    gradcheck,
    inspect,
    lab,
    predict,
    pretrain,
    profile,
    quantize,
    rank,
    search,
    sparse,
    tokenize,
    trace,
)
from .command import Group, parser
from .output import tell
from .signals import restored

NAME = "numpy-bert"
DESCRIPTION = "BERT in NumPy: use it, check its gradients, look inside."
GROUPS = (
    Group("use a model", (demo.COMMAND, tokenize.COMMAND, embed.COMMAND, *predict.COMMANDS)),
    Group("search and rank", (search.COMMAND, rank.COMMAND, sparse.COMMAND, quantize.COMMAND)),
    Group("train a model", (*finetune.COMMANDS, *pretrain.COMMANDS)),
    Group("look inside", (lab.COMMAND, trace.COMMAND, explain.COMMAND, drift.COMMAND, profile.COMMAND)),
    Group("check gradients", (gradcheck.COMMAND, exercise.COMMAND)),
    Group("checkpoints", (inspect.COMMAND, convert.COMMAND)),
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit status. arguments: None is the command line, and the process ends after it."""
    if arguments is None:
        return _main(sys.argv[1:])
    with restored():
        return _main(arguments)


def _main(arguments: Sequence[str]) -> int:
    debug = "--debug" in arguments
    warnings.showwarning = _show_warning
    warnings.simplefilter("default", UserWarning)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a terminal that lacks a character shows its number
            stream.reconfigure(errors="backslashreplace")
    try:
        status = _run(arguments)
        if sys.stdout is not None:
            sys.stdout.flush()
        return status
    except UsageError as error:
        return _fail(error, 2, debug)
    except Error as error:
        return _fail(error, 1, debug)
    except BrokenPipeError:  # the reader of our output has gone: so are we, quietly
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except OSError as error:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # what is left to be written cannot be, at exit neither
        return _fail(Error(f"output: cannot write: {error.strerror or type(error).__name__}"), 1, debug)
    except KeyboardInterrupt as error:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # a second one must not cut the message off
        return _fail(Error(str(error) or "interrupted"), getattr(error, "status", 130), debug)
    except MemoryError:
        return _fail(Error("expected enough memory for this input, got none left"), 1, debug)


def _run(arguments: Sequence[str]) -> int:
    root = parser(NAME, DESCRIPTION, __version__, GROUPS)
    try:
        options = root.parse_args(arguments)
    except SystemExit:  # the end of --help and --version; argparse does not look whether they were written
        if sys.stdout is not None:
            sys.stdout.flush()
        raise
    if options.command is None:
        root.print_help()
        return 0
    status: int = options.run(options)
    return status


def _fail(error: Error, status: int, debug: bool) -> int:
    if debug:
        import traceback

        traceback.print_exc()
    tell(f"{NAME}: error: {error}")
    return status


def _show_warning(message: Warning | str, *_: object, **__: object) -> None:
    tell(f"{NAME}: warning: {message}")


if __name__ == "__main__":
    raise SystemExit(main())
