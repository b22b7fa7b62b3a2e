"""The one error of the project: bad data, told in one line that names where, what was expected and what was found."""

from __future__ import annotations

LONGEST_NAME = 120  # characters of a foreign name that a message shows
LONGEST_MESSAGE = 280  # characters of a whole message; with what the command line puts before it, a line of 300


class Error(ValueError):
    """Bad input: a file, a value or a request that cannot be used. `str(error)` is one printable line."""

    def __init__(self, message: str) -> None:
        if len(message) > LONGEST_MESSAGE:
            message = message[: LONGEST_MESSAGE - 3] + "..."
        super().__init__(message)


class UsageError(Error):
    """The call itself is wrong (an unknown block, an option that does not fit): the command line exits with 2."""


def show(value: object, longest: int = LONGEST_NAME) -> str:
    """A foreign value for a message: escaped so that it cannot touch the terminal, and cut."""
    text = ascii(value[: longest + 1] if isinstance(value, str) else value)
    return text if len(text) <= longest else text[: longest - 3] + "..."


def describe(value: object) -> str:
    """A value and its type as JSON knows it: `'768' (string)`."""
    names = {str: "string", bool: "boolean", int: "integer", float: "number", list: "array", dict: "object"}
    if value is None:
        return "null"
    if isinstance(value, (list, dict)):
        return f"an {names[type(value)]}"
    return f"{show(value)} ({names.get(type(value), type(value).__name__)})"
