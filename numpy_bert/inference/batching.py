"""Many texts in, one result for each out, in the caller's order.

Texts are sorted by length and cut into batches of about a thousand pieces: texts of like length share a batch, most
often of the very same length, so little of it is padding, and a batch fits the processor's cache. Each core has a
worker with a memory pool of its own, which serves batch after batch and, as there is one for each core, run after run.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

import numpy as np

from ..blocks import bert
from ..config import BertConfig
from ..numerics.memory import Array, Pool
from ..numerics.threads import cores, spread, team
from .inputs import Text, padded

PIECES = 1024  # in one batch, padding included; a longer text makes a batch of its own
FEWEST = 256  # below so many, one batch with all cores in its products is faster than several

Result = TypeVar("Result")

_idle: list[Pool] = []  # of runs that are over: new memory takes longer than the arithmetic of many a step


def batches(lengths: Sequence[int], pieces: int = PIECES, workers: int = 1) -> Iterator[list[int]]:
    """Positions of texts that go through the model together, the longest texts first.

    Towards the end they are smaller, so that several workers are done at about the same time.
    """
    order = sorted(range(len(lengths)), key=lambda i: -lengths[i])
    start, left = 0, sum(lengths)
    while start < len(order):
        longest = max(1, lengths[order[start]])
        room = min(pieces, max(FEWEST, left // (2 * workers))) if workers > 1 else pieces
        many = max(1, room // longest)
        group = order[start : start + many]
        alike = sum(lengths[i] == lengths[group[0]] for i in group)
        if 2 * alike * longest >= room:  # half full of texts of one length: such a batch needs no padding, no mask
            group = group[:alike]
        yield group
        start += len(group)
        left -= sum(lengths[i] for i in group)


def run(
    texts: Sequence[Text],
    params: bert.Params,
    config: BertConfig,
    read: Callable[[bert.Output, bert.Inputs], Sequence[Result]],
    progress: Callable[[int], object] = lambda done: None,
    workers: int | None = None,
) -> list[Result]:
    """What `read` makes of each text, in their order; computed by one worker for each core, or by as many as told.

    `read` gets the encoded batch and returns one result for each of its texts, which must not be a view of it: the
    memory serves the next batch.
    """
    results: list[Any] = [None] * len(texts)
    own = threading.local()  # a pool for each worker
    taken: list[Pool] = []

    def one(chosen: list[int]) -> tuple[list[int], Sequence[Result]]:
        if not hasattr(own, "pool"):
            own.pool = _take()
            taken.append(own.pool)
        inputs = padded([texts[i] for i in chosen], config.pad_token_id)
        encoded, _ = bert.forward(inputs, params, config, ws=own.pool)
        found = read(encoded, inputs)
        own.pool.release(*(output for output in encoded if output is not None))
        return chosen, found

    counted = [len(text.ids) for text in texts]
    many = workers or cores()
    share = sum(counted) // many  # with less than a batch for each, smaller ones: nobody stands idle
    groups = list(batches(counted, min(PIECES, max(FEWEST, share)), many if share > PIECES else 1))
    # A single batch has no other beside it. In a large one the cores share out products and heads; in a small one BLAS
    # may use them, whose threads do not sleep between two products.
    alone = workers is None and len(groups) <= 1
    with team() if alone and sum(counted) >= FEWEST else contextlib.nullcontext():
        for chosen, found in map(one, groups) if alone else spread(one, groups, workers):
            for i, result in zip(chosen, found, strict=True):
                results[i] = result
            progress(len(chosen))
    _idle.extend(taken[: max(0, cores() - len(_idle))])
    return results


def _take() -> Pool:
    try:
        return _idle.pop()
    except IndexError:
        return Pool()


def lengths(inputs: bert.Inputs) -> Array:
    """(B,) tokens of each text, without its padding."""
    B, T = inputs.ids.token.shape
    if inputs.mask is None:
        return np.full(B, T)
    counted: Array = inputs.mask.sum(axis=1)
    return counted
