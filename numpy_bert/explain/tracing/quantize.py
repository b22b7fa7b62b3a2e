"""Arrays small enough for a page: 255 levels between -s and s, s the largest magnitude, and at most so many cells.

    code q = round(127 sign(x) √(|x| / s)),   shown as sign(q) (q / 127)² s

The levels lie closer together near zero, where most gradients are: the error is at most s/127 (0.8 % of the largest)
and of a small x at most √(|x| s)/127 + s/64516. An array of at most EXACT elements is kept as it is. Of an array with
more elements than cells each cell stands for a rectangle of them and shows the one of largest magnitude, since a mean
of gradients would be close to zero everywhere.
"""

from __future__ import annotations

import base64
import math
from typing import Any, NamedTuple

import numpy as np

from ...numerics.arrays import Array

LEVELS = 127  # on either side of zero
NOT_A_NUMBER = -128  # the code of NaN and of infinities
EXACT = 64


class Grid(NamedTuple):
    """An array as pages show it: G tables of R rows and C columns, of which a cell takes r x c elements."""

    G: int
    R: int
    C: int
    r: int
    c: int

    @property
    def cells(self) -> int:
        return self.G * math.ceil(self.R / self.r) * math.ceil(self.C / self.c)


def grid(shape: tuple[int, ...], most: int) -> Grid:
    """The last two axes are rows and columns, those before them tables; at most `most` cells, if that can be."""
    dims = list(shape)
    while len(dims) > 2 and dims[0] == 1:
        dims.pop(0)
    dims = [1] * (2 - len(dims)) + dims
    coarse = Grid(math.prod(dims[:-2]), dims[-2], dims[-1], 1, 1)
    while coarse.cells > most and (coarse.r < coarse.R or coarse.c < coarse.C):
        wide = coarse.C / coarse.c >= coarse.R / coarse.r
        coarse = coarse._replace(c=2 * coarse.c) if wide else coarse._replace(r=2 * coarse.r)
    return coarse


def reduced(array: Array, of: Grid) -> Array:
    """(G, R, C) -> (G, ⌈R/r⌉, ⌈C/c⌉): of each rectangle the element of largest magnitude; NaN where there is one."""
    table = array.reshape(of.G, of.R, of.C)
    if of.r > 1:
        table = _extremes(table, of.r, 1)
    if of.c > 1:
        table = _extremes(table, of.c, 2)
    return table


def _extremes(table: Array, size: int, axis: int) -> Array:
    """Of every `size` neighbors along an axis (fewer at the end) that of largest magnitude; NaN where there is one."""
    whole = table.shape[axis] // size * size
    parts = [part for part in np.split(table, [whole], axis) if part.shape[axis]]
    results = []
    for part in parts:
        groups = max(1, part.shape[axis] // size)
        blocks = part.reshape(*part.shape[:axis], groups, -1, *part.shape[axis + 1 :])
        highest, lowest = blocks.max(axis + 1), blocks.min(axis + 1)
        results.append(np.where(highest >= -lowest, highest, lowest))
        results[-1][np.isnan(highest)] = np.nan
    extremes: Array = np.concatenate(results, axis)
    return extremes


def codes(values: Array) -> tuple[Array, float]:
    """values (...) -> codes (...) int8, and the scale s"""
    x = values.astype(np.float64)
    finite = np.isfinite(x)
    scale = float(np.abs(x[finite]).max(initial=0.0))
    share = np.abs(np.where(finite, x, 0.0)) / scale if scale else np.zeros(x.shape)
    q = np.rint(LEVELS * np.sqrt(share)) * np.sign(np.where(finite, x, 0.0))
    q[~finite] = NOT_A_NUMBER
    return q.astype(np.int8), scale


def packed(array: Array, most: int) -> dict[str, Any]:
    """An array as JSON has it: its grid, and the values themselves or codes in base64."""
    of = grid(array.shape, most)
    about = {"grid": list(of), **_statistics(array)}
    if (array.dtype.kind in "biu" or array.size <= EXACT) and array.size <= most:
        return about | {"exact": [plain_number(x) for x in array.reshape(-1).tolist()]}
    levels, scale = codes(reduced(array, of))
    return about | {"scale": scale, "codes": base64.b64encode(levels.tobytes()).decode("ascii")}


def _statistics(array: Array) -> dict[str, Any]:
    if array.dtype.kind in "biu" or not array.size:
        return {}
    mean_square = float(np.einsum("i,i", array.reshape(-1), array.reshape(-1), dtype=np.float64)) / array.size
    statistics = {"low": float(array.min()), "high": float(array.max()), "rms": math.sqrt(mean_square)}
    return {name: plain_number(value) for name, value in statistics.items()}


def plain_number(value: float) -> float | int | None:
    """A number that JSON has, to 7 digits; null for the others."""
    if isinstance(value, int):
        return int(value)
    return float(f"{value:.7g}") if math.isfinite(value) else None
