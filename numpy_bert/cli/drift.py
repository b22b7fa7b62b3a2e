"""numpy-bert drift: how far the hidden states move with GELU's form, epsilon, the mask and the precision."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from . import from_file
from .command import Command
from .inputs import chosen_model, load_model, require_new
from .output import paragraph, print_result, table
from .progress import Progress

if TYPE_CHECKING:
    from ..explain.drift import Drift

CHANGES = 6


def add_arguments(parser: argparse.ArgumentParser) -> None:
    from_file.add_texts(parser)
    another = "the same model in another file, such as a quantized one: one more column, for its weights"
    parser.add_argument("--other", metavar="PATH", help=another)
    parser.add_argument("--output", metavar="OUT.png", type=Path, help="draw a figure as well")


def run(options: argparse.Namespace) -> int:
    from ..explain import drift

    texts = list(from_file.texts(options, options.text))
    require_new(options.output)
    bert = chosen_model(options)
    other = None if options.other is None else load_model(options.other)
    with Progress(CHANGES + (other is not None), "change", hidden=options.json) as progress:
        measured = drift.measure(bert, texts, progress.update, other)
    if options.output is not None:
        drift.figure(measured, options.output)
    return print_result(options.json, drift.to_json(measured), format_drift(measured))


def format_drift(drift: Drift) -> str:
    """A row for each layer, a column for each change."""
    rows = []
    for i, scale in enumerate(drift.scale):
        numbers = [f"{change.largest[i]:.1e}" if change.largest[i] else "0" for change in drift.changes]
        rows.append((str(i - 1) if i else "embedding", f"{scale:.3g}", *numbers))
    header = ("layer", "largest |h|", *(change.name for change in drift.changes))
    title = f"largest change of a hidden state, {drift.texts} texts, {drift.tokens} tokens"
    return f"{paragraph(title)}\n\n{table(header, rows, 'l' + 'r' * (len(header) - 1), repeat_first=True)}"


COMMAND = Command(
    "drift",
    "Measure how GELU, epsilon, mask and precision change the hidden states",
    add_arguments,
    run,
    'drift "I liked this movie."',
)
