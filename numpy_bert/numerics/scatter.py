"""Rows taken out of an array, and the reverse: rows added into it at places that may repeat."""

from __future__ import annotations

import numpy as np

from .arrays import Array


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
    table[distinct] += onehot.T @ rows  # no id is in `distinct` twice


def take_rows(x: Array, rows: Array | None) -> Array:
    """x (B, ..., T, n), rows (B, M) integers below T -> (B, ..., M, n): for text b its rows rows[b]. None: x itself"""
    if rows is None:
        return x
    text = np.arange(len(rows))[:, None]  # (B, 1), beside rows (B, M)
    return np.moveaxis(np.moveaxis(x, -2, 1)[text, rows], 1, -2)


def add_rows(y: Array, rows: Array | None, x: Array) -> Array:
    """y (B, T, n), rows (B, M) integers below T, x (B, M, n) -> y, to whose rows x is added in place

    The reverse of `take_rows`: a row that stands k times in `rows` receives k rows of x. None: x (B, T, n) as a whole.
    """
    if rows is None:
        y += x
    else:
        B, T, n = y.shape
        scatter_add(y.reshape(B * T, n), (rows + T * np.arange(B)[:, None]).reshape(-1), x.reshape(-1, n))
    return y
