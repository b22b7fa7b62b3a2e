"""exp(x - m), the numerators of a softmax: with an m of the row they cannot overflow, whatever x is."""

from __future__ import annotations

import numpy as np

from .arrays import Array

LOWEST = -1e30  # stands for -inf, which complex arithmetic turns into NaN
MODERATE = 50.0  # exp of ±50, and sums of 1e16 of them, are far from the ends of float32


def shifted_exp(x: Array, mask: Array | None = None) -> Array:
    """x (..., n), mask None or boolean, broadcast to x -> exp(x - m) (..., n), exactly 0 where mask is False

    m is the same for a whole row, so that it cancels in a softmax: the largest allowed x of the row, or 0 where no x is
    large, since finding the largest takes longer than everything else. A row that is masked throughout gives zeros. An
    allowed x must lie above -1e30. A new array.
    """
    if _is_moderate(x.real):
        e = np.exp(x)
    else:
        allowed = x if mask is None else np.where(mask, x, x.dtype.type(LOWEST))
        e = allowed - allowed.real.max(axis=-1, keepdims=True)
        np.exp(e, out=e)
    if mask is not None:
        e *= mask
    return e


def _is_moderate(x: Array) -> bool:
    return x.size > 0 and bool(x.max() <= MODERATE) and bool(x.min() >= -MODERATE)
