"""numpy-bert quantize: vectors that embed wrote, in a quarter or a thirty-second of the bytes."""

from __future__ import annotations

import argparse
from pathlib import Path

from .command import Command
from .inputs import require_new
from .output import print_result, printable


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("vectors", metavar="VECTORS.npy", type=Path, help="floats of shape (n, S)")
    output = "the file to write, which must not exist"
    parser.add_argument("--output", metavar="OUT.npy", type=Path, required=True, help=output)
    names = ("int8", "uint8", "binary", "ubinary")
    precision = f"{', '.join(names)}: one byte or one bit per number (default: int8)"
    parser.add_argument("--precision", choices=names, default="int8", metavar="NAME", help=precision)


def run(options: argparse.Namespace) -> int:
    from ..corpus import quantized

    require_new(options.output)
    shape = quantized.quantize_file(options.vectors, options.output, options.precision)
    data = {"output": str(options.output), "shape": list(shape), "precision": options.precision}
    text = f"{shape[0]} vectors of {shape[1]} bytes: {printable(str(options.output))}"
    return print_result(options.json, data, text)


COMMAND = Command(
    "quantize",
    "Store vectors with one byte or one bit per number",
    add_arguments,
    run,
    "quantize reviews.npy --output reviews-int8.npy --precision int8",
    model=None,
)
