"""An exercise about linear."""

from __future__ import annotations

from ...blocks.linear import Cache, Params
from ...numerics.arrays import Array
from ..definition import Exercise


def backward(dy: Array, cache: Cache) -> tuple[Array, Params]:
    """dy (..., O) -> dx (..., I), dparams"""
    x, W = cache
    x_rows = x.reshape(-1, W.shape[1])  # (N, I)
    dy_rows = dy.reshape(-1, W.shape[0])  # (N, O)
    # y += b
    db = dy_rows.sum(axis=0)
    # y = x Wᵀ
    dW = x_rows.T @ dy_rows
    dx = (dy_rows @ W).reshape(x.shape)
    return dx, Params(dW, db)


EXERCISE = Exercise(
    title="The first report",
    block="linear",
    level="easy",
    hints=(
        "Compare the shapes of W and dW.",
        "Write both factors of the product for dW with their shapes, (N, I) and (N, O). Which order gives (O, I)?",
    ),
    wrong="W is stored (outputs, inputs), but its gradient is built (inputs, outputs).",
    why="y_no = Σ_i x_ni W_oi + b_o, so dW_oi = Σ_n dy_no x_ni: the index of the output comes first, as in W, and "
    "that is dyᵀ x. Books that write y = x W have xᵀ dy, which is right there and is what one copies. The shape "
    "tells, so this one is found by the first step of any optimizer, unless the layer is square.",
    backward=backward,
)
