"""A WordPiece vocabulary learned from text: the two tokens that stand side by side most often become one token, again
and again.

    low lower lowest    l ##o ##w ...    ##o ##w -> ##ow    l ##ow -> low    ##e ##r -> ##er

It begins with the characters of the words, and ends when there are as many tokens as asked for or no pair is left that
occurs `min_count` times. Which pair comes next is decided by how often it occurs in the text (byte-pair encoding:
Sennrich, Haddow and Birch, arXiv:1508.07909, algorithm 1), written with the ## of WordPiece: how the trainer of the
`tokenizers` library does it. Google's own learner, which asks for the likelihood of the text, was never published.
Of pairs that occur equally often the one first in the alphabet is taken, so equal texts give equal vocabularies.

Memory grows with the number of different words, not with the text.
"""

from __future__ import annotations

import heapq
import os
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple

from ..errors import Error
from ..files.text_lines import lines
from .basic import BasicTokenizer
from .pipeline import JOINING, WITHOUT_JOINING
from .special_tokens import SpecialTokens
from .wordpiece import CONTINUATION, HUGGING_FACE_MAX_CHARS

_NAMES = SpecialTokens()
SPECIAL = (_NAMES.pad, _NAMES.unk, _NAMES.cls, _NAMES.sep, _NAMES.mask)  # [PAD] is 0, as everywhere
ALPHABET = 1000  # characters at most, the most frequent, in a vocabulary of up to 3000 tokens; a third of a larger one
MIN_COUNT = 2

Pair = tuple[str, str]
Progress = Callable[[int], object]  # called with how many tokens have been learned since the last time


def count_words(
    paths: Sequence[str | os.PathLike[str]], lowercase: bool = True, strip_accents: bool | None = None
) -> Counter[str]:
    """How often each word occurs in text files, words as the tokenizer sees them. Error: a file, or a line of one."""
    basic = BasicTokenizer(lowercase, strip_accents, chinese=True)
    stretches: Counter[str] = Counter()
    for path in paths:
        for _, line in lines(path):
            if any(map(line.__contains__, JOINING)):
                line = line.translate(WITHOUT_JOINING)
            stretches.update(line.split())
    words: Counter[str] = Counter()
    for stretch, count in stretches.items():  # each is normalized once, however often it occurs
        for word in basic.words(stretch):
            words[word] += count
    return words


def learn(
    words: Mapping[str, int],
    size: int,
    alphabet: int | None = None,
    min_count: int = MIN_COUNT,
    progress: Progress = lambda done: None,
) -> list[str]:
    """The tokens in the order of their ids: special tokens, characters, then tokens in the order they were learned.

    size: tokens at most, the special ones among them. alphabet: characters at most, None for as many as `ALPHABET`
    says; `lost` tells what that leaves out. A word with a character beyond the alphabet is left out, as is
    one that is too long for the tokenizer. Error: there are no words, or more characters than tokens.
    """
    kept = _characters(words, max(ALPHABET, size // 3) if alphabet is None else alphabet)
    spelled = {
        word: count for word, count in words.items() if len(word) <= HUGGING_FACE_MAX_CHARS and kept.issuperset(word)
    }
    if not spelled:
        raise Error("vocabulary: expected text with words to learn from, got none")
    inside = {CONTINUATION + character for word in spelled for character in word[1:]}
    tokens = dict.fromkeys([*SPECIAL, *sorted(kept), *sorted(inside)])
    if len(tokens) > size:
        raise Error(f"size: expected at least {len(tokens)}, the special tokens and all characters, got {size}")
    segmentation = Segmentation(spelled)
    while len(tokens) < size:
        pair = segmentation.most_frequent(min_count)
        if pair is None:
            break
        merged = join(pair)
        if merged not in tokens:
            tokens[merged] = None
            progress(1)
        segmentation.merge(pair, merged)
    return list(tokens)


class Lost(NamedTuple):
    """What an alphabet leaves out."""

    characters: int
    of_characters: int  # how many there are in the text
    share_of_words: float  # of the words of the text, those with such a character: [UNK] to the tokenizer


def lost(words: Mapping[str, int], tokens: Sequence[str]) -> Lost:
    """What a vocabulary that was learned from these words cannot spell."""
    counts, known = _counts(words), set(tokens)
    missing = {character for character in counts if character not in known}
    total = sum(words.values())
    unknown = sum(count for word, count in words.items() if not missing.isdisjoint(word))
    return Lost(len(missing), len(counts), unknown / total if total else 0.0)


def _counts(words: Mapping[str, int]) -> Counter[str]:
    """How often each character occurs."""
    counts: Counter[str] = Counter()
    for word, count in words.items():
        for character in word:
            counts[character] += count
    return counts


def _characters(words: Mapping[str, int], most: int) -> set[str]:
    counts = _counts(words)
    ranked = sorted(counts, key=lambda character: (-counts[character], character))
    return set(ranked[:most])


def join(pair: Pair) -> str:
    """("un", "##able") -> "unable";   ("##ab", "##le") -> "##able" """
    return pair[0] + pair[1].removeprefix(CONTINUATION)


class Segmentation:
    """All words, each cut into tokens, with the number of times that each pair of tokens occurs."""

    def __init__(self, words: Mapping[str, int]) -> None:
        ordered = sorted(words)
        self._words = [[word[0], *(CONTINUATION + character for character in word[1:])] for word in ordered]
        self._counts = [words[word] for word in ordered]
        self._pairs: dict[Pair, int] = defaultdict(int)
        self._where: dict[Pair, set[int]] = defaultdict(set)  # words that have, or once had, the pair
        for i, tokens in enumerate(self._words):
            for pair in pairwise(tokens):
                self._pairs[pair] += self._counts[i]
                self._where[pair].add(i)
        # Pairs by frequency. An entry whose count is no longer right is skipped when it comes up.
        self._heap = [(-count, pair) for pair, count in self._pairs.items()]
        heapq.heapify(self._heap)

    def most_frequent(self, at_least: int) -> Pair | None:
        """The pair that occurs most often; None where none occurs as often as asked."""
        while self._heap:
            count, pair = self._heap[0]
            if -count == self._pairs.get(pair):
                return pair if -count >= at_least else None
            heapq.heappop(self._heap)
        return None

    def merge(self, pair: Pair, merged: str) -> None:
        """Make one token of the pair wherever it occurs."""
        changed: set[Pair] = set()
        for i in self._where.pop(pair):
            before = self._words[i]
            after = _merged(before, pair, merged)
            if len(after) == len(before):
                continue
            self._words[i] = after
            self._add(before, -self._counts[i], changed)
            self._add(after, self._counts[i], changed, i)
        for other in changed:
            if self._pairs[other] <= 0:
                del self._pairs[other]
            else:
                heapq.heappush(self._heap, (-self._pairs[other], other))

    def _add(self, tokens: list[str], count: int, changed: set[Pair], word: int | None = None) -> None:
        for pair in pairwise(tokens):
            self._pairs[pair] += count
            changed.add(pair)
            if word is not None:
                self._where[pair].add(word)


def _merged(tokens: list[str], pair: Pair, merged: str) -> list[str]:
    """The tokens with the pair made one, from left to right."""
    result: list[str] = []
    i = 0
    while i < len(tokens):
        if i + 1 < len(tokens) and (tokens[i], tokens[i + 1]) == pair:
            result.append(merged)
            i += 2
        else:
            result.append(tokens[i])
            i += 1
    return result
