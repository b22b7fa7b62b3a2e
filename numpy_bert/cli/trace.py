"""numpy-bert trace: every intermediate and gradient of one text, as a page and as data; two traces compared."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import UsageError, show
from .browser import add_open, open_page, page_path
from .command import Command
from .inputs import chosen_model, require_new
from .numbers import positive
from .output import paragraph, print_json, print_result, printable, table

if TYPE_CHECKING:
    from ..explain.tracing.comparison import ComparedValue, Comparison
    from ..explain.tracing.result import Trace

FEW = 20  # names that are listed where they are in one file alone


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("text", nargs="?", metavar="TEXT", help="the text; [MASK] in it is a masked token")
    add_target(parser)
    parser.add_argument("--output", metavar="PAGE.html", type=Path, help="write a page to explore in a browser")
    add_open(parser)
    parser.add_argument("--data", metavar="TRACE.npz", type=Path, help="write the exact arrays by name")
    parser.add_argument("--compare", nargs=2, metavar=("A.npz", "B.npz"), help="compare two traces value by value")
    tolerance = "difference that --compare accepts, as a share of the largest element (default: 1e-4)"
    parser.add_argument("--tolerance", type=positive, metavar="X", help=tolerance)


def add_target(parser: argparse.ArgumentParser) -> None:
    """Which output of the model counts; as in numpy-bert explain."""
    parser.add_argument("--pair", metavar="TEXT", help="a second text")
    parser.add_argument("--task", metavar="HEAD", help="head whose output counts (default: the first that fits)")
    parser.add_argument("--target", metavar="LABEL", help="token, class or value to explain (default: the likeliest)")


def run(options: argparse.Namespace) -> int:
    if options.compare is not None:
        for name in ("text", "pair", "task", "target", "output", "open", "data", "model"):
            if getattr(options, name) not in (None, False):
                wrong = "TEXT" if name == "text" else f"--{name}"
                raise UsageError(f"--compare: expected it without {wrong}, got both")
        return _compare(options.compare, options.tolerance, options.json)
    if options.tolerance is not None:
        raise UsageError("--tolerance: expected with --compare, got it without")
    if options.text is None:
        raise UsageError("expected TEXT, or --compare A.npz B.npz, got neither")
    if options.output is None and options.data is None and not options.open:
        raise UsageError("expected --open, --output PAGE.html or --data TRACE.npz, got none of them")
    require_new(options.output, options.data)
    text = options.text if options.pair is None else (options.text, options.pair)
    trace = chosen_model(options).trace(text, options.task, options.target)
    page = page_path(options.output, options.open, "trace.html")
    status = _write(trace, page, options.data, options.json)
    if options.open and page is not None:
        open_page(page)
    return status


def _write(trace: Trace, page: Path | None, data: Path | None, as_json: bool) -> int:
    if data is not None:
        trace.save(data)
    if page is not None:
        from ..explain.tracing import explorer

        explorer.write(trace, page)
    asked = trace.asked
    paths = {name: path for name, path in (("output", page), ("data", data)) if path is not None}
    if as_json:
        written = {name: str(path) for name, path in paths.items()}
        loss = asked.loss if asked.loss - asked.loss == 0 else None  # JSON has no NaN
        print_json(written | {"task": asked.task, "target": asked.target, "loss": loss, "values": len(trace.values)})
        return 0
    print(paragraph(f"{asked.target} ({asked.task}): loss {asked.loss:.6g}, {len(trace.values)} values"))
    for path in paths.values():
        print(f"{printable(str(path))}: {path.stat().st_size / 1e6:.1f} MB")
    return 0


def _compare(paths: tuple[str, str], tolerance: float | None, as_json: bool) -> int:
    from ..explain.tracing import comparison

    compared = comparison.compare(*paths, comparison.TOLERANCE if tolerance is None else tolerance)
    print_result(as_json, comparison.to_json(compared), format_comparison(compared))
    return 0 if compared.first is None else 1


def format_comparison(compared: Comparison) -> str:
    """What is not equal, in order, with a mark where it is beyond the tolerance."""
    heads = [f"{side}: {show(path)[1:-1]}" for side, path in zip("ab", compared.paths, strict=True)]
    sections = ["\n".join([*heads, *map(paragraph, compared.notes)])]
    unequal = [row for row in compared.rows if row.beyond or row.largest]
    if unequal:
        header = ("", "value", "shape", "largest difference", "of the largest")
        sections.append(table(header, list(map(_cells, unequal)), "lllrr"))
    for side, names in zip("ab", compared.only, strict=True):
        if names:
            listed = [f"  {show(name)[1:-1]}" for name in names[:FEW]]
            more = [f"  and {len(names) - FEW} more"] if len(names) > FEW else []
            sections.append("\n".join([f"only in {side}:", *listed, *more]))
    beyond = sum(row.beyond for row in compared.rows)
    equal = len(compared.rows) - len(unequal)
    count = f"{len(compared.rows)} values in both: {equal} equal in every element, {beyond} beyond"
    last = paragraph(f"{count} {compared.tolerance:g}")
    if compared.first is not None:
        last += f"\nthe first of these: {show(compared.first.name)[1:-1]}"
    return "\n\n".join([*sections, last])


def _cells(row: ComparedValue) -> tuple[str, ...]:
    shapes = " and ".join("x".join(map(str, shape)) or "scalar" for shape in dict.fromkeys(row.shapes))
    if row.largest is None or row.relative is None:
        return (">", show(row.name)[1:-1], shapes, "other shape", "")
    return (">" if row.beyond else "", show(row.name)[1:-1], shapes, f"{row.largest:.3g}", f"{row.relative:.3g}")


COMMAND = Command(
    "trace",
    "Record every intermediate and gradient of a text, as a page and as data",
    add_arguments,
    run,
    'trace "I liked this movie." --open',
)
