"""The five special tokens that every BERT has; their names differ between models."""

from __future__ import annotations

from typing import NamedTuple


class SpecialTokens(NamedTuple):
    """Their names; "" where a model has none."""

    unk: str = "[UNK]"  # a word that no tokens make up
    cls: str = "[CLS]"  # begins every text
    sep: str = "[SEP]"  # ends every text
    pad: str = "[PAD]"  # fills the shorter rows of a batch
    mask: str = "[MASK]"  # a word to guess
