"""Text into words: normalized, split at white space, each sign of punctuation and Chinese character a word of its own.

    "Don't, 中国!" -> don ' t , 中 国 !

The normalizer sets spaces around punctuation as around Chinese characters; then the words are what spaces separate.

Rule: Google's `tokenization.py` (BasicTokenizer).
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from .normalizer import Normalizer

_WORD = re.compile("[^ ]+")


class BasicTokenizer(Normalizer):
    """A normalizer that also sets punctuation apart, and so knows where words begin and end."""

    def character(self, c: str) -> str:
        """What one character becomes; punctuation between spaces."""
        return "".join(f" {part} " if self.rules.is_punctuation(part) else part for part in super().character(c))

    def words(self, text: str) -> list[str]:
        """The words of the text, in order."""
        return self.normalize(text).split()

    def words_with_starts(self, text: str) -> tuple[list[tuple[str, int]], Sequence[int]]:
        """Each word and where it starts in the normalized text; for each character of that, its position in `text`."""
        normal, sources = self.normalize_with_sources(text)
        return [(word[0], word.start()) for word in _WORD.finditer(normal)], sources
