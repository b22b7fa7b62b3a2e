"""One chunk of a job: texts in, rows as they will be stored out. The same here and on a worker of a cluster."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from ..checkpoints.fingerprint import fingerprint
from ..errors import Error
from ..inference import encoding, vectors
from ..inference.run import Options
from ..model import Bert
from ..numerics.memory import Array
from .texts_file import Chunk


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
) -> Embedded:
    """progress is called with how many texts are done since the last time.

    Error: a number that is NaN, or beyond what the dtype holds.
    """
    texts, cut = encoding.encode_counting(bert.tokenizer, chunk.texts, vectors.limit(bert, bert.pooling))
    embedded = vectors.of_sentences(bert, bert.pooling, texts, Options(progress, workers))
    with np.errstate(over="ignore"):
        stored = embedded.astype(dtype, copy=False)
    if not np.isfinite(stored).all():  # the vectors were
        line = chunk.row + 1 + int(np.flatnonzero(~np.isfinite(stored).all(axis=1))[0])
        largest = float(np.abs(embedded[line - chunk.row - 1]).max())
        raise Error(f"line {line}: expected a vector of numbers that {dtype} holds, got {largest:g}")
    return Embedded(chunk.row, stored, cut)


def model_sha256(bert: Bert) -> str:
    """Of whatever sentence vectors depend on: the pooler and the heads have no part in them."""
    return fingerprint(bert.params.bert._replace(pooler=None), bert.config, bert.tokenizer)
