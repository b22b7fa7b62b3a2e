"""The door of the texts: what a caller hands over becomes pieces that fit the model, or one line that says why not.

In a user's text "[SEP]" is plain text, so no text can pretend to be two; only where a text is to hold a [MASK] are the
special tokens in it read as such (special=True). What is too long is cut, and a warning says so.
"""

from __future__ import annotations

import operator
from collections.abc import Iterable
from typing import Any

from ..errors import Error, describe, warn
from ..tokenizer.pipeline import Encoding, Tokenizer
from .inputs import Text


def read(tokenizer: Tokenizer, given: Any, limit: int, special: bool = False) -> list[Text]:
    """given: texts (str) or pairs of texts (tuples), in any iterable -> pieces of each, at most `limit`."""
    found, cut = within(tokenizer, given, limit, special)
    if cut:
        warn_of_cuts(cut, limit)
    return found


def within(tokenizer: Tokenizer, given: Any, limit: int, special: bool = False) -> tuple[list[Text], int]:
    """What `read` gives, and how many texts were cut, of which nobody is told."""
    if isinstance(given, (str, bytes)):
        raise Error(f"texts must be a list of str, got {type(given).__name__}")
    try:
        texts = list(given)
    except TypeError:
        raise Error(f"texts must be a list of str, got {type(given).__name__}") from None
    found, cut = [], 0
    for text in texts:
        if isinstance(text, tuple) and len(text) == 2:
            pieces = _pair(tokenizer, text, limit + 1, special)
            if len(pieces.ids) > limit:
                pieces = _pair(tokenizer, text, limit, special)
                cut += 1
        else:
            # One more than fits tells whether something is cut, and no more of a long text is looked at.
            pieces = Text(tokenizer.encode_ids([text], limit + 1, special=special)[0], None)
            if len(pieces.ids) > limit:
                pieces = Text([*pieces.ids[: limit - 1], tokenizer.sep_id], None)
                cut += 1
        found.append(pieces)
    return found, cut


def with_offsets(tokenizer: Tokenizer, text: str, limit: int) -> Encoding:
    """The pieces of one text with the characters each comes from."""
    pieces = tokenizer.encode(text, max_length=limit + 1, special=False)
    if len(pieces.ids) > limit:
        pieces = tokenizer.encode(text, max_length=limit, special=False)
        warn_of_cuts(1, limit)
    return pieces


def count(name: str, value: Any, most: int | None = None) -> int:
    """A whole number from 1, of Python or NumPy."""
    expected = f"expected an integer from 1 to {most}" if most is not None else "expected an integer above 0"
    try:
        number = operator.index(value)
    except TypeError:
        number = 0
    if isinstance(value, bool) or number < 1 or (most is not None and number > most):
        raise Error(f"{name}: {expected}, got {describe(value)}")
    return number


def choices(given: Any) -> list[str]:
    """At least two texts to choose from."""
    if isinstance(given, (str, bytes, dict)) or not isinstance(given, Iterable):
        raise Error(f"choices: expected a list of at least two texts, got {describe(given)}")
    found = list(given)
    if len(found) < 2:
        raise Error(f"choices: expected at least two texts, got {len(found)}")
    return found


def _pair(tokenizer: Tokenizer, pair: tuple[Any, Any], limit: int, special: bool) -> Text:
    for text in pair:
        if not isinstance(text, str):
            raise Error(f"a pair must be two str, got {type(text).__name__}")
    pieces = tokenizer.encode(*pair, max_length=limit, special=special)
    return Text(pieces.ids, pieces.segment_ids)


def warn_of_cuts(many: int, limit: int) -> None:
    """Warn that texts were longer than the limit and cut, and how many."""
    text = "1 text was" if many == 1 else f"{many} texts were"
    warn(f"{text} longer than {limit} pieces and cut there")
