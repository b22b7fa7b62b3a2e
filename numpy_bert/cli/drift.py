"""numpy-bert drift: how far the hidden states move with GELU's form, epsilon, the mask and the precision."""

from __future__ import annotations

import argparse
from pathlib import Path

from .command import Command
from .inputs import add_texts, load_model, read_texts, require_new
from .output import print_json
from .progress import Progress

CHANGES = 6


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_texts(parser)
    parser.add_argument("--output", metavar="OUT.png", type=Path, help="draw a figure as well")


def run(options: argparse.Namespace) -> int:
    from ..explain import drift

    texts = read_texts(options.text, options.input)
    require_new(options.output)
    bert = load_model(options.model)
    with Progress(CHANGES, "change", hidden=options.json) as progress:
        measured = drift.measure(bert, texts, progress.update)
    if options.output is not None:
        drift.figure(measured, options.output)
    if options.json:
        print_json(drift.to_json(measured))
    else:
        print(drift.format_drift(measured))
    return 0


COMMAND = Command(
    "drift",
    "Measure how far hidden states move with GELU, epsilon, mask and precision",
    add_arguments,
    run,
    'drift "I liked this movie."',
)
