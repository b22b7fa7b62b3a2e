"""A name such as google-bert/bert-base-uncased -> the folder of its files in the cache of the Hugging Face hub.

    owner/name              the model, at its newest state
    owner/name@revision     a branch, a tag or a commit of it
    name                    a model without an owner, or of one of OWNERS, which people leave out: all-MiniLM-L6-v2

The library huggingface_hub (extra `hub`) talks to the hub and keeps the cache, so its settings hold here: HF_ENDPOINT,
HF_HOME, HF_HUB_OFFLINE, a user's token. Of the files of a model only those are fetched that are read here: the weights
in the preferred form (locate.py), the config, the tokenizer, the pooling and the modules it names; where the weights
lie in a subfolder, those of that one. Of a model in GGUF alone it is one file, which holds all the rest. What has been
fetched is compared with the size and the hash that the hub tells, which the library itself does for the size alone.
config.json comes last: where it is in the cache, the rest is.

Without the hub, by choice or by accident, the copy in the cache serves; where it is by accident a warning says so.
"""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import os
import re
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from ..errors import Error, show, warn
from ..files import strict_json
from ..files.reading import File
from .formats import sharded
from .modules_file import MODULES, SETTINGS

NAME = re.compile(r"[A-Za-z0-9][\w.-]*(?:/[A-Za-z0-9][\w.-]*)?", re.ASCII)
REVISION = re.compile(r"[\w.-]+(?:/[\w.-]+)*", re.ASCII)
OWNERS = ("sentence-transformers", "cross-encoder")
LONGEST_NAME = 96
SECONDS = 10  # to wait for the list of files
GGUF_TYPES = ("f32", "f16", "bf16", "q8_0")  # in names of files, the most exact first


def is_name(text: str) -> bool:
    """Whether this may be a model of the hub: `owner/name` or `name`, perhaps with `@revision`, and no file name with a
    known ending."""
    text, separator, revision = text.partition("@")
    if separator and (not REVISION.fullmatch(revision) or ".." in revision):
        return False
    weights = (".safetensors", ".bin", ".pt", ".pth", ".index", ".h5", ".msgpack", ".npz", ".gguf", ".onnx")
    plain = NAME.fullmatch(text) is not None and len(text) <= LONGEST_NAME
    return (
        plain
        and "--" not in text
        and ".." not in text
        and not text.endswith((*weights, ".json", ".txt", ".git", "-", "."))
    )


class Model(NamedTuple):
    """A model of the hub at one revision."""

    name: str
    revision: str | None = None

    def __str__(self) -> str:
        return f"{self.name}@{self.revision}" if self.revision else self.name


def fetch(
    text: str,
    preferred: Sequence[str],
    beside: Sequence[str],
    revision: str | None = None,
    subfolder: str | None = None,
) -> Path:
    """The folder with the files of the model, fetched where the cache lacks them.

    preferred: names of files with weights, the best first; beside: further files, the config last. subfolder: where in
    the model they lie; None: at the top, else in the only subfolder that has them. Error: huggingface_hub is not
    installed, the hub does not know the model or the revision, it cannot be reached and nothing is in the cache, or
    a download does not match the hub's checksum.
    """
    name, _, named_revision = text.partition("@")
    if revision is not None and (named_revision or not REVISION.fullmatch(revision)):
        raise Error(f"revision: expected one name of a branch, a tag or a commit, got {show(revision)}")
    models = [Model(full, revision or named_revision or None) for full in (name, *_with_owners(name))]
    try:
        import huggingface_hub
        from huggingface_hub import constants, errors
    except ImportError:
        got = "neither; to fetch a model of this name from the hub: pip install 'numpy-bert[hub]'"
        raise Error(f"{name}: expected a folder or a file, got {got}") from None
    if constants.HF_HUB_OFFLINE:
        return _cached(models, beside, subfolder, "HF_HUB_OFFLINE is set")
    for model in models:
        try:
            info = huggingface_hub.HfApi().model_info(
                model.name, revision=model.revision, files_metadata=True, timeout=SECONDS
            )
        except errors.GatedRepoError:
            got = "one whose terms you must accept on its page"
            raise Error(f"{model}: expected a model that is open, got {got}") from None
        except errors.RepositoryNotFoundError:
            continue
        except errors.RevisionNotFoundError:
            raise Error(f"{model.name}: expected a revision of the model, got {show(model.revision)}") from None
        except Exception as error:  # of the library, of those it is built on, or of the system
            folder = _cached(models, beside, subfolder, _reason(error))
            warn(f"{model}: the hub cannot be reached ({_reason(error)}); read from the cache")
            return folder
        return _fetch_all(model, info, preferred, beside, subfolder)
    raise Error(f"{name}: expected a folder, a file or a model of the hub, got a name that is none")


def _with_owners(name: str) -> list[str]:
    return [] if "/" in name else [f"{owner}/{name}" for owner in OWNERS]


def _fetch_all(model: Model, info: Any, preferred: Sequence[str], beside: Sequence[str], subfolder: str | None) -> Path:
    """The folder of the weights, with all that is read beside them."""
    import huggingface_hub

    files = {file.rfilename: file for file in info.siblings or []}
    place = _place(model, files, preferred, beside) if subfolder is None else f"{subfolder.strip('/')}/"
    weights = next((place + file for file in preferred if place + file in files), None)
    if weights is None and (gguf := _gguf(model, place, files)):
        weights, beside = gguf, ()
    if weights is None:
        got = f"{len(files)} files without" if subfolder is None else f"none in {show(subfolder)}"
        raise Error(f"{model}: expected a file with weights such as model.safetensors, got {got}")
    fetched = _fetch(model, files[weights], info.sha)
    others = [*_parts(weights, fetched, files), *(place + file for file in beside if place + file in files)]
    is_alone = weights.endswith((".gguf", ".onnx"))
    if place and not is_alone and MODULES in files and place + MODULES not in files:  # of the first sentence models
        others[:0] = [file for file in (MODULES, SETTINGS) if file in files]
    listed = next((file for file in (place + MODULES, MODULES) if file in others), None)
    first = [] if listed is None else others[: others.index(listed) + 1]
    paths = [_fetch(model, files[file], info.sha) for file in first]
    modules = [] if listed is None else _of_modules(paths[-1], listed, files, others)
    for file in [*modules, *others[len(first) :]]:
        _fetch(model, files[file], info.sha)
    with contextlib.suppress(Exception):  # only so that the cache remembers which commit the revision was
        huggingface_hub.hf_hub_download(model.name, [weights, *others][-1], revision=model.revision)
    top = fetched.parents[weights.count("/")]
    return top / place if place else top


def _place(model: Model, files: Collection[str], preferred: Sequence[str], beside: Sequence[str]) -> str:
    """Where the files lie: at the top, or in the only subfolder that has weights, a config and a vocabulary."""
    top = next((file for file in preferred if file in files), None)
    if top is not None:
        folder = f"{top.rpartition('/')[0]}/"  # in which the vocabulary of an exported graph may lie
        return folder if top.endswith(".onnx") and any(folder + file in files for file in beside[:2]) else ""
    folders = {file.rpartition("/")[0] + "/" for file in files if "/" in file}
    needed = (preferred, beside[-2:], beside[:2])  # weights, a config, a vocabulary
    complete = sorted(f for f in folders if all(any(f + file in files for file in kind) for kind in needed))
    if len(complete) > 1:
        names = ", ".join(show(folder[:-1], 40)[1:-1] for folder in complete[:4])
        raise Error(f"{model}: expected one folder with a model, got {names}; name one with subfolder=")
    return complete[0] if complete else ""


def _gguf(model: Model, place: str, files: Collection[str]) -> str | None:
    """The GGUF file of a folder of the model, the one with the most exact numbers; None where there is none.

    Error: there are several, and their names do not say which that is.
    """
    inside = [f for f in files if f.startswith(place) and f.endswith(".gguf") and "/" not in f.removeprefix(place)]
    named = [f for kind in GGUF_TYPES for f in inside if re.search(rf"(?<![a-z0-9]){kind}(?![a-z0-9])", f.lower())]
    if len(inside) > 1 and not named:
        listed = ", ".join(show(file, 40)[1:-1] for file in sorted(inside)[:4])
        raise Error(f"{model}: expected one GGUF file, or names with {', '.join(GGUF_TYPES)}, got {listed}")
    return next(iter(named or inside), None)


def _of_modules(path: Path, listed: str, files: Collection[str], known: Collection[str]) -> list[str]:
    """The files of the modules that make a vector of the tokens: of each its configs and, in one form, its weights."""
    top = listed.removesuffix(MODULES)
    modules = strict_json.read(path)
    paths = [module.get("path") for module in modules if isinstance(module, dict)] if isinstance(modules, list) else []
    needed = []
    for folder in [f"{top}{name}/" for name in paths[1:] if isinstance(name, str) and name]:
        inside = [file for file in files if file.startswith(folder) and "/" not in file.removeprefix(folder)]
        needed += [file for file in inside if file.endswith(".json")]
        forms = [folder + file for file in ("model.safetensors", "pytorch_model.bin")]
        needed += [file for file in forms if file in inside][:1]
    return [file for file in needed if file not in known]


def _cached(models: Sequence[Model], beside: Sequence[str], subfolder: str | None, why: str) -> Path:
    """The folder that the cache has of the first of these models that is there."""
    from huggingface_hub import snapshot_download, try_to_load_from_cache

    place = "" if subfolder is None else f"{subfolder.strip('/')}/"
    for model in models:
        for where, file in itertools.product((place, f"{place}onnx/"), reversed(beside)):
            cached = try_to_load_from_cache(model.name, where + file, revision=model.revision)
            if isinstance(cached, str):
                return Path(cached).parents[file.count("/")]
        with contextlib.suppress(Exception):  # of the library: it is not there
            folder = Path(snapshot_download(model.name, revision=model.revision, local_files_only=True)) / place
            if any(folder.glob("*.gguf")):
                return folder
    expected = "expected a folder, a file or a model of the hub"
    raise Error(f"{models[0]}: {expected}, got none in its cache, and {why}; connect, or pass the folder of a copy")


def _parts(weights: str, fetched: Path, files: Collection[str]) -> list[str]:
    """The further files of weights that are in several: shards, the data of a TensorFlow index or of a graph."""
    if weights.endswith(".onnx"):  # model.onnx_data, model.onnx.data
        return [file for file in files if file.startswith(weights) and file != weights]
    if weights.endswith(".index"):
        return [file for file in files if file.startswith(weights.removesuffix("index") + "data-")]
    if weights.endswith(".index.json"):
        index = strict_json.read(fetched, sharded.LARGEST_INDEX)
        mapped = index.get("weight_map") if isinstance(index, dict) else None
        place = weights.rpartition("/")[0]
        prefix = f"{place}/" if place else ""
        named = mapped.values() if isinstance(mapped, dict) else ()
        shards = {prefix + name for name in named if isinstance(name, str)}
        return sorted(shards & set(files))  # what is missing, the reader of the index tells
    return []


def _fetch(model: Model, file: Any, commit: str | None) -> Path:
    """One file of the model, from the cache or from the hub and then verified."""
    from huggingface_hub import hf_hub_download, try_to_load_from_cache

    where = f"{model}: {show(file.rfilename)[1:-1]}"
    if isinstance(cached := try_to_load_from_cache(model.name, file.rfilename, revision=commit), str):
        return Path(cached)
    try:
        path = Path(hf_hub_download(model.name, file.rfilename, revision=commit))
    except Exception as error:  # of the library, of those it is built on, or of the system
        raise Error(f"{where}: expected the file from the hub, got {_reason(error)}") from None
    with File(path) as opened:
        problem = _difference(opened, file)
    if problem:
        for link in (os.path.realpath(path), path):
            with contextlib.suppress(OSError):
                os.unlink(link)
        raise Error(f"{where}: expected {problem}; the download was damaged and is removed, try again")
    return path


def _difference(opened: File, file: Any) -> str | None:
    """What is wrong with a file by what the hub said of it: "sha256 12ab..., got 34cd..." """
    if file.size is not None and opened.size != file.size:
        return f"{file.size} bytes, got {opened.size}"
    if file.lfs is not None:
        kind, expected, digest = "sha256", file.lfs.sha256, hashlib.sha256()
    elif file.blob_id is not None:  # git's own name for a content
        kind, expected = "git sha1", file.blob_id
        digest = hashlib.sha1(b"blob %d\0" % opened.size, usedforsecurity=False)
    else:
        return None
    actual = opened.hexdigest(digest)
    return None if actual == expected else f"{kind} {show(expected, 70)[1:-1]}, got {actual}"


def _reason(error: Exception) -> str:
    """The first line of what a foreign error says, for a message."""
    lines = str(error).strip().splitlines()
    return show(f"{type(error).__name__}: {lines[0] if lines else 'no reason given'}", 140)[1:-1]
