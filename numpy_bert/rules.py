"""What a value may be, in words and as a test: integers within bounds, numbers, one of several, text."""

from __future__ import annotations

import json
import operator
import os
from collections.abc import Callable
from typing import Any, NamedTuple, TypeGuard

from .errors import Error, describe, show


class Rule(NamedTuple):
    """What a value may be, in words and as a test."""

    expected: str
    holds: Callable[[Any], bool]

    def check(
        self, name: str, value: object, *, at: str | os.PathLike[str] | None = None, line: int | None = None
    ) -> None:
        """Error: the value breaks the rule. at, line: where it stands, as of Error."""
        if not self.holds(value):
            raise Error(f"{name}: expected {self.expected}, got {describe(value)}", at=at, line=line)


def integer(low: int, high: int | None = None) -> Rule:
    """An int, as JSON has it; True is not one."""
    return Rule(_bounds(low, high), lambda value: is_integer(value, low, high))


def number(expected: str, holds: Callable[[float], bool]) -> Rule:
    """Of a finite number; NaN and infinity fail every comparison a rule makes."""
    return Rule(expected, lambda value: type(value) in (int, float) and holds(value))


def one_of(*values: object) -> Rule:
    names = [show(value) if isinstance(value, str) else json.dumps(value) for value in values]
    return Rule(" or ".join(names), lambda value: any(type(value) is type(v) and value == v for v in values))


def optional(rule: Rule) -> Rule:
    return Rule(f"{rule.expected} or null", lambda value: value is None or rule.holds(value))


def texts(expected: str) -> Rule:
    return Rule(expected, lambda value: isinstance(value, tuple) and all(isinstance(text, str) for text in value))


def is_integer(value: object, low: int = 0, high: int | None = None) -> TypeGuard[int]:
    """Whether a value is an int from low to high. True is not one."""
    return type(value) is int and low <= value and (high is None or value <= high)


def as_integer(name: str, value: Any, low: int, high: int | None = None, note: str = "") -> int:
    """An integer of Python or NumPy as an int. Error: another value, or one outside the bounds.

    note: what the message says of the bounds.
    """
    try:
        converted = None if isinstance(value, bool) else operator.index(value)
    except TypeError:
        converted = None
    if is_integer(converted, low, high):
        return converted
    raise Error(f"{name}: expected {_bounds(low, high)}{note}, got {describe(value)}")


def _bounds(low: int, high: int | None) -> str:
    return f"an integer of at least {low}" if high is None else f"an integer from {low} to {high}"
