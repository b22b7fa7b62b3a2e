"""y_n = W_{ids_n},   the same as y = onehot(ids) W

A table of embeddings: row `ids_n` of W for each place n.

Letters: V rows of the table, H hidden size; "..." any leading axes.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ..numerics.arrays import Array
from ..numerics.scatter import scatter_add


class Cache(NamedTuple):
    """Which rows were taken, and how many the table has; the table itself is not needed."""

    ids: Array  # (...) integers
    V: int


def forward(ids: Array, W: Array) -> tuple[Array, Cache]:
    """ids (...) integers, W (V, H) -> y (..., H)"""
    return W[ids], Cache(ids, W.shape[0])


def backward(dy: Array, cache: Cache, accumulate_into: Array | None = None) -> Array:
    """dy (..., H) -> dW (V, H)

    dW_v = Σ_n [ids_n = v] dy_n: a row that was taken k times receives k terms, a row that was not taken exactly zero.
    accumulate_into (V, H): another gradient with respect to W, to which this one is added in place.
    """
    ids, V = cache
    rows = dy.reshape(-1, dy.shape[-1])  # (..., H) -> (N, H)
    dW = np.zeros((V, rows.shape[1]), rows.dtype) if accumulate_into is None else accumulate_into
    scatter_add(dW, ids.reshape(-1), rows)
    return dW
