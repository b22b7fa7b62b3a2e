"""The cost ledger: what each kind of block takes in one forward and one backward pass, beside what it has to do.

clock.py says what it takes, costs.py what it has to do, machine.py what the machine could do at best. The longer of
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
from ..numerics.memory import Array, Pool
from ..numerics.threads import cores
from ..tasks import objective
from . import costs, machine
from .costs import Costs, Sizes
from .roofline import NOTHING, Ledger, Row
from .timer import Seconds, timed

MASKED = 0.15  # of the pieces, as in pretraining
SEED = 0


class Plan(NamedTuple):
    """What is run."""

    B: int = 1
    T: int = 128
    repeats: int = 5
    threads: int = 1  # of BLAS; everything else runs in one
    backward: bool = True
    dropout: bool = False


def profile(
    params: objective.Params, config: BertConfig, plan: Plan, progress: Callable[[int], object] = lambda done: None
) -> Ledger:
    """The median of each row over the repeats, after one pass that is not counted.

    With a backward pass the model is trained as a masked language model on 15 % of the pieces, if it has that head;
    else an arbitrary gradient comes from above. Without, it runs as at inference, where buffers are reused. `progress`
    is told of each pass (repeats + 1 of them). Error: the sizes do not fit the model, the machine or its memory.
    """
    dtype = params.bert.embedding.word.dtype
    check(config, plan, dtype)
    batch = _batch(config, plan, params.masked_lm is not None)
    asked = 0 if batch.labels is None else int((batch.labels != IGNORED).sum())
    sizes = Sizes(plan.B, plan.T, asked)
    found: list[tuple[Seconds, Seconds]] = []
    with threadpoolctl.threadpool_limits(plan.threads, user_api="blas"):
        peak = machine.peak(dtype)
        for _ in range(plan.repeats + 1):
            found.append(_pass(params, config, batch, plan))
            progress(1)
    forward, backward = (_medians([one[way] for one in found[1:]]) for way in (0, 1))
    rows = _rows(_due(params, config, sizes, plan), (forward, backward))
    return Ledger(sizes, config, dtype, plan.threads, plan.repeats, plan.backward, peak, rows)


def _due(params: objective.Params, config: BertConfig, sizes: Sizes, plan: Plan) -> tuple[Costs, Costs]:
    """What each row has to do, forward and backward."""
    has_pooler = params.bert.pooler is not None
    forward = costs.forward(config, sizes, has_pooler)
    backward = costs.backward(config, sizes, has_pooler) if plan.backward else {}
    if plan.dropout:
        forward[costs.DROPOUT] = costs.dropout_forward(config, sizes)
        backward[costs.DROPOUT] = costs.dropout_backward(config, sizes)
    return forward, backward


def _rows(due: tuple[Costs, Costs], seconds: tuple[Seconds, Seconds]) -> tuple[Row, ...]:
    """In the order of the forward pass. What has nothing to do, such as dropout that drops nothing, is in the rest."""
    forward, backward = due
    for taken in seconds:
        idle = [name for name in taken if name not in forward and name not in backward]
        taken[costs.REST] = sum(taken.pop(name) for name in idle) + taken.get(costs.REST, 0.0)
    return tuple(
        Row(
            name,
            forward.get(name, NOTHING),
            backward.get(name, NOTHING),
            seconds[0].get(name, 0.0),
            seconds[1].get(name, 0.0),
        )
        for name in costs.ROWS
        if name in forward or name in backward or name == costs.REST
    )


def check(config: BertConfig, plan: Plan, dtype: DTypeLike = np.float32) -> None:
    """Error: too long for the model, more threads than cores, more than the memory holds."""
    longest = config.max_position_embeddings
    if longest < plan.T:
        raise Error(f"length: expected at most {longest} (max_position_embeddings), got {plan.T}")
    if plan.threads > cores():
        raise Error(f"threads: expected at most {cores()}, the cores there are, got {plan.threads}")
    sizes = Sizes(plan.B, plan.T, round(MASKED * plan.T) * plan.B if plan.backward else 0)
    needed, free = np.dtype(dtype).itemsize * costs.kept_numbers(config, sizes), machine.free_memory()
    if free is not None and needed > free:
        raise Error(
            f"batch: expected one that fits into the {free / 1e9:.1f} GB of memory that are free, "
            f"got {plan.B} x {plan.T}, which needs about {needed / 1e9:,.1f} GB"
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


def _batch(config: BertConfig, plan: Plan, has_head: bool) -> objective.Batch:
    """Random pieces, none of them padding; labels on 15 % of each text, or None."""
    rng = np.random.default_rng(SEED)
    shape = (plan.B, plan.T)
    token = rng.integers(0, config.vocab_size, shape)
    position, segment = np.broadcast_to(np.arange(plan.T), shape), np.zeros(shape, np.int64)
    inputs = bert.Inputs(embedding.Ids(token, position, segment), None)
    if not (has_head and plan.backward):
        return objective.Batch(inputs, None)
    labels = np.full(shape, IGNORED)
    for row in range(plan.B):
        asked = rng.permutation(plan.T)[: max(1, round(MASKED * plan.T))]
        labels[row, asked] = token[row, asked]
    return objective.Batch(inputs, labels)


def _pass(params: objective.Params, config: BertConfig, batch: objective.Batch, plan: Plan) -> tuple[Seconds, Seconds]:
    """Seconds of each row, forward and backward."""
    rng = np.random.default_rng(SEED) if plan.dropout else None
    if not plan.backward:
        with timed() as forward:
            bert.forward(batch.inputs, params.bert, config, ws=Pool())
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


def _medians(found: list[Seconds]) -> Seconds:
    names = {name for one in found for name in one}
    return {name: statistics.median(one.get(name, 0.0) for one in found) for name in names}
