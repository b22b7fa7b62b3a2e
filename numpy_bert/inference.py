"""Many texts in, one result for each out, in the caller's order.

Texts are sorted by length and cut into batches of about a thousand pieces: texts of like length share a batch, so
little of it is padding, and a batch fits the processor's cache. Each core has a worker with a memory pool of its own,
which serves batch after batch.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

import numpy as np

from .blocks import bert
from .config import BertConfig
from .inputs import Text, padded
from .memory import Array, Pool
from .threads import spread

PIECES = 1024  # in one batch, padding included; a longer text makes a batch of its own

Result = TypeVar("Result")


def batches(lengths: Sequence[int], pieces: int = PIECES) -> Iterator[list[int]]:
    """Positions of texts that go through the model together, the longest texts first."""
    order = sorted(range(len(lengths)), key=lambda i: -lengths[i])
    start = 0
    while start < len(order):
        many = max(1, pieces // max(1, lengths[order[start]]))
        yield order[start : start + many]
        start += many


def run(
    texts: Sequence[Text],
    params: bert.Params,
    config: BertConfig,
    read: Callable[[bert.Output, bert.Inputs], Sequence[Result]],
    progress: Callable[[int], object] = lambda done: None,
) -> list[Result]:
    """What `read` makes of each text, in their order.

    `read` gets the encoded batch and returns one result for each of its texts, which must not be a view of it: the
    memory serves the next batch.
    """
    results: list[Any] = [None] * len(texts)
    own = threading.local()  # a pool for each worker

    def one(chosen: list[int]) -> tuple[list[int], Sequence[Result]]:
        if not hasattr(own, "pool"):
            own.pool = Pool()
        inputs = padded([texts[i] for i in chosen], config.pad_token_id)
        encoded, _ = bert.forward(inputs, params, config, ws=own.pool)
        found = read(encoded, inputs)
        own.pool.release(*(output for output in encoded if output is not None))
        return chosen, found

    groups = list(batches([len(text.ids) for text in texts]))
    # A single batch has nothing to share out: BLAS may have all cores for it.
    for chosen, found in spread(one, groups) if len(groups) > 1 else map(one, groups):
        for i, result in zip(chosen, found, strict=True):
            results[i] = result
        progress(len(chosen))
    return results


def lengths(inputs: bert.Inputs) -> Array:
    """(B,) tokens of each text, without its padding."""
    B, T = inputs.ids.token.shape
    if inputs.mask is None:
        return np.full(B, T)
    counted: Array = inputs.mask.sum(axis=1)
    return counted
