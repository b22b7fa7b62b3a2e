"""Measure what each kind of block takes in one forward and one backward pass, beside what it has to compute.

timer.py measures the time, costs.py counts the work, machine.py measures what the machine can do at best. The longer of
FLOPs / peak and bytes / bandwidth is the least time that a row can take, which says whether computing or memory bounds
it. Arrays that stay in the cache from one block to the next are faster than memory: such a row may need less than its
least time.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import threadpoolctl
from numpy.typing import DTypeLike

from ..blocks import bert, embedding
from ..blocks.cross_entropy import IGNORED
from ..config import BertConfig
from ..errors import Error
from ..numerics import tree
from ..numerics.arrays import Array
from ..numerics.threads import cores
from ..tasks import objective
from . import costs, machine
from .costs import Costs, Sizes
from .roofline import NOTHING, Profile, ProfileRow
from .timer import Seconds, timed

MASKED = 0.15  # of the tokens, as in pretraining
SEED = 0


class Workload(NamedTuple):
    """What is run."""

    B: int = 1
    T: int = 128
    repeats: int = 5
    threads: int = 1  # of BLAS; everything else runs in one
    backward: bool = True
    dropout: bool = False


def measure(
    params: objective.Params,
    config: BertConfig,
    workload: Workload,
    progress: Callable[[int], object] = lambda done: None,
) -> Profile:
    """The median of each row over the repeats, after one pass that is not counted.

    With a backward pass the model is trained as a masked language model on 15 % of the tokens, if it has that head;
    else an arbitrary gradient comes from above. Without, it runs as at inference, where buffers are reused. `progress`
    is called after each pass (repeats + 1 of them). Error: the sizes do not fit the model, the machine or its memory.
    """
    dtype = params.bert.embedding.word.dtype
    check(config, workload, dtype)
    batch = _batch(config, workload, params.masked_lm is not None)
    masked = 0 if batch.labels is None else int((batch.labels != IGNORED).sum())
    sizes = Sizes(workload.B, workload.T, masked)
    passes: list[tuple[Seconds, Seconds]] = []
    with threadpoolctl.threadpool_limits(workload.threads, user_api="blas"):
        peak = machine.peak(dtype)
        for _ in range(workload.repeats + 1):
            passes.append(_pass(params, config, batch, workload))
            progress(1)
    forward, backward = (_medians([seconds[way] for seconds in passes[1:]]) for way in (0, 1))
    rows = _rows(_due(params, config, sizes, workload), (forward, backward))
    return Profile(sizes, config, dtype, workload.threads, workload.repeats, workload.backward, peak, rows)


def _due(params: objective.Params, config: BertConfig, sizes: Sizes, workload: Workload) -> tuple[Costs, Costs]:
    """What each row has to do, forward and backward."""
    has_pooler = params.bert.pooler is not None
    forward = costs.forward(config, sizes, has_pooler)
    backward = costs.backward(config, sizes, has_pooler) if workload.backward else {}
    if workload.dropout:
        forward[costs.DROPOUT] = costs.dropout_forward(config, sizes)
        backward[costs.DROPOUT] = costs.dropout_backward(config, sizes)
    return forward, backward


def _rows(due: tuple[Costs, Costs], seconds: tuple[Seconds, Seconds]) -> tuple[ProfileRow, ...]:
    """In the order of the forward pass. What has nothing to do, such as dropout that drops nothing, is in the rest."""
    forward, backward = due
    for taken in seconds:
        idle = [name for name in taken if name not in forward and name not in backward]
        taken[costs.REST] = sum(taken.pop(name) for name in idle) + taken.get(costs.REST, 0.0)
    return tuple(
        ProfileRow(
            name,
            forward.get(name, NOTHING),
            backward.get(name, NOTHING),
            seconds[0].get(name, 0.0),
            seconds[1].get(name, 0.0),
        )
        for name in costs.ROWS
        if name in forward or name in backward or name == costs.REST
    )


def check(config: BertConfig, workload: Workload, dtype: DTypeLike = np.float32) -> None:
    """Error: too long for the model, more threads than cores, more than the memory holds."""
    longest = config.max_position_embeddings
    if longest < workload.T:
        raise Error(f"length: expected at most {longest} (max_position_embeddings), got {workload.T}")
    if workload.threads > cores():
        raise Error(f"threads: expected at most {cores()}, the cores there are, got {workload.threads}")
    sizes = Sizes(workload.B, workload.T, round(MASKED * workload.T) * workload.B if workload.backward else 0)
    needed, free = np.dtype(dtype).itemsize * costs.kept_numbers(config, sizes), machine.free_memory()
    if free is not None and needed > free:
        raise Error(
            f"batch: expected one that fits into the {free / 1e9:.1f} GB of memory that are free, "
            f"got {workload.B} x {workload.T}, which needs about {needed / 1e9:,.1f} GB"
        )


def random_params(config: BertConfig) -> objective.Params:
    """A model with a masked-LM head and random weights, for times alone: they do not depend on the weights."""
    rng = np.random.default_rng(SEED)

    def draw(name: str, shape: tree.Shape) -> Array:
        drawn = rng.standard_normal(shape.dims, np.float32)
        drawn *= np.float32(config.initializer_range)
        if name.endswith("gamma"):
            drawn += np.float32(1)
        return drawn

    drawn: objective.Params = tree.map_named(draw, objective.shapes(config, ("masked_lm",)))
    return drawn


def _batch(config: BertConfig, workload: Workload, has_head: bool) -> objective.Batch:
    """Random tokens, none of them padding; labels on 15 % of each text, or None."""
    rng = np.random.default_rng(SEED)
    shape = (workload.B, workload.T)
    token = rng.integers(0, config.vocab_size, shape)
    position, segment = np.broadcast_to(np.arange(workload.T), shape), np.zeros(shape, np.int64)
    inputs = bert.Inputs(embedding.Ids(token, position, segment), None)
    if not (has_head and workload.backward):
        return objective.Batch(inputs, None)
    labels = np.full(shape, IGNORED)
    for row in range(workload.B):
        masked = rng.permutation(workload.T)[: max(1, round(MASKED * workload.T))]
        labels[row, masked] = token[row, masked]
    return objective.Batch(inputs, labels)


def _pass(
    params: objective.Params, config: BertConfig, batch: objective.Batch, workload: Workload
) -> tuple[Seconds, Seconds]:
    """Seconds of each row, forward and backward."""
    rng = np.random.default_rng(SEED) if workload.dropout else None
    if not workload.backward:
        with timed() as forward:
            bert.forward(batch.inputs, params.bert, config, keep="nothing")
        return forward, {}
    if batch.labels is None:
        with timed() as forward:
            encoded, bert_cache = bert.forward(batch.inputs, params.bert, config, rng)
        with timed() as backward:
            bert.backward(bert.Output(encoded.hidden, None), bert_cache)
        return forward, backward
    with timed() as forward:
        _, cache = objective.forward("masked_lm", batch, params, config, rng)
    with timed() as backward:
        objective.backward(1.0, cache)
    return forward, backward


def _medians(passes: list[Seconds]) -> Seconds:
    names = {name for seconds in passes for name in seconds}
    return {name: statistics.median(seconds.get(name, 0.0) for seconds in passes) for name in names}
