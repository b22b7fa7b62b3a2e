"""Sums and means of rows, faster than the plain expressions where the rows are short."""

from __future__ import annotations

import numpy as np

from .arrays import Array


def row_sum(x: Array) -> Array:
    """x (..., n) -> (..., 1): np.sum(x, axis=-1, keepdims=True)"""
    total: Array = np.einsum("...i->...", x)
    return total[..., None]


def row_mean(x: Array) -> Array:
    """x (..., n) -> (..., 1): np.mean(x, axis=-1, keepdims=True), exactly x_1 where a row is constant

    The sum of 768 equal numbers rounds, so a 768th of it is another number.
    """
    mean: Array = row_sum(x) / x.shape[-1]
    first = x[..., :1]
    if (first == x[..., -1:]).any():
        mean = np.where((x == first).all(axis=-1, keepdims=True), first, mean)
    return mean


def row_mean_of_product(x: Array, y: Array) -> Array:
    """x and y (..., n) -> (..., 1): np.mean(x * y, axis=-1, keepdims=True), without an array for the product

    Like that expression, and unlike einsum, it reports an overflow as np.errstate says.
    """
    total: Array = np.einsum("...i,...i->...", x, y)
    mean: Array = total[..., None] / x.shape[-1]
    if not np.isfinite(mean).all():
        mean = np.mean(x * y, axis=-1, keepdims=True)
    return mean
