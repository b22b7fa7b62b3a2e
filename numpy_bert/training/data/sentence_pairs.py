"""Documents to pairs [CLS] A [SEP] B [SEP] with next-sentence labels (Devlin et al., arXiv:1810.04805, appendix A.2).

Sentences of a document are gathered until they fill a text; a random number of them make A. In half of the pairs the
rest makes B (label 0, it follows); in the others B comes from another document (label 1, random), and the rest begins
the next pair. In one document of ten the texts are shorter than the model allows, which fine-tuning will meet.
The procedure is that of Google's create_pretraining_data.py.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from ...numerics.arrays import Array
from ...tasks.next_sentence import FOLLOWS, RANDOM

Document = Sequence[Array]  # sentences, each (n,) ids, n > 0
SPECIAL = 3  # [CLS] and twice [SEP]


class Packed(Sequence[Array]):
    """The sentences of a document in one array: a short sentence takes no more room than its tokens and its end."""

    def __init__(self, sentences: Sequence[Sequence[int]]) -> None:
        self._ends = np.cumsum([0, *map(len, sentences)], dtype=np.int64)
        self._ids = np.fromiter((number for sentence in sentences for number in sentence), np.int32, self.tokens)

    @property
    def tokens(self) -> int:
        """Of all sentences."""
        return int(self._ends[-1])

    def __len__(self) -> int:
        return len(self._ends) - 1

    def __getitem__(self, i: Any) -> Any:
        """The ids of a sentence (n,), a view; of a slice a list."""
        if isinstance(i, slice):
            return [self[k] for k in range(*i.indices(len(self)))]
        i = range(len(self))[i]
        return self._ids[self._ends[i] : self._ends[i + 1]]


class SentencePair(NamedTuple):
    """Two texts without special tokens."""

    a: Array  # (n,) ids
    b: Array  # (m,) ids
    label: int  # FOLLOWS or RANDOM


def pairs(
    document: Document,
    other: Callable[[], Document],
    rng: np.random.Generator,
    max_length: int,
    short_share: float = 0.1,
) -> Iterator[SentencePair]:
    """All pairs of one document, each of at most max_length tokens with its special tokens; `other` gives another
    document, which must not be this one.
    """
    room = max_length - SPECIAL
    target = int(rng.integers(2, room + 1)) if rng.random() < short_share else room
    i = 0
    while i < len(document):
        gathered = _gather(document, i, target)
        i += len(gathered)
        split = int(rng.integers(1, len(gathered))) if len(gathered) > 1 else 1
        a = np.concatenate(gathered[:split])
        if len(gathered) == 1 or rng.random() < 0.5:
            random_document = other()
            start = int(rng.integers(len(random_document)))
            b, label = np.concatenate(_gather(random_document, start, max(1, target - len(a)))), RANDOM
            i -= len(gathered) - split  # what was gathered for B is used again
        else:
            b, label = np.concatenate(gathered[split:]), FOLLOWS
        a, b = _shortened(a, b, room, rng)
        yield SentencePair(a, b, label)


def texts(document: Document, rng: np.random.Generator, max_length: int, short_share: float = 0.1) -> Iterator[Array]:
    """The sentences of one document gathered into single texts, for masked words alone: each (n,) ids without special
    tokens, with which it has at most max_length. Every token of the document is in one of them.
    """
    room = max_length - 2  # [CLS] and [SEP]
    target = int(rng.integers(2, room + 1)) if rng.random() < short_share else room
    i = 0
    while i < len(document):
        gathered = _gather(document, i, target)
        i += len(gathered)
        text = np.concatenate(gathered)
        for start in range(0, len(text), room):
            yield text[start : start + room]


def _gather(document: Document, start: int, target: int) -> list[Array]:
    """Sentences from `start` on until there are `target` tokens or the document ends; at least one."""
    sentences, length = [], 0
    for i in range(start, len(document)):
        sentence = document[i]
        sentences.append(sentence)
        length += len(sentence)
        if length >= target:
            break
    return sentences


def _shortened(a: Array, b: Array, room: int, rng: np.random.Generator) -> tuple[Array, Array]:
    """Both cut to `room` tokens in all, the longer one first (of equals b), each token from a random end."""
    longest = max(len(a), len(b))
    a_most, b_most = len(a), len(b)
    over = len(a) + len(b) - room
    if over > 0:
        level = min(len(a), len(b))
        first = min(over, longest - level)  # until both are equally long
        if len(a) > len(b):
            a_most -= first
        else:
            b_most -= first
        rest = over - first
        a_most, b_most = a_most - rest // 2, b_most - (rest + 1) // 2
    return _cut(a, a_most, rng), _cut(b, b_most, rng)


def _cut(text: Array, most: int, rng: np.random.Generator) -> Array:
    """The text without `len - most` tokens, each taken from the front or the back with equal probability."""
    over = len(text) - most
    front = int(rng.binomial(over, 0.5)) if over else 0
    return text[front : front + most]
