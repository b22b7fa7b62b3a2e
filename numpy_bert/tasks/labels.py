"""Labels as a caller hands them over, checked, as the `loss` of each task wants them."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..blocks.cross_entropy import IGNORED
from ..config import BertConfig
from ..errors import Error
from ..numerics.memory import Array
from . import pretraining, question_answering


def labels(task: str, given: Any, shape: tuple[int, int], config: BertConfig) -> Any:
    """The labels of a batch of shape (B, T). Pretraining takes a pair (masked_lm, next_sentence), question answering a
    pair (start, end); every other task one array.
    """
    B, T = shape
    if task == "pretraining":
        masked, follows = _pair(given, "masked_lm (B, T) and next_sentence (B,)")
        return pretraining.Labels(
            labels("masked_lm", masked, shape, config), labels("next_sentence", follows, shape, config)
        )
    if task == "question_answering":
        start, end = _pair(given, "start (B,) and end (B,)")
        return question_answering.Labels(_classes(start, (B,), T), _classes(end, (B,), T))
    if task == "masked_lm":
        return _classes(given, (B, T), config.vocab_size)
    if task == "next_sentence":
        return _classes(given, (B,), 2)
    if task == "token_classification":
        return _classes(given, (B, T), config.num_labels)
    if task == "multiple_choice":
        questions = np.size(given)
        if questions == 0 or B % questions:
            raise Error(f"labels: expected one for each question, K texts a question, got {questions} for {B} texts")
        return _classes(given, (questions,), B // questions)
    if config.is_regression:
        return _values(given, (B,))
    return _classes(given, (B,), config.num_labels)


def _pair(given: Any, what: str) -> tuple[Any, Any]:
    if not isinstance(given, (tuple, list)) or len(given) != 2:
        raise Error(f"labels: expected a pair, {what}")
    return given[0], given[1]


def _array(given: Any, shape: tuple[int, ...]) -> Array:
    try:
        array = np.asarray(given)
    except (ValueError, TypeError):
        raise Error(f"labels: expected an array of shape {shape}, got ragged rows") from None
    if array.shape != shape:
        raise Error(f"labels: expected shape {shape}, got {array.shape}")
    return array


def _classes(given: Any, shape: tuple[int, ...], classes: int) -> Array:
    array = _array(given, shape)
    if array.dtype.kind not in "iu":
        raise Error(f"labels: expected integers, got {array.dtype}")
    bad = array[(array != IGNORED) & ((array < 0) | (array >= classes))]
    if bad.size:
        raise Error(f"labels: expected 0 to {classes - 1}, or {IGNORED} to ignore, got {bad[0]}")
    return array


def _values(given: Any, shape: tuple[int, ...]) -> Array:
    array = _array(given, shape)
    if array.dtype.kind not in "iuf" or not np.isfinite(array).all():
        raise Error(f"labels: expected finite numbers for a regression, got {array.dtype}")
    return array
