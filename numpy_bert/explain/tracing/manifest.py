"""The manifest of a trace: what was asked, of which model, and where each value stands; as JSON, and back, checked."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

from ...errors import Error, describe, show
from ...numerics.arrays import Array
from ..predictions import HeadPrediction
from .recorder import Call

FORM = "numpy_bert trace, form 1"


class Asked(NamedTuple):
    """A text, and what was asked about it."""

    text: tuple[str, ...]  # one, or a pair
    tokens: tuple[str, ...]  # T
    ids: tuple[int, ...]
    segment_ids: tuple[int, ...]
    task: str
    target: str  # in words
    outputs: tuple[tuple[int, ...], ...]  # which logits of the text the loss is about
    loss: float
    predictions: tuple[HeadPrediction, ...]


class Card(NamedTuple):
    """Which model, and which programs computed it."""

    name: str  # of its folder
    sha256: str  # see fingerprint.py
    parameters: int
    dtype: str
    heads: tuple[str, ...]
    config: str  # the text of its config.json
    versions: dict[str, str]


class Value(NamedTuple):
    """One array of a trace."""

    name: str
    call: int | None  # the call that computed it; None for the gradient of a parameter
    variable: str
    first: int  # the lines of the module's file that wrote it
    last: int
    shape: tuple[int, ...]
    dtype: str
    stored: str  # the name of the value whose content it shares; its own where that is the first


Parts = tuple[Asked, Card, tuple[Call, ...], tuple[Value, ...]]


def to_json(asked: Asked, model: Card, calls: tuple[Call, ...], values: tuple[Value, ...]) -> dict[str, Any]:
    """The manifest as JSON has it. A number that JSON lacks is null."""
    return {
        "form": FORM,
        "asked": asked_to_json(asked),
        "model": model._asdict(),
        "calls": [call._asdict() for call in calls],
        "values": [value._asdict() for value in values],
    }


def asked_to_json(asked: Asked) -> dict[str, Any]:
    shown = [
        prediction._replace(probability=_finite(prediction.probability))._asdict() for prediction in asked.predictions
    ]
    return asked._asdict() | {"loss": _finite(asked.loss), "predictions": shown}


def from_json(manifest: dict[str, Any], arrays: dict[str, Array]) -> Parts:
    """The parts of a manifest. Error: not what to_json makes, or not what fits the arrays."""
    if manifest.get("form") != FORM:
        raise Error(f"form: expected {FORM!r}, got {describe(manifest.get('form'))}")
    asked = _record(Asked, manifest, "asked")
    shown = tuple(_fields(HeadPrediction, f"predictions[{i}]", fields) for i, fields in enumerate(asked.predictions))
    loss = math.nan if asked.loss is None else asked.loss
    calls = tuple(_fields(Call, f"calls[{i}]", fields) for i, fields in enumerate(_list(manifest, "calls")))
    values = tuple(_fields(Value, f"values[{i}]", fields) for i, fields in enumerate(_list(manifest, "values")))
    for value in values:
        _check(value, len(calls), arrays)
    for call in calls:
        if call.parent is not None and not 0 <= call.parent < len(calls):
            raise Error(f"calls: parent: expected below {len(calls)}, got {call.parent}")
    return asked._replace(predictions=shown, loss=loss), _record(Card, manifest, "model"), calls, values


def _check(value: Value, calls: int, arrays: dict[str, Array]) -> None:
    title = show(value.name)
    if value.call is not None and not 0 <= value.call < calls:
        raise Error(f"{title}: call: expected below {calls}, got {value.call}")
    stored = arrays.get(value.stored)
    if stored is None:
        raise Error(f"{title}: expected its content under {show(value.stored)}, got no such array")
    fits = min(value.shape, default=0) >= 0 and math.prod(value.shape) == stored.size
    if not fits or value.dtype != stored.dtype.name:
        got = f"{stored.dtype} {stored.shape}"
        raise Error(f"{title}: expected {show(value.dtype, 40)} {show(value.shape, 60)}, got {got}")


def _finite(number: float | None) -> float | None:
    return number if number is not None and math.isfinite(number) else None


def _list(manifest: dict[str, Any], key: str) -> list[Any]:
    value = manifest.get(key)
    if not isinstance(value, list):
        raise Error(f"{key}: expected an array, got {describe(value)}")
    return value


def _record(kind: Any, manifest: dict[str, Any], key: str) -> Any:
    return _fields(kind, key, manifest.get(key))


# What a field may hold in JSON, by its annotation.
KINDS: dict[str, tuple[type, ...]] = {
    "str": (str,),
    "int": (int,),
    "bool": (bool,),
    "float": (float, int, type(None)),
    "float | None": (float, int, type(None)),
    "int | None": (int, type(None)),
}


def _fields(kind: Any, title: str, fields: Any) -> Any:
    """A record of the type `kind` from an object with exactly its fields."""
    if not isinstance(fields, dict) or set(fields) != set(kind._fields):
        got = show(sorted(fields), 80) if isinstance(fields, dict) else describe(fields)
        raise Error(f"{title}: expected an object with {', '.join(kind._fields)}, got {got}")
    return kind(**{name: _value(f"{title}.{name}", kind.__annotations__[name], fields[name]) for name in kind._fields})


def _value(title: str, annotation: Any, value: Any) -> Any:
    wanted = annotation.__forward_arg__ if hasattr(annotation, "__forward_arg__") else str(annotation)
    if wanted in KINDS:
        if not isinstance(value, KINDS[wanted]) or (isinstance(value, bool) and wanted != "bool"):
            raise Error(f"{title}: expected {wanted}, got {describe(value)}")
        return value
    if wanted == "dict[str, str]":
        if not isinstance(value, dict) or not all(isinstance(text, str) for text in value.values()):
            raise Error(f"{title}: expected an object of texts, got {describe(value)}")
        return value
    if not isinstance(value, list):
        raise Error(f"{title}: expected an array, got {describe(value)}")
    inner = wanted.removeprefix("tuple[").removesuffix(", ...]")
    return tuple(value if inner == "HeadPrediction" else [_value(title, inner, part) for part in value])
