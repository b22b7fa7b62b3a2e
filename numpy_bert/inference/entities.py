"""From words to labels and back: what token classification reads and what its labels mean.

The first token of a word carries its label (Devlin et al., arXiv:1810.04805, section 5.3). Labels are in the BIO
scheme: B-person begins an entity, I-person continues it, O stands outside. An I- after another type, or after O,
begins an entity of its own, as the CoNLL scorer reads it; labels without a prefix join where neighbors are equal.
The schemes BIOES, BILOU and BMES also mark the last word of an entity and entities of a single word.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any, NamedTuple
from unicodedata import category

import numpy as np

from ..blocks import bert, softmax
from ..numerics.memory import Array
from ..tasks import token_classification
from ..tokenizer.character_classes import is_chinese, is_white_space
from . import batching, encoding
from .inputs import Text
from .run import Model, Options, finite, head, run

OUTSIDE = "O"
SCHEMES = {"BIO": "BI", "BIOES": "BIES", "BILOU": "BILU", "BMES": "BMES"}
BEGINNINGS, ENDS = ("B", "S", "U"), ("E", "L", "S", "U")
BRACKETS_AND_QUOTES = ("Ps", "Pe", "Pi", "Pf")  # categories of Unicode
STOPS = ".,;:!?…\"'"


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


def scheme(labels: Collection[str]) -> str:
    """The name of the scheme of a set of labels: the first of SCHEMES that knows every prefix, else BIO."""
    prefixes = {label[0] if label[1:2] == "-" else "" for label in labels if label != OUTSIDE}
    return next((name for name, letters in SCHEMES.items() if prefixes <= set(letters)), "BIO")


def split(label: str, letters: str = "BI") -> tuple[str, str]:
    """The prefix of a label, "" where it has none of these letters, and its type."""
    return (label[0], label[2:]) if label[1:2] == "-" and label[0] in letters else ("", label)


def spans(labels: Sequence[str], scheme: str = "BIO") -> list[Span]:
    """The labels of the words of a sentence, in this scheme -> its entities."""
    entities: list[Span] = []
    open_kind = None  # the type of an entity that the next word may continue
    for i, label in enumerate(labels):
        if label == OUTSIDE:
            open_kind = None
            continue
        prefix, kind = split(label, SCHEMES[scheme])
        if open_kind == kind and prefix not in BEGINNINGS:
            entities[-1] = entities[-1]._replace(end=i + 1)
        else:
            entities.append(Span(kind, i, i + 1))
        open_kind = None if prefix in ENDS else kind
    return entities


def first_tokens(text: str, offsets: Sequence[tuple[int, int]]) -> list[int]:
    """Places of the tokens that begin a word, as files with labels have words; special tokens are none.

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
    return all(sign in STOPS or category(sign) in BRACKETS_AND_QUOTES for sign in text[span[0] : span[1]])


def entities(text: str, offsets: Sequence[tuple[int, int]], p: Array, labels: Sequence[str]) -> list[Entity]:
    """p (T, C): the probability of each label for each token of the text -> its entities, with character offsets."""
    firsts = first_tokens(text, offsets)
    if not firsts:
        return []
    words = p[firsts]  # (words, C)
    best = words.argmax(axis=-1)
    ends = [offsets[after - 1][1] for after in firsts[1:]]
    last = max(i for i, (start, end) in enumerate(offsets) if end > start)
    ends.append(offsets[last][1])
    results = []
    for label, first, end in spans([labels[i] for i in best], scheme(labels)):
        start, stop = offsets[firsts[first]][0], ends[end - 1]
        share = float(words[np.arange(first, end), best[first:end]].mean())
        results.append(Entity(label, text[start:stop], start, stop, share))
    return results


def tag(model: Model, texts: Sequence[Any], options: Options) -> list[list[Entity]]:
    """The entities of each text."""
    params = head(model, "token_classification")

    def probabilities(encoded: bert.Output, batch: bert.Inputs) -> list[Array]:
        logits, _ = token_classification.forward(encoded, params, model.config)  # (B, T, C)
        p, _ = softmax.forward(finite(logits))
        return [rows[:length].copy() for rows, length in zip(p, batching.lengths(batch), strict=True)]

    encodings = encoding.with_offsets(model.tokenizer, texts, model.config.max_position_embeddings)
    p = run(model, [Text(encoded.ids, None) for encoded in encodings], probabilities, options)
    names = model.config.label_names
    return [entities(text, e.offsets, rows, names) for text, e, rows in zip(texts, encodings, p, strict=True)]
