"""The weights of a BERT in an ONNX file, by Hugging Face's names and in its layout; quantized ones become float32.

    (stored - zero) * scale     in float32, as the operator DequantizeLinear has it

Stored tensors of numbers that no known part of a BERT uses keep the names of the graph, so that they can be
listed as unused.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path as SystemPath

import numpy as np

from ....files.reading import CHUNK, File, Path
from ....numerics.arrays import Array
from ..tensors import Entry, Into, check_destination, chosen, numbers, read_tensor
from .bert import GraphBert, find
from .graph import Stored, read_graph, values_of
from .operations import Weight

LEAST = 1 << 10  # elements of a stored tensor that is listed although nothing uses it


def describe(path: Path) -> dict[str, Entry]:
    """Dtype and shape of every weight by name. Error: the graph is not a BERT's, or not one that is known here."""
    with File(path) as file:
        return {name: entry_of(weight) for name, weight in _weights(file)[0].items()}


def find_bert(path: Path) -> GraphBert:
    """The weights where they lie, and what the graph says of the config."""
    with File(path) as file:
        return _weights(file)[1]


def files_of(path: Path) -> list[SystemPath]:
    """The files beside this one that hold weights of it."""
    with File(path) as file:
        stored = read_graph(file).stored.values()
        return sorted({SystemPath(tensor.path) for tensor in stored if tensor.path != os.fspath(path)})


def read(path: Path, names: Iterable[str] | None = None, into: Into | None = None) -> dict[str, Array]:
    """The weights by name."""
    with File(path) as file:
        arrays = {}
        for name, weight in chosen(file, _weights(file)[0], names).items():
            entry = entry_of(weight)
            arrays[name] = _read(file, weight, entry, into(name, entry) if into else None)
        return arrays


def entry_of(weight: Weight) -> Entry:
    """What a weight becomes."""
    dtype = weight.stored.entry.dtype
    return Entry(dtype, weight.shape) if weight.scale is None else Entry("float32", weight.shape, quantized=dtype)


def _weights(file: File) -> tuple[dict[str, Weight], GraphBert]:
    graph = read_graph(file)
    bert = find(file, graph)
    parts = [stored for weight in bert.weights.values() for stored in (weight.stored, weight.scale, weight.zero)]
    used = {stored.name for stored in parts if stored}
    unused = {
        name: Weight(stored)
        for name, stored in graph.stored.items()
        if name not in used and stored.size >= LEAST and stored.entry.loaded.kind == "f"
    }
    return bert.weights | unused, bert


def _read(file: File, weight: Weight, entry: Entry, target: Array | None) -> Array:
    if weight.stored.path == os.fspath(file.path):
        return _read_from(file, file, weight, entry, target)
    with File(weight.stored.path) as beside:
        beside.require(weight.stored.start, weight.stored.entry.nbytes)
        return _read_from(file, beside, weight, entry, target)


def _read_from(file: File, source: File, weight: Weight, entry: Entry, target: Array | None) -> Array:
    """Straight into its place where it lies there as it is wanted, else some rows of it at a time."""
    stored = weight.stored
    if weight.scale is None and not weight.transposed and weight.part == (0, 1) and stored.packed is None:
        return read_tensor(source, stored.start, entry, target)
    array = np.empty(entry.shape, entry.loaded) if target is None else target
    check_destination(array, entry)
    view = array.T if weight.transposed else array  # as it is stored, but for the other parts
    rows, width = _rows(stored)
    part, parts = weight.part
    own = slice(part * (width // parts), (part + 1) * (width // parts))
    step = max(1, CHUNK // max(1, width * stored.entry.itemsize))
    scale, zero = (values_of(file, stored) if stored else None for stored in (weight.scale, weight.zero))
    view = view.reshape(rows, -1)
    for first in range(0, rows, step):
        last = min(first + step, rows)
        block = _block(source, stored, first, last, width)
        if scale is not None:
            block = _dequantized(block, scale, zero, weight.axis, slice(first, last))
        view[first:last] = numbers(block[:, own], stored.entry.dtype)
    return array


def _rows(stored: Stored) -> tuple[int, int]:
    shape = stored.entry.shape
    return (shape[0], shape[1]) if len(shape) == 2 else (1, stored.size)


def _block(source: File, stored: Stored, first: int, last: int, width: int) -> Array:
    if stored.packed is not None:
        return np.array(stored.packed[first * width : last * width], stored.entry.dtype).reshape(-1, width)
    block = np.empty((last - first, width), np.uint16 if stored.entry.dtype == "bfloat16" else stored.entry.loaded)
    source.read_into(block, stored.start + first * width * stored.entry.itemsize)
    return block


def _dequantized(block: Array, scale: Array, zero: Array | None, axis: int, rows: slice) -> Array:
    """Rows of a stored tensor: (q - zero) * scale in float32; a list of scales goes along its axis."""

    def along(values: Array) -> Array:
        if values.size == 1:
            return values.reshape(1, 1)
        return values[rows, None] if axis == 0 else values[None, :]

    centered = block.astype(np.int32) if zero is None else block.astype(np.int32) - along(zero).astype(np.int32)
    with np.errstate(invalid="ignore", over="ignore"):
        return centered.astype(np.float32) * along(scale).astype(np.float32)
