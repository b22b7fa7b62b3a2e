"""Labels as a caller hands them over, checked, as the `loss` of each task wants them."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..blocks.cross_entropy import IGNORED
from ..errors import Error
from ..numerics.memory import Array


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


def values(labels: Any, shape: tuple[int, ...]) -> Array:
    """Finite numbers of this shape. Error: they are anything else."""
    array = _array(labels, shape)
    if array.dtype.kind not in "iuf" or not np.isfinite(array).all():
        raise Error(f"labels: expected finite numbers for a regression, got {array.dtype}")
    return array


def _array(labels: Any, shape: tuple[int, ...]) -> Array:
    try:
        array = np.asarray(labels)
    except (ValueError, TypeError):
        raise Error(f"labels: expected an array of shape {shape}, got ragged rows") from None
    if array.shape != shape:
        raise Error(f"labels: expected shape {shape}, got {array.shape}")
    return array
