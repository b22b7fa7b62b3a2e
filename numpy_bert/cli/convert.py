"""numpy-bert convert: a checkpoint in any form that can be read, to a folder in another form."""

from __future__ import annotations

import argparse

from .command import Command
from .output import print_result, printable
from .progress import BYTES, Progress


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("source", metavar="SRC", help="folder, file or hub name of a checkpoint")
    parser.add_argument("target", metavar="DST", help="a folder that does not exist yet")
    forms = "Hugging Face (hf), TensorFlow 1 (tf1) or NumPy (npz) (default: hf)"
    parser.add_argument("--to", choices=("hf", "tf1", "npz"), default="hf", help=forms)


def run(options: argparse.Namespace) -> int:
    from ..checkpoints import conversion

    with Progress(None, BYTES, hidden=options.json) as progress:
        folder = conversion.convert(options.source, options.target, options.to, progress.reach)
    return print_result(options.json, {"folder": str(folder)}, f"written: {printable(str(folder))}")


COMMAND = Command(
    "convert",
    "Convert a checkpoint from any readable format to another",
    add_arguments,
    run,
    "convert bert_model.ckpt.index my-bert --to hf",
    model=None,
)
