"""Exact match and F1, the measures of SQuAD (Rajpurkar et al., arXiv:1606.05250, section 6.1).

Both compare normalized answers: lower case, without punctuation, without the articles a, an and the, white space
folded. Of several right answers the one that fits best counts.
"""

from __future__ import annotations

import re
import string
from collections import Counter
from collections.abc import Sequence

ARTICLES = re.compile(r"\b(a|an|the)\b")
PUNCTUATION = str.maketrans("", "", string.punctuation)


def normalized(answer: str) -> str:
    """The order matters, as in the official scorer: punctuation goes before articles are looked for."""
    return " ".join(ARTICLES.sub(" ", answer.lower().translate(PUNCTUATION)).split())


def exact_match(answer: str, right: Sequence[str]) -> float:
    """1 where the answer equals one of the right ones, else 0."""
    return float(any(normalized(answer) == normalized(gold) for gold in right))


def f1(answer: str, right: Sequence[str]) -> float:
    """The harmonic mean of precision and recall in words, repeated words counted as often as they occur."""
    return max((_f1(normalized(answer).split(), normalized(gold).split()) for gold in right), default=0.0)


def _f1(answer: list[str], right: list[str]) -> float:
    if not answer or not right:
        return float(answer == right)  # an empty answer is right only where no answer is expected
    common = sum((Counter(answer) & Counter(right)).values())
    return 2.0 * common / (len(answer) + len(right))


def measures(
    answers: Sequence[str], right: Sequence[Sequence[str]], nulls: Sequence[float], threshold: float = 0.0
) -> dict[str, float]:
    """The figures of a file, 1 at best: exact_match and f1, and where some questions have no answer those of SQuAD 2.0
    (Rajpurkar et al., arXiv:1806.03822; its evaluate-v2.0.py).

    answers: the best one of each question. right: the right ones, none where there is no answer. nulls: the null score
    minus the score of the answer; above `threshold` no answer is given.
    """
    right = [[answer for answer in gold if normalized(answer)] or [""] if gold else [] for gold in right]
    if all(right):
        exact = [exact_match(answer, gold) for answer, gold in zip(answers, right, strict=True)]
        overlap = [f1(answer, gold) for answer, gold in zip(answers, right, strict=True)]
        return {"exact_match": _mean(exact), "f1": _mean(overlap)}
    figures: dict[str, float] = {}
    has_answer = [bool(gold) for gold in right]
    for name, score in (("exact_match", exact_match), ("f1", f1)):
        final = [answer if null <= threshold else "" for answer, null in zip(answers, nulls, strict=True)]
        scores = [score(answer, gold or [""]) for answer, gold in zip(final, right, strict=True)]
        figures[name] = _mean(scores)
        for kind, wanted in (("has_answer", True), ("no_answer", False)):
            figures[f"{kind}_{name}"] = _mean([s for s, has in zip(scores, has_answer, strict=True) if has == wanted])
        raw = [score(answer, gold or [""]) for answer, gold in zip(answers, right, strict=True)]
        best, best_at = best_threshold(raw, answers, nulls, has_answer)
        figures |= {f"best_{name}": best, f"best_{name}_threshold": best_at}
    return figures


def best_threshold(
    scores: Sequence[float], answers: Sequence[str], nulls: Sequence[float], has_answer: Sequence[bool]
) -> tuple[float, float]:
    """The best mean score over all thresholds of the nulls, and that threshold: `find_best_thresh` of evaluate-v2.0.py.

    Beginning with no answer anywhere, answers are given in the order of their nulls: a right one adds its score, one to
    a question without an answer loses 1.
    """
    current = best = float(sum(not has for has in has_answer))
    threshold = 0.0
    for i in sorted(range(len(scores)), key=lambda i: nulls[i]):
        current += scores[i] if has_answer[i] else -1.0 if answers[i] else 0.0
        if current > best:
            best, threshold = current, float(nulls[i])
    return best / max(1, len(scores)), threshold


def _mean(values: Sequence[float]) -> float:
    return sum(values) / max(1, len(values))
