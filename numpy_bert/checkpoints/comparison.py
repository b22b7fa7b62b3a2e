"""Two checkpoints of any forms side by side: the largest difference of each tensor.

Tensors are matched by what they are called in Hugging Face's spelling, matrices brought to its layout (out, in), and Q,
K and V that lie in one array taken apart. No config is needed. A few tensors at a time are read from each side, so the
memory is bounded by the largest.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ..numerics.arrays import Array
from . import locate, names
from .formats.tensors import Entry
from .inspection import batches
from .locate import Weights

PART = 1 << 20  # elements compared at a time


class Difference(NamedTuple):
    """One tensor on both sides."""

    name: str  # as Hugging Face spells it
    shapes: tuple[tuple[int, ...], tuple[int, ...]]
    largest: float | None  # |a - b| at its largest; None where the shapes differ
    relative: float | None  # that, divided by the largest |a|; None also where a is zero
    equal: bool  # every element, NaN being equal to itself


class Place(NamedTuple):
    """Where a tensor lies in a file."""

    foreign: str
    part: int  # which of the equal parts of that array
    parts: int
    transposed: bool


class Comparison(NamedTuple):
    paths: tuple[Path, Path]
    differences: tuple[Difference, ...]
    only: tuple[tuple[str, ...], tuple[str, ...]]  # names, as in the file, of weights that one side has alone

    @property
    def equal(self) -> bool:
        """Whether the weights are the same: all that are in both, and none that is in one alone."""
        return all(d.equal for d in self.differences) and not any(self.only)


class Side:
    """The weights of one checkpoint by Hugging Face name. Tensors known not to be weights are left out."""

    def __init__(self, weights: Weights) -> None:
        self.weights = weights
        self.entries: dict[str, Entry] = weights.reader.describe(weights.path)
        self.places: dict[str, Place] = {}
        for foreign in self.entries:
            name, transposed = names.spelled(foreign)
            if names.left(foreign, name):
                continue
            parts = names.sources(name) if names.is_own(name) else (name,)
            rows = self.entries[foreign].shape[:1] or (0,)
            if len(parts) > 1 and (rows[0] == 0 or rows[0] % len(parts)):  # cannot be cut: compared whole
                parts = (foreign,)
            if parts[0] in self.places:
                self._second(parts[0], Place(foreign, 0, 1, transposed))
                continue
            for i, part in enumerate(parts):
                self.places[part] = Place(foreign, i, len(parts), transposed)
        tied = names.DECODER not in self.places and names.WORD in self.places
        if tied and any(name.startswith(names.HEAD_PREFIXES["masked_lm"]) for name in self.places):
            self.places[names.DECODER] = self.places[names.WORD]

    def _second(self, name: str, place: Place) -> None:
        """A second tensor for one name. One of the two counts, as when the file is loaded; the other, where it says
        something else, is compared with a second one on the other side."""
        counts, other = self.places[name], place
        if place.foreign.endswith(names.DECODER_BIAS):  # see matching.py
            counts, other = other, counts
        self.places[name] = counts
        pair = {counts.foreign, other.foreign}
        arrays: dict[str, Array] = self.weights.reader.read(self.weights.path, names=pair)
        first, second = (_plain(name, arrays[side.foreign], side) for side in (counts, other))
        if not np.array_equal(first, second):
            self.places[f"second {other.foreign}"] = other

    def read(self, batch: list[str]) -> dict[str, Array]:
        """Some tensors in Hugging Face's layout."""
        foreign = {self.places[name].foreign for name in batch}
        arrays: dict[str, Array] = self.weights.reader.read(self.weights.path, names=foreign)
        return {name: _plain(name, arrays[self.places[name].foreign], self.places[name]) for name in batch}

    def alone(self, other: Side) -> tuple[str, ...]:
        """Foreign names of what the other side lacks."""
        return tuple(dict.fromkeys(self.places[name].foreign for name in self.places if name not in other.places))


def compare(a: str | os.PathLike[str], b: str | os.PathLike[str]) -> Comparison:
    """Each tensor of one checkpoint beside its counterpart in the other. Error: one of them cannot be read."""
    sides = [locate.locate(path) for path in (a, b)]
    for weights in sides:
        weights.tell_passed_over()
    first, second = map(Side, sides)
    both = {name: first.entries[place.foreign] for name, place in first.places.items() if name in second.places}
    differences = []
    for batch in batches(both):
        ours, theirs = first.read(batch), second.read(batch)
        differences += [_difference(name, ours[name], theirs[name]) for name in batch]
    paths = first.weights.path, second.weights.path
    return Comparison(paths, tuple(differences), (first.alone(second), second.alone(first)))


def _plain(name: str, array: Array, place: Place) -> Array:
    """The array as (out, in), the heads in one dimension, the part of it that is meant."""
    if ".attention.self." in name and name.endswith(".bias"):
        array = array.reshape(-1)  # (A, D) in some years of Keras
    elif ".attention." in name and place.transposed and array.ndim == 3:  # likewise (H, A, D), (A, D, H) at the end
        a, b, c = array.shape
        array = array.reshape((a, b * c) if ".attention.self." in name else (a * b, c))
    if place.transposed:
        array = array.T
    if place.parts == 1:
        return array
    rows = array.shape[0] // place.parts
    return array[place.part * rows : (place.part + 1) * rows]


def _difference(name: str, a: Array, b: Array) -> Difference:
    if a.shape != b.shape:
        return Difference(name, (a.shape, b.shape), None, None, False)
    largest, scale, equal = 0.0, 0.0, True
    with np.errstate(invalid="ignore", over="ignore"):
        for x, y, same in _parts(a, b):
            equal = equal and bool(same.all())
            apart = np.where(same, 0.0, np.abs(x - y))  # NaN now is a number on one side only
            largest = max(largest, float(np.where(np.isnan(apart), np.inf, apart).max(initial=0.0)))
            scale = max(scale, float(np.nanmax(np.abs(x), initial=0.0)))
    return Difference(name, (a.shape, b.shape), largest, largest / scale if scale else None, equal)


def _parts(a: Array, b: Array) -> Iterator[tuple[Array, Array, Array]]:
    """Both arrays in float64, and where they are the same as they are stored, some rows at a time."""
    a, b = np.atleast_1d(a), np.atleast_1d(b)
    rows = max(1, PART * len(a) // max(a.size, 1))
    for start in range(0, len(a), rows):
        part_a, part_b = a[start : start + rows], b[start : start + rows]
        x, y = part_a.astype(np.float64), part_b.astype(np.float64)
        yield x, y, (part_a == part_b) | (np.isnan(x) & np.isnan(y))


def to_json(comparison: Comparison) -> dict[str, Any]:
    """The comparison as JSON has it; an infinite difference is null."""
    rows = [d._asdict() for d in comparison.differences]
    for row in rows:
        row |= {key: None for key in ("largest", "relative") if row[key] is not None and not np.isfinite(row[key])}
    return {
        "paths": [str(path) for path in comparison.paths],
        "equal": comparison.equal,
        "differences": rows,
        "only_in": [list(foreign) for foreign in comparison.only],
    }
