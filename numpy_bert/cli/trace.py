"""numpy-bert trace: every intermediate and gradient of one text, as a page and as data; two traces compared."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import UsageError
from .command import Command
from .inputs import load_model, require_new
from .numbers import positive
from .output import print_json, printable

if TYPE_CHECKING:
    from ..explain.tracing.result import Trace


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("text", nargs="?", metavar="TEXT", help="the text; [MASK] in it is a masked token")
    add_target(parser)
    parser.add_argument("--output", metavar="PAGE.html", type=Path, help="write a page to explore in a browser")
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
        for name in ("text", "pair", "task", "target", "output", "data", "model"):
            if getattr(options, name) is not None:
                wrong = "TEXT" if name == "text" else f"--{name}"
                raise UsageError(f"--compare: expected it without {wrong}, got both")
        return _compare(options.compare, options.tolerance, options.json)
    if options.tolerance is not None:
        raise UsageError("--tolerance: expected with --compare, got it without")
    if options.text is None:
        raise UsageError("expected TEXT, or --compare A.npz B.npz, got neither")
    if options.output is None and options.data is None:
        raise UsageError("expected --output PAGE.html, --data TRACE.npz or both, got neither")
    require_new(options.output, options.data)
    text = options.text if options.pair is None else (options.text, options.pair)
    trace = load_model(options.model).trace(text, options.task, options.target)
    return _write(trace, options.output, options.data, options.json)


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
    print(f"{printable(asked.target)} ({asked.task}): loss {asked.loss:.6g}, {len(trace.values)} values")
    for path in paths.values():
        print(f"{printable(str(path))}: {path.stat().st_size / 1e6:.1f} MB")
    return 0


def _compare(paths: tuple[str, str], tolerance: float | None, as_json: bool) -> int:
    from ..explain.tracing import comparison

    compared = comparison.compare(*paths, comparison.TOLERANCE if tolerance is None else tolerance)
    if as_json:
        print_json(comparison.to_json(compared))
    else:
        print(comparison.format_comparison(compared))
    return 0 if compared.first is None else 1


COMMAND = Command(
    "trace",
    "Record every intermediate and gradient of one text, as a page and as data",
    add_arguments,
    run,
    'trace "I liked this movie." --output page.html',
)
