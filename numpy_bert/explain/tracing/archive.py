"""A trace as a file: an .npz archive with an array for each content, and `manifest`, a JSON text as bytes.

    arrays       by the name of the first value that has this content, C order, as they were computed
    manifest     uint8: UTF-8 of a JSON object; its "values" say of every name where its content is

Whatever reads npz reads it. Who has no Python reads `manifest` first: a value whose content another one has already
("stored" is not its own name) is that array in its own shape.
"""

from __future__ import annotations

import json
import os
from typing import Any

import numpy as np

from ...checkpoints.formats import npz
from ...errors import Error, describe
from ...files import strict_json
from ...numerics.arrays import Array

MANIFEST = "manifest"
LARGEST = 1 << 26  # bytes of a manifest; a model of 24 layers makes one of about a megabyte


def write(path: str | os.PathLike[str], manifest: dict[str, Any], arrays: dict[str, Array]) -> None:
    """Write the file, whole or not at all. Error: it cannot be written."""
    text = json.dumps(manifest, ensure_ascii=False, allow_nan=False)
    data = np.frombuffer(text.encode("utf-8", "replace"), np.uint8)
    npz.write(path, {**arrays, MANIFEST: data})


def read(path: str | os.PathLike[str]) -> tuple[dict[str, Any] | None, dict[str, Array]]:
    """The manifest and the arrays; None in the place of the manifest where the archive has none. Error: no npz."""
    arrays = npz.read(path)
    data = arrays.pop(MANIFEST, None)
    if data is None:
        return None, arrays
    if data.dtype != np.uint8 or data.ndim != 1:
        raise Error(f"expected bytes, got {data.dtype} of shape {data.shape}", at=path, key=MANIFEST)
    manifest = strict_json.load(data.tobytes(), path, LARGEST, key=MANIFEST)
    if not isinstance(manifest, dict):
        raise Error(f"expected an object, got {describe(manifest)}", at=path, key=MANIFEST)
    return manifest, arrays
