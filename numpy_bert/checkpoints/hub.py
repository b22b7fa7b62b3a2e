"""A name such as google-bert/bert-base-uncased -> the folder of its files in the cache of the Hugging Face hub.

The library huggingface_hub (extra `hub`) talks to the hub and keeps the cache, so its settings hold here: HF_ENDPOINT,
HF_HOME, HF_HUB_OFFLINE, a user's token. Of the files of a model only those are fetched that are read here: the weights
in the preferred form (locate.py), the config, the tokenizer and the pooling. What has been fetched is compared with the
size and the hash that the hub tells, which the library itself does for the size alone. config.json comes last: where it
is in the cache, the rest is.

Without the hub, by choice or by accident, the copy in the cache serves; where it is by accident a warning says so.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

from ..errors import Error, show, warn
from ..files import strict_json
from ..files.reading import CHUNK, File
from .formats import sharded

NAME = re.compile(r"[A-Za-z0-9][\w.-]*(?:/[A-Za-z0-9][\w.-]*)?", re.ASCII)
LONGEST_NAME = 96
SECONDS = 10  # to wait for the list of files


def is_name(text: str) -> bool:
    """Whether this may be a model of the hub: `owner/name` or `name`, and no file name with a known ending."""
    known = (".safetensors", ".bin", ".pt", ".pth", ".index", ".h5", ".msgpack", ".npz", ".json", ".txt", ".git")
    plain = NAME.fullmatch(text) is not None and len(text) <= LONGEST_NAME
    return plain and "--" not in text and ".." not in text and not text.endswith((*known, "-", "."))


def fetch(name: str, preferred: Sequence[str], beside: Sequence[str]) -> Path:
    """The folder with the files of the model, fetched where the cache lacks them.

    preferred: names of files with weights, the best first; beside: further files, the config last. Error:
    huggingface_hub is not installed, the hub does not know the model, it cannot be reached and nothing is in the cache,
    or a download does not match the hub's checksum.
    """
    try:
        import huggingface_hub
        from huggingface_hub import constants, errors
    except ImportError:
        got = "neither; to fetch a model of this name from the hub: pip install 'numpy-bert[hub]'"
        raise Error(f"{name}: expected a folder or a file, got {got}") from None
    if constants.HF_HUB_OFFLINE:
        return _cached(name, beside, "HF_HUB_OFFLINE is set")
    try:
        info = huggingface_hub.HfApi().model_info(name, files_metadata=True, timeout=SECONDS)
    except errors.RepositoryNotFoundError:
        raise Error(f"{name}: expected a folder, a file or a model of the hub, got a name that is none") from None
    except Exception as error:  # of the library, of those it is built on, or of the system
        folder = _cached(name, beside, _reason(error))
        warn(f"{name}: the hub cannot be reached ({_reason(error)}); read from the cache")
        return folder
    files = {file.rfilename: file for file in info.siblings or []}
    weights = next((file for file in preferred if file in files), None)
    if weights is None:
        raise Error(f"{name}: expected a file with weights such as model.safetensors, got {len(files)} files without")
    fetched = _fetch(name, files[weights], info.sha)
    others = [file for file in beside if file in files]
    for file in [*_parts(weights, fetched, files), *others]:
        _fetch(name, files[file], info.sha)
    with contextlib.suppress(Exception):  # only so that the cache remembers which commit "main" was
        huggingface_hub.hf_hub_download(name, others[-1])
    return fetched.parents[weights.count("/")]


def _cached(name: str, beside: Sequence[str], why: str) -> Path:
    """The folder that the cache has of the model."""
    from huggingface_hub import try_to_load_from_cache

    for file in reversed(beside):
        cached = try_to_load_from_cache(name, file)
        if isinstance(cached, str):
            return Path(cached).parents[file.count("/")]
    raise Error(f"{name}: expected a folder, a file or a model of the hub, got none in its cache, and {why}")


def _parts(weights: str, fetched: Path, files: Collection[str]) -> list[str]:
    """The further files of weights that are in several: shards, or the data of a TensorFlow index."""
    if weights.endswith(".index"):
        return [file for file in files if file.startswith(weights.removesuffix("index") + "data-")]
    if weights.endswith(".index.json"):
        index = strict_json.read(fetched, sharded.LARGEST_INDEX)
        mapped = index.get("weight_map") if isinstance(index, dict) else None
        shards = {file for file in mapped.values() if isinstance(file, str)} if isinstance(mapped, dict) else set()
        return sorted(shards & set(files))  # what is missing, the reader of the index tells
    return []


def _fetch(name: str, file: Any, commit: str | None) -> Path:
    """One file of the model, from the cache or from the hub and then verified."""
    from huggingface_hub import hf_hub_download, try_to_load_from_cache

    where = f"{name}: {show(file.rfilename)[1:-1]}"
    if isinstance(cached := try_to_load_from_cache(name, file.rfilename, revision=commit), str):
        return Path(cached)
    try:
        path = Path(hf_hub_download(name, file.rfilename, revision=commit))
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
    for start in range(0, opened.size, CHUNK):
        digest.update(opened.read_at(start, min(CHUNK, opened.size - start)))
    actual = digest.hexdigest()
    return None if actual == expected else f"{kind} {show(expected, 70)[1:-1]}, got {actual}"


def _reason(error: Exception) -> str:
    """The first line of what a foreign error says, for a message."""
    lines = str(error).strip().splitlines()
    return show(f"{type(error).__name__}: {lines[0] if lines else 'no reason given'}", 140)[1:-1]
