"""p_i = exp(x_i) / Σ_j exp(x_j),   the sum over the last axis and, where a mask is given, over its True places only

A shift of x changes nothing (it cancels in the fraction), so where an x is large the largest of its row is subtracted
first and exp cannot overflow. A masked place has probability exactly 0; a row without a single True place is all zeros.
(A masked score counts as -1e30, so the others must lie above that.)

A mask of floating-point numbers is added to x instead. So Google's code masks, with -10000, which excludes as long as
no score is that far above the others; here it only serves to show what the difference makes (explain/drift.py).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ..numerics.memory import Array

LOWEST = -1e30  # stands for -inf: it survives complex arithmetic, where -inf times a complex number is NaN


MODERATE = 50.0  # exp of ±50, and sums of 1e16 of them, are far from the ends of float32


class Cache(NamedTuple):
    """The result only: the derivative needs nothing else, and x is free to be overwritten."""

    p: Array  # (..., n)


def forward(x: Array, mask: Array | None = None) -> tuple[Array, Cache]:
    """x (..., n), mask None, boolean or to be added, broadcast to x -> p (..., n)"""
    if mask is not None and mask.dtype.kind == "f":
        x, mask = x + mask, None
    p = np.empty_like(x)
    if _moderate(x.real):
        np.exp(x, out=p)
        if mask is not None:
            p *= mask
    elif mask is None:
        np.subtract(x, x.real.max(axis=-1, keepdims=True), out=p)
        np.exp(p, out=p)
    else:
        np.copyto(p, np.where(mask, x, x.dtype.type(LOWEST)))
        p -= p.real.max(axis=-1, keepdims=True)
        np.exp(p, out=p)
        p *= mask  # changes something only in a row that is masked throughout
    total = np.einsum("...i->...", p)[..., None]  # as p.sum, faster where the rows are short
    if mask is not None:
        total = np.where(total == 0, total.dtype.type(1), total)
    p /= total
    return p, Cache(p)


def _moderate(x: Array) -> bool:
    """Whether exp can be taken of every x as it is: finding the largest of each row takes longer than all else."""
    return x.size > 0 and bool(x.max() <= MODERATE) and bool(x.min() >= -MODERATE)


def backward(dp: Array, cache: Cache) -> Array:
    """dp (..., n) -> dx (..., n)

    ∂p_i/∂x_j = p_i (δ_ij - p_j), hence dx_j = Σ_i dp_i p_i (δ_ij - p_j) = p_j (dp_j - Σ_i dp_i p_i).
    Each row of dx sums to zero, as it must: a shift of x changes nothing. Masked places have p = 0, hence dx = 0.
    """
    p = cache.p
    dx: Array = p * (dp - (dp * p).sum(axis=-1, keepdims=True))
    return dx
