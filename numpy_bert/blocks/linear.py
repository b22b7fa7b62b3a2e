"""y = x Wᵀ + b

A linear layer. W keeps the published layout (out, in), so a checkpoint is loaded without a transpose.

Letters: N rows (any leading axes, written "..." below), I inputs, O outputs.
"""

from __future__ import annotations

from typing import NamedTuple

from ..numerics.arrays import Array
from ..numerics.matmul import matmul
from ..numerics.tree import shape


class Params(NamedTuple):
    W: Array  # (O, I)
    b: Array  # (O,)


class Cache(NamedTuple):
    """Both factors of the product: each is what the other's gradient is multiplied by."""

    x: Array  # (..., I)
    W: Array  # (O, I)


def shapes(inputs: int, outputs: int) -> Params:
    return Params(W=shape(outputs, inputs), b=shape(outputs))


def forward(x: Array, params: Params) -> tuple[Array, Cache]:
    """x (..., I) -> y (..., O)"""
    W, b = params
    rows = x.reshape(-1, W.shape[1])  # (..., I) -> (N, I)
    y = matmul(rows, W.T, b)  # x Wᵀ + b, (N, O)
    return y.reshape(*x.shape[:-1], W.shape[0]), Cache(x, W)


def backward(dy: Array, cache: Cache) -> tuple[Array, Params]:
    """dy (..., O) -> dx (..., I), dparams

    y_no = Σ_i x_ni W_oi + b_o, hence dx_ni = Σ_o dy_no W_oi, dW_oi = Σ_n dy_no x_ni and db_o = Σ_n dy_no.
    """
    x, W = cache
    x_rows = x.reshape(-1, W.shape[1])  # (N, I)
    dy_rows = dy.reshape(-1, W.shape[0])  # (N, O)
    # y = x Wᵀ + b
    db = dy_rows.sum(axis=0)
    dW = dy_rows.T @ x_rows
    dx = (dy_rows @ W).reshape(x.shape)
    return dx, Params(dW, db)
