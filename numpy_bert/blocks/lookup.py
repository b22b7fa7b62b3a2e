"""y_n = W_{ids_n},   the same as y = onehot(ids) W

A table of embeddings: row `ids_n` of W for each place n.

Letters: V rows of the table, H hidden size; "..." any leading axes.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ..memory import Array


class Cache(NamedTuple):
    """Which rows were taken, and how many the table has; the table itself is not needed."""

    ids: Array  # (...) integers
    V: int


def forward(ids: Array, W: Array) -> tuple[Array, Cache]:
    """ids (...) integers, W (V, H) -> y (..., H)"""
    return W[ids], Cache(ids, W.shape[0])


def backward(dy: Array, cache: Cache) -> Array:
    """dy (..., H) -> dW (V, H)

    dW_v = Σ_n [ids_n = v] dy_n: a row that was taken k times receives k summands (`dW[ids] += dy` would keep one of
    them), a row that was not taken exactly zero. This is onehotᵀ dy, with the one-hot matrix stored sparsely:
    one entry a place, summed in the order of the places.
    """
    from scipy.sparse import csr_array  # here, since inference need not wait for its import

    ids, V = cache
    N = ids.size
    rows = dy.reshape(N, dy.shape[-1])  # (..., H) -> (N, H)
    onehot = csr_array((np.ones(N, rows.dtype), ids.reshape(N), np.arange(N + 1)), shape=(N, V))
    dW: Array = onehot.T @ rows
    return dW
