"""The graph of an ONNX file: its nodes, and the tensors that are stored in it or in files beside it.

What is stored is checked here: types, shapes, that the bytes are as many as the shape needs and lie in the file, that
no two tensors overlap, that a file beside this one has a plain name in the same folder. Nothing is read of a tensor
but its place, except for small ones that say how to compute (axes, shapes of attention heads, scales).

Source: onnx.proto of the ONNX project, IR version 3 to 13.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterable
from pathlib import Path as SystemPath
from typing import Any, NamedTuple

import numpy as np

from ....errors import show
from ....files.reading import File
from ....numerics.arrays import Array
from ..tensors import Entry, read_tensor, too_large
from .messages import Field, Messages

MOST_NODES = 50_000  # a BERT of 24 layers, quantized, has some 6,000
MOST_STORED = 50_000
SMALL = 1 << 20  # elements of a tensor that is read with the graph
TYPES = {
    1: "float32", 2: "uint8", 3: "int8", 4: "uint16", 5: "int16", 6: "int32", 7: "int64", 9: "bool", 10: "float16",
    11: "float64", 12: "uint32", 13: "uint64", 16: "bfloat16",
}  # fmt: skip
# Number of a field with elements -> of which types. Those of 4 and 10 lie there as in raw_data, the others as varints.
ELEMENTS = {4: ("float32",), 10: ("float64",), 7: ("int64",), 5: ("int8", "uint8", "int16", "uint16", "int32", "bool")}
RAW, EXTERNAL = 9, 13
# What nodes must have for the walk to read them: inputs of an operation, types of an attribute's value.
LEAST_INPUTS = {"Reshape": 2, "Gather": 2, "Sub": 2, "Div": 2, "Sqrt": 1, "ReduceMean": 1, "Softmax": 1, "Transpose": 1}
TWO_INPUTS = ("MatMul", "com.microsoft.FusedMatMul")
ATTRIBUTES = {
    "axis": int, "transA": int, "transB": int, "num_heads": int, "epsilon": float, "alpha": float, "beta": float,
    "perm": list, "approximate": bytes, "activation": bytes,
}  # fmt: skip


class Stored(NamedTuple):
    """A tensor that the file, or one beside it, holds."""

    name: str
    entry: Entry
    path: str  # of the file that holds its bytes
    start: int
    packed: tuple[int, ...] | None = None  # the elements themselves, where they were stored one by one

    @property
    def size(self) -> int:
        return int(np.prod(self.entry.shape, dtype=object))


class Node(NamedTuple):
    op: str  # with its domain before it where that is not ONNX's own: "com.microsoft.Attention"
    name: str
    inputs: tuple[str, ...]  # "" for one that is left out
    outputs: tuple[str, ...]
    attributes: dict[str, Any]  # integers, floats, lists of integers, and tensors as Stored

    def __str__(self) -> str:
        return f"node {show(self.name or next(iter(self.outputs), ''), 80)} ({show(self.op, 40)[1:-1]})"


class Graph(NamedTuple):
    nodes: list[Node]
    stored: dict[str, Stored]  # by the name of the value
    producers: dict[str, Node]  # by the name of the value
    inputs: tuple[str, ...]  # of the graph, without stored ones
    outputs: tuple[str, ...]


def read_graph(file: File) -> Graph:
    """All of it, checked. Error: it is no ONNX file, or one whose parts do not fit together."""
    messages = Messages(file)
    graphs = [field for field in messages.fields(0, file.size) if field.number == 7]
    if len(graphs) != 1:
        raise file.error(f"expected an ONNX model with one graph, got {len(graphs)}")
    nodes: list[Node] = []
    stored: dict[str, Stored] = {}
    ends: dict[int, list[str]] = {11: [], 12: []}
    for field in messages.message(graphs[0]):
        if field.number == 1:
            nodes.append(_node(messages, field))
            if len(nodes) > MOST_NODES:
                raise file.error(f"expected at most {MOST_NODES} nodes, got more")
        elif field.number == 5:
            _keep(file, stored, _tensor(messages, field))
        elif field.number in ends:
            ends[field.number] += [messages.text(part) for part in messages.message(field) if part.number == 1]
    for node in nodes:  # a constant is stored in its node
        value = node.attributes.get("value")
        if node.op == "Constant" and isinstance(value, Stored) and node.outputs:
            _keep(file, stored, value._replace(name=node.outputs[0]))
    _check_places(file, stored.values())
    producers: dict[str, Node] = {}
    for node in nodes:
        for name in filter(None, node.outputs):
            if name in producers or (name in stored and node.op != "Constant"):
                raise file.error(f"{node}: expected every value once, got {show(name)} twice")
            producers[name] = node
    return Graph(nodes, stored, producers, tuple(name for name in ends[11] if name not in stored), tuple(ends[12]))


def _keep(file: File, stored: dict[str, Stored], tensor: Stored) -> None:
    if tensor.name in stored:
        raise file.error(f"{show(tensor.name)}: expected every tensor once, got it twice")
    if len(stored) >= MOST_STORED:
        raise file.error(f"expected at most {MOST_STORED} tensors, got more")
    stored[tensor.name] = tensor


def _check_places(file: File, stored: Iterable[Stored]) -> None:
    """No two tensors share bytes: an exporter that shares one gives it one name."""
    end: dict[str, int] = {}
    lying = [tensor for tensor in stored if tensor.packed is None and tensor.entry.nbytes]
    for tensor in sorted(lying, key=lambda tensor: (tensor.path, tensor.start)):
        if tensor.start < end.get(tensor.path, 0):
            raise file.error(f"{show(tensor.name)}: expected bytes of its own, got an overlap with another tensor")
        end[tensor.path] = tensor.start + tensor.entry.nbytes


def _node(messages: Messages, field: Field) -> Node:
    inputs, outputs, name, op, domain = [], [], "", "", ""
    attributes: dict[str, Any] = {}
    for part in messages.message(field):
        if part.number == 1:
            inputs.append(messages.text(part))
        elif part.number == 2:
            outputs.append(messages.text(part))
        elif part.number == 3:
            name = messages.text(part)
        elif part.number == 4:
            op = messages.text(part)
        elif part.number == 5:
            key, value = _attribute(messages, part)
            attributes[key] = value
        elif part.number == 7:
            domain = messages.text(part)
    own = domain in ("", "ai.onnx")
    node = Node(op if own else f"{domain}.{op}", name, tuple(inputs), tuple(outputs), attributes)
    _check_node(messages, node)
    return node


def _check_node(messages: Messages, node: Node) -> None:
    count = len(node.inputs)
    if not node.outputs or count < LEAST_INPUTS.get(node.op, 0) or (node.op in TWO_INPUTS and count != 2):
        got = f"{count} and {len(node.outputs)}"
        raise messages.error(f"{node}: expected the inputs and outputs of its operation, got {got}")
    for key, value in node.attributes.items():
        if not isinstance(value, ATTRIBUTES.get(key, object)):
            got = type(value).__name__
            raise messages.error(f"{node}: {show(key, 40)}: expected {ATTRIBUTES[key].__name__}, got {got}")


def _attribute(messages: Messages, field: Field) -> tuple[str, Any]:
    """Name and value; None for a kind of value that is not used here, such as a graph inside a node."""
    name, value = "", None
    numbers: list[int] = []
    for part in messages.message(field):
        if part.number == 1:
            name = messages.text(part)
        elif part.number == 2 and part.end - part.start == 4:
            value = struct.unpack("<f", messages.read(part.start, part.end))[0]
        elif part.number == 3:
            value = messages.integer(part)
        elif part.number == 4 and part.end - part.start <= SMALL:
            value = messages.content(part, SMALL)
        elif part.number == 5:
            value = _tensor(messages, part)
        elif part.number == 8:
            numbers += messages.integers(part)
    return name, numbers or value


def _tensor(messages: Messages, field: Field) -> Stored:
    """The place of a tensor. Its name is that of a value, or "" in a node."""
    name, kind, dims, external = "", 0, [], []
    raw: list[Field] = []
    elements: list[Field] = []
    for part in messages.message(field):
        if part.number == 1:
            dims += messages.integers(part)
        elif part.number == 2:
            kind = messages.integer(part)
        elif part.number == 8:
            name = messages.text(part)
        elif part.number == RAW:
            raw.append(part)
        elif part.number in ELEMENTS:
            elements.append(part)
        elif part.number == EXTERNAL:
            external.append(part)
    file, shape = messages.file, tuple(dims)
    if kind not in TYPES:
        raise file.error(f"{show(name)}: expected a tensor of numbers, got type {kind}")
    problem = "a negative size" if any(size < 0 for size in shape) else too_large(shape)
    if problem:
        raise file.error(f"{show(name)}: expected a shape that fits in memory, got {problem}")
    tensor = Stored(name, Entry(TYPES[kind], shape), os.fspath(file.path), 0)
    if external:
        return _external(messages, tensor, external)
    if elements and not raw:
        return _elements(messages, tensor, elements)
    held = raw[0].end - raw[0].start if raw else 0
    if len(raw) > 1 or elements or held != tensor.entry.nbytes:
        got = f"{held} bytes" if len(raw) <= 1 and not elements else "several lists"
        raise file.error(f"{show(name)}: expected {tensor.entry.nbytes} bytes for shape {list(shape)}, got {got}")
    return tensor._replace(start=raw[0].start if raw else 0)


def _elements(messages: Messages, tensor: Stored, fields: list[Field]) -> Stored:
    """Elements in a field of their type. float32 and float64 lie there as they do in raw_data."""
    dtype, number = tensor.entry.dtype, fields[0].number
    error = messages.error(f"{show(tensor.name)}: expected its {tensor.size} elements of {dtype}, got others")
    if any(field.number != number for field in fields) or dtype not in ELEMENTS[number]:
        raise error
    if number in (4, 10):
        (field, *more) = fields
        if more or field.end - field.start != tensor.entry.nbytes:
            raise error
        return tensor._replace(start=field.start)
    if tensor.size > SMALL:
        raise messages.error(f"{show(tensor.name)}: expected more than {SMALL} elements in raw_data, got them packed")
    values = [value for field in fields for value in messages.integers(field)]
    limits = (0, 1) if dtype == "bool" else (np.iinfo(dtype).min, np.iinfo(dtype).max)
    if len(values) != tensor.size or not all(limits[0] <= value <= limits[1] for value in values):
        raise error
    return tensor._replace(packed=tuple(values))


def _external(messages: Messages, tensor: Stored, fields: list[Field]) -> Stored:
    """Elements in a file beside this one."""
    pairs = {}
    for field in fields:
        text = {part.number: messages.text(part) for part in messages.message(field) if part.number in (1, 2)}
        pairs[text.get(1, "")] = text.get(2, "")
    name, nbytes = pairs.get("location", ""), tensor.entry.nbytes
    numbers = [pairs.get(key, str(default)) for key, default in (("offset", 0), ("length", nbytes))]
    if not all(number.isascii() and number.isdecimal() and len(number) < 20 for number in numbers):
        raise messages.error(f"{show(tensor.name)}: expected offset and length, got {show(', '.join(numbers))}")
    offset, length = map(int, numbers)
    if name in ("", ".", "..") or any(sign in name for sign in "/\\\0:"):
        raise messages.error(f"{show(tensor.name)}: expected data in a file of this folder, got it in {show(name)}")
    if length != nbytes:
        got = f"{length} in {show(name, 60)}"
        raise messages.error(f"{show(tensor.name)}: expected {nbytes} bytes for its shape, got {got}")
    path = SystemPath(messages.file.path).parent / name
    with File(path) as file:
        file.require(offset, length, show(tensor.name))
    return tensor._replace(path=os.fspath(path), start=offset)


def values_of(file: File, tensor: Stored) -> Array:
    """The elements of a small tensor. Error: it is not small."""
    if tensor.size > SMALL:
        raise file.error(f"{show(tensor.name)}: expected at most {SMALL} elements, got {tensor.size}")
    if tensor.packed is not None:
        return np.array(tensor.packed, tensor.entry.dtype).reshape(tensor.entry.shape)
    if tensor.path == os.fspath(file.path):
        return read_tensor(file, tensor.start, tensor.entry)
    with File(tensor.path) as beside:
        return read_tensor(beside, tensor.start, tensor.entry)
