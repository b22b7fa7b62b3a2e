"""A save: a folder with everything needed to continue with the same bits, complete or absent.

    weights.safetensors      the parameters, by their dotted names
    moments.safetensors      the optimizer's: "0.<name>" the first of each, "1.<name>" the second
    state.json               steps done, generator of dropout, place in the data
    steps.csv, evaluations.csv   the learning curve so far
    manifest.json            format, step, recipe, config and data of the run; size and sha256 of every file above, and
                             of the manifest itself but for this number

It is written under another name, each file flushed to the disk and the manifest last; then the folder is renamed, and
the rename flushed. Whatever moment a process or a machine dies at, a folder of the right name is whole.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ...checkpoints.formats import safetensors
from ...checkpoints.formats.tensors import Entry
from ...errors import Error, describe, show, warn
from ...files import strict_json
from ...files.atomic import write_text
from ...files.new_folder import new_folder
from ...files.reading import File
from ...numerics import tree
from ...numerics.arrays import Array
from ...rules import is_integer
from ...tasks import objective
from ..optim import update as optimizers
from ..step import TrainingState

FORMAT = 2
MANIFEST = "manifest.json"
SEAL = "sha256"
WEIGHTS = "weights.safetensors"
MOMENTS = "moments.safetensors"
STATE = "state.json"
LARGEST_STATE = 1 << 20  # bytes


class TooNewError(Error):
    """A later version of this package wrote the save. It is not damaged, so no older save may replace it."""


class SaveManifest(NamedTuple):
    """What a save says of itself."""

    step: int
    identity: dict[str, Any]  # recipe, config and data of the run
    files: dict[str, tuple[int, str]]  # size and sha256


def write(
    path: Path, state: TrainingState, position: dict[str, int], identity: dict[str, Any], curves: dict[str, str]
) -> None:
    """Make the save `path`, which must not exist. Error: it cannot be written; then nothing of it is left."""
    _require_space(path, state)
    with new_folder(path) as folder:
        _fill(folder, state, position, curves)
        sums = {entry.name: checksum(entry) for entry in sorted(folder.iterdir())}
        files = {name: {"size": size, "sha256": digest} for name, (size, digest) in sums.items()}
        manifest = {"format": FORMAT, "step": state.step, "identity": identity, "files": files}
        write_text(folder / MANIFEST, json.dumps({**manifest, SEAL: seal(manifest)}, indent=1))


def _require_space(path: Path, state: TrainingState) -> None:
    """Error: the disk has less room than the arrays of a save need."""
    arrays = (array for params in (state.params, *state.optimizer.moments) for array in tree.leaves(params))
    needed = sum(array.nbytes for array in arrays)
    try:
        free = shutil.disk_usage(path.parent).free
    except OSError:
        return  # writing will say why
    if free < needed:
        raise Error(f"cannot write: expected {needed:,} bytes free for a save, got {free:,}", at=path)


def _fill(folder: Path, state: TrainingState, position: dict[str, int], curves: dict[str, str]) -> None:
    safetensors.write(folder / WEIGHTS, dict(tree.items(state.params)))
    safetensors.write(folder / MOMENTS, moments(state))
    content = {
        "step": state.step,
        "tokens": state.tokens,
        "position": position,
        "generator": state.rng.bit_generator.state,
    }
    write_text(folder / STATE, json.dumps(content, indent=1))
    for name, text in curves.items():
        write_text(folder / name, text)


def moments(state: TrainingState) -> dict[str, Array]:
    """The optimizer's arrays by name."""
    kinds = enumerate(state.optimizer.moments)
    return {f"{kind}.{name}": array for kind, moment in kinds for name, array in tree.items(moment)}


def seal(manifest: dict[str, Any]) -> str:
    """The sha256 of a manifest without the sha256 in it."""
    rest = {key: value for key, value in manifest.items() if key != SEAL}
    return hashlib.sha256(json.dumps(rest, sort_keys=True).encode()).hexdigest()


def checksum(path: Path) -> tuple[int, str]:
    """Size and sha256 of a file."""
    with File(path) as file:
        return file.size, file.hexdigest()


def verify(path: Path) -> SaveManifest:
    """The manifest, after every file was found to be what it says. Error: what is damaged, missing or too new."""
    manifest = _manifest(path / MANIFEST)
    for name in manifest.files:
        _check(path, name, manifest)
    return manifest


def _check(path: Path, name: str, manifest: SaveManifest) -> None:
    if checksum(path / name) != manifest.files[name]:
        raise Error("expected size and sha256 as in the manifest, got others: it is damaged", at=path / name)


def _manifest(path: Path) -> SaveManifest:
    manifest = strict_json.read(path)
    if not isinstance(manifest, dict):
        raise Error(f"expected an object, got {describe(manifest)}", at=path)
    number = manifest.get("format")
    if not is_integer(number, 1):
        raise Error(f"format: expected an integer from 1 to {FORMAT}, got {describe(number)}", at=path)
    if number > FORMAT:
        raise TooNewError(f"format: expected at most {FORMAT}, got {number}: a newer version wrote it", at=path)
    if manifest.get(SEAL) != seal(manifest):
        raise Error(f"{SEAL}: expected that of the manifest, got another: it is damaged", at=path)
    step, identity, files = (manifest.get(key) for key in ("step", "identity", "files"))
    if not is_integer(step) or not isinstance(identity, dict) or not isinstance(files, dict):
        raise Error("expected step, identity and files, got something else", at=path)
    needed = {WEIGHTS, MOMENTS, STATE}
    if not needed <= set(files):
        raise Error(f"files: expected {', '.join(sorted(needed))}, got {show(sorted(files))}", at=path)
    sums = {}
    for name, entry in files.items():
        fields = entry if isinstance(entry, dict) else {}
        size, digest = fields.get("size"), fields.get("sha256")
        if os.path.basename(name) != name or not is_integer(size) or not isinstance(digest, str):
            raise Error(f"files: {show(name)}: expected a plain name with size and sha256, got something else", at=path)
        sums[name] = (size, digest)
    return SaveManifest(step, identity, sums)


def restore(path: Path, state: TrainingState, step: int, force: bool = False) -> dict[str, int]:
    """Fill the state with what a verified save of this step holds; returns the place in the data.

    Error: the arrays of the save are not those of the state. Both must come from the same model and rule; with `force`
    the moments of another rule begin at 0, with a warning.
    """
    stored = strict_json.read(path / STATE, LARGEST_STATE)
    content: dict[str, Any] = stored if isinstance(stored, dict) else {}
    counts = [content.get("step"), content.get("tokens")]
    position = content.get("position")
    places = list(position.values()) if isinstance(position, dict) else [None]
    if counts[0] != step or not all(map(is_integer, [*counts, *places])):
        raise _other_state(path)
    _fill_from(path / WEIGHTS, dict(tree.items(state.params)))
    try:
        _fill_from(path / MOMENTS, moments(state))
    except Error as error:
        if not force:
            raise
        warn(f"{error}; the moments begin at 0")
    try:
        state.rng.bit_generator.state = content["generator"]
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError):
        raise _other_state(path) from None
    state.optimizer = optimizers.OptimizerState(step, state.optimizer.moments)
    state.tokens = content["tokens"]
    return dict(content["position"])


def _other_state(path: Path) -> Error:
    return Error("expected step, tokens, position and generator of this save, got others", at=path / STATE)


def weights(path: Path, params: objective.Params) -> objective.Params:
    """The weights of a save alone, in the shape of `params`, which are not changed: a new run may begin with them.

    Error: they are damaged or of another model. The rest of the save may be missing.
    """
    _check(path, WEIGHTS, _manifest(path / MANIFEST))
    own: objective.Params = tree.map(np.empty_like, params)
    _fill_from(path / WEIGHTS, dict(tree.items(own)))
    return own


def _fill_from(path: Path, arrays: dict[str, Array]) -> None:
    """Read each tensor into the array of its name, which has its shape and dtype."""
    entries = safetensors.describe(path)
    for name in sorted(set(entries) ^ set(arrays)):
        expected, got = ("it", "none") if name in arrays else ("no such tensor", "one")
        raise Error(f"{show(name)}: expected {expected} in this run, got {got}", at=path)
    for name, entry in entries.items():
        array = arrays[name]
        if (entry.dtype, entry.shape) != (array.dtype.name, array.shape):
            expected = f"{array.dtype} {list(array.shape)}"
            raise Error(f"{show(name)}: expected {expected}, got {entry.dtype} {list(entry.shape)}", at=path)

    def into(name: str, entry: Entry) -> Array:
        return arrays[name]

    safetensors.read(path, into=into)


def differences(ours: Any, theirs: Any, name: str = "") -> list[str]:
    """What differs between two JSON objects, a line each: `recipe.seed: 1 now, 0 then`."""
    if isinstance(ours, dict) and isinstance(theirs, dict):
        keys = sorted(set(ours) | set(theirs))
        return [line for key in keys for line in differences(ours.get(key), theirs.get(key), f"{name}.{key}")]
    return [] if ours == theirs else [f"{name[1:]}: {show(ours, 40)} now, {show(theirs, 40)} then"]


def remove(path: Path) -> None:
    """Delete a save: first its name, so that what an interruption leaves is not a save. What cannot be deleted
    stays.
    """
    with contextlib.suppress(OSError):
        gone = path.with_name(f"{path.name}.old-{os.getpid()}")
        os.rename(path, gone)
        shutil.rmtree(gone, ignore_errors=True)
