"""Special tokens: the five that every BERT has, and those a model adds; their names differ between models.

They are recognized in a text before anything else happens to it, so "[MASK]" is one and "[mask]" is not.

Rule: added tokens of Hugging Face's `tokenizers` (not normalized; at one place the longest is meant).
"""

from __future__ import annotations

import re
from typing import NamedTuple


class SpecialTokens(NamedTuple):
    """Their names."""

    unk: str = "[UNK]"  # a word that no tokens make up
    cls: str = "[CLS]"  # begins every text
    sep: str = "[SEP]"  # ends every text
    pad: str = "[PAD]"  # fills the shorter rows of a batch
    mask: str = "[MASK]"  # a word to guess
    others: tuple[str, ...] = ()  # a model's own

    @property
    def all(self) -> tuple[str, ...]:
        return (*self[:5], *self.others)

    def pattern(self) -> re.Pattern[str]:
        """Matches one where it stands in a text."""
        longest_first = sorted(self.all, key=len, reverse=True)
        return re.compile("|".join(map(re.escape, longest_first)))
