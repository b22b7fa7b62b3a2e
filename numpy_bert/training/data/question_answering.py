"""Questions about paragraphs, from a file in the form of SQuAD 1.1 or 2.0 (see squad), as examples of their task.

An example is a window [CLS] question [SEP] part of the context [SEP]; a long context makes several that overlap (see
inference/answer_spans.py). Its label is where the first of the answers begins and ends, or [CLS] twice in a window that
does not hold all of it, or where there is none (Google's run_squad.py). A word that the answer begins or ends within
counts as a whole.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from ...blocks import bert, log_softmax
from ...config import BertConfig
from ...errors import Error, show
from ...inference import answer_spans, batching, squad_scores
from ...inference.answer_spans import Window
from ...inference.inputs import Text, padded
from ...numerics.arrays import Array
from ...tasks import objective, question_answering
from ...tokenizer.interface import Encoding, Tokenizer
from . import squad as squad_file
from .classification import digest
from .options import LOOK, DataOptions
from .records import Path
from .squad import GoldAnswer, Paragraph, SquadQuestion


class WindowedQuestion(NamedTuple):
    """A question as the model reads it."""

    context: str
    words: list[tuple[int, int]]  # of each token of the context the characters of its word
    answers: list[str]  # all that are right
    windows: list[Window]


def fitted(path: Path, config: BertConfig, options: DataOptions = LOOK) -> BertConfig:
    """The config with two labels without names, start and end: what Hugging Face makes the head of.

    With questions that have no answer the threshold of the null score is 0, until `finished` has a better one.
    """
    questions = [question for paragraph in squad_file.paragraphs(path) for question in paragraph.questions]
    threshold = None if all(question.answers for question in questions) else 0.0
    return dataclasses.replace(config, num_labels=2, labels=(), problem_type=None, null_score_diff_threshold=threshold)


def finished(config: BertConfig, figures: dict[str, float]) -> BertConfig:
    """The config of the trained model: with the threshold that has the best F1 on the held-out data."""
    threshold = figures.get("best_f1_threshold", config.null_score_diff_threshold)
    return dataclasses.replace(config, null_score_diff_threshold=threshold)


def read(
    path: Path, tokenizer: Tokenizer, config: BertConfig, max_length: int, options: DataOptions = LOOK
) -> QuestionExamples:
    """The examples of a file; the windows of a context begin options.stride tokens apart.

    Error: see `squad_file.paragraphs`; also a context or an answer in which the tokenizer finds no tokens, a
    max_length that leaves no room for the context.
    """
    paragraphs = squad_file.paragraphs(path)
    try:
        return QuestionExamples(paragraphs, tokenizer, config, (max_length, options.stride))
    except Error as error:
        raise Error(f"{error}", at=path) from None


class QuestionExamples:
    """Windows with their labels, and the questions they belong to. cut: max_length and stride."""

    def __init__(
        self, paragraphs: Sequence[Paragraph], tokenizer: Tokenizer, config: BertConfig, cut: tuple[int, int]
    ) -> None:
        self._pad = config.pad_token_id
        self.asked: list[WindowedQuestion] = []
        self.labels: list[tuple[int, int]] = []
        for paragraph in paragraphs:
            tokens = tokenizer.encode(paragraph.context, special=tokenizer.typed_special, add_special_tokens=False)
            for question in paragraph.questions:
                self._add(paragraph.context, tokens, question, tokenizer, cut)
        self.texts = [Text(window.ids, window.segment_ids) for asked in self.asked for window in asked.windows]
        self.lengths = [len(text.ids) for text in self.texts]
        questions = [question for paragraph in paragraphs for question in paragraph.questions]
        self.summary = [f"{len(questions)} questions, {len(self.texts)} windows"]
        if unanswered := sum(not question.answers for question in questions):
            self.summary = [f"{self.summary[0]}; SQuAD 2.0: {unanswered} questions without an answer"]
        self.digest = digest([(p.context, [tuple(q)[1:] for q in p.questions]) for p in paragraphs] + [cut], self.texts)

    def _add(
        self, context: str, tokens: Encoding, question: SquadQuestion, tokenizer: Tokenizer, cut: tuple[int, int]
    ) -> None:
        ids = tokenizer.encode(question.text, special=tokenizer.typed_special, add_special_tokens=False).ids
        span = first_and_last(question.answers[0], tokens.offsets) if question.answers else None
        if question.answers and span is None:
            text = show(question.answers[0].text, 40)
            raise Error(f"{question.where}: expected an answer that the tokenizer finds tokens in, got {text}")
        try:
            windows = answer_spans.windows(ids, tokens.ids, tokenizer.frames.pair, *cut)
        except Error as error:
            raise Error(f"{question.where}: {error}") from None
        answers = [answer.text for answer in question.answers]
        self.asked.append(
            WindowedQuestion(context, answer_spans.word_extents(context, tokens, tokenizer), answers, windows)
        )
        self.labels.extend((0, 0) if span is None else label(window, *span) for window in windows)

    def batch(self, chosen: Sequence[int]) -> objective.Batch:
        """The chosen windows (B, T) and where in them the answers begin and end, each (B,)."""
        inputs = padded([self.texts[i] for i in chosen], self._pad)
        start, end = np.array([self.labels[i] for i in chosen]).T
        return objective.Batch(inputs, question_answering.Labels(start, end))

    def measures(self, logits: Sequence[Array], threshold: float | None = None) -> dict[str, float]:
        """logits: (T, 2) of each window, without padding -> loss; exact match and F1 of SQuAD, 1 at best.

        With questions that have no answer, the measures of SQuAD 2.0: no answer is given where the null score, start
        plus end logit of [CLS], exceeds the score of the best answer by more than the threshold (None: 0). The best_
        measures move that threshold; the threshold itself is best_..._threshold.
        """
        answers, nulls = [], []
        first = 0
        for asked in self.asked:
            end = first + len(asked.windows)
            text, score = best_answer(asked, logits[first:end])
            answers.append(text)
            nulls.append(answer_spans.null_score(logits[first:end]) - score)
            first = end
        losses = [_loss(values, label) for values, label in zip(logits, self.labels, strict=True)]
        right = [asked.answers for asked in self.asked]
        return {"loss": float(np.mean(losses)), **squad_scores.measures(answers, right, nulls, threshold or 0.0)}


def first_and_last(answer: GoldAnswer, offsets: Sequence[tuple[int, int]]) -> tuple[int, int] | None:
    """The first and the last token of the context that share a character with the answer; None if there are none."""
    end = answer.start + len(answer.text)
    touched = [i for i, (begin, stop) in enumerate(offsets) if begin < end and stop > answer.start]
    return (touched[0], touched[-1]) if touched else None


def label(window: Window, first: int, last: int) -> tuple[int, int]:
    """Where in the window the tokens of the context `first` and `last` are; [CLS] twice if not both are."""
    if first < window.first or last >= window.first + window.size:
        return 0, 0
    shift = window.begin - window.first
    return first + shift, last + shift


def best_answer(asked: WindowedQuestion, logits: Sequence[Array]) -> tuple[str, float]:
    """The stretch of the context with the best score over all windows, and that score; "" where no end follows a
    start.
    """
    spans = answer_spans.best_spans(asked.windows, logits)
    if not spans:
        return "", -math.inf
    return asked.context[asked.words[spans[0].first][0] : asked.words[spans[0].last][1]], spans[0].score


def _loss(logits: Array, label: tuple[int, int]) -> float:
    """The mean of the two cross-entropies of one window."""
    log_p, _ = log_softmax.forward(logits.T)  # (2, T)
    return -0.5 * float(log_p[0, label[0]] + log_p[1, label[1]])


def evaluate(examples: QuestionExamples, params: objective.Params, config: BertConfig) -> dict[str, float]:
    """Loss and the measures of SQuAD over all questions; see `QuestionExamples.measures`."""
    head = objective.head_params("question_answering", params)

    def logits(encoded: bert.Output, inputs: bert.Inputs) -> list[Array]:
        rows, _ = question_answering.forward(encoded, head, config)
        return [values[:n] for values, n in zip(rows, batching.lengths(inputs), strict=True)]

    rows = batching.run(examples.texts, params.bert, config, logits)
    return examples.measures(rows, config.null_score_diff_threshold)
