"""The one error of the project: bad data, in one line that names the place, what was expected and what was found."""

from __future__ import annotations

import os
import sys
import warnings

LONGEST_NAME = 120  # characters of a foreign name that a message shows
LONGEST_PATH = 80  # characters of a path, its end
LONGEST_MESSAGE = 280  # characters of a whole message; with what the command line puts before it, a line of 300
PACKAGE = __name__.partition(".")[0]


class Error(ValueError):
    """Bad input: a file, a value or a request that cannot be used. `str(error)` is one printable line.

    at: the file or folder it is about; line: the line of it, from 1; key: the key in it. They stand before the text:
    `<at>: line <line>: <key>: <text>`, the path escaped and shortened to its end.
    """

    def __init__(
        self, text: str, *, at: str | os.PathLike[str] | None = None, line: int | None = None, key: str = ""
    ) -> None:
        message = _located(text, at, line, key)
        if len(message) > LONGEST_MESSAGE:
            message = message[: LONGEST_MESSAGE - 3] + "..."
        super().__init__(message)


class UsageError(Error):
    """The call itself is wrong (an unknown block, an option that does not fit): the command line exits with 2."""


def warn(text: str, *, at: str | os.PathLike[str] | None = None, line: int | None = None, key: str = "") -> None:
    """Warn (UserWarning) with the text of such an Error, as if at the line that called the package."""
    level, frame = 2, sys._getframe(1)
    while frame.f_back is not None and frame.f_globals.get("__name__", "").partition(".")[0] == PACKAGE:
        level, frame = level + 1, frame.f_back
    warnings.warn(_located(text, at, line, key), UserWarning, stacklevel=level)


def show(value: object, longest: int = LONGEST_NAME) -> str:
    """A foreign value for a message: escaped so that it cannot touch the terminal, and cut."""
    text = ascii(value[: longest + 1]) if isinstance(value, str) else " ".join(ascii(value).split())
    return text if len(text) <= longest else text[: longest - 3] + "..."


def describe(value: object) -> str:
    """A value and its type as JSON knows it: `'768' (string)`."""
    names = {str: "string", bool: "boolean", int: "integer", float: "number", list: "array", dict: "object"}
    if value is None:
        return "null"
    if isinstance(value, (list, dict)):
        return f"an {names[type(value)]}"
    return f"{show(value)} ({names.get(type(value), type(value).__name__)})"


def _located(text: str, at: str | os.PathLike[str] | None, line: int | None, key: str) -> str:
    path = "" if at is None else show_path(at)
    return ": ".join(filter(None, (path, "" if line is None else f"line {line}", key, text)))


def show_path(path: str | os.PathLike[str]) -> str:
    """A path for a message: escaped, its end where it is long. An Error and `warn` do it themselves to `at`."""
    text = show(os.fspath(path), 4096)[1:-1]
    return text if len(text) <= LONGEST_PATH else "..." + text[3 - LONGEST_PATH :]
