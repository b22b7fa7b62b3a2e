"""numpy-bert gradcheck: the hand-written gradients against numerical differentiation, the worst case of each array."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import TYPE_CHECKING

from ..errors import UsageError, show
from .command import Command, suggestion
from .inputs import load_model
from .output import Styled, paragraph, print_result, printable, table
from .progress import Progress

if TYPE_CHECKING:
    from ..gradcheck.checker import Row

METHODS = ("complex", "central", "projection")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    blocks = "names of blocks and tasks, as of the files in numpy_bert/blocks and numpy_bert/tasks (default: all)"
    parser.add_argument("block", nargs="*", metavar="BLOCK", help=blocks)
    method = "complex (complex step), central (differences) or projection (on random directions) (default: complex)"
    parser.add_argument("--method", metavar="METHOD", choices=METHODS, help=method)


def run(options: argparse.Namespace) -> int:
    from ..gradcheck.report import to_json

    rows = _check(tuple(dict.fromkeys(options.block)), options.method, options.model, options.json)
    failed = sum(not row.passed for row in rows)
    data = {"passed": not failed, "rows": [to_json(row) for row in rows]}
    count = f"{len(rows)} gradients checked, {failed or 'none'} failed. Of each array the worst case is shown."
    print_result(options.json, data, f"{format_rows(rows)}\n\n{paragraph(count)}")
    return 1 if failed else 0


def _check(blocks: tuple[str, ...], method: str | None, model: str | None, as_json: bool) -> list[Row]:
    from ..gradcheck import cases

    for name in blocks:
        if name not in cases.TABLE and (close := suggestion(name, cases.TABLE)):
            raise UsageError(f"gradcheck: expected the name of a block or task, got {show(name)}{close}")
    if model is None:
        with Progress(len(blocks or cases.TABLE), "block", hidden=as_json) as progress:
            return cases.run(blocks, method or "complex", progress.update)
    if method not in (None, "projection"):
        raise UsageError("gradcheck: expected no --method with --model: whole arrays are checked by projection")
    bert = load_model(model, dtype="float64")
    with Progress(None, "tensor", hidden=as_json) as progress:
        return cases.run_at(bert.params, bert.config, blocks, progress=progress.update)


def format_rows(rows: Sequence[Row]) -> str:
    """The worst case of each array of each module; below, what is wrong with each one that failed."""
    from ..gradcheck.report import failure, worst_cases

    lines = [
        (row.block, row.name, f"{row.error:.1e}", f"{row.tolerance:.0e}", verdict(row), row.case)
        for row in worst_cases(rows)
    ]
    header = ("block", "with respect to", "largest error", "tolerance", "verdict", "worst case")
    failures = [printable(failure(row)) for row in rows if not row.passed]
    return "\n".join([table(header, lines, "llrrll"), *([""] if failures else []), *failures])


def verdict(row: Row) -> Styled:
    return Styled("ok", "green") if row.passed else Styled("FAILED", "bold red")


COMMAND = Command(
    "gradcheck",
    "Check each hand-written gradient against numerical differentiation",
    add_arguments,
    run,
    "gradcheck layer_norm attention",
    model="the cases of each block with random weights",
    texts=False,
)
