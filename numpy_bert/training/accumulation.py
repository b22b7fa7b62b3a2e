"""1/n Σ_i l_i = Σ_j (n_j / n) · 1/n_j Σ_{i in microbatch j} l_i

The gradient of a large batch, computed microbatch by microbatch. A loss is a mean over the rows that carry a label, and
microbatches may have different numbers n_j of those. So the mean of each counts n_j / n: the plain mean of the means
would be another loss. Pretraining has two means with different n (masked tokens, texts), and each has its own weights.

One loss depends on the padding of its batch: the softmax of question answering is over all T positions, as in the
published code. There the microbatches equal the whole batch where they are padded to the same length.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..blocks import encoder
from ..blocks.cross_entropy import IGNORED
from ..config import BertConfig
from ..inference.overflow import watched
from ..numerics import tree
from ..numerics.arrays import Array
from ..numerics.threads import ordered_map
from ..tasks import objective

LOWER = "a lower learning rate may help"


def gradients(
    task: str,
    microbatches: Sequence[objective.Batch],
    params: objective.Params,
    config: BertConfig,
    rng: np.random.Generator | None = None,
    keep: encoder.Keep = "caches",
) -> tuple[float, objective.Params]:
    """The loss of the whole batch and its gradient with respect to every parameter; exact up to rounding.

    Microbatches are computed in parallel, one on each core, and added in their order, so the number of cores changes no
    bit of the result. Each microbatch has its own generator for dropout; without `rng` there is no dropout.
    Error: an overflow in the forward pass, with its layer.
    """
    counts = [tree.map(count_labels, microbatch.labels) for microbatch in microbatches]
    totals = tree.map(lambda *n: max(1, sum(n)), *counts)
    seeds = [None] * len(microbatches) if rng is None else rng.integers(2**63, size=len(microbatches)).tolist()

    def loss_and_gradients(job: tuple[objective.Batch, Any, int | None]) -> tuple[float, objective.Params]:
        microbatch, count, seed = job
        weights = tree.map(lambda n, total: n / total, count, totals)
        own_rng = None if seed is None else np.random.default_rng(seed)
        read = objective.only_read(task, microbatch)
        with watched(microbatch.inputs, params.bert, config, LOWER):
            loss, cache = objective.forward(task, read, params, config, own_rng, keep)
        return _weighted(objective.losses(loss, cache), weights), objective.backward(weights, cache)

    jobs = list(zip(microbatches, counts, seeds, strict=True))
    results = ordered_map(loss_and_gradients, jobs) if len(jobs) > 1 else map(loss_and_gradients, jobs)
    loss, summed = 0.0, None
    for partial_loss, dparams in results:  # a single microbatch leaves the cores to BLAS
        loss += partial_loss
        # Nobody else holds the arrays of a gradient, so the sum may overwrite its first term.
        summed = dparams if summed is None else tree.map(lambda a, b: np.add(a, b, out=a), summed, dparams)
    assert summed is not None, "a step has at least one microbatch"
    return loss, summed


def count_labels(labels: Array) -> int:
    """The number of rows that a loss counts. The targets of a regression are floats, and all count."""
    return labels.size if labels.dtype.kind == "f" else int((labels != IGNORED).sum())


def _weighted(losses: Any, weights: Any) -> float:
    pairs = zip(tree.leaves(losses), tree.leaves(weights), strict=True)
    return float(sum(float(loss) * weight for loss, weight in pairs))
