"""{name: array} of any published form -> objective.Params, each tensor accounted for.

Shapes are compared with the config before anything is allocated, so a file can make the reader take at most as much
memory as it has bytes. Each tensor is then read straight into its place: Q, K and V into the three parts of one array.
"""

from __future__ import annotations

import dataclasses
import hashlib
import math
from collections.abc import Callable, Collection, Mapping
from typing import Any

import numpy as np

from ..config import BertConfig
from ..errors import Error, show, warn
from ..files.reading import Path
from ..numerics import tree
from ..numerics.arrays import Array
from ..tasks import objective
from . import names
from .formats.tensors import Entry
from .locate import Weights
from .matching import Match, Stored, check_shapes, match_usable

ALIGNED = 16  # elements between the beginnings of arrays: 64 bytes or more, a line of the processor's cache
Progress = Callable[[int], object]  # called with the bytes of each tensor that is read


def load(
    weights: Weights,
    config: BertConfig,
    dtype: str | None = None,
    mmap: bool = False,
    strict_finite: bool = False,
    *,
    without: Collection[str] = (),
    closed: Mapping[str, Error] | None = None,
    progress: Progress = lambda done: None,
) -> tuple[objective.Params, Match]:
    """Read the weights of a config. The config of the model is in the Match.

    dtype: "float32" or "float64"; None takes float64 where the file stores it and float32 for everything else, which
    holds float16 and bfloat16 exactly. Reading float64 into float32 rounds, and a number too large is an error.
    mmap: share the pages of a safetensors file instead of copying them; the file must then not change.
    without: heads that are not read, to be replaced by new ones. closed: heads that cannot be used, with the reason;
    those whose tensors cannot be used join them in the Match. A decoder that a config calls tied and that differs
    from the word embedding is used as it is, with a warning, and so is its bias, as transformers does; other copies
    that differ are an error.
    """
    path = weights.path
    entries: dict[str, Entry] = weights.reader.describe(weights.path)
    match = match_usable(path, entries, config, without, closed)
    if match.missing:
        raise Error(f"expected every tensor of the config, got {missing_tensors(match)}", at=path)
    shapes = objective.shapes(match.config, match.heads, match.has_pooler)
    check_shapes(path, tree.items(shapes), match)
    kind = np.dtype(dtype) if dtype else _natural_dtype(match.used)
    digests = {name: _digest(_copy(weights, name, kind)) for name in match.copies}
    params, places = _memory(weights, shapes, match, kind, mmap)
    _read(weights, match, places, progress)
    differing = {
        name: original for name, original in match.copies.items() if digests[name] != _digest(places[original])
    }
    if _has_own_decoder(path, match, differing):
        untied = dataclasses.replace(config, tie_word_embeddings=False)
        return load(weights, untied, dtype, mmap, strict_finite, without=without, closed=closed, progress=progress)
    _tell(path, config, match)
    _check_finite(path, params, strict_finite)
    return params, match


def _has_own_decoder(path: Path, match: Match, differing: dict[str, str]) -> bool:
    """Whether a decoder that the config calls tied has numbers of its own. differing: copies that differ, with the
    name of their original. Warns of a decoder and of its bias. Error: another copy differs."""
    for name, original in differing.items():
        used = show(match.used[original].foreign)
        if original == names.WORD:
            warn(f"{show(name)}: expected the word embedding, being tied to it, got others, which are used", at=path)
            return True
        if original != names.BIAS:
            raise Error(f"{show(name)}: expected a copy of {used}, got other numbers", at=path)
        if match.config.tie_word_embeddings:
            warn(f"{show(name)}: expected a copy of {used}, which is used, got other numbers", at=path)
    return False


def _natural_dtype(used: dict[str, Stored]) -> np.dtype[Any]:
    stored = [tensor.entry.loaded for tensor in used.values()]
    return np.result_type(np.float32, *stored)


def _memory(
    weights: Weights, shapes: objective.Params, match: Match, kind: np.dtype[Any], mmap: bool
) -> tuple[objective.Params, dict[str, Array]]:
    """The parameters, unread but for those that share pages, and by its name in Match.used the part of them that each
    tensor of the file becomes."""
    shared: dict[str, Array] = {}
    if mmap and weights.form == "safetensors":
        shared = weights.reader.read(weights.path, mmap=True)
    parts = {leaf: names.stored_as(leaf, match.used) for leaf, _ in tree.items(shapes)}
    views = {leaf: shared.get(match.used[first].foreign) for leaf, (first, *rest) in parts.items() if not rest}
    params = {leaf: view for leaf, view in views.items() if view is not None and view.dtype == kind}
    params |= _allocated({leaf: shape.dims for leaf, shape in tree.items(shapes) if leaf not in params}, kind)
    places: dict[str, Array] = {}
    for leaf, sources in parts.items():
        rows = params[leaf].shape[0] // len(sources)
        for i, source in enumerate(sources):
            places[source] = params[leaf][i * rows : (i + 1) * rows]
    return tree.map_named(lambda leaf, _: params[leaf], shapes), places


def _read(weights: Weights, match: Match, places: dict[str, Array], progress: Progress) -> None:
    """Fill the places. What is not writable shares the pages of the file, and is filled already."""
    targets = {
        tensor.foreign: (tensor, places[name]) for name, tensor in match.used.items() if places[name].flags.writeable
    }

    def into(name: str, entry: Entry) -> Array | None:
        _, place = targets[name]
        progress(entry.nbytes)
        return place.reshape(entry.shape) if np.can_cast(entry.loaded, place.dtype, "safe") else None

    arrays = weights.reader.read(weights.path, names=tuple(targets), into=into)
    for name, (tensor, place) in targets.items():
        array = arrays.pop(name)
        in_place = np.may_share_memory(array, place)
        if tensor.transposed:  # a matrix at a time, so that there is never a second copy of them all
            array = array.reshape(place.shape[::-1]).T.copy()
        if tensor.transposed or not in_place:
            _convert(weights.path, name, array.reshape(place.shape), place)


def _allocated(shapes: dict[str, tuple[int, ...]], kind: np.dtype[Any]) -> dict[str, Array]:
    """Arrays of these shapes in one piece of memory, which the system provides faster than many pieces."""
    sizes = [-(-math.prod(dims) // ALIGNED) * ALIGNED for dims in shapes.values()]
    ends = np.cumsum(sizes, dtype=np.int64).tolist()
    memory = np.empty(ends[-1] if ends else 0, kind)
    starts = [end - size for end, size in zip(ends, sizes, strict=True)]
    return {
        leaf: memory[start : start + math.prod(dims)].reshape(dims)
        for start, (leaf, dims) in zip(starts, shapes.items(), strict=True)
    }


def _convert(path: Path, name: str, array: Array, place: Array) -> None:
    """Copy into a narrower dtype or another layout; a number that float32 cannot hold is an error."""
    with np.errstate(over="ignore"):
        np.copyto(place, array, casting="same_kind")
    if array.dtype.itemsize > place.dtype.itemsize and np.isinf(place).sum() > np.isinf(array).sum():
        raise Error(f"{show(name)}: expected numbers within float32, got {array.dtype} beyond it", at=path)


def _copy(weights: Weights, name: str, kind: np.dtype[Any]) -> Array:
    """A tensor that should equal another one, as that one is stored here."""
    array: Array = weights.reader.read(weights.path, names=[name])[name]
    with np.errstate(over="ignore"):
        return (array.T if names.spelled(name).transposed else array).astype(kind, copy=False)


def _digest(array: Array) -> bytes:
    """Stands for an array that is not kept for a comparison: it may be as large as a fifth of the model."""
    return hashlib.sha256(np.ascontiguousarray(array).reshape(-1).view(np.uint8).data).digest()


def _tell(path: Path, config: BertConfig, match: Match) -> None:
    if match.config.num_labels != config.num_labels:
        got = f"none and {match.config.num_labels} in the weights"
        warn(f"expected a config with the number of labels, got {got}", at=path)
    if match.unexpected:
        warn(f"expected tensors of BERT alone, got {_listed(match.unexpected)} that mean nothing here; left", at=path)


def missing_tensors(match: Match) -> str:
    """What is missing, and what the file has in its place: other names, or BERT's under a prefix."""
    text = f"{_listed(match.missing)} missing"
    ends = ("embeddings.word_embeddings.weight", "embeddings.LayerNorm.weight", "encoder.layer.0.output.dense.weight")
    for foreign in match.unexpected:
        name = names.spelled(foreign).name
        prefix = next((name.removesuffix(end) for end in ends if name.endswith(f".{end}")), None)
        if prefix:
            return f"{len(match.missing)} missing; the file has them under the prefix {show(prefix, 40)}, which must go"
    if not match.unexpected:
        return text
    return f"{_listed(match.missing, 1)} missing; the file has {_listed(match.unexpected)} instead"


def _listed(foreign: tuple[str, ...], most: int = 3) -> str:
    return f"{len(foreign)} ({', '.join(show(name, 60) for name in foreign[:most])}{', ...' * (len(foreign) > most)})"


def _check_finite(path: Path, params: objective.Params, strict: bool) -> None:
    """NaN or infinite weights load with a warning, or not at all."""
    with np.errstate(over="ignore", invalid="ignore"):
        suspects = [(name, array) for name, array in tree.items(params) if not np.isfinite(array.sum())]
    bad = [(name, int((~np.isfinite(array)).sum())) for name, array in suspects]
    bad = [(name, count) for name, count in bad if count]
    if bad:
        total = sum(count for _, count in bad)
        name, count = bad[0]
        text = f"expected finite weights, got {count} NaN or infinite ({total} in all)"
        if strict:
            raise Error(text, at=path, key=name)
        warn(text, at=path, key=name)
