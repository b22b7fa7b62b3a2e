"""Many texts in, one result for each out, in the caller's order.

Texts are sorted by length and cut into batches of some 750 tokens: texts of like length share a batch, most
often of the very same length, so little of it is padding, and a batch fits the processor's cache. Each core has a
worker. Texts that are the same are computed once.
"""

from __future__ import annotations

import contextlib
import copy
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

import numpy as np

from ..blocks import bert
from ..config import BertConfig
from ..numerics.arrays import Array
from ..numerics.threads import cores, ordered_map, single_blas_thread, thread_team, turn
from ..tasks.rows import cls
from .inputs import Text, padded
from .overflow import watched

TOKENS = 768  # in one batch, padding included; a longer text makes a batch of its own
FEWEST = 256  # below so many, one batch with all cores in its products is faster than several

Result = TypeVar("Result")
Rows = Callable[[bert.Inputs], Array | None]  # of a batch: see bert.Inputs.rows


def batches(lengths: Sequence[int], tokens: int = TOKENS, workers: int = 1) -> Iterator[list[int]]:
    """Positions of texts that go through the model together, the longest texts first.

    Towards the end they are smaller, so that several workers are done at about the same time.
    """
    order = sorted(range(len(lengths)), key=lambda i: -lengths[i])
    start, left = 0, sum(lengths)
    while start < len(order):
        longest = max(1, lengths[order[start]])
        room = min(tokens, max(FEWEST, left // (2 * workers))) if workers > 1 else tokens
        size = max(1, room // longest)
        group = order[start : start + size]
        alike = sum(lengths[i] == lengths[group[0]] for i in group)
        if 2 * alike * longest >= room:  # half full of texts of one length: such a batch needs no padding, no mask
            group = group[:alike]
        yield group
        start += len(group)
        left -= sum(lengths[i] for i in group)


def all_rows(inputs: bert.Inputs) -> None:
    """Every hidden state is read."""


def cls_rows(inputs: bert.Inputs) -> Array:
    """[CLS] alone is read, through the pooler or without it."""
    return cls(len(inputs.ids.token))


def run(
    texts: Sequence[Text],
    params: bert.Params,
    config: BertConfig,
    read: Callable[[bert.Output, bert.Inputs], Sequence[Result]],
    progress: Callable[[int], object] = lambda done: None,
    workers: int | None = None,
    rows: Rows = all_rows,
) -> list[Result]:
    """What `read` makes of each text, in their order; computed by one worker for each core, or by as many as `workers`
    says.

    `read` gets the encoded batch and returns one result for each of its texts. A view of it would keep all of it.
    rows: which hidden states of a batch it reads; None: all.
    """
    results: list[Any] = [None] * len(texts)
    places = _places(texts)

    def encode(chosen: list[int]) -> tuple[list[int], Sequence[Result]]:
        inputs = padded([texts[places[i][0]] for i in chosen], config.pad_token_id)
        inputs = inputs._replace(rows=rows(inputs))
        with turn() if alone else contextlib.nullcontext(), watched(inputs, params, config):
            encoded, _ = bert.forward(inputs, params, config, keep="nothing")
        return chosen, read(encoded, inputs)

    counted = [len(texts[first].ids) for first, *_ in places]
    threads = workers or cores()
    share = sum(counted) // threads  # with less than a batch for each, smaller ones, so that no core is idle
    groups = list(batches(counted, min(TOKENS, max(FEWEST, share)), threads if share > TOKENS else 1))
    # A single batch has no other beside it. In a large one the cores share out products and heads. A small one stays in
    # one thread: BLAS threads wait for each other, on a busy core for longer than they save.
    alone = workers is None and len(groups) <= 1
    with thread_team() if alone and sum(counted) >= FEWEST else single_blas_thread():
        for chosen, group_results in map(encode, groups) if alone else ordered_map(encode, groups, workers):
            for i, result in zip(chosen, group_results, strict=True):
                first, *others = places[i]
                results[first] = result
                for other in others:
                    results[other] = copy.deepcopy(result)  # so that changing one of them changes no other
            progress(sum(len(places[i]) for i in chosen))
    return results


def _places(texts: Sequence[Text]) -> list[list[int]]:
    """For each text that differs from those before it: where it stands, everywhere."""
    places: dict[tuple[bytes, bytes], list[int]] = {}
    for i, (ids, segments) in enumerate(texts):
        key = np.asarray(ids, np.int32).tobytes(), b"" if segments is None else np.asarray(segments, np.int32).tobytes()
        places.setdefault(key, []).append(i)
    return list(places.values())


def lengths(inputs: bert.Inputs) -> Array:
    """(B,) tokens of each text, without its padding."""
    B, T = inputs.ids.token.shape
    if inputs.mask is None:
        return np.full(B, T)
    counted: Array = inputs.mask.sum(axis=1)
    return counted
