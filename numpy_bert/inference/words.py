"""From the tokens of a text to its words: which tokens belong together, and what a word's label and score are.

The strategies have the names that Hugging Face's transformers gave them (pipelines/token_classification.py):

    none     each token is an entity of its own
    simple   each token counts as a word; neighbors with one type join, as they do for all that follow
    first    a word is cut at white space and punctuation; its first token decides
    average  the mean of the probabilities of its tokens decides
    max      the token that is surest decides
    words    a word stands between white space, without the brackets, quotes and stops around it, as in files with
             labels (U.S., @name, film-actor); its first token decides
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from unicodedata import category

import numpy as np

from ..errors import Error, show
from ..numerics.arrays import Array
from ..tokenizer.character_classes import is_chinese, is_white_space
from ..tokenizer.interface import Encoding, Tokenizer

STRATEGIES = ("none", "simple", "first", "average", "max", "words")
STOPS = ("Po", "Ps", "Pe", "Pi", "Pf")  # categories of Unicode: stops, brackets and quotes of any script
INNER = "@#&*/\\%§"  # of Po, but part of a word


def check_strategy(value: object) -> str:
    """Error: no name of a strategy."""
    if not isinstance(value, str) or value not in STRATEGIES:
        raise Error(f"aggregation_strategy: expected one of {', '.join(STRATEGIES)}, got {show(value)}")
    return value


def words(text: str, encoding: Encoding, tokenizer: Tokenizer, strategy: str) -> list[list[int]]:
    """The places of the tokens of each word of a text, without the special tokens around it."""
    before, after = map(len, tokenizer.frames.single.ids)
    places = range(before, len(encoding.ids) - after)
    if strategy in ("none", "simple"):
        return [[place] for place in places]
    if strategy == "words":
        firsts = first_tokens(text, encoding.offsets)
        stops = [*firsts[1:], places.stop]
        return [list(range(first, stop)) for first, stop in zip(firsts, stops, strict=True)]
    return whole_words(text, encoding, places, tokenizer)


def whole_words(text: str, encoding: Encoding, places: Iterable[int], tokenizer: Tokenizer) -> list[list[int]]:
    """The places of the tokens of each word, cut where the tokenizer cuts words."""
    groups: list[list[int]] = []
    for place in places:
        if groups and continues(text, encoding, place, tokenizer):
            groups[-1].append(place)
        else:
            groups.append([place])
    return groups


def continues(text: str, encoding: Encoding, place: int, tokenizer: Tokenizer) -> bool:
    """Whether a token continues the word before it; [UNK] never does. Where tokens do not tell, white space does."""
    if encoding.ids[place] == tokenizer.special_id("unk"):
        return False
    if tokenizer.continuation is not None:
        return encoding.tokens[place].startswith(tokenizer.continuation)
    start = encoding.offsets[place][0]
    return start > 0 and not any(map(is_white_space, text[start - 1 : start + 1]))


def decide(p: Array, strategy: str) -> tuple[int, float]:
    """p (tokens, C): the probability of each label for each token of a word -> the label of the word, its score."""
    if strategy == "average":
        scores = p.mean(axis=0)
    elif strategy == "max":
        scores = p[p.max(axis=1).argmax()]
    else:
        scores = p[0]
    best = int(np.argmax(scores))
    return best, float(scores[best])


def first_tokens(text: str, offsets: Sequence[tuple[int, int]]) -> list[int]:
    """Places of the tokens that begin a word, as files with labels have words; special tokens do not.

    Words stand between white space. Brackets, quotes and stops at either end of one are words by themselves, and so is
    each Chinese character; other signs belong to their word: film-actor, U.S, @name.
    """
    places: list[int] = []
    for stretch in _stretches(text, offsets):
        first, end = 0, len(stretch)
        while first < end and _is_edge(text, offsets[stretch[first]]):
            first += 1
        while end > first and _is_edge(text, offsets[stretch[end - 1]]):
            end -= 1
        alone = [is_chinese(text[offsets[i][0]]) for i in stretch]
        inner = [stretch[k] for k in range(first, end) if k == first or alone[k] or alone[k - 1]]
        places += stretch[:first] + inner + stretch[end:]
    return places


def _stretches(text: str, offsets: Sequence[tuple[int, int]]) -> list[list[int]]:
    """Places of the tokens between white space."""
    stretches: list[list[int]] = []
    reached = 0
    for i, (start, end) in enumerate(offsets):
        if end > start:
            if not stretches or any(is_white_space(sign) for sign in text[reached:start]):
                stretches.append([])
            stretches[-1].append(i)
            reached = end
    return stretches


def _is_edge(text: str, span: tuple[int, int]) -> bool:
    return all(category(sign) in STOPS and sign not in INNER for sign in text[span[0] : span[1]])
