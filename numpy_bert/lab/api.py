"""The requests of the page: JSON in, checked, and JSON out."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from ..errors import Error, describe, show
from ..exercises import EXERCISES
from ..explain.interventions.ablation import Parts
from ..explain.interventions.outcome import Outcome
from . import broken
from .session import Changes, Question, Session

MOST_PARTS = 10_000  # parts that one question may turn off


def look(session: Session, body: Any) -> dict[str, Any]:
    """The answer before and after the changes, and the number of the explorer page."""
    fields = _fields(body, "question", "changes")
    answer = session.answer(*_about(fields))
    target, config = answer.target, session.bert.config
    return {
        "tokens": target.encoding.tokens,
        "task": target.task,
        "target": target.description,
        "layers": config.num_hidden_layers,
        "heads": config.num_attention_heads,
        "before": _outcome(answer.before),
        "after": _outcome(answer.after),
        "page": f"explorer/{answer.page}",
        "steps": session.steps,
    }


def effects(session: Session, body: Any) -> dict[str, Any]:
    """How much each head and each sublayer supports the target."""
    result = session.effects(*_about(_fields(body, "question", "changes")))
    return {
        "target": result.target,
        "loss": _number(result.loss),
        "steps": session.steps,
        "heads": _numbers(result.heads.tolist()),
        "attention": _numbers(result.attention.tolist()),
        "feed_forward": _numbers(result.feed_forward.tolist()),
    }


def patch(session: Session, body: Any) -> dict[str, Any]:
    """How much each hidden state of another text changes the answer."""
    fields = _fields(body, "question", "source", "changes")
    result = session.patch(*_about(fields), _text(fields["source"], "source"))
    return {
        "tokens": list(result.tokens),
        "source_tokens": list(result.source_tokens),
        "target": result.target,
        "loss": _number(result.loss),
        "source_loss": _number(result.source_loss),
        "steps": session.steps,
        "effects": _numbers(result.effects.tolist()),
    }


def attention(session: Session, body: Any) -> dict[str, Any]:
    """The probabilities of all heads of a layer."""
    fields = _fields(body, "question", "layer", "changes")
    P = session.probabilities(*_about(fields), fields["layer"])
    return {"probabilities": _numbers(P.tolist())}


def row(session: Session, body: Any) -> dict[str, Any]:
    """The answer before and after a row of attention is replaced."""
    fields = _fields(body, "question", "layer", "head", "token", "row", "changes")
    numbers = fields["row"]
    if not isinstance(numbers, list) or not all(type(x) in (int, float) for x in numbers):
        raise Error(f"row: expected a list of numbers, got {describe(numbers)}")
    place = fields["layer"], fields["head"], fields["token"]
    before, after = session.edit_row(*_about(fields), place, numbers)
    return {"before": _outcome(before), "after": _outcome(after)}


def step(session: Session, body: Any) -> dict[str, Any]:
    """One step of gradient descent on the text."""
    fields = _fields(body, "question", "learning_rate")
    rate = fields["learning_rate"]
    if type(rate) not in (int, float) or not 0 < rate < math.inf:
        raise Error(f"learning_rate: expected a finite number > 0, got {describe(rate)}")
    result = session.step(_question(fields["question"]), float(rate))
    return {
        "steps": result.steps,
        "before": _outcome(result.before),
        "after": _outcome(result.after),
        "gradient_norms": {name: _numbers(list(norms)) for name, norms in result.gradient_norms.items()},
    }


def undo(session: Session, body: Any) -> dict[str, Any]:
    """The last step is taken back."""
    _fields(body)
    return {"steps": session.undo()}


def break_backward(session: Session, body: Any) -> dict[str, Any]:
    """Gradient check and training with the wrong backward of an exercise."""
    number = _fields(body, "exercise")["exercise"]
    if type(number) is not int or not 1 <= number <= len(EXERCISES):
        raise Error(f"exercise: expected an integer from 1 to {len(EXERCISES)}, got {describe(number)}")
    with session.alone():
        result = broken.run(number)
    rows = [
        {"case": row.case, "name": row.name, "error": _number(row.error), "passed": row.passed} for row in result.rows
    ]
    return {
        "title": result.title,
        "block": result.block,
        "code": result.code,
        "tolerance": result.rows[0].tolerance,
        "rows": rows,
        "task": result.task,
        "right": _numbers(result.right),
        "wrong": _numbers(result.wrong),
    }


QUESTIONS: dict[str, Callable[[Session, Any], dict[str, Any]]] = {
    "look": look,
    "effects": effects,
    "patch": patch,
    "attention": attention,
    "row": row,
    "step": step,
    "undo": undo,
    "break": break_backward,
}


# What comes in.


def _fields(body: Any, *names: str, at: str = "request") -> dict[str, Any]:
    """An object with exactly these fields."""
    if not isinstance(body, dict) or set(body) != set(names):
        got = show(sorted(body), 80) if isinstance(body, dict) else describe(body)
        raise Error(f"{at}: expected an object with {', '.join(names) or 'no fields'}, got {got}")
    return body


def _about(fields: dict[str, Any]) -> tuple[Question, Changes]:
    """What every question has: a text, and the changes that are in force."""
    return _question(fields["question"]), _changes(fields["changes"])


def _question(value: Any) -> Question:
    fields = _fields(value, *Question._fields, at="question")
    text, *others = (fields[name] for name in Question._fields)
    optional = zip(Question._fields[1:], others, strict=True)
    return Question(_text(text, "text"), *(None if part is None else _text(part, name) for name, part in optional))


def _text(value: Any, name: str) -> str:
    if not isinstance(value, str):
        raise Error(f"{name}: expected a string, got {describe(value)}")
    return value


def _changes(value: Any) -> Changes:
    names = "heads", "attention", "feed_forward", "gelu", "layer_norm_eps", "hidden_tokens"
    fields = _fields(value, *names, at="changes")
    for name in ("heads", "attention", "feed_forward", "hidden_tokens"):
        if not isinstance(fields[name], list) or len(fields[name]) > MOST_PARTS:
            raise Error(f"{name}: expected a list of at most {MOST_PARTS}, got {describe(fields[name])}")
    parts = Parts(tuple(fields["heads"]), tuple(fields["attention"]), tuple(fields["feed_forward"]))
    return Changes(parts, fields["gelu"], fields["layer_norm_eps"], tuple(fields["hidden_tokens"]))


# What goes out: JSON has neither NaN nor infinities.


def _outcome(of: Outcome) -> dict[str, Any]:
    predictions = [
        {
            "token": prediction.place,
            "answer": prediction.answer,
            "probability": None if prediction.probability is None else _number(prediction.probability),
            "wanted": prediction.wanted,
        }
        for prediction in of.predictions
    ]
    return {"loss": _number(of.loss), "predictions": predictions}


def _number(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None


def _numbers(values: Any) -> Any:
    return [_numbers(value) for value in values] if isinstance(values, list) else _number(values)
