"""Truncation to the number of tokens a model takes.

    longest_first(5, 9, room=8) = (4, 4)      longest_first(2, 9, room=8) = (2, 6)

Rule: Hugging Face's `tokenizers`, strategy "longest first".
"""

from __future__ import annotations

import sys
from typing import SupportsIndex

from ..rules import as_integer


def room_for_text(max_length: SupportsIndex | None, added: int) -> int:
    """How many tokens of text fit beside the `added` special tokens. Error: not even those fit."""
    if max_length is None:
        return sys.maxsize
    return as_integer("max_length", max_length, added, note=", for the special tokens" if added else "") - added


def longest_first(first: int, second: int, room: int) -> tuple[int, int]:
    """How many tokens two texts keep. The longer is cut down to the shorter, then both alike.

    an odd token stays with the longer text, with the second if they are equally long.
    """
    if first + second <= room:
        return first, second
    shorter = min(first, second, room // 2)
    return (room - shorter, shorter) if first > second else (shorter, room - shorter)
