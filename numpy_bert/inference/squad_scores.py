"""Exact match and F1, the measures of SQuAD (Rajpurkar et al., arXiv:1606.05250, section 6.1).

Both compare normalised answers: lower case, without punctuation, without the articles a, an and the, white space
folded. Of several right answers the one that fits best counts.
"""

from __future__ import annotations

import re
import string
from collections import Counter
from collections.abc import Sequence

ARTICLES = re.compile(r"\b(a|an|the)\b")
PUNCTUATION = str.maketrans("", "", string.punctuation)


def normalised(answer: str) -> str:
    """The order matters, as in the official scorer: punctuation goes before articles are looked for."""
    return " ".join(ARTICLES.sub(" ", answer.lower().translate(PUNCTUATION)).split())


def exact_match(answer: str, right: Sequence[str]) -> float:
    """1 where the answer equals one of the right ones, else 0."""
    return float(any(normalised(answer) == normalised(one) for one in right))


def f1(answer: str, right: Sequence[str]) -> float:
    """The harmonic mean of precision and recall in words, repeated words counted as often as they occur."""
    return max((_f1(normalised(answer).split(), normalised(one).split()) for one in right), default=0.0)


def _f1(answer: list[str], right: list[str]) -> float:
    if not answer or not right:
        return float(answer == right)  # an empty answer is right only where nothing is asked for
    common = sum((Counter(answer) & Counter(right)).values())
    return 2.0 * common / (len(answer) + len(right))
