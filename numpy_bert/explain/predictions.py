"""What the head of a model predicts for one text: the likeliest answers at each position that was asked about."""

from __future__ import annotations

from typing import Any, NamedTuple

from ..blocks import softmax
from ..numerics.memory import Array
from ..numerics.sigmoid import sigmoid
from .targets import ModelWithHeads, Target

MOST = 5  # answers at a position


class HeadPrediction(NamedTuple):
    """One answer of the head, at one position of the text (None: about the whole text)."""

    place: int | None
    answer: str
    probability: float | None  # None of a regression, whose answer is its value
    wanted: bool  # whether the loss is taken at this answer


def likeliest(model: ModelWithHeads, target: Target, logits: Array | None) -> tuple[HeadPrediction, ...]:
    """logits: of the head for this text, as the task's forward returns them; None without a head."""
    if logits is None:
        return ()
    if target.task == "sequence_classification" and model.config.is_regression:
        return _values(model, target, logits[0])
    if target.task == "masked_lm":
        return _masked_lm(model, target, logits)
    if target.task == "question_answering":
        return _spans(target, logits)
    names = {"next_sentence": ("the second text follows", "the second text is a random one")}
    labels = names.get(target.task, model.config.label_names)
    if target.task == "token_classification":
        predictions: list[HeadPrediction] = []
        for position, label in target.outputs:
            predictions += _best(position, logits[0, position], labels, label)
        return tuple(predictions)
    if target.task == "sequence_classification" and model.config.problem == "multi_label_classification":
        return tuple(_largest(None, sigmoid(logits[0]), labels, target.outputs[0][0]))
    return tuple(_best(None, logits[0], labels, target.outputs[0][0]))


def _values(model: ModelWithHeads, target: Target, outputs: Array) -> tuple[HeadPrediction, ...]:
    """The values of a regression; of several each with its name."""
    names = [f"{name}: " for name in model.config.label_names] if len(outputs) > 1 else [""]
    asked = {place for (place,) in target.outputs}
    values = enumerate(zip(names, outputs.tolist(), strict=True))
    return tuple(HeadPrediction(None, f"{name}{value:.6g}", None, i in asked) for i, (name, value) in values)


def _masked_lm(model: ModelWithHeads, target: Target, logits: Array) -> tuple[HeadPrediction, ...]:
    tokens = model.tokenizer.tokens
    names = [*tokens, *(f"[{i}]" for i in range(len(tokens), logits.shape[-1]))]
    predictions: list[HeadPrediction] = []
    for row, (position, label) in zip(logits, target.outputs, strict=True):
        predictions += _best(position, row, names, label)
    return tuple(predictions)


def _spans(target: Target, logits: Array) -> tuple[HeadPrediction, ...]:
    """The likeliest starts and ends, each by its token."""
    predictions: list[HeadPrediction] = []
    for column, word in enumerate(("start", "end")):
        names = [f"{word}: token {i}, {token}" for i, token in enumerate(target.encoding.tokens)]
        predictions += _best(None, logits[0, :, column], names, target.outputs[column][0])
    return tuple(predictions)


def _best(position: int | None, logits: Array, names: Any, label: int) -> list[HeadPrediction]:
    """The likeliest answers, and the wanted one where it is not among them."""
    return _largest(position, softmax.forward(logits[None])[0][0], names, label)


def _largest(position: int | None, p: Array, names: Any, label: int) -> list[HeadPrediction]:
    order = [int(i) for i in (-p).argsort(kind="stable")[:MOST]]
    if label not in order:
        order.append(label)
    return [HeadPrediction(position, str(names[i]), float(p[i]), i == label) for i in order]
