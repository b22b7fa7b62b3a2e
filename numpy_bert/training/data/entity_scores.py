"""p = right / found,   r = right / actual,   F1 = 2 p r / (p + r):   counted in entities, not in words

The measures of the CoNLL shared tasks (Tjong Kim Sang and De Meulder, arXiv:cs/0306050, section 2.3). An entity that
was found is right when its type, its first word and its last word are; nothing counts by halves. A measure that
would divide by zero is 0, as in the scorer of the tasks.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from ...inference.entities import spans


class Score(NamedTuple):
    precision: float
    recall: float
    f1: float


def scores(true: Sequence[Sequence[str]], predicted: Sequence[Sequence[str]], scheme: str = "BIO") -> dict[str, Score]:
    """The true and the predicted labels of each sentence, in this scheme -> the score of each type that occurs, and
    under "" that of all entities together.
    """
    counts: dict[str, Counter[str]] = {"": Counter()}
    for true_labels, predicted_labels in zip(true, predicted, strict=True):
        actual, predictions = set(spans(true_labels, scheme)), set(spans(predicted_labels, scheme))
        for name, group in (("actual", actual), ("found", predictions), ("right", actual & predictions)):
            for span in group:
                counts.setdefault(span.label, Counter())[name] += 1
                counts[""][name] += 1
    return {label: _score(count) for label, count in counts.items()}


def _score(count: Counter[str]) -> Score:
    right, predicted, actual = count["right"], count["found"], count["actual"]
    return Score(right / max(1, predicted), right / max(1, actual), 2.0 * right / max(1, predicted + actual))
