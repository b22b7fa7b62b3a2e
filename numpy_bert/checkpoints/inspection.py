"""What a checkpoint holds and what it can do, even if it is damaged.

Everything that loading would check is checked, but a fault does not end the report, it becomes a line of it: a config
that cannot be read, weights whose data are missing, a vocabulary that is damaged. Tensors are read a few at a time, so
the memory is bounded by the largest of them and 32 MiB.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ..config import BertConfig
from ..errors import Error
from ..files.reading import File
from ..numerics import tree
from ..numerics.arrays import Array
from ..tasks import objective
from . import beside, known_keys, locate, names
from .formats.tensors import Entry
from .locate import Weights
from .matching import Match, check_shapes, match_usable
from .weights import missing_tensors

BATCH = 1 << 25  # bytes of tensors that are read at once
MOST_FAILURES = 20  # tensors that cannot be read, after which no more are tried
USED, LEFT, UNEXPECTED = "used", "left", "unexpected"
HOW = {
    "safetensors": "a 64-bit length and a JSON object",
    "torch_zip": "a zip archive that begins with no .npy file",
    "torch_legacy": "a pickled magic number",
    "tf_bundle": "the magic number of a TensorFlow table at the end",
    "hdf5": "the HDF5 signature",
    "flax": "a MessagePack map",
    "npz": "a zip archive that begins with a .npy file",
    "gguf": "the letters GGUF",
    "onnx": "a Protocol Buffers message that begins with a small number",
    "sharded": "its ending .index.json",
}
TITLES = {
    "safetensors": "safetensors",
    "torch_zip": "PyTorch (zip)",
    "torch_legacy": "PyTorch (legacy, before 1.6)",
    "tf_bundle": "TensorFlow (V2 bundle)",
    "hdf5": "Keras (HDF5)",
    "flax": "Flax (MessagePack)",
    "npz": "NumPy (npz)",
    "gguf": "GGUF (llama.cpp)",
    "onnx": "ONNX",
    "sharded": "several files with an index",
}


class Numbers(NamedTuple):
    """What the elements of a tensor are; the first three over those that are finite, None where there are none."""

    minimum: float | None
    maximum: float | None
    mean: float | None
    not_finite: int


class Tensor(NamedTuple):
    name: str
    shape: tuple[int, ...]
    dtype: str
    status: str  # used, left or unexpected
    role: str  # the leaf of objective.Params that it becomes or is a part of, or what it is and why it is left
    numbers: Numbers | None  # None where it could not be read


class FileSum(NamedTuple):
    name: str
    size: int
    sha256: str


class Sentences(NamedTuple):
    """How a text becomes a vector, and what of that no file says."""

    pooling: str  # one of POOLINGS, or several joined by +; or SPLADE
    steps: tuple[str, ...]  # what follows it
    pooling_assumed: bool  # no modules.json names it: it is what sentence-transformers takes
    max_length: int  # tokens at which a text is cut
    max_length_assumed: bool  # no file says it: it is the number of positions


class Report(NamedTuple):
    path: Path  # the file with the weights
    form: str
    config: BertConfig | None  # None where it cannot be read
    tensors: tuple[Tensor, ...]
    missing: tuple[str, ...]  # Hugging Face names that the config asks for
    tasks: tuple[str, ...]  # what the model can do; () where it cannot be loaded
    files: tuple[FileSum, ...]
    passed_over: tuple[str, ...]  # other files with weights in the same folder
    problems: tuple[str, ...]  # messages of what loading would refuse, or do without
    sentences: Sentences | None  # None where no vectors can be made

    @property
    def unexpected(self) -> tuple[str, ...]:
        return tuple(tensor.name for tensor in self.tensors if tensor.status == UNEXPECTED)


def inspect(path: str | os.PathLike[str]) -> Report:
    """Look at a folder, a file with weights or a name of the hub. Error: there is nothing that could be looked at."""
    weights = locate.locate(path)
    entries: dict[str, Entry] = weights.reader.describe(weights.path)
    problems: dict[str, None] = {}  # a set in order
    closed: dict[str, Error] = {}
    config = _attempt(problems, beside.config, weights, closed)
    match = match_usable(weights.path, entries, config, closed=closed) if config else None
    roles = dict(_roles(entries, match))
    numbers = dict(_numbers(weights, entries, problems))
    tensors = [
        Tensor(name, entry.shape, entry.quantized or entry.dtype, *roles[name], numbers.get(name))
        for name, entry in entries.items()
    ]
    others = weights.reader.others(weights.path) if hasattr(weights.reader, "others") else {}
    tensors += [Tensor(name, (), kind, LEFT, "no numbers", None) for name, kind in others.items()]
    readable = all(tensor.numbers for tensor in tensors if tensor.status == USED)
    tasks = _tasks(weights, match, problems) if match and readable else ()
    if weights.form != "gguf":
        problems |= {f"not obeyed, and may change answers: {key}": None for key in known_keys.unowned(weights.folder)}
    places = _attempt(problems, locate.files_of, weights) or [weights.path]
    files = tuple(file for place in places if (file := _attempt(problems, _sum, place, weights.folder)))
    missing = match.missing if match else ()
    config = match.config if match else None
    sentences = _sentences(weights, config) if config and "sentence_embedding" in tasks else None
    parts = (weights.path, weights.form, config, tuple(tensors), missing, tasks, files, weights.passed_over)
    return Report(*parts, tuple(problems), sentences)


def _attempt(problems: dict[str, None], function: Any, *arguments: Any) -> Any:
    """What the function returns, or None and its Error among the problems."""
    try:
        return function(*arguments)
    except Error as error:
        problems[str(error)] = None
        return None


def _roles(entries: dict[str, Entry], match: Match | None) -> Iterator[tuple[str, tuple[str, str]]]:
    """(name, (status, role)) of every tensor. Without a config every name that is known counts as used."""
    spellings = {foreign: names.spelled(foreign).name for foreign in entries}
    heads = match.heads if match else names.heads_in(set(spellings.values()), ())
    head = next((head for head in names.CLASSIFIERS if head in heads), None)
    for foreign, name in spellings.items():
        role = match.left.get(foreign) if match else names.left(foreign, name)
        leaf = names.leaf(name, head)
        unknown = foreign in match.unexpected if match else leaf is None
        if role:
            yield foreign, (LEFT, role)
        elif unknown or leaf is None:
            yield foreign, (UNEXPECTED, "")
        else:
            part = f" [{leaf.part + 1} of {leaf.parts}]" if leaf.parts > 1 else ""
            yield foreign, (USED, leaf.name + part)


def _numbers(weights: Weights, entries: dict[str, Entry], problems: dict[str, None]) -> Iterator[tuple[str, Numbers]]:
    failures = 0
    for batch in batches(entries):
        arrays = _attempt({}, weights.reader.read, weights.path, batch)
        for name in batch:
            if arrays is None:  # one of them: the others are read alone
                alone = _attempt(problems, weights.reader.read, weights.path, [name]) or {}
                failures += not alone
                yield from ((name, summary(array)) for name, array in alone.items())
            else:
                yield name, summary(arrays.pop(name))
            if failures >= MOST_FAILURES:
                return


def batches(entries: dict[str, Entry]) -> Iterator[list[str]]:
    """Names of tensors that are read at once."""
    batch: list[str] = []
    size = 0
    for name, entry in entries.items():
        if batch and size + entry.nbytes > BATCH:
            yield batch
            batch, size = [], 0
        batch.append(name)
        size += entry.nbytes
    if batch:
        yield batch


def summary(array: Array) -> Numbers:
    """The numbers of one tensor."""
    if array.dtype.kind == "f":
        finite = np.isfinite(array)
        bad = array.size - int(finite.sum())
        array = array[finite] if bad else array
    else:
        bad = 0
    if not array.size:
        return Numbers(None, None, None, bad)
    return Numbers(float(array.min()), float(array.max()), float(array.mean(dtype=np.float64)), bad)


def _tasks(weights: Weights, match: Match, problems: dict[str, None]) -> tuple[str, ...]:
    """What the model can do. Whatever prevents it is added to the problems."""
    if match.missing:
        expected = f"expected every tensor of the config, got {missing_tensors(match)}"
        problems[str(Error(expected, at=weights.path))] = None
        return ()
    shapes = objective.shapes(match.config, match.heads, match.has_pooler)
    before = len(problems)
    _attempt(problems, check_shapes, weights.path, tree.items(shapes), match)
    if len(problems) > before:
        return ()
    for part, error in match.closed.items():
        problems[f"the {part.replace('_', ' ')} cannot be used: {error}"] = None
    for head in names.promised_heads(match.config.architectures):
        if head not in match.heads and head not in match.closed:
            expected = f"expected the {head} head that the config names, got weights without it"
            problems[str(Error(expected, at=weights.path))] = None
    pooling = beside.pooling(weights, match.config)
    if isinstance(pooling, Error):
        problems[str(pooling)] = None
    _attempt(problems, beside.tokenizer, weights)
    return ("embeddings", *([] if isinstance(pooling, Error) else ["sentence_embedding"]), *match.heads)


def _sentences(weights: Weights, config: BertConfig) -> Sentences | None:
    pooling = beside.pooling(weights, config)
    if isinstance(pooling, Error):
        return None
    is_pooling_assumed, is_length_assumed = beside.assumed(weights, pooling)
    positions = config.max_position_embeddings
    return Sentences(
        pooling.pooling if pooling.sparse is None else f"SPLADE, {pooling.sparse.strategy}",
        tuple(type(step).__name__ for step in pooling.steps),
        is_pooling_assumed,
        positions if pooling.max_length is None else min(positions, pooling.max_length),
        is_length_assumed,
    )


def _sum(path: Path, folder: Path) -> FileSum:
    with File(path) as file:
        return FileSum(Path(os.path.relpath(path, folder)).as_posix(), file.size, file.hexdigest())


def to_json(report: Report) -> dict[str, Any]:
    """The report as JSON has it: finite numbers, lists and objects."""
    return {
        "path": str(report.path),
        "form": report.form,
        "recognized_by": HOW[report.form],
        "config": dataclasses.asdict(report.config) if report.config else None,
        "tensors": [
            tensor._replace(numbers=None)._asdict() | {"numbers": tensor.numbers and tensor.numbers._asdict()}
            for tensor in report.tensors
        ],
        "totals": totals(report),
        "missing": report.missing,
        "unexpected": report.unexpected,
        "tasks": report.tasks,
        "files": [file._asdict() for file in report.files],
        "passed_over": report.passed_over,
        "problems": report.problems,
        "sentences": report.sentences and report.sentences._asdict(),
    }


def totals(report: Report) -> dict[str, int]:
    """How many tensors there are of each status, parameters and bytes."""
    used = [tensor for tensor in report.tensors if tensor.status == USED]
    return {
        "tensors": len(report.tensors),
        "used": len(used),
        "left": sum(tensor.status == LEFT for tensor in report.tensors),
        "unexpected": len(report.unexpected),
        "parameters": sum(int(np.prod(tensor.shape, dtype=object)) for tensor in used),
        "bytes": sum(file.size for file in report.files),
    }
