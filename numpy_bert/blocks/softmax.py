"""p_i = exp(x_i) / Σ_j exp(x_j),   the sum over the last axis and, where a mask is given, over its True places only

A shift of x changes nothing (it cancels in the fraction), so exp cannot overflow: see numerics/exponential.py. A masked
place has probability exactly 0; a row without a single True place is all zeros.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ..numerics.arrays import Array
from ..numerics.exponential import shifted_exp
from ..numerics.rows import row_sum


class Cache(NamedTuple):
    """The result only: the derivative needs nothing else."""

    p: Array  # (..., n)


def forward(x: Array, mask: Array | None = None) -> tuple[Array, Cache]:
    """x (..., n), mask None or boolean, broadcast to x -> p (..., n)"""
    p = shifted_exp(x, mask)
    total = row_sum(p)
    p /= np.where(total == 0, 1, total)  # 0 where a row is masked throughout
    return p, Cache(p)


def backward(dp: Array, cache: Cache) -> Array:
    """dp (..., n) -> dx (..., n)

    ∂p_i/∂x_j = p_i (δ_ij - p_j), hence dx_j = Σ_i dp_i p_i (δ_ij - p_j) = p_j (dp_j - Σ_i dp_i p_i).
    Each row of dx sums to zero, as it must: a shift of x changes nothing. Masked places have p = 0, hence dx = 0.
    """
    p = cache.p
    dx: Array = p * (dp - (dp * p).sum(axis=-1, keepdims=True))
    return dx
