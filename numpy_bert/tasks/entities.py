"""From words to labels and back: what token classification reads and what its labels mean.

The first piece of a word carries its label (Devlin et al., arXiv:1810.04805, section 5.3). Labels are in the BIO
scheme: B-person begins an entity, I-person continues it, O stands outside. An I- after another type, or after O,
begins an entity of its own, as the CoNLL scorer reads it; labels without a prefix join where neighbours are equal.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from ..memory import Array

OUTSIDE = "O"
CONTINUATION = "##"


class Entity(NamedTuple):
    """A named stretch of a text."""

    label: str  # without the B- or I-
    text: str
    start: int  # character offsets into the text: text == source[start:end]
    end: int
    probability: float  # of its words, the mean


class Span(NamedTuple):
    """An entity in words: first, and one past the last."""

    label: str
    first: int
    end: int


def spans(labels: Sequence[str]) -> list[Span]:
    """BIO labels of the words of a sentence -> its entities."""
    found: list[Span] = []
    for i, label in enumerate(labels):
        prefix, _, kind = label.partition("-") if label[:2] in ("B-", "I-") else ("I", "", label)
        if label == OUTSIDE:
            continue
        continues = prefix == "I" and found and found[-1].label == kind and found[-1].end == i
        if continues:
            found[-1] = found[-1]._replace(end=i + 1)
        else:
            found.append(Span(kind, i, i + 1))
    return found


def first_pieces(tokens: Sequence[str], offsets: Sequence[tuple[int, int]]) -> list[int]:
    """Places of the pieces that begin a word; special tokens, which span no character, are no words."""
    return [
        i
        for i, (token, (start, end)) in enumerate(zip(tokens, offsets, strict=True))
        if end > start and not token.startswith(CONTINUATION)
    ]


def entities(
    text: str, tokens: Sequence[str], offsets: Sequence[tuple[int, int]], p: Array, labels: Sequence[str]
) -> list[Entity]:
    """p (T, C): the probability of each label for each piece of the text -> its entities, with character offsets."""
    firsts = first_pieces(tokens, offsets)
    if not firsts:
        return []
    words = p[firsts]  # (words, C)
    best = words.argmax(axis=-1)
    ends = [offsets[after - 1][1] for after in firsts[1:]]
    last = max(i for i, (start, end) in enumerate(offsets) if end > start)
    ends.append(offsets[last][1])
    found = []
    for label, first, end in spans([labels[i] for i in best]):
        start, stop = offsets[firsts[first]][0], ends[end - 1]
        share = float(words[np.arange(first, end), best[first:end]].mean())
        found.append(Entity(label, text[start:stop], start, stop, share))
    return found
