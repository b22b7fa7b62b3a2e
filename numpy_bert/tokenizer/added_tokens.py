"""Added tokens: those that are recognized in a text before it is cut into words, as "[MASK]" or a model's own "[E1]".

    "[E1] apple [/E1] is red"  ->  [E1]  " apple "  [/E1]  " is red"

A token that is not `normalized` is looked for in the text as it is, so "[MASK]" is one and "[mask]" is not; one that
is `normalized` is looked for, normalized itself, in what normalization makes of the rest. At one place the longest is
meant.

Rule: added tokens of Hugging Face's `tokenizers` (added_vocabulary.rs).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

_WORD_CATEGORIES = ("L", "M", "Nd", "Nl", "Pc")


class AddedToken(NamedTuple):
    """A token and how it is looked for."""

    content: str
    special: bool = True  # left out of decoded text
    single_word: bool = False  # only where no letter or digit stands beside it
    lstrip: bool = False  # takes the white space before it
    rstrip: bool = False  # takes the white space after it
    normalized: bool = False  # looked for in the normalized text


class Matcher:
    """Finds some tokens in texts. key: what is done to a text before they are looked for."""

    def __init__(self, tokens: Iterable[AddedToken], key: Callable[[str], str] = str) -> None:
        self._tokens: dict[str, AddedToken] = {}
        for token in tokens:
            if key(token.content):
                self._tokens.setdefault(key(token.content), token)
        longest_first = sorted(self._tokens, key=len, reverse=True)
        self._pattern = re.compile("|".join(map(re.escape, longest_first))) if longest_first else None

    def __bool__(self) -> bool:
        return self._pattern is not None

    def search(self, text: str) -> bool:
        """Whether one of them may be in the text."""
        return self._pattern is not None and self._pattern.search(text) is not None

    def split(self, text: str) -> Iterator[tuple[int, int, AddedToken | None]]:
        """The text in order as [start, end) and the token there, None for what lies between."""
        done = 0
        for match in self._pattern.finditer(text) if self._pattern else ():
            token, start, end = self._tokens[match[0]], match.start(), match.end()
            if token.single_word and (_is_word(text[start - 1 : start]) or _is_word(text[end : end + 1])):
                continue
            if token.lstrip:
                start = done + len(text[done:start].rstrip())
            if token.rstrip:
                while text[end : end + 1].isspace():
                    end += 1
            if done < start:
                yield done, start, None
            yield start, end, token
            done = end
        if done < len(text):
            yield done, len(text), None


def _is_word(character: str) -> bool:
    """Whether the character, or none, is part of a word (\\w of Rust's regular expressions)."""
    return character != "" and (
        character in "\u200c\u200d" or unicodedata.category(character).startswith(_WORD_CATEGORIES)
    )
