"""What the methods of Bert answer with."""

from __future__ import annotations

from typing import NamedTuple

from ..numerics.arrays import Array


class Hidden(NamedTuple):
    """What BERT makes of a batch."""

    hidden: Array  # (B, T, H) of the last layer
    pooled: Array | None  # (B, H); None where the checkpoint has no pooler
    layers: tuple[Array, ...]  # L + 1 times (B, T, H): the embedding, then each layer; () unless asked for
    attentions: tuple[Array, ...]  # L times (B, A, T, T), rows are queries; () unless asked for


class Prediction(NamedTuple):
    """One candidate token for a masked place."""

    token: str
    id: int
    probability: float


class Classification(NamedTuple):
    """The likeliest class of a text. A regression has no class: label and probability are None, the scores its values.

    Where a text may have several classes each probability stands by itself, and they do not sum to 1.
    """

    label: str | None
    probability: float | None
    scores: dict[str, float]  # the probability of each class; of a regression {"value": ...}, or each output by name


class Answer(NamedTuple):
    """A stretch of a context that answers a question; "" with offsets 0 says that the context has no answer."""

    text: str
    start: int  # character offsets into the context
    end: int
    score: float  # the sum of its start and end logits
    probability: float  # among the best answers


class Choice(NamedTuple):
    """The choice that fits best."""

    best: int  # its place among the choices
    text: str
    probability: float
    probabilities: tuple[float, ...]  # of each choice
