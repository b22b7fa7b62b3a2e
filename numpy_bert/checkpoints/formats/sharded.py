"""A checkpoint in several files: an index of JSON says in which file of the same folder each tensor lies.

    {"metadata": {"total_size": 440}, "weight_map": {"embeddings.weight": "model-00001-of-00002.safetensors", ...}}

The index is `model.safetensors.index.json` or `pytorch_model.bin.index.json`. Its file names come from a stranger:
only plain names are taken, so that nothing outside the folder is ever opened. Index and files must agree on every
tensor, since a file left out would mean weights left out.

Source: `save_pretrained` of Hugging Face transformers, which writes such folders.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Any, NamedTuple

from ... import errors
from ...errors import Error, show
from ...files import strict_json
from ...files.reading import Path
from ...numerics.arrays import Array
from ..detect import recognize
from . import safetensors
from .tensors import (
    MOST_TENSORS,
    Entry,
    Into,
)
from .torch import archive, legacy

LARGEST_INDEX = 1 << 21  # bytes; 10,000 tensors take half of it
READERS: dict[str, Any] = {"safetensors": safetensors, "torch_zip": archive, "torch_legacy": legacy}
FORMS = {".safetensors": ("safetensors",), ".bin": ("torch_zip", "torch_legacy")}  # by the ending of the files


class Shard(NamedTuple):
    """One file of the checkpoint."""

    path: str
    form: str
    entries: dict[str, Entry]


def describe(path: Path) -> dict[str, Entry]:
    """Dtype and shape of every tensor by name, once the index and all its files agree."""
    return {name: entry for shard in shards(path) for name, entry in shard.entries.items()}


def read(path: Path, names: Iterable[str] | None = None, into: Into | None = None) -> dict[str, Array]:
    """The tensors by name from all files; see tensors.py for `names`, `into` and dtypes."""
    parts = shards(path)
    present = {name for shard in parts for name in shard.entries}
    asked = present if names is None else set(names)
    for name in sorted(asked - present):
        raise Error(f"{show(name)}: expected a tensor of this name, got none", at=path)
    arrays: dict[str, Array] = {}
    for shard in parts:
        wanted = asked & shard.entries.keys()
        if wanted:
            arrays |= READERS[shard.form].read(shard.path, wanted, into)
    return arrays


def shards(path: Path) -> list[Shard]:
    """The files of the index, each described by its own reader and compared with the index."""
    index = strict_json.read(path, LARGEST_INDEX)
    weight_map = index.get("weight_map") if isinstance(index, dict) else None
    if not isinstance(weight_map, dict) or not weight_map:
        got = errors.describe(weight_map)
        raise Error(f"weight_map: expected an object of tensors and file names, got {got}", at=path)
    if len(weight_map) > MOST_TENSORS:
        raise Error(f"weight_map: expected at most {MOST_TENSORS} tensors, got {len(weight_map)}", at=path)
    for name, file_name in weight_map.items():
        check_file_name(path, name, file_name)
    file_names = sorted(set(weight_map.values()))
    forms = FORMS[ending(path, file_names)]
    folder = os.path.dirname(os.fspath(path))
    missing = [name for name in file_names if not os.path.exists(os.path.join(folder, name))]
    if missing:
        listed = ", ".join(show(name, 60) for name in missing)
        raise Error(f"expected {len(file_names)} files beside it, got {len(missing)} missing: {listed}", at=path)
    parts = [shard(os.path.join(folder, name), forms) for name in file_names]
    check_tensors(path, weight_map, parts)
    check_total_size(path, index, parts)
    return parts


def check_file_name(index: Path, tensor: str, name: object) -> None:
    """A name that means a file of the same folder on any system, and nothing else."""
    plain = isinstance(name, str) and name != "" and not name.startswith(".") and name.isprintable()
    if not plain or any(symbol in str(name) for symbol in '/\\:<>"|?*'):
        raise Error(
            f"expected a plain file name, got {errors.describe(name)}", at=index, key=f"weight_map[{show(tensor)}]"
        )


def ending(path: Path, file_names: list[str]) -> str:
    """The common ending of the files, which must also be in the name of the index, if it has one."""
    for known in FORMS:
        if all(name.endswith(known) for name in file_names):
            other = [end for end in FORMS if end != known and os.fspath(path).endswith(f"{end}.index.json")]
            if not other:
                return known
    endings = " or ".join(f"'*{known}'" for known in FORMS)
    odd = show(next((name for name in file_names if not name.endswith(".safetensors")), file_names[0]), 60)
    raise Error(f"weight_map: expected files {endings} as the index is called, got {odd}", at=path)


def shard(path: str, forms: tuple[str, ...]) -> Shard:
    form = recognize(path)
    if form not in forms:
        raise Error(f"expected the form {' or '.join(forms)} by its index, got {form}", at=path)
    return Shard(path, form, READERS[form].describe(path))


def check_tensors(path: Path, weight_map: dict[str, str], parts: list[Shard]) -> None:
    """Every tensor of the index lies in its file, and every tensor of a file is in the index with this file."""
    for part in parts:
        file_name = os.path.basename(part.path)
        for name in part.entries:
            if weight_map.get(name) != file_name:
                other = weight_map.get(name)
                got = f"it is mapped to {show(other, 60)}" if other else "it is not mapped"
                raise Error(f"{show(name)}: expected {show(file_name, 60)}, which holds it, got {got}", at=path)
    present = {name for part in parts for name in part.entries}
    for name, file_name in weight_map.items():
        if name not in present:
            raise Error(f"{show(name)}: expected it in {show(file_name, 60)}, got no such tensor there", at=path)


def check_total_size(path: Path, index: Any, parts: list[Shard]) -> None:
    """`metadata.total_size`, where it is an integer, is the bytes of all tensors, tied ones counted once or all."""
    metadata = index.get("metadata")
    total = metadata.get("total_size") if isinstance(metadata, dict) else None
    if type(total) is not int:
        return
    every = sum(entry.nbytes for part in parts for entry in part.entries.values())
    if total != every and total != sum(distinct_bytes(part) for part in parts):
        raise Error(f"metadata.total_size: expected {every}, as the tensors have, got {show(total, 40)}", at=path)


def distinct_bytes(part: Shard) -> int:
    """Bytes of the tensors, those that PyTorch stored tied counted once."""
    if part.form == "safetensors":
        return sum(entry.nbytes for entry in part.entries.values())
    distinct: int = READERS[part.form].distinct_bytes(part.path)
    return distinct
