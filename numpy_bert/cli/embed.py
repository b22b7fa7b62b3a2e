"""`numpy-bert embed --input FILE --output OUT.npy`: a file of any size, in bounded memory, interrupted at will."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import UsageError
from .output import print_json, printable

if TYPE_CHECKING:
    from ..model import Bert


def add(one: argparse.ArgumentParser) -> None:
    output = "write the vectors, an array (n, H); of an --input FILE of any size, going on where it was interrupted"
    one.add_argument("--output", metavar="OUT.npy", type=Path, help=output)
    one.add_argument("--dtype", choices=("float16", "float32"), help="of the array of an --input FILE (the model's)")
    one.add_argument("--dask", metavar="ADDRESS", help="a Dask scheduler whose workers compute it (tcp://host:8786)")


def is_job(options: argparse.Namespace) -> bool:
    """Whether a file is to become a file. Standard input cannot be gone on with, so it is not a job."""
    job = options.input not in (None, "-") and options.output is not None
    for name in ("dtype", "dask"):
        if getattr(options, name) is not None and not job:
            raise UsageError(f"--{name}: expected it with --input FILE and --output OUT.npy")
    if job and options.text:
        raise UsageError("expected TEXT or --input FILE, got both")
    return job


def run(bert: Bert, options: argparse.Namespace) -> int:
    from ..corpus import embed_file

    try:
        done = embed_file(bert, options.input, options.output, options.dtype, dask=options.dask, progress=True)
    except KeyboardInterrupt:
        if not os.path.lexists(f"{options.output}.partial"):
            raise
        name = printable(f"{options.output}.partial")
        raise KeyboardInterrupt(f"interrupted; {name} holds what is done, and the same command goes on") from None
    if options.json:
        print_json({"output": str(done.output), "shape": list(done.shape)})
    else:
        print(f"{done.shape[0]} vectors of {done.shape[1]} numbers: {printable(str(done.output))}")
    return 0
