"""y = m x / (1 - p),   m_i = 0 with probability p, else 1

Dropout (Srivastava et al., JMLR 15, 2014) in its inverted form: what is kept is scaled up, so that the mean of y is x
and nothing is left to do at inference.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ..numerics.arrays import Array
from ..numerics.scatter import take_rows


class Dropout(NamedTuple):
    """How much to drop, and where the draws come from. Without a generator nothing is dropped.

    With rows (B, M), x holds M of the T rows of each text (axis -2). Each draws what it would draw among all T.
    """

    p: float = 0.0
    rng: np.random.Generator | None = None
    rows: Array | None = None  # (B, M) integers below T
    T: int = 0  # needed with rows alone


NONE = Dropout()


class Cache(NamedTuple):
    """The mask as booleans (a byte a place); None where nothing was dropped."""

    kept: Array | None  # (...)
    scale: float


def forward(x: Array, dropout: Dropout) -> tuple[Array, Cache]:
    """x (...) -> y (...). Draws one uniform number for each place of x, in order; none where nothing is dropped."""
    p, rng, rows, T = dropout
    if rng is None or p == 0.0:
        return x, Cache(None, 1.0)
    shape = x.shape if rows is None else (*x.shape[:-2], T, x.shape[-1])
    kept = np.asarray(take_rows(rng.random(shape, np.float32), rows) >= p)
    scale = 1.0 / (1.0 - p)
    y = x * kept
    y *= scale
    return y, Cache(kept, scale)


def backward(dy: Array, cache: Cache) -> Array:
    """dy (...) -> dx = m dy / (1 - p), with the mask of the forward"""
    if cache.kept is None:
        return dy
    return dy * cache.kept * cache.scale
