"""What the answers of all heads have in common: the model, its heads, and texts that run through it in batches."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Protocol, TypeVar

import numpy as np

from ..blocks import bert
from ..config import BertConfig
from ..errors import Error, describe, show
from ..numerics.arrays import Array
from ..rules import as_integer
from ..tasks import objective
from ..tokenizer.function import FunctionTokenizer
from ..tokenizer.interface import Tokenizer
from . import batching, encoding
from .inputs import Text

Result = TypeVar("Result")
Progress = bool | Callable[[int], object] | None


class Model(Protocol):
    """What inference needs of a `Bert`."""

    @property
    def config(self) -> BertConfig: ...
    @property
    def params(self) -> objective.Params: ...
    @property
    def tokenizer(self) -> Tokenizer: ...
    @property
    def path(self) -> Path | None: ...
    @property
    def heads(self) -> tuple[str, ...]: ...
    @property
    def closed(self) -> Mapping[str, Error]: ...


class Options(NamedTuple):
    """How texts are run, for any method."""

    progress: Progress = None  # called with how many texts are done since the last call; True: a counter on stderr
    threads: int | None = None  # how many batches are computed at once; None: one for each core of this process
    special: bool | None = None  # whether "[SEP]" typed in a text is the special token; None: as the folder has it


def head(model: Model, task: str) -> Any:
    """The parameters of a head. Error: the model lacks it, with the heads it has, or why it cannot be used."""
    if not isinstance(task, str) or task not in objective.HEADS:
        raise Error(f"task: expected one of {', '.join(objective.HEADS)}, got {show(task)}")
    if task in model.closed:
        raise model.closed[task]
    if task not in model.heads:
        present = ", ".join(model.heads) or "none"
        expected = f"expected a {task} head, got a checkpoint with heads: {present}"
        raise Error(f"{model.path or 'model'}: {expected}; load one that has it, or train it")
    return objective.head_params(task, model.params)


def run(
    model: Model,
    texts: Sequence[Text],
    results: Callable[[bert.Output, bert.Inputs], Sequence[Result]],
    options: Options,
    rows: batching.Rows = batching.all_rows,
) -> list[Result]:
    """One result for each text, in order. `results` makes them of an encoded batch; they must not be views of it.

    rows: which hidden states it reads.
    """
    _check_ids(model, texts)
    threads = None if options.threads is None else as_integer("threads", options.threads, 1)
    progress = _reporter(options.progress, len(texts))
    return batching.run(texts, model.params.bert, model.config, results, progress, threads, rows)


def _check_ids(model: Model, texts: Sequence[Text]) -> None:
    """A tokenizer may have tokens, and a pair a segment, that the model has no rows for."""
    V, segments = model.config.vocab_size, model.config.type_vocab_size
    tokens = model.tokenizer.tokens
    may_exceed = not 0 < len(tokens) <= V or isinstance(model.tokenizer, FunctionTokenizer)  # which may give any id
    if segments > 1 and not may_exceed:
        return
    for row, (ids, segment_ids) in enumerate(texts):
        name = encoding.row_name(row, len(texts))
        if segments == 1 and segment_ids is not None and max(segment_ids, default=0) > 0:
            raise Error(f"{name}: expected a single text, the model having one segment (type_vocab_size=1), got a pair")
        if may_exceed and max(ids, default=0) >= V:
            token = f"{show(tokens[max(ids)])} with " if max(ids) < len(tokens) else ""
            raise Error(f"{name}: expected tokens with an id below vocab_size={V}, got {token}{max(ids)}")


def _reporter(progress: Progress, total: int) -> Callable[[int], object]:
    if progress is None or progress is False:
        return lambda done: None
    if progress is True:
        return _Counter(total)
    if not callable(progress):
        raise Error(f"progress: expected True, False or a function, got {describe(progress)}")
    return progress


class _Counter:
    """`progress=True`: a line on stderr that counts the texts."""

    def __init__(self, total: int) -> None:
        self._done, self._total = 0, total

    def __call__(self, more: int) -> None:
        self._done += more
        if sys.stderr is not None:
            end = "\n" if self._done == self._total else ""
            sys.stderr.write(f"\r{self._done} of {self._total} texts{end}")
            sys.stderr.flush()


def finite(outputs: Array) -> Array:
    """The outputs, if all of them are numbers."""
    if not np.isfinite(outputs).all():
        raise Error("outputs: expected finite numbers, got NaN or infinity; the weights are damaged or out of range")
    return outputs
