"""Two traces side by side, value by value in the order they were computed: where do two computations first differ?

The second may come from another run, from another model of the same sizes, or from another program: any .npz with
arrays under some of the names will do, and only those are compared. Axes of length 1 may be missing (the batch, which
is one text), and neighboring axes may be one: (T, A, D) is (T, H). A difference is measured against the largest
element of the first trace's array.
"""

from __future__ import annotations

import math
import os
from typing import Any, NamedTuple

import numpy as np

from ...errors import Error, show_path
from ...numerics.arrays import Array
from . import archive
from .result import Trace

TOLERANCE = 1e-4  # float32 on two machines agrees to some 1e-6 in a forward and 1e-5 in a backward


class ComparedValue(NamedTuple):
    """One value in both traces."""

    name: str
    shapes: tuple[tuple[int, ...], tuple[int, ...]]
    largest: float | None  # |a - b| at its largest, infinite where one has a NaN; None where the shapes differ
    relative: float | None  # that, divided by the largest |a|
    beyond: bool  # further apart than the tolerance, or of another shape


class Comparison(NamedTuple):
    paths: tuple[str, str]
    tolerance: float
    rows: tuple[ComparedValue, ...]  # in the order of the first trace
    only: tuple[tuple[str, ...], tuple[str, ...]]  # names that one has alone
    notes: tuple[str, ...]  # what else differs: the text, the model

    @property
    def first(self) -> ComparedValue | None:
        """The first value that differs by more than the tolerance."""
        return next((row for row in self.rows if row.beyond), None)


class Side:
    """A file, with its arrays by name."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = path
        manifest, self.arrays = archive.read(path)
        self.trace = None if manifest is None else Trace.from_parts(manifest, self.arrays, path)
        self.names = tuple(self.arrays) if self.trace is None else self.trace.names

    def __getitem__(self, name: str) -> Array:
        return self.arrays[name] if self.trace is None else self.trace[name]


def compare(a: str | os.PathLike[str], b: str | os.PathLike[str], tolerance: float = TOLERANCE) -> Comparison:
    """a: the file of a trace; b: another, or any .npz. Error: a file that cannot be read, or no name in both."""
    first, second = Side(a), Side(b)
    if first.trace is None:
        got = f"an archive without {archive.MANIFEST}; arrays of another program come second"
        raise Error(f"expected a trace, got {got}", at=first.path)
    theirs = set(second.names)
    rows = tuple(_row(name, first[name], second[name], tolerance) for name in first.names if name in theirs)
    if not rows:
        raise Error(f"expected arrays with names of {show_path(first.path)}, got none of them", at=second.path)
    ours = set(first.names)
    only = (
        tuple(name for name in first.names if name not in theirs),
        tuple(name for name in second.names if name not in ours),
    )
    return Comparison(
        (os.fspath(first.path), os.fspath(second.path)), tolerance, rows, only, _notes(first.trace, second.trace)
    )


def _row(name: str, a: Array, b: Array, tolerance: float) -> ComparedValue:
    shapes = a.shape, b.shape
    if not _alike(a.shape, b.shape):
        return ComparedValue(name, shapes, None, None, True)
    if not a.size:
        return ComparedValue(name, shapes, 0.0, 0.0, False)
    x, y = a.reshape(-1).astype(np.float64), b.reshape(-1).astype(np.float64)
    with np.errstate(invalid="ignore"):
        apart = np.abs(x - y)
        apart[(x == y) | (np.isnan(x) & np.isnan(y))] = 0.0
        apart[np.isnan(apart)] = math.inf
        largest, scale = float(apart.max()), float(np.nanmax(np.abs(x), initial=0.0))
    relative = largest / scale if scale and math.isfinite(scale) else math.inf if largest else 0.0
    return ComparedValue(name, shapes, largest, relative, relative > tolerance)


def _alike(a: tuple[int, ...], b: tuple[int, ...]) -> bool:
    """Whether the same elements stand in the same order: the shapes differ by how axes are put together at most."""
    ends, others = ({math.prod(shape[:i]) for i in range(len(shape) + 1)} for shape in (a, b))
    return math.prod(a) == math.prod(b) and (ends <= others or others <= ends)


def _notes(a: Trace, b: Trace | None) -> tuple[str, ...]:
    if b is None:
        return ()
    notes = []
    if a.asked.ids != b.asked.ids:
        notes.append("the texts differ")
    if (a.asked.task, a.asked.outputs) != (b.asked.task, b.asked.outputs):
        notes.append("the losses ask for different things")
    if a.model.sha256 != b.model.sha256:
        notes.append("the models differ")
    return tuple(notes)


def to_json(comparison: Comparison) -> dict[str, Any]:
    """The comparison as JSON has it; an infinite difference is null."""
    return {
        "paths": list(comparison.paths),
        "tolerance": comparison.tolerance,
        "first": None if comparison.first is None else comparison.first.name,
        "values": [
            row._asdict()
            | {"shapes": [list(shape) for shape in row.shapes]}
            | {key: _finite(getattr(row, key)) for key in ("largest", "relative")}
            for row in comparison.rows
        ],
        "only_in": [list(names) for names in comparison.only],
        "notes": list(comparison.notes),
    }


def _finite(number: float | None) -> float | None:
    return number if number is not None and math.isfinite(number) else None
