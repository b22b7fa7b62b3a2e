"""y_n = W_{ids_n},   the same as y = onehot(ids) W

A table of embeddings: row `ids_n` of W for each place n.

Letters: V rows of the table, H hidden size; "..." any leading axes.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ..numerics.memory import Array


class Cache(NamedTuple):
    """Which rows were taken, and how many the table has; the table itself is not needed."""

    ids: Array  # (...) integers
    V: int


def forward(ids: Array, W: Array) -> tuple[Array, Cache]:
    """ids (...) integers, W (V, H) -> y (..., H)"""
    return W[ids], Cache(ids, W.shape[0])


def backward(dy: Array, cache: Cache, onto: Array | None = None) -> Array:
    """dy (..., H) -> dW (V, H). onto (V, H): another gradient by W, which this one is added to, in place.

    dW_v = Σ_n [ids_n = v] dy_n: a row that was taken k times receives k summands (`dW[ids] += dy` would keep one of
    them), a row that was not taken exactly zero. This is onehotᵀ dy, with the one-hot matrix stored sparsely:
    one entry a place, summed in the order of the places, with a row for each id that occurs.
    """
    from scipy.sparse import csr_array  # here, since inference need not wait for its import

    ids, V = cache
    N = ids.size
    rows = dy.reshape(N, dy.shape[-1])  # (..., H) -> (N, H)
    taken, which = np.unique(ids.reshape(N), return_inverse=True)
    onehot = csr_array((np.ones(N, rows.dtype), which, np.arange(N + 1)), shape=(N, len(taken)))
    dW = np.zeros((V, rows.shape[1]), rows.dtype) if onto is None else onto
    dW[taken] += onehot.T @ rows  # no id stands in `taken` twice
    return dW
