"""Match the tensors of a file with the model: each is used, known but not used, unexpected or missing.

Only names, dtypes and shapes are read for this.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Iterable, Mapping
from types import MappingProxyType
from typing import NamedTuple

from ..config import RULES, BertConfig
from ..errors import Error, show
from ..files.reading import Path
from ..numerics import tree
from ..numerics.tree import Shape
from ..tasks import objective
from . import names
from .formats.tensors import Entry

POOLER = "pooler"


class Stored(NamedTuple):
    """One tensor of a file."""

    foreign: str  # its name in the file
    entry: Entry
    transposed: bool


class Match(NamedTuple):
    """How every tensor is used: nothing is lost silently and nothing missing is invented."""

    heads: tuple[str, ...]
    has_pooler: bool
    used: dict[str, Stored]  # by the name that names.spelled gives
    left: dict[str, str]  # foreign name -> what it is, and why it is not a weight of the model
    unexpected: tuple[str, ...]  # foreign names that mean nothing here
    missing: tuple[str, ...]  # Hugging Face names that the config asks for
    copies: dict[str, str]  # foreign names of those left that must equal what is used under this name
    config: BertConfig  # as the weights bear it out: see `match_tensors`
    closed: Mapping[str, Error] = MappingProxyType({})  # a head that is there and cannot be used, or POOLER -> why


def match_usable(
    path: Path,
    entries: dict[str, Entry],
    config: BertConfig,
    without: Collection[str] = (),
    closed: Mapping[str, Error] | None = None,
) -> Match:
    """Match the tensors of a file, those of a head or a pooler that cannot be used left out.

    A head that lacks a tensor, or has one of another shape than the config says, closes itself and nothing else; a
    pooler closes the heads that read it as well. closed: heads that cannot be used for another reason.
    """
    whole = match_tensors(entries, config, without)
    faults = {head: error for head, error in (closed or {}).items() if head in whole.heads}
    shapes = objective.shapes(whole.config, whole.heads, whole.has_pooler)
    if whole.has_pooler and (error := _fault(path, whole, shapes, "bert.pooler.")):
        faults |= dict.fromkeys((POOLER, *(head for head in whole.heads if objective.needs_pooler([head]))), error)
    for head in whole.heads:
        if head not in faults and (error := _fault(path, whole, shapes, f"{head}.")):
            faults[head] = error
    return match_tensors(entries, config, without, faults) if faults else whole


def _fault(path: Path, whole: Match, shapes: objective.Params, prefix: str) -> Error | None:
    """Why the arrays whose names begin so cannot be used."""
    leaves = [(leaf, shape) for leaf, shape in tree.items(shapes) if leaf.startswith(prefix)]
    sources = {name for leaf, _ in leaves for name in names.stored_as(leaf, whole.used)}
    if missing := sorted(sources & set(whole.missing)):
        return Error(f"expected every tensor of {prefix[:-1]}, got none called {missing[0]}", at=path)
    try:
        check_shapes(path, leaves, whole)
    except Error as error:
        return error
    return None


def match_tensors(
    entries: dict[str, Entry],
    config: BertConfig,
    without: Collection[str] = (),
    closed: Mapping[str, Error] | None = None,
) -> Match:
    """Sort the tensors of a file into what the model uses, what is known and left, and the rest.

    `without` names heads that are left although they are there, to be replaced by new ones; `closed` those that cannot
    be used. Where a config says nothing of labels (Google's never do), the classifier in the file says how many there
    are.
    """
    closed = closed or {}
    left: dict[str, str] = {}
    stored: dict[str, Stored] = {}
    copies: dict[str, str] = {}
    for foreign, entry in entries.items():
        name, transposed = names.spelled(foreign)
        if role := names.left(foreign, name):
            left[foreign] = role
            continue
        tensor = Stored(foreign, entry, transposed)
        if name in stored:
            kept, copy = stored[name], tensor
            if foreign.endswith(names.DECODER_BIAS):  # which transformers computes with where there are both
                kept, copy = copy, kept
            left[copy.foreign] = f"second copy of {show(kept.foreign)}"
            copies[copy.foreign] = name
            tensor = kept
        stored[name] = tensor
    stored_heads = names.heads_in(stored, config.architectures)
    heads = tuple(head for head in stored_heads if head not in without and head not in closed)
    config = _with_stored_labels(config, heads, stored)
    has_pooler = any(name.startswith("bert.pooler.") for name in stored) or objective.needs_pooler(heads)
    stored_pooler, has_pooler = has_pooler, has_pooler and POOLER not in closed
    wanted = _wanted(config, heads, has_pooler, stored)
    replaced = _wanted(config, tuple(head for head in stored_heads if head not in closed), has_pooler, stored)
    for name in _wanted(config, stored_heads, stored_pooler, stored) - wanted:
        if name in stored:
            left[stored[name].foreign] = "replaced by a new head" if name in replaced else "of what cannot be used"
    if names.DECODER in stored and names.DECODER not in wanted and stored[names.DECODER].foreign not in left:
        decoder = stored[names.DECODER].foreign
        left[decoder], copies[decoder] = "decoder tied to the word embedding", names.WORD
    used = {name: tensor for name, tensor in stored.items() if name in wanted}
    unexpected = tuple(t.foreign for name, t in stored.items() if name not in wanted and t.foreign not in left)
    missing = tuple(sorted(wanted - stored.keys()))
    copies = {foreign: name for foreign, name in copies.items() if name in used}
    return Match(heads, has_pooler, used, left, unexpected, missing, copies, config, closed)


def _wanted(config: BertConfig, heads: tuple[str, ...], has_pooler: bool, stored: Collection[str]) -> set[str]:
    shapes = objective.shapes(config, heads, has_pooler)
    return {name for leaf, _ in tree.items(shapes) for name in names.stored_as(leaf, stored)}


def _with_stored_labels(config: BertConfig, heads: tuple[str, ...], stored: dict[str, Stored]) -> BertConfig:
    """A config that names neither architecture nor labels takes their number from the classifier."""
    head = next((head for head in names.WITH_LABELS if head in heads), None)
    if head is None or config.architectures or config.labels or config.num_labels != BertConfig.num_labels:
        return config
    (name,) = names.stored_as(f"{head}.dense.W", stored)
    shape = stored[name].entry.shape if name in stored else ()
    if len(shape) != 2 or config.hidden_size not in shape:
        return config
    labels = shape[1] if stored[name].transposed else shape[0]
    return dataclasses.replace(config, num_labels=labels) if RULES["num_labels"].holds(labels) else config


def check_shapes(path: Path, leaves: Iterable[tuple[str, Shape]], match: Match) -> None:
    """Every tensor has the shape and a dtype that the config and the model ask for. Error: one has not."""
    for leaf, shape in leaves:
        parts = names.stored_as(leaf, match.used)
        rows, *rest = shape.dims
        for source in parts:
            tensor = match.used[source]
            expected = (rows // len(parts), *rest)
            allowed = _stored_shapes(source, expected[::-1] if tensor.transposed else expected, match.config)
            if tensor.entry.shape not in allowed:
                got = f"shape {list(allowed[0])} by the config, got {list(tensor.entry.shape)}"
                raise Error(f"expected {got}", at=path, key=show(tensor.foreign))
            if tensor.entry.loaded.kind != "f":
                raise Error(f"expected floating point, got {tensor.entry.dtype}", at=path, key=show(tensor.foreign))


def _stored_shapes(name: str, plain: tuple[int, ...], config: BertConfig) -> list[tuple[int, ...]]:
    """The shapes in which a file may hold this array: as it is, or, in some years of Keras, with the heads apart."""
    A, H = config.num_attention_heads, config.hidden_size
    if ".attention.self." in name:
        return [plain, (*plain[:-1], A, H // A)]
    if name.endswith(".attention.output.dense.weight"):
        return [plain, (A, H // A, *plain[1:])]
    return [plain]
