"""From a question and a context to windows that fit the model, and from start and end logits to the best answers.

A context longer than the model is read in windows that overlap by all but `stride` tokens. A token is then in
several windows; it is judged in the one where it has most context, counted on the side where it has less: the
max-context rule of Google's run_squad.py, which also says how ties fall (towards the longer window).

Letters: T tokens of a window.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from ..blocks import bert, softmax
from ..errors import Error, describe
from ..numerics.arrays import Array
from ..rules import as_integer
from ..tasks import question_answering
from ..tokenizer.frame import Frame
from ..tokenizer.interface import Encoding, Tokenizer
from . import batching, encoding
from .inputs import Text
from .outputs import Answer
from .run import Model, Options, finite, head, run
from .words import whole_words

STRIDE = 128
LONGEST_QUESTION = 64  # tokens; a longer one is cut
LONGEST_ANSWER = 30  # tokens


class Window(NamedTuple):
    """[CLS] question [SEP] part of the context [SEP]"""

    ids: list[int]
    segment_ids: list[int]
    begin: int  # where in ids the context begins
    first: int  # which token of the context that is
    size: int  # tokens of the context in this window


class Span(NamedTuple):
    """A stretch of the context in tokens, first and last, and the sum of its two logits."""

    first: int
    last: int
    score: float


def windows(
    question: Sequence[int], context: Sequence[int], frame: Frame, max_length: int, stride: int = STRIDE
) -> list[Window]:
    """Ids of the question and of the context, without special tokens -> windows of at most max_length ids.

    frame: the special tokens around a pair, `tokenizer.frames.pair`.
    """
    question = list(question[:LONGEST_QUESTION])
    room = max_length - len(question) - frame.added
    if room < 1 or stride < 1:
        raise Error(f"question: expected room for the context in {max_length} tokens, got {len(question)} without it")
    parts, first = [], 0
    while True:
        part = list(context[first : first + room])
        ids, segments, (_, begin) = frame.join([question, part])
        parts.append(Window(ids, segments, begin, first, len(part)))
        if first + len(part) >= len(context):
            return parts
        first += min(len(part), stride)


def judged_in(windows: Sequence[Window], tokens: int) -> list[int]:
    """For each token of the context the number of the window in which it has most context."""
    best = [-1] * tokens
    scores = [-1.0] * tokens
    for number, window in enumerate(windows):
        for i in range(window.size):
            score = min(i, window.size - 1 - i) + 0.01 * window.size
            if score > scores[window.first + i]:
                best[window.first + i], scores[window.first + i] = number, score
    return best


def best_spans(windows: Sequence[Window], logits: Sequence[Array], n_best: int = 20) -> list[Span]:
    """logits: (T, 2) for each window, start and end -> the n_best spans of the context, the best first.

    Of each window the n_best likeliest starts and ends are combined; a span begins where its window is the one that
    decides on the token, ends no earlier than it begins, and is at most LONGEST_ANSWER tokens long.
    """
    tokens = windows[-1].first + windows[-1].size
    judge = judged_in(windows, tokens)
    spans: dict[tuple[int, int], float] = {}
    for number, (window, values) in enumerate(zip(windows, logits, strict=True)):
        context = values[window.begin : window.begin + window.size]  # (tokens, 2)
        starts, ends = (np.argsort(-context[:, side], kind="stable")[:n_best] for side in (0, 1))
        for start in starts:
            if judge[window.first + start] != number:
                continue
            for end in ends:
                if start <= end < start + LONGEST_ANSWER:
                    place = (window.first + int(start), window.first + int(end))
                    score = float(context[start, 0] + context[end, 1])
                    spans[place] = max(score, spans.get(place, score))
    ranked = sorted(spans.items(), key=lambda item: (-item[1], item[0]))
    return [Span(first, last, score) for (first, last), score in ranked[:n_best]]


def null_score(logits: Sequence[Array]) -> float:
    """The score of no answer: start plus end logit of [CLS], the least of all windows, since one may hold the answer.

    logits: (T, 2) of each window. Source: run_squad.py of google-research/bert.
    """
    return min(float(values[0].sum()) for values in logits)


def word_extents(text: str, encoding: Encoding, tokenizer: Tokenizer) -> list[tuple[int, int]]:
    """For each token of a context the characters of the word it is a part of: answers begin and end at words.

    The context is encoded without special tokens around it.
    """
    extents: list[tuple[int, int]] = []
    for word in whole_words(text, encoding, range(len(encoding.ids)), tokenizer):
        extent = encoding.offsets[word[0]][0], encoding.offsets[word[-1]][1]
        extents += [extent] * len(word)
    return extents


def answer(
    model: Model,
    pairs: Sequence[tuple[Any, Any]],
    top_k: int,
    stride: int,
    threshold: float | None,
    options: Options,
) -> list[list[Answer]]:
    """pairs: a question and its context -> for each the top_k likeliest answers. Error: a context without words.

    threshold: the answer is none where the null score exceeds the best score by more than this (run_squad.py's
    null_score_diff_threshold); None: as the config says.
    """
    params = head(model, "question_answering")
    top_k, stride = as_integer("top_k", top_k, 1), as_integer("stride", stride, 1)
    if threshold is None:
        threshold = model.config.null_score_diff_threshold
    elif type(threshold) not in (int, float) or math.isnan(threshold):
        raise Error(f"threshold: expected a number, got {describe(threshold)}")
    names = [encoding.row_name(row, len(pairs)) for row in range(len(pairs))]
    asked = [_windows_of(model, name, *pair, stride, options.special) for name, pair in zip(names, pairs, strict=True)]

    def logits(encoded: bert.Output, batch: bert.Inputs) -> list[Array]:
        values = finite(question_answering.forward(encoded, params, model.config)[0])  # (B, T, 2)
        return [rows[:length].copy() for rows, length in zip(values, batching.lengths(batch), strict=True)]

    texts = [Text(window.ids, window.segment_ids) for _, question_windows in asked for window in question_windows]
    remaining = iter(run(model, texts, logits, options))
    results = []
    for (_, context), (words, question_windows) in zip(pairs, asked, strict=True):
        of_windows = [next(remaining) for _ in question_windows]
        spans = best_spans(question_windows, of_windows)
        null = None if threshold is None else (null_score(of_windows), threshold)
        results.append(_answers(context, words, spans, null)[:top_k])
    return results


def _windows_of(
    model: Model, name: str, question: Any, context: Any, stride: int, special: bool | None
) -> tuple[list[tuple[int, int]], list[Window]]:
    """The words of the tokens of the context, see word_extents, and its windows."""
    tokenizer = model.tokenizer
    question, context = (
        encoding.text(value, f"{name}: {kind}") for kind, value in (("question", question), ("context", context))
    )
    special = tokenizer.typed_special if special is None else special
    ids = tokenizer.encode(question, special=special, add_special_tokens=False).ids
    tokens = tokenizer.encode(context, special=special, add_special_tokens=False)
    if not tokens.ids:
        raise Error(f"{name}: context: expected a text with at least one word, got none")
    if not any(end > start for start, end in tokens.offsets):
        raise Error("tokenizer: expected tokens that stand in the text, got ids alone; spans cannot be shown")
    longest = model.config.max_position_embeddings
    return word_extents(context, tokens, tokenizer), windows(ids, tokens.ids, tokenizer.frames.pair, longest, stride)


def _answers(
    context: str, words: Sequence[tuple[int, int]], spans: Sequence[Span], null: tuple[float, float] | None
) -> list[Answer]:
    """The answers, the best first. null: the score of no answer and its threshold; None: there is always an answer."""
    places: dict[tuple[int, int], float] = {}
    for span in spans:  # of spans within the same words the first is the best
        places.setdefault((words[span.first][0], words[span.last][1]), span.score)
    scored = [(context[start:end], start, end, score) for (start, end), score in places.items()]
    if null is not None:
        score, threshold = null
        best = scored[0][3] if scored else -math.inf
        scored.insert(0 if score - best > threshold else len(scored), ("", 0, 0, score))
    if not scored:  # no likely end follows a likely start
        return []
    p, _ = softmax.forward(np.array([[score for *_, score in scored]]))
    return [Answer(*place, float(probability)) for place, probability in zip(scored, p[0], strict=True)]
