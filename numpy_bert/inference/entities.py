"""From words to labels and back: what token classification reads and what its labels mean.

The first token of a word carries its label (Devlin et al., arXiv:1810.04805, section 5.3). Labels are in the BIO
scheme: B-person begins an entity, I-person continues it, O stands outside. An I- after another type, or after O,
begins an entity of its own, as the CoNLL scorer reads it; labels without a prefix join where neighbors are equal.
The schemes BIOES, BILOU and BMES also mark the last word of an entity and entities of a single word.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any, NamedTuple

import numpy as np

from ..blocks import bert, softmax
from ..numerics.arrays import Array
from ..tasks import token_classification
from . import batching, encoding, words
from .inputs import Text
from .run import Model, Options, finite, head, run

OUTSIDE = "O"
SCHEMES = {"BIO": "BI", "BIOES": "BIES", "BILOU": "BILU", "BMES": "BMES"}
BEGINNINGS, ENDS = ("B", "S", "U"), ("E", "L", "S", "U")
DEFAULT = "first"  # strategy


class Entity(NamedTuple):
    """A named stretch of a text."""

    label: str  # without the B- or I-; as it is where each token is an entity (aggregation_strategy="none")
    text: str
    start: int  # character offsets into the text: text == source[start:end]
    end: int
    probability: float  # the mean of the scores of its words


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


def entities(
    text: str,
    groups: Sequence[Sequence[int]],
    offsets: Sequence[tuple[int, int]],
    p: Array,
    labels: Sequence[str],
    strategy: str = DEFAULT,
) -> list[Entity]:
    """The entities of a text, with character offsets.

    groups: the places of the tokens of each word (`words.words`). p (T, C): the probability of each label for each
    token.
    """
    decided = [words.decide(p[list(group)], strategy) for group in groups]
    names = [labels[best] for best, _ in decided]
    entity_spans = spans(names, scheme(labels))
    if strategy == "none":
        entity_spans = [Span(name, i, i + 1) for i, name in enumerate(names) if name != OUTSIDE]
    results = []
    for label, first, end in entity_spans:
        start, stop = offsets[groups[first][0]][0], offsets[groups[end - 1][-1]][1]
        score = float(np.mean([value for _, value in decided[first:end]]))
        results.append(Entity(label, text[start:stop], start, stop, score))
    return results


def tag(model: Model, texts: Sequence[Any], strategy: str, options: Options) -> list[list[Entity]]:
    """The entities of each text. strategy: one of `words.STRATEGIES`."""
    params = head(model, "token_classification")
    words.check_strategy(strategy)

    def probabilities(encoded: bert.Output, batch: bert.Inputs) -> list[Array]:
        logits, _ = token_classification.forward(encoded, params, model.config)  # (B, T, C)
        p, _ = softmax.forward(finite(logits))
        return [rows[:length].copy() for rows, length in zip(p, batching.lengths(batch), strict=True)]

    tokenizer, limit = model.tokenizer, model.config.max_position_embeddings
    encodings = encoding.with_offsets(tokenizer, texts, limit, options.special)
    p = run(model, [Text(encoded.ids, encoded.segment_ids) for encoded in encodings], probabilities, options)
    return [
        entities(text, words.words(text, e, tokenizer, strategy), e.offsets, rows, model.config.label_names, strategy)
        for text, e, rows in zip(texts, encodings, p, strict=True)
    ]
