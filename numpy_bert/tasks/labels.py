"""Labels as a caller hands them over, checked, as the `loss` of each task wants them."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..blocks.cross_entropy import IGNORED
from ..errors import Error
from ..numerics.arrays import Array


def pair(labels: Any, expected: str) -> tuple[Any, Any]:
    """The two arrays of labels of a task that has two. Error: there are not two."""
    if not isinstance(labels, (tuple, list)) or len(labels) != 2:
        raise Error(f"labels: expected a pair, {expected}")
    return labels[0], labels[1]


def classes(labels: Any, shape: tuple[int, ...], count: int) -> Array:
    """Integers of this shape, below `count` or IGNORED. Error: they are anything else."""
    array = _array(labels, shape)
    if array.dtype.kind not in "iu":
        raise Error(f"labels: expected integers, got {array.dtype}")
    bad = array[(array != IGNORED) & ((array < 0) | (array >= count))]
    if bad.size:
        raise Error(f"labels: expected 0 to {count - 1}, or {IGNORED} to ignore, got {bad[0]}")
    return array


def values(labels: Any, shape: tuple[int, int]) -> Array:
    """Finite numbers of this shape, (B, C); with one column (B,) will do. Error: they are anything else."""
    array = _array(labels, shape, *([shape[:1]] if shape[1] == 1 else []))
    if array.dtype.kind not in "iuf" or not np.isfinite(array).all():
        raise Error(f"labels: expected finite numbers, got {array.dtype}")
    return array.reshape(shape)


def shares(labels: Any, shape: tuple[int, int]) -> Array:
    """Numbers from 0 to 1 of this shape, the probability that each class should have. Error: they are anything else."""
    array = values(labels, shape)
    outside = array[(array < 0) | (array > 1)]
    if outside.size:
        raise Error(f"labels: expected 0 or 1 for each class, or a number between, got {outside[0]}")
    return array


def _array(labels: Any, *shapes: tuple[int, ...]) -> Array:
    """The labels as an array of one of the shapes."""
    expected = " or ".join(map(str, shapes))
    try:
        array = np.asarray(labels)
    except (ValueError, TypeError):
        raise Error(f"labels: expected an array of shape {expected}, got ragged rows") from None
    if array.shape not in shapes:
        raise Error(f"labels: expected shape {expected}, got {array.shape}")
    return array
