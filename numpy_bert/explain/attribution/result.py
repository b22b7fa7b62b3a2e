"""The result of an attribution: a score for each token of a text, and what was explained."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

from ..predictions import HeadPrediction
from ..targets import Target

COMPLETE = 1e-3  # the share of the difference that integrated gradients may miss


class Attribution(NamedTuple):
    """A score for each token, and what the scores add up to."""

    method: str
    target: Target
    predictions: tuple[HeadPrediction, ...]  # of the head; () without one
    scores: tuple[float, ...]  # T
    value: float  # F of the text
    baseline: float | None  # F of the baseline, where the method compares with one

    @property
    def tokens(self) -> tuple[str, ...]:
        return tuple(self.target.encoding.tokens)

    @property
    def total(self) -> float:
        return math.fsum(self.scores)

    @property
    def error(self) -> float | None:
        """|Σ scores - (F(text) - F(baseline))| / |F(text) - F(baseline)|: 0 up to rounding. None without a baseline."""
        if self.baseline is None:
            return None
        change = self.value - self.baseline
        difference = abs(self.total - change)
        return difference / abs(change) if change else math.inf if difference else 0.0

    def to_json(self) -> dict[str, Any]:
        """The attribution as JSON stores it."""
        return {
            "method": self.method,
            "task": self.target.task,
            "target": self.target.description,
            "predictions": [prediction._asdict() for prediction in self.predictions],
            "tokens": self.tokens,
            "scores": self.scores,
            "value": self.value,
            "baseline": self.baseline,
            "total": self.total,
            "error": self.error,
        }
