"""A file of vectors -> a file of quantized vectors, and the ranges beside it, block after block.

OUT.npy           int8 or uint8 (n, S), or bits (n, ⌈S/8⌉)
OUT.ranges.npy    (2, S): of int8 and uint8, the smallest and the largest number of each component
OUT.npy.json      of which model and texts they are, from the manifest beside the vectors, where there is one
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ..errors import Error
from ..files.atomic import require_new
from ..inference import quantization
from ..inference.corpora import mapped
from ..numerics.arrays import Array
from . import manifest
from .vectors_file import VectorsFile

ROWS = 8192  # at a time


def ranges_file(output: Path) -> Path:
    return output.with_suffix(".ranges.npy")


def ranges_beside(vectors: Path) -> Array | None:
    """The ranges that quantize_file wrote beside these vectors, if it did."""
    path = ranges_file(vectors)
    return np.asarray(mapped(path)) if path.is_file() else None


def quantize_file(vectors: Path, output: Path, precision: str) -> tuple[int, int]:
    """Returns the shape of what is written. Error: no floats, too few of them, or an output that is there already."""
    quantization.check_precision(precision)
    floats = mapped(vectors)
    if floats.ndim != 2 or floats.dtype.kind != "f":
        raise Error(f"expected floats of shape (n, S), got {floats.dtype} of shape {floats.shape}", at=vectors)
    require_new(output)
    ranges = None
    if precision in ("int8", "uint8"):
        require_new(ranges_file(output))
        if len(floats) < 2:
            quantization.ranges_of(floats)
        ends = [quantization.ranges_of(floats[start : start + ROWS + 1]) for start in range(0, len(floats) - 1, ROWS)]
        ranges = np.stack([np.min([e[0] for e in ends], axis=0), np.max([e[1] for e in ends], axis=0)]).astype(
            np.float32
        )
    size = floats.shape[1] if precision.endswith("int8") or precision == "float32" else -(-floats.shape[1] // 8)
    dtype = {"binary": "int8", "ubinary": "uint8"}.get(precision, precision)
    partial = output.with_name(output.name + ".partial")
    with VectorsFile(partial, (len(floats), size), dtype) as file:
        file.create()
        for start in range(0, len(floats), ROWS):
            block = np.asarray(floats[start : start + ROWS])
            file.write(start, quantization.quantize(block, precision, ranges))
        file.flush()
        if ranges is not None:
            with ranges_file(output).open("xb") as stream:
                np.save(stream, ranges)
        file.finish(output)
    record = Path(f"{vectors}.json")
    if record.is_file():
        manifest.read(record)._replace(columns=size, blocks=()).write(Path(f"{output}.json"))
    return len(floats), size
