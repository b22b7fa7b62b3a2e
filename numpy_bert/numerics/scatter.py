"""Rows added into a table at places that may repeat: the reverse of taking rows out of it."""

from __future__ import annotations

import numpy as np

from .memory import Array


def scatter_add(table: Array, ids: Array, rows: Array) -> None:
    """table (V, H), ids (N,) integers, rows (N, H): np.add.at(table, ids, rows), in a tenth of the time

    A row of the table whose id stands k times in `ids` receives k rows (`table[ids] += rows` would keep one of them),
    added in their order. That is onehotᵀ rows, with the one-hot matrix stored sparsely and a row for each id that
    occurs.
    """
    from scipy.sparse import csr_array  # here, since inference need not wait for its import

    N = len(ids)
    distinct, which = np.unique(ids, return_inverse=True)
    onehot = csr_array((np.ones(N, rows.dtype), which, np.arange(N + 1)), shape=(N, len(distinct)))
    table[distinct] += onehot.T @ rows  # no id stands in `distinct` twice
