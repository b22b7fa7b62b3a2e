"""Paragraphs with questions and their answers, from a JSON file in the form of SQuAD 1.1 and 2.0:

    {"data": [{"paragraphs": [{"context": "...", "qas": [
        {"id": "...", "question": "...", "answers": [{"text": "...", "answer_start": 34}]}]}]}]}

In SQuAD 2.0 a question that the context does not answer has "is_impossible": true and "answers": [].
answer_start counts the characters of the context before the answer. Other keys are passed over, and so is a byte-order
mark. The reading is strict: an answer that does not stand where the file says would train the model on another stretch
of text.

Form: Rajpurkar et al., arXiv:1606.05250 and arXiv:1806.03822, as published.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from ...errors import Error, describe, show
from ...files import strict_json
from .records import Path

LARGEST = 1 << 26  # bytes, twice those of SQuAD's own training file
EXPECTED = {str: "a text", int: "an integer", list: "an array", dict: "an object", bool: "true or false"}


class GoldAnswer(NamedTuple):
    text: str
    start: int  # context[start : start + len(text)] == text


class SquadQuestion(NamedTuple):
    where: str  # in the file, for messages: data[0].paragraphs[2].qas[1]
    id: str
    text: str
    answers: tuple[GoldAnswer, ...]  # none where the context has no answer


class Paragraph(NamedTuple):
    context: str
    questions: tuple[SquadQuestion, ...]


def paragraphs(path: Path) -> list[Paragraph]:
    """All of a file. Error, with the place in it: a key that is missing or of another type, a question without answer
    or with the id of another one, an answer that is not where it should be; no questions at all.
    """
    document = strict_json.read(path, LARGEST, marked=True)
    try:
        parsed = [_paragraph(part, place) for part, place in _parts(document)]
        _refuse_equal_ids(parsed)
    except Error as error:
        raise Error(f"{error}", at=path) from None
    return parsed


def _parts(document: object) -> Iterator[tuple[object, str]]:
    """Each paragraph with its place."""
    for i, article in enumerate(_member(document, "", "data", list)):
        for j, part in enumerate(_member(article, f"data[{i}]", "paragraphs", list)):
            yield part, f"data[{i}].paragraphs[{j}]"


def _paragraph(part: object, place: str) -> Paragraph:
    context: str = _member(part, place, "context", str)
    asked = _member(part, place, "qas", list)
    return Paragraph(
        context, tuple(_question(question, f"{place}.qas[{k}]", context) for k, question in enumerate(asked))
    )


def _question(question: object, place: str, context: str) -> SquadQuestion:
    listed = _member(question, place, "answers", list)
    impossible = (
        isinstance(question, dict) and "is_impossible" in question and _member(question, place, "is_impossible", bool)
    )
    if not listed and not impossible:
        raise Error(f"{place}.answers: expected at least one, or is_impossible: true as in SQuAD 2.0, got none")
    if listed and impossible:
        raise Error(f"{place}.answers: expected none where is_impossible is true, got {len(listed)}")
    answers = tuple(_answer(answer, f"{place}.answers[{i}]", context) for i, answer in enumerate(listed))
    return SquadQuestion(place, _member(question, place, "id", str), _member(question, place, "question", str), answers)


def _answer(answer: object, place: str, context: str) -> GoldAnswer:
    text: str = _member(answer, place, "text", str)
    start: int = _member(answer, place, "answer_start", int)
    if not text.strip():
        raise Error(f"{place}.text: expected an answer, got {show(text)}")
    if not 0 <= start <= len(context) - len(text) or not context.startswith(text, start):
        got = show(context[max(0, start) : max(0, start) + len(text)], 40)
        raise Error(f"{place}: expected {show(text, 40)} at answer_start {show(start, 40)} of the context, got {got}")
    return GoldAnswer(text, start)


def _member(value: object, place: str, key: str, kind: type) -> Any:
    """The value of a key, of the asked type (True is not an integer)."""
    name = f"{place}.{key}" if place else key
    if not isinstance(value, dict):
        raise Error(f"{place or 'document'}: expected an object with the key {key}, got {describe(value)}")
    if key not in value:
        raise Error(f"{name}: expected {EXPECTED[kind]}, got no such key")
    if type(value[key]) is not kind:
        raise Error(f"{name}: expected {EXPECTED[kind]}, got {describe(value[key])}")
    return value[key]


def _refuse_equal_ids(listed: list[Paragraph]) -> None:
    first: dict[str, str] = {}
    for paragraph in listed:
        for question in paragraph.questions:
            if question.id in first:
                other = f"one of its own, got that of {first[question.id]}"
                raise Error(f"{question.where}.id: expected {other}: {show(question.id, 40)}")
            first[question.id] = question.where
    if not first:
        raise Error("expected at least one question, got none")
