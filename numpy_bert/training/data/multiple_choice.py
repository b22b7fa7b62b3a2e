"""Questions of multiple choice, from a file with a JSON object a line:

    {"prompt": "He opened the umbrella because", "choices": ["it rained.", "it was noon."], "label": 0}

or in the published form of SWAG, a CSV file with the columns sent1, sent2, ending0, ending1, ... and label: the prompt
is sent1, and each choice is sent2 with an ending. label counts from 0. All questions of a file have equally many
choices, so that they fit in one batch. Other keys are ignored, and so are empty lines.
"""

from __future__ import annotations

import dataclasses
import os
import re
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from ...blocks import bert, log_softmax
from ...config import BertConfig
from ...errors import Error, describe, show, show_path
from ...files import strict_json
from ...files.text_lines import lines
from ...inference import batching
from ...inference.inputs import Text, padded
from ...numerics.arrays import Array
from ...rules import integer, is_integer
from ...tasks import multiple_choice, objective
from ...tokenizer.interface import Tokenizer
from . import records
from .classification import digest
from .options import LOOK, DataOptions
from .records import Path


class ChoiceQuestion(NamedTuple):
    prompt: str
    choices: tuple[str, ...]  # at least two
    label: int  # which of them is right


def questions(path: Path) -> list[ChoiceQuestion]:
    """Every question. Error: a line that is not a question, or has another number of choices than the first; none at
    all.
    """
    if os.path.splitext(os.fspath(path))[1].lower() in (".csv", ".tsv"):
        return _swag(path)
    parsed: list[ChoiceQuestion] = []
    for number, line in lines(path):
        if not line.strip():
            continue
        parsed.append(_question(strict_json.load(line.encode("utf-8"), path, line=number), path, number))
        K = len(parsed[0].choices)
        if len(parsed[-1].choices) != K:
            got = len(parsed[-1].choices)
            raise Error(f"choices: expected {K}, as for the first question, got {got}", at=path, line=number)
    if not parsed:
        raise Error("expected a question a line, got none", at=path)
    return parsed


def _swag(path: Path) -> list[ChoiceQuestion]:
    """The questions of a table with the columns of SWAG."""
    table = records.read(path)
    names = table.records[0].fields
    endings = [name for name in names if re.fullmatch(r"ending\d+", name)]
    wanted = ("sent1", "sent2", *(f"ending{k}" for k in range(max(2, len(endings)))), "label")
    lacking = [name for name in wanted if name not in names]
    if lacking:
        expected = "expected the columns of SWAG (sent1, sent2, ending0, ending1, ..., label), or JSON lines"
        raise Error(f"{expected}, got none called {lacking[0]}", at=path)
    if not table.records[1:]:
        raise Error("expected a question a line, got a header alone", at=path)
    records.refuse_other_width(path, table.records, f"{len(names)} columns, as the header has", len(names))
    questions = []
    for line, fields, _ in table.records[1:]:
        row = dict(zip(names, fields, strict=True))
        label = row["label"].strip()
        if label not in map(str, range(len(endings))):
            raise Error(
                f"label: expected an integer from 0 to {len(endings) - 1}, got {show(label)}", at=path, line=line
            )
        choices = tuple(f"{row['sent2']} {row[f'ending{k}']}".strip() for k in range(len(endings)))
        questions.append(ChoiceQuestion(row["sent1"], choices, int(label)))
    return questions


def _question(value: object, path: Path, number: int) -> ChoiceQuestion:
    if not isinstance(value, dict):
        raise Error(f"expected an object with prompt, choices and label, got {describe(value)}", at=path, line=number)
    prompt, choices, label = (value.get(key) for key in ("prompt", "choices", "label"))
    if not isinstance(prompt, str):
        raise Error(f"prompt: expected a text, got {describe(prompt)}", at=path, line=number)
    choices = _choices(choices, path, number)
    integer(0, len(choices) - 1).check("label", label, at=path, line=number)
    assert is_integer(label)
    return ChoiceQuestion(prompt, choices, label)


def _choices(value: object, path: Path, number: int) -> tuple[str, ...]:
    if not isinstance(value, list):
        got = describe(value)
    elif len(value) < 2:
        got = f"an array of {len(value)}"
    else:
        others = [choice for choice in value if not isinstance(choice, str)]
        if not others:
            return tuple(value)
        got = f"one with {describe(others[0])} in it"
    raise Error(f"choices: expected an array of at least two texts, got {got}", at=path, line=number)


def fitted(path: Path, config: BertConfig, options: DataOptions = LOOK) -> BertConfig:
    """The config without the labels of another task: this head has a single score and no classes."""
    return dataclasses.replace(config, num_labels=BertConfig.num_labels, labels=(), problem_type=None)


def read(
    path: Path, tokenizer: Tokenizer, config: BertConfig, max_length: int, options: DataOptions = LOOK
) -> ChoiceExamples:
    """The examples of a file. Error: see `questions`."""
    return ChoiceExamples(path, tokenizer, config, max_length)


class ChoiceExamples:
    """Tokenized questions; `texts` are their choices, the K of a question one after another."""

    def __init__(self, path: Path, tokenizer: Tokenizer, config: BertConfig, max_length: int) -> None:
        parsed = questions(path)
        self._pad = config.pad_token_id
        self._many = len(parsed[0].choices)  # K
        self.labels = np.array([question.label for question in parsed])
        encodings = [
            tokenizer.encode(question.prompt, choice, max_length, special=tokenizer.typed_special)
            for question in parsed
            for choice in question.choices
        ]
        self.texts = [Text(encoding.ids, encoding.segment_ids) for encoding in encodings]
        self.lengths = [self._many * max(len(text.ids) for text in self._rows(i)) for i in range(len(parsed))]
        self.summary = [f"{show_path(path)}: {len(parsed)} questions with {self._many} choices each"]
        self.digest = digest([tuple(question) for question in parsed], self.texts)

    def _rows(self, i: int) -> list[Text]:
        return self.texts[i * self._many : (i + 1) * self._many]

    def batch(self, chosen: Sequence[int]) -> objective.Batch:
        """The chosen questions, K rows each, (B·K, T), and their labels (B,)."""
        inputs = padded([text for i in chosen for text in self._rows(i)], self._pad)
        return objective.Batch(inputs, self.labels[list(chosen)])

    def measures(self, scores: Sequence[Array]) -> dict[str, float]:
        """scores: one of each text -> loss and accuracy over all questions."""
        logits = np.array(scores).reshape(-1, self._many)  # (questions, K)
        log_p, _ = log_softmax.forward(logits)
        loss = -float(log_p[np.arange(len(logits)), self.labels].mean())
        return {"loss": loss, "accuracy": float((logits.argmax(axis=1) == self.labels).mean())}


def evaluate(examples: ChoiceExamples, params: objective.Params, config: BertConfig) -> dict[str, float]:
    """Loss and accuracy over all questions."""
    head = objective.head_params("multiple_choice", params)

    def scores(encoded: bert.Output, inputs: bert.Inputs) -> list[Array]:
        logits, _ = multiple_choice.forward(encoded, head, config)
        return list(logits)

    return examples.measures(batching.run(examples.texts, params.bert, config, scores, rows=batching.cls_rows))
