"""The classes of characters of BERT's tokenizer, the same on every Python.

    is_white_space      becomes a space                  tab, line feed, carriage return, Zs, U+2028, U+2029
    is_removed          vanishes                         Cc, Cf, Co, Cs, U+FFFD
    is_chinese          is a word of its own             the eight blocks of ideographs of Google's code
    is_punctuation      is a word of its own             P*, and every ASCII sign that is not a letter or digit
    is_nonspacing_mark  vanishes with the accents        Mn

What is a letter, a mark or a format character is read from a frozen table, not from Python's `unicodedata`, which
changes from release to release. An unassigned code point (Cn) is kept: it may become a letter.

`Rules` holds them together. GOOGLE has those of Google's `tokenization.py`, for the folders that come with vocab.txt
alone; LIBRARY those of Hugging Face's `tokenizers`, to the character, for the folders that come with tokenizer.json.

Rules: Google's `tokenization.py`. Private use (Co) and lone surrogates (Cs) are removed, as by the slow tokenizer
of Hugging Face; so is Co by its fast one. Google keeps both, where they can only make an unknown word.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from . import library_tables, unicode_tables


class CharacterClass:
    """A set of code points, given as ranges `first-last` in hexadecimal that may overlap."""

    def __init__(self, ranges: str) -> None:
        self._firsts: list[int] = []
        self._lasts: list[int] = []
        parts = (part.partition("-") for part in ranges.split())
        for first, last in sorted((int(a, 16), int(b or a, 16)) for a, _, b in parts):
            if self._lasts and first <= self._lasts[-1] + 1:
                self._lasts[-1] = max(self._lasts[-1], last)
            else:
                self._firsts.append(first)
                self._lasts.append(last)

    def __call__(self, character: str) -> bool:
        code = ord(character)
        index = bisect_right(self._firsts, code) - 1
        return index >= 0 and code <= self._lasts[index]

    def ranges(self) -> list[tuple[int, int]]:
        """First and last code point of each range, in order."""
        return list(zip(self._firsts, self._lasts, strict=True))

    def also(self, ranges: str) -> CharacterClass:
        """This class and these ranges."""
        return CharacterClass(f"{_written(self.ranges())} {ranges}")

    def without(self, ranges: str) -> CharacterClass:
        """This class without these ranges."""
        return self.complement().also(ranges).complement()

    def complement(self) -> CharacterClass:
        """All other code points."""
        ends = [-1, *(end for pair in self.ranges() for end in pair), 0x110000]
        pairs = zip(ends[::2], ends[1::2], strict=True)
        return CharacterClass(_written((last + 1, first - 1) for last, first in pairs if last + 1 < first))

    def pattern(self) -> str:
        """The members, for the inside of a bracket in a regular expression."""
        return "".join(f"\\U{first:08x}-\\U{last:08x}" for first, last in self.ranges())


def _written(ranges: Iterable[tuple[int, int]]) -> str:
    return " ".join(f"{first:x}-{last:x}" for first, last in ranges)


CONTROL = "0-8 b-c e-1f 7f-9f"  # Cc but for tab, line feed and carriage return
SURROGATE = "d800-dfff"
PRIVATE_USE = "e000-f8ff f0000-ffffd 100000-10fffd"
REPLACEMENT = "fffd"  # stands for bytes that could not be decoded

is_white_space = CharacterClass("9-a d 20 a0 1680 2000-200a 2028-2029 202f 205f 3000")
is_removed = CharacterClass(" ".join((CONTROL, SURROGATE, PRIVATE_USE, REPLACEMENT, unicode_tables.FORMAT)))
is_chinese = CharacterClass("4e00-9fff 3400-4dbf 20000-2a6df 2a700-2b73f 2b740-2b81f 2b820-2ceaf f900-faff 2f800-2fa1f")
is_punctuation = CharacterClass("21-2f 3a-40 5b-60 7b-7e " + unicode_tables.PUNCTUATION)
is_nonspacing_mark = CharacterClass(unicode_tables.NONSPACING_MARKS)
is_reordered = CharacterClass(unicode_tables.REORDERED)


class Rules(NamedTuple):
    """What the characters are to one tokenizer, and what else depends on the version of Unicode it was written for."""

    is_removed: CharacterClass
    is_chinese: CharacterClass
    is_punctuation: CharacterClass
    is_nonspacing_mark: CharacterClass
    is_reordered: CharacterClass
    final_sigma: bool  # whether Σ at the end of a word becomes ς
    lower: Mapping[str, str]  # lower case that `str.lower` of the oldest supported Python does not know
    is_whole: CharacterClass  # NFD leaves it as it is
    is_starter: CharacterClass | None  # has no combining class, whatever Python says; None: Python is right


GOOGLE = Rules(
    is_removed, is_chinese, is_punctuation, is_nonspacing_mark, is_reordered, True, {}, CharacterClass(""), None
)  # fmt: skip
# The rules of the `tokenizers` library, whose tables are of several versions of Unicode: categories of 8.0,
# combining classes of 10.0, lower case of 17.0.
_library_marks = is_nonspacing_mark.without(library_tables.LATER_MARKS).also("1734 1171e")
_library_reordered = CharacterClass(library_tables.REORDERED)
LIBRARY = Rules(
    is_removed=is_removed.without("890-891 8e2 110cd 13430-1343f"),
    is_chinese=is_chinese.without("2b820-2b91f"),
    is_punctuation=is_punctuation.without(library_tables.LATER_PUNCTUATION).also("166d 111c9"),
    is_nonspacing_mark=_library_marks,
    is_reordered=_library_reordered,
    final_sigma=False,
    lower=library_tables.LOWER,
    is_whole=CharacterClass(library_tables.LATER_DECOMPOSED),
    is_starter=_library_marks.also(library_tables.REORDERED).complement(),
)
