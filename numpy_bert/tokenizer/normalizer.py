"""Text as an uncased (or cased) BERT reads it: cleaned, Chinese characters apart, lower case, no accents.

    text -> control characters removed, white space to " "
         -> " " around each Chinese character
         -> lower case                                (uncased models)
         -> NFD, nonspacing marks (accents) removed   (uncased models, unless the files say otherwise)

Each character is normalized alone and its result remembered, so the time is linear in the text whatever it holds,
and every character of the result comes from one known character of the source. Two rules look at neighbors, and
are settled first, only where the text holds one of their characters:

- Σ is ς at the end of a word and σ elsewhere, as Python's `str.lower` has it;
- NFD puts marks in the order of their combining classes. Marks that are removed need no order; the few others do.

Rules: Google's `tokenization.py` (BasicTokenizer). What still depends on Python's Unicode tables (13.0 for 3.10,
15.1 for 3.13): lower case and NFD of the characters that came after 13.0, which the published vocabularies lack.
"""

from __future__ import annotations

import re
import unicodedata
from array import array
from collections.abc import Callable, Sequence
from itertools import accumulate, chain, groupby, islice
from typing import NamedTuple

from .character_classes import GOOGLE, Rules, is_white_space

MOST_REMEMBERED = 1 << 16  # characters; a text in any language has fewer, a hostile one cannot fill the memory

_CASE_IGNORABLE = "\u00ad"  # a soft hyphen: casing looks through it


class CharacterTable(dict[int, str]):
    """Code point -> what it becomes, found on first use: a table for `str.translate`."""

    def __init__(self, character: Callable[[str], str]) -> None:
        self._character = character

    def __missing__(self, code: int) -> str:
        result = self._character(chr(code))
        if len(self) < MOST_REMEMBERED:
            self[code] = result
        return result


class Normalizer:
    """The normalization of one model.

    lowercase: whether the model is uncased. strip_accents: whether accents are removed; None means as lowercase.
    chinese: whether Chinese characters are set apart. rules: what each character is.
    """

    def __init__(
        self, lowercase: bool = True, strip_accents: bool | None = None, chinese: bool = True, rules: Rules = GOOGLE
    ) -> None:
        self.lowercase = lowercase
        self.strip_accents = lowercase if strip_accents is None else strip_accents
        self.chinese = chinese
        self.rules = rules
        self._reordered = re.compile(f"[{rules.is_reordered.pattern()}]")
        self._table = CharacterTable(self.character)

    def normalize(self, text: str) -> str:
        """The normalized text. Takes any str, lone surrogates included."""
        if not text.isascii():
            text, _ = self._settle_neighbors(text)
        return text.translate(self._table)

    def normalize_with_sources(self, text: str) -> tuple[str, Sequence[int]]:
        """The normalized text, and for each of its characters the position in `text` it comes from."""
        sources: Sequence[int] = range(len(text))
        if not text.isascii():
            text, sources = self._settle_neighbors(text)
        parts = map(self._table.__getitem__, map(ord, text))
        # Four bytes a character: a list of integers would take forty.
        positions = array("I", (i for i, part in zip(sources, parts, strict=True) for _ in part))
        return text.translate(self._table), positions

    def character(self, c: str) -> str:
        """What one character becomes, its neighbors aside: none, one or several characters."""
        if is_white_space(c):
            return " "
        if self.rules.is_removed(c):
            return ""
        if self.chinese and self.rules.is_chinese(c):
            return f" {self._fold(c)} "
        return self._fold(c)

    def _fold(self, c: str) -> str:
        rules = self.rules
        if self.lowercase:
            c = rules.lower.get(c) or c.lower()
        if self.strip_accents:
            c = "".join(part for part in nfd(c, rules) if not rules.is_nonspacing_mark(part))
        return c

    def _settle_neighbors(self, text: str) -> tuple[str, Sequence[int]]:
        """The text with what depends on neighbors decided, and the position each character comes from."""
        if self.lowercase and "Σ" in text:
            text = lower_sigmas(text, self.rules) if self.rules.final_sigma else text.replace("Σ", "σ")
        if self.strip_accents and self._reordered.search(text):
            return decompose(text, self.rules)
        return text, range(len(text))


def lower_sigmas(text: str, rules: Rules = GOOGLE) -> str:
    """The text in lower case, ς where a word ends, characters that are removed replaced by one; as long as the text."""
    cleaned = re.sub(f"[{rules.is_removed.pattern()}]", _CASE_IGNORABLE, text)
    if "İ" not in cleaned:
        return cleaned.lower()
    # The one character whose lower case is longer than itself. I has the same effect on its neighbors.
    lowered = cleaned.replace("İ", "I").lower()
    return "".join("İ" if c == "İ" else low for c, low in zip(cleaned, lowered, strict=True))


def nfd(c: str, rules: Rules) -> str:
    """One character decomposed."""
    return "".join(part if rules.is_whole(part) else unicodedata.normalize("NFD", part) for part in c)


def decompose(text: str, rules: Rules = GOOGLE) -> tuple[str, Sequence[int]]:
    """The text cleaned and in NFD, and the position each character comes from.

    Marks that move take the positions of the places they move to, so that positions never go back: the tokens of a
    word lie in the text one after the other. As in the `tokenizers` library, a character counts as a place of its own
    where it begins a decomposition, wherever it has moved.
    n log n for n marks, where `unicodedata.normalize` takes n².
    """
    # One object for each different character, however often it is there: ten million marks then fit into memory.
    parts = {c: () if rules.is_removed(c) else _parts(c, rules) for c in set(text)}
    sources = array("I", (i for i, c in enumerate(text) if parts[c]))  # four bytes a character
    ordered: list[str] = []
    begins = bytearray()
    for moves, run in groupby(chain.from_iterable(map(parts.__getitem__, text)), key=lambda part: part.combining > 0):
        moved = list(run)
        if moves:
            moved.sort(key=lambda part: part.combining)
        ordered.append("".join([part.character for part in moved]))
        begins.extend([part.begins for part in moved])
    places = islice(accumulate(begins, initial=-1), 1, None)
    return "".join(ordered), array("I", (sources[max(place, 0)] for place in places))


class _Part(NamedTuple):
    """A character of a decomposition."""

    character: str
    combining: int  # the class that says where among the marks it stands; 0: marks do not pass it
    begins: bool  # whether it is the first of its decomposition


def _parts(c: str, rules: Rules) -> tuple[_Part, ...]:
    starter = rules.is_starter or (lambda part: False)
    return tuple(
        _Part(part, 0 if starter(part) else unicodedata.combining(part), n == 0) for n, part in enumerate(nfd(c, rules))
    )
