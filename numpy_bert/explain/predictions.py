"""What the head of a model predicts for one text: the likeliest answers at each position that was asked about."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from ..blocks import softmax
from ..numerics.arrays import Array
from ..numerics.sigmoid import sigmoid
from .targets import FOLLOWS_OR_NOT, ModelWithHeads, Target

MOST = 5  # answers at a position


class HeadPrediction(NamedTuple):
    """One answer of the head, at one position of the text (None: about the whole text)."""

    place: int | None
    answer: str
    probability: float | None  # None of a regression, whose answer is its value
    wanted: bool  # whether the loss is taken at this answer


def likeliest(model: ModelWithHeads, target: Target, logits: Array | None) -> tuple[HeadPrediction, ...]:
    """logits: of the head for this text, as its forward or the task's loss computes them; None without a head."""
    if logits is None:
        return ()
    return tuple(OF_TASK[target.task](model, target, logits))


def _masked_lm(model: ModelWithHeads, target: Target, logits: Array) -> Iterator[HeadPrediction]:
    names = model.tokenizer.tokens  # of a vocabulary that is padded the rows beyond have no token
    if logits.ndim == 3:  # (1, T, V) of all positions
        logits = logits[0, [position for position, _ in target.outputs]]
    for row, (position, label) in zip(logits, target.outputs, strict=True):
        yield from _best(position, row, names, label)


def _sequence_classification(model: ModelWithHeads, target: Target, logits: Array) -> Iterator[HeadPrediction]:
    names = model.config.label_names
    if model.config.is_regression:
        yield from _values(names, target, logits[0])
    elif model.config.problem == "multi_label_classification":
        yield from _largest(None, sigmoid(logits[0]), names, target.outputs[0][0])
    else:
        yield from _best(None, logits[0], names, target.outputs[0][0])


def _values(names: Sequence[str], target: Target, outputs: Array) -> Iterator[HeadPrediction]:
    """The values of a regression; of several each with its name."""
    names = [f"{name}: " for name in names] if len(outputs) > 1 else [""]
    asked = {place for (place,) in target.outputs}
    for i, (name, value) in enumerate(zip(names, outputs.tolist(), strict=True)):
        yield HeadPrediction(None, f"{name}{value:.6g}", None, i in asked)


def _next_sentence(model: ModelWithHeads, target: Target, logits: Array) -> Iterator[HeadPrediction]:
    yield from _best(None, logits[0], FOLLOWS_OR_NOT, target.outputs[0][0])


def _token_classification(model: ModelWithHeads, target: Target, logits: Array) -> Iterator[HeadPrediction]:
    for position, label in target.outputs:
        yield from _best(position, logits[0, position], model.config.label_names, label)


def _question_answering(model: ModelWithHeads, target: Target, logits: Array) -> Iterator[HeadPrediction]:
    """The likeliest starts and ends, each by its token."""
    for column, word in enumerate(("start", "end")):
        names = [f"{word}: token {i}, {token}" for i, token in enumerate(target.encoding.tokens)]
        yield from _best(None, logits[0, :, column], names, target.outputs[column][0])


OF_TASK = {
    "masked_lm": _masked_lm,
    "sequence_classification": _sequence_classification,
    "next_sentence": _next_sentence,
    "token_classification": _token_classification,
    "question_answering": _question_answering,
}


def _best(position: int | None, logits: Array, names: Any, label: int) -> list[HeadPrediction]:
    """The likeliest answers, and the wanted one where it is not among them."""
    return _largest(position, softmax.forward(logits[None])[0][0], names, label)


def _largest(position: int | None, p: Array, names: Any, label: int) -> list[HeadPrediction]:
    order = [int(i) for i in (-p[: len(names)]).argsort(kind="stable")[:MOST]]
    if label not in order:
        order.append(label)
    return [HeadPrediction(position, str(names[i]), float(p[i]), i == label) for i in order]
