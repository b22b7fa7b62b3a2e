"""numpy-bert convert: a checkpoint in any form that can be read, to a folder in another form."""

from __future__ import annotations

import argparse

from .command import Command
from .output import print_json, printable
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
    if options.json:
        print_json({"folder": str(folder)})
    else:
        print(f"written: {printable(str(folder))}")
    return 0


COMMAND = Command(
    "convert",
    "Convert a checkpoint of any readable form to a folder of another",
    add_arguments,
    run,
    "convert bert_model.ckpt.index my-bert --to hf",
    model=None,
)
