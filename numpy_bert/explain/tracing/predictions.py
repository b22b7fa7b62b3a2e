"""What the head of a traced model predicts, for people: the likeliest few of each place that was asked about."""

from __future__ import annotations

from typing import Any, NamedTuple

from ...blocks import softmax
from ...numerics.memory import Array
from ..targets import Aim, Model

MOST = 5  # answers a place


class Prediction(NamedTuple):
    """One answer of the head, at one place of the text (None: about the whole text)."""

    place: int | None
    answer: str
    probability: float | None  # None of a regression, whose answer is its value
    wanted: bool  # whether the loss is taken at this answer


def predictions(model: Model, aim: Aim, logits: Array | None) -> tuple[Prediction, ...]:
    """logits: of the head for this text, as the task's forward gives them; None without a head."""
    if logits is None:
        return ()
    if aim.task == "sequence_classification" and model.config.is_regression:
        return (Prediction(None, f"{float(logits[0, 0]):.6g}", None, True),)
    if aim.task == "masked_lm":
        return _masked_lm(model, aim, logits)
    if aim.task == "question_answering":
        return _spans(aim, logits)
    names = {"next_sentence": ("the second text follows", "the second text is a random one")}
    labels = names.get(aim.task, model.config.label_names)
    if aim.task == "token_classification":
        found: list[Prediction] = []
        for place, wanted in aim.outputs:
            found += _best(place, logits[0, place], labels, wanted)
        return tuple(found)
    return tuple(_best(None, logits[0], labels, aim.outputs[0][0]))


def _masked_lm(model: Model, aim: Aim, logits: Array) -> tuple[Prediction, ...]:
    tokens = model.tokenizer.tokens
    names = [*tokens, *(f"[{i}]" for i in range(len(tokens), logits.shape[-1]))]
    found: list[Prediction] = []
    for row, (place, wanted) in zip(logits, aim.outputs, strict=True):
        found += _best(place, row, names, wanted)
    return tuple(found)


def _spans(aim: Aim, logits: Array) -> tuple[Prediction, ...]:
    """The likeliest starts and ends, each by its piece."""
    found: list[Prediction] = []
    for column, word in enumerate(("start", "end")):
        names = [f"{word}: piece {i}, {token}" for i, token in enumerate(aim.encoding.tokens)]
        found += _best(None, logits[0, :, column], names, aim.outputs[column][0])
    return tuple(found)


def _best(place: int | None, logits: Array, names: Any, wanted: int) -> list[Prediction]:
    """The likeliest answers, and the wanted one where it is not among them."""
    p = softmax.forward(logits[None])[0][0]
    order = [int(i) for i in (-p).argsort(kind="stable")[:MOST]]
    if wanted not in order:
        order.append(wanted)
    return [Prediction(place, str(names[i]), float(p[i]), i == wanted) for i in order]
