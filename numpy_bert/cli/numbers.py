"""Numbers of the command line: parsed, or refused in one line that says what was expected.

Python's own int() and float() are kinder than a command should be: they read "1_000", " 5", "٣" and "nan".
"""

from __future__ import annotations

import argparse
import re

from ..errors import show

DECIMAL = re.compile(r"[0-9]+(\.[0-9]*)?([eE][+-]?[0-9]+)?|\.[0-9]+([eE][+-]?[0-9]+)?", re.ASCII)
LONGEST = 40  # characters
LARGEST = 999_999_999  # whole number


def count(text: str) -> int:
    """A whole number above 0."""
    if not _is_whole(text) or int(text) == 0:
        bounds = f"above 0 and at most {LARGEST}"
        raise argparse.ArgumentTypeError(f"expected a whole number {bounds}, got {show(text, LONGEST)}")
    return int(text)


def whole(text: str) -> int:
    """A whole number, 0 among them."""
    if not _is_whole(text):
        raise argparse.ArgumentTypeError(f"expected a whole number of at most {LARGEST}, got {show(text, LONGEST)}")
    return int(text)


def positive(text: str) -> float:
    """A number above 0."""
    if not_negative(text) == 0.0:
        raise argparse.ArgumentTypeError(f"expected a number above 0, got {show(text)}")
    return float(text)


def not_negative(text: str) -> float:
    """A number of at least 0 that is finite."""
    if len(text) > LONGEST:
        raise argparse.ArgumentTypeError(f"expected a number of at most {LONGEST} characters, got {len(text)}")
    if not DECIMAL.fullmatch(text) or float(text) == float("inf"):
        raise argparse.ArgumentTypeError(f"expected a number such as 0.01 or 5e-5, got {show(text)}")
    return float(text)


def signed(text: str) -> float:
    """A finite number of either sign."""
    size = not_negative(text.removeprefix("-"))
    return -size if text.startswith("-") else size


def share(text: str) -> float:
    """A number above 0 and at most 1."""
    if not 0.0 < not_negative(text) <= 1.0:
        raise argparse.ArgumentTypeError(f"expected a number above 0 and at most 1, got {show(text)}")
    return float(text)


def _is_whole(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= len(str(LARGEST))
