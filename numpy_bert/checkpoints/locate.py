"""Where the weights of a checkpoint lie: a file named by the caller, or the preferred one of a folder.

A folder may hold the same weights in several forms. The order of preference is fixed: safetensors (checked most
strictly, read fastest), PyTorch, TensorFlow, Keras, Flax, npz. A warning names the files that were not read. Exported
graphs (ONNX) are read where there is nothing else; of several the one that was least changed.
"""

from __future__ import annotations

import importlib
import os
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

from ..errors import Error, show, warn
from ..files import reading as files
from . import hub, modules_file
from .detect import recognize
from .formats import sharded
from .formats.onnx.reader import files_of as onnx_files
from .formats.tensorflow import bundle

# Names under which published folders keep their weights, in the order of preference.
PREFERRED = (
    "model.safetensors",
    "model.safetensors.index.json",
    "pytorch_model.bin",
    "pytorch_model.bin.index.json",
    "bert_model.ckpt.index",
    "tf_model.h5",
    "flax_model.msgpack",
    "model.npz",
    "variables/variables.index",
)
# Graphs that exporters write, at the top or in the folder `onnx`, where optimum and the hub have them.
EXPORTED = tuple(
    place + name for name in ("model.onnx", "model_optimized.onnx", "model_quantized.onnx") for place in ("", "onnx/")
)
# Under other names.
SUFFIXES = (".safetensors", ".bin", ".pt", ".pth", ".index", ".h5", ".msgpack", ".npz", ".gguf", ".onnx")

# What is read besides the weights; the configs last, so that a complete config means that all files are there.
BESIDE = (
    "vocab.txt",
    "tokenizer.json",
    "added_tokens.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "modules.json",
    "1_Pooling/config.json",
    *modules_file.LENGTH_FILES,
    "config_sentence_transformers.json",
    "bert_config.json",
    "config.json",
)
VOCABULARIES = BESIDE[:2]

READERS = {
    "safetensors": "safetensors",
    "torch_zip": "torch.archive",
    "torch_legacy": "torch.legacy",
    "sharded": "sharded",
    "tf_bundle": "tensorflow.bundle",
    "hdf5": "hdf5",
    "flax": "flax",
    "npz": "npz",
    "gguf": "gguf",
    "onnx": "onnx.reader",
}


class Weights(NamedTuple):
    """A file with weights, the form its bytes have, and the folder where its config and vocabulary lie."""

    path: Path
    form: str
    folder: Path
    passed_over: tuple[str, ...]  # names of other files with weights in the same folder

    def tell_passed_over(self) -> None:
        """A notice where the folder has other files with weights, which may say something else."""
        if self.passed_over:
            others = ", ".join(self.passed_over)
            warn(f"read {self.path.name} and passed over {others}", at=self.folder)

    @property
    def reader(self) -> ModuleType:
        """The module whose `describe` and `read` understand the form."""
        return importlib.import_module(f".formats.{READERS[self.form]}", __package__)


def locate(path: str | os.PathLike[str], revision: str | None = None, subfolder: str | None = None) -> Weights:
    """A folder, a file with weights, the prefix of a TensorFlow checkpoint, or a name of the hub -> its Weights.

    Only a str can be a name of the hub, and only where nothing of this name lies here. revision: a branch, a tag or a
    commit of a model of the hub. subfolder: where in the folder, or in the model of the hub, the files lie.
    """
    place = Path(path)
    files.require_path(path)
    if subfolder is not None and not _is_inside(subfolder):
        raise Error(f"subfolder: expected the name of a folder inside, got {show(subfolder)}")
    if not os.fspath(path):
        raise Error("path: expected a folder or a file, got an empty name")
    try:
        if revision is not None and (os.path.lexists(place) or not isinstance(path, str) or not hub.is_name(path)):
            raise Error("revision: expected a name of the hub, got a path", at=path)
        if place.is_dir():
            return _in_folder(place if subfolder is None else place / subfolder)
        if not os.path.lexists(place):
            index = place.with_name(place.name + ".index") if place.name else place
            if index.is_file():
                return _of_file(index)
            if isinstance(path, str) and hub.is_name(path):
                return _in_folder(hub.fetch(path, (*PREFERRED, *EXPORTED), BESIDE, revision, subfolder))
            raise Error("expected a folder or a file, got nothing of this name", at=path)
        return _of_file(place)
    except (OSError, ValueError) as error:
        if isinstance(error, Error):
            raise
        why = files.reason(error) if isinstance(error, OSError) else "a path that holds a zero byte"
        raise Error(f"expected a folder or a file, got {why}", at=path) from None


def _of_file(path: Path, passed_over: tuple[str, ...] = ()) -> Weights:
    """The data of a TensorFlow checkpoint stand for its index; of a SavedModel the config is one folder up."""
    shard = bundle.SHARD.fullmatch(path.name)
    if shard:
        path = path.with_name(shard[1] + bundle.INDEX)
    form = _form(path)
    beside = path.parent
    if form == "tf_bundle" and beside.name == "variables":
        beside = beside.parent
    if form == "onnx":
        beside = _beside_graph(beside)
    return Weights(path, form, beside, passed_over)


def _beside_graph(folder: Path) -> Path:
    """Where the vocabulary and the config of a graph lie: in its folder, or above where that is called `onnx`."""
    if folder.absolute().name != "onnx":
        return folder
    above = folder.parent if folder.name == "onnx" else folder.absolute().parent
    for names in (VOCABULARIES, (BESIDE[-1],)):
        for place in (folder, above):
            if any(os.path.lexists(place / name) for name in names):
                return place
    return folder


def _is_inside(subfolder: object) -> bool:
    parts = subfolder.split("/") if isinstance(subfolder, str) else [".."]
    return all(part not in ("", ".", "..") and not set(part) & set("\\\0:") for part in parts)


def _in_folder(folder: Path) -> Weights:
    names = sorted(entry.name for entry in folder.iterdir())
    files = [name for name in PREFERRED if os.path.lexists(folder / name)]
    if not files:
        files = [name for suffix in SUFFIXES for name in names if name.endswith(suffix)]
        exported = [name for name in EXPORTED if (folder / name).is_file()]
        if exported and all(name.endswith(".onnx") for name in files):
            files = exported[:1]
        if len(files) > 1:
            listed = ", ".join(show(name, 60)[1:-1] for name in files[:3]) + ", ..." * (len(files) > 3)
            raise Error(f"expected one file with weights, got {listed}; name one", at=folder)
    encoder = None if files else modules_file.encoder_folder(folder)
    if encoder is not None and encoder != folder and encoder.is_dir():
        return _in_folder(encoder)  # a sentence model as the first releases saved it
    if not files:
        inside = [name for name in names if any((folder / name / file).is_file() for file in PREFERRED)]
        hint = f"; the folder {show(inside[0], 60)} in it has one" if inside else ""
        raise Error(f"expected a file with weights such as {PREFERRED[0]}, got none{hint}", at=folder)
    return _of_file(folder / files[0], tuple(files[1:]))


def _form(path: Path) -> str:
    """By content; only an index of shards, which is plain JSON, is known by its ending."""
    return "sharded" if path.name.endswith(".index.json") else recognize(path)


def files_of(weights: Weights) -> list[Path]:
    """All files of a checkpoint that are there: the weights, in one piece or several, and what is read beside them."""
    parts = [weights.path]
    if weights.form == "sharded":
        parts += [Path(shard.path) for shard in sharded.shards(weights.path)]
    elif weights.form == "tf_bundle":
        stem = weights.path.name.removesuffix(bundle.INDEX)
        shards = [path for path in weights.path.parent.iterdir() if bundle.SHARD.fullmatch(path.name)]
        parts += sorted(path for path in shards if path.name.startswith(f"{stem}.data-"))
    elif weights.form == "onnx":
        parts += onnx_files(weights.path)
    if weights.form == "gguf":  # which holds what others have beside them
        return parts
    beside = [weights.folder / name for name in BESIDE]
    return parts + [path for path in beside if os.path.lexists(path)]
