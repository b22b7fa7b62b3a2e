"""One chunk of a job: texts in, rows as they will be stored out. The same here and on a worker of a cluster."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from ..checkpoints.fingerprint import fingerprint
from ..checkpoints.sentence_steps import Dense, Normalize, Step
from ..errors import Error
from ..inference import encoding, vectors
from ..inference.run import Options
from ..inference.vectors import Form
from ..model import Bert
from ..numerics.arrays import Array
from .texts_file import Chunk

PLAIN = Form()


class Embedded(NamedTuple):
    row: int  # of the first vector, from 0
    vectors: Array  # (m, H)
    cut: int  # how many texts were longer than the model takes


def embed(
    bert: Bert,
    chunk: Chunk,
    dtype: str,
    workers: int | None = None,
    progress: Callable[[int], object] = lambda done: None,
    form: Form = PLAIN,
) -> Embedded:
    """progress is called with how many texts are done since the last time.

    Error: a number that is NaN, or beyond what the dtype holds.
    """
    try:
        texts, cut = vectors.encode(bert, chunk.texts, form)
        embedded = vectors.of_sentences(bert, texts, form, Options(progress, workers))
    except Error as error:
        row, text = encoding.split_row(error)
        raise error if row is None else Error(f"row {chunk.row + row}: {text}") from None
    with np.errstate(over="ignore"):
        stored = embedded.astype(dtype, copy=False)
    if not np.isfinite(stored).all():  # the vectors were
        row = int(np.flatnonzero(~np.isfinite(stored).all(axis=1))[0])
        largest = float(np.abs(embedded[row]).max())
        raise Error(f"row {chunk.row + row}: expected a vector of numbers that {dtype} holds, got {largest:g}")
    return Embedded(chunk.row, stored, cut)


def model_sha256(bert: Bert) -> str:
    """The hash of everything that sentence vectors depend on, which the pooler and the heads are not."""
    encoder = bert.params.bert._replace(pooler=None)
    learned = tuple(_learned(step) for step in bert.pooling.steps if not isinstance(step, Normalize))
    return fingerprint((encoder, learned) if learned else encoder, bert.config, bert.tokenizer)


def _learned(step: Step) -> Any:
    """The arrays of a step."""
    if isinstance(step, Dense) and step.residual is not None:
        return step.linear, step.residual
    return step[0]


def pooling_settings(bert: Bert) -> dict[str, Any]:
    """What a manifest says of the way from tokens to a vector."""
    return {
        "pooling": bert.pooling.pooling,
        "steps": [type(step).__name__ for step in bert.pooling.steps],
        "include_prompt": bert.pooling.include_prompt,
    }
