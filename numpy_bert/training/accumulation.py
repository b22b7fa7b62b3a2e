"""1/n Σ_i l_i = Σ_j (n_j / n) · 1/n_j Σ_{i in part j} l_i

The gradient of a large batch, computed part by part. A loss is a mean over the rows that carry a label, and the parts
may have different numbers n_j of those, so each part's mean counts n_j / n: adding up the plain means of the parts
would be another loss. Pretraining has two means with different n (masked pieces, texts), and each has its own weights.

One loss depends on the padding of its batch: the softmax of question answering is over all T places, as in the
published code. Its parts equal the whole where they are padded as wide.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..blocks.cross_entropy import IGNORED
from ..config import BertConfig
from ..numerics import tree
from ..numerics.memory import FRESH, Array, Fresh
from ..numerics.threads import spread
from ..tasks import objective


def gradients(
    task: str,
    parts: Sequence[objective.Batch],
    params: objective.Params,
    config: BertConfig,
    rng: np.random.Generator | None = None,
    ws: Fresh = FRESH,
) -> tuple[float, objective.Params]:
    """The loss of all parts together and its gradient by every parameter; exact but for rounding.

    The parts are computed side by side, one on each core, and added up in their order, so the number of cores changes
    no bit of the result. Each part has a generator of its own for dropout; without a generator there is none.
    """
    counts = [tree.map(labelled, part.labels) for part in parts]
    total = tree.map(lambda *n: max(1, sum(n)), *counts)
    seeds = [None] * len(parts) if rng is None else rng.integers(2**63, size=len(parts)).tolist()

    def one(work: tuple[objective.Batch, Any, int | None]) -> tuple[float, objective.Params]:
        part, count, seed = work
        weights = tree.map(lambda n, all_n: n / all_n, count, total)
        own_rng = None if seed is None else np.random.default_rng(seed)
        loss, cache = objective.forward(task, part, params, config, own_rng, ws)
        return _weighted(objective.losses(loss, cache), weights), objective.backward(weights, cache)

    work = list(zip(parts, counts, seeds, strict=True))
    value, summed = 0.0, None
    for loss, dparams in spread(one, work) if len(work) > 1 else map(one, work):  # BLAS may spread a single one
        value += loss
        # The arrays of a gradient belong to nobody else, so the sum may take the place of its first summand.
        summed = dparams if summed is None else tree.map(lambda a, b: np.add(a, b, out=a), summed, dparams)
    assert summed is not None, "a step has at least one part"
    return value, summed


def labelled(labels: Array) -> int:
    """The rows that a loss counts. The targets of a regression are floating point and all count."""
    return labels.size if labels.dtype.kind == "f" else int((labels != IGNORED).sum())


def _weighted(losses: Any, weights: Any) -> float:
    pairs = zip(tree.leaves(losses), tree.leaves(weights), strict=True)
    return float(sum(float(loss) * weight for loss, weight in pairs))
