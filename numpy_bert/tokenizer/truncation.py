"""Truncation to the number of tokens a model takes.

    longest_first(5, 9, room=8) = (4, 4)      longest_first(2, 9, room=8) = (2, 6)

Rule: Hugging Face's `tokenizers`, strategy "longest first".
"""

from __future__ import annotations

import operator
import sys
from typing import SupportsIndex

from ..errors import Error, describe


def room_for_text(max_length: SupportsIndex | None, added: int) -> int:
    """How many tokens of text fit beside the `added` special tokens. Error: not even those fit."""
    if max_length is None:
        return sys.maxsize
    if isinstance(max_length, bool) or not hasattr(max_length, "__index__") or operator.index(max_length) < added:
        needed = f"an integer of at least {added}" + (", for the special tokens" if added else "")
        raise Error(f"max_length: expected {needed}, got {describe(max_length)}")
    return operator.index(max_length) - added


def longest_first(first: int, second: int, room: int) -> tuple[int, int]:
    """How many tokens two texts keep. The longer is cut down to the shorter, then both alike.

    an odd token stays with the longer text, with the second if they are equally long.
    """
    if first + second <= room:
        return first, second
    shorter = min(first, second, room // 2)
    return (room - shorter, shorter) if first > second else (shorter, room - shorter)
