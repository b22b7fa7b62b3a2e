"""numpy-bert trace and numpy-bert explain: what they ask for, and what they do with it."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import UsageError
from .numbers import count, positive
from .output import bar, print_json, printable, table
from .progress import Progress

if TYPE_CHECKING:
    from ..explain.attribution.result import Attribution
    from ..model import Bert

Load = Callable[[argparse.Namespace], "Bert"]
# Of the 256 colours of terminals: backgrounds from pale to strong, readable below black letters.
ORANGE, BLUE = (230, 223, 216, 214, 208), (195, 153, 117, 75, 69)
METHODS = ("integrated-gradients", "gradient-times-input", "rollout")


def add_trace(one: argparse.ArgumentParser) -> None:
    one.add_argument("text", nargs="?", metavar="TEXT")
    _add_aim(one)
    one.add_argument("--output", metavar="PAGE.html", type=Path, help="a page to walk through it with a browser")
    one.add_argument("--data", metavar="TRACE.npz", type=Path, help="the arrays, exact, by name")
    one.add_argument("--compare", nargs=2, metavar=("A.npz", "B.npz"), help="two traces, value by value")
    one.add_argument("--tolerance", type=positive, metavar="X", help="share of the largest that may differ (1e-4)")


def add_explain(one: argparse.ArgumentParser) -> None:
    one.add_argument("text", metavar="TEXT")
    _add_aim(one)
    one.add_argument("--method", choices=METHODS, default=METHODS[0], help=f"({METHODS[0]})")
    one.add_argument("--steps", type=count, metavar="N", help="of integrated gradients (256)")
    one.add_argument("--output", metavar="PAGE.html", type=Path, help="a page in colour as well")


def _add_aim(one: argparse.ArgumentParser) -> None:
    one.add_argument("--pair", metavar="TEXT", help="a second text")
    one.add_argument("--task", metavar="HEAD", help="the head whose output counts (the first that fits the text)")
    one.add_argument("--target", metavar="ANSWER", help="a token, class or value (the likeliest)")


def trace(options: argparse.Namespace, load: Load) -> int:
    if options.compare is not None:
        return _compare(options)
    if options.tolerance is not None:
        raise UsageError("--tolerance: expected with --compare, got it without")
    if options.text is None:
        raise UsageError("expected TEXT, or --compare A.npz B.npz, got neither")
    paths = [path for path in (options.output, options.data) if path is not None]
    if not paths:
        raise UsageError("expected --output PAGE.html, --data TRACE.npz or both, got neither")
    _require_new(paths)
    bert = load(options)
    found = bert.trace(_text(options), options.task, options.target)
    if options.data is not None:
        found.save(options.data)
    if options.output is not None:
        from ..explain.tracing import explorer

        explorer.write(found, options.output)
    asked = found.asked
    if options.json:
        written = {name: str(path) for name in ("output", "data") if (path := getattr(options, name)) is not None}
        loss = asked.loss if asked.loss - asked.loss == 0 else None  # JSON has no NaN
        print_json(written | {"task": asked.task, "target": asked.target, "loss": loss, "values": len(found.values)})
        return 0
    print(f"{printable(asked.target)} ({asked.task}): loss {asked.loss:.6g}, {len(found.values)} values")
    for path in paths:
        print(f"{printable(str(path))}: {path.stat().st_size / 1e6:.1f} MB")
    return 0


def _compare(options: argparse.Namespace) -> int:
    from ..explain.tracing import comparison

    for name in ("text", "pair", "task", "target", "output", "data", "model"):
        if getattr(options, name) is not None:
            raise UsageError(f"--compare: expected it without {'TEXT' if name == 'text' else '--' + name}, got both")
    tolerance = comparison.TOLERANCE if options.tolerance is None else options.tolerance
    a, b = options.compare
    found = comparison.compare(a, b, tolerance)
    if options.json:
        print_json(comparison.to_json(found))
    else:
        print(comparison.format_comparison(found))
    return 0 if found.first is None else 1


def explain(options: argparse.Namespace, load: Load) -> int:
    from ..explain.attribution import integrated_gradients, methods, score_page
    from ..explain.attribution.integrated_gradients import NAME, STEPS

    if options.steps is not None and options.method != NAME:
        raise UsageError(f"--steps: expected with --method {NAME}, got {options.method}")
    if options.output is not None:
        _require_new([options.output])
    bert, text = load(options), _text(options)
    if options.method == NAME:
        steps = options.steps or STEPS
        with Progress(steps, "step", hidden=options.json) as done:
            found = integrated_gradients.attribute(bert, text, options.task, options.target, steps, done.update)
    else:
        found = methods.explain(bert, text, options.method, options.task, options.target)
    if options.output is not None:
        score_page.write(found, options.output)
    if options.json:
        print_json(found.to_json())
        return 0
    print(_format_attribution(found, colour=_colours()))
    if options.output is not None:
        print(f"\n{printable(str(options.output))}: {options.output.stat().st_size / 1e3:.0f} kB")
    return 0


def _format_attribution(attribution: Attribution, colour: bool) -> str:
    """For people. Signs and bars say all of it; the colours, if any, say it again."""
    from ..explain.attribution import methods, rollout

    largest = max((abs(score) for score in attribution.scores), default=0.0) or 1.0
    signed = attribution.method != rollout.NAME
    rows = []
    for token, score in zip(attribution.tokens, attribution.scores, strict=True):
        number, length = f"{score:+.4f}" if signed else f"{score:.4f}", bar(abs(score) / largest)
        rows.append((token, number, f"{'-' if score < 0 else '+'} {length}" if signed else length))
    heading = " ".join(filter(None, [methods.question(attribution), methods.prediction(attribution)]))
    legend = f"+ for {methods.supported(attribution)}, - against it: " if signed else ""
    parts = [
        f"{printable(heading)}\n{printable(legend)}{methods.MEANING[attribution.method]}.",
        _coloured(attribution.tokens, [score / largest for score in attribution.scores]) if colour else "",
        table(("token", "score", ""), rows, "lr"),
        "\n".join(filter(None, [methods.completeness(attribution), methods.CAVEAT[attribution.method]])),
    ]
    return "\n\n".join(filter(None, parts))


def _coloured(tokens: Sequence[str], shares: Sequence[float]) -> str:
    """The tokens on backgrounds of a terminal's colours, orange for what adds and blue for what takes away."""
    parts = []
    for token, share in zip(tokens, shares, strict=True):
        strength = round(abs(share) * len(ORANGE))
        text = printable(token)
        if strength:
            scale = ORANGE if share > 0 else BLUE
            text = f"\x1b[30;48;5;{scale[strength - 1]}m{text}\x1b[0m"
        parts.append(text)
    return " ".join(parts)


def _text(options: argparse.Namespace) -> str | tuple[str, str]:
    text: str = options.text
    return text if options.pair is None else (text, options.pair)


def _colours() -> bool:
    """Whether standard output is a terminal whose user wants colour (see no-color.org)."""
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def _require_new(paths: list[Path]) -> None:
    """Before the work: each name is free, and they are two."""
    from ..files.atomic import require_new

    for path in paths:
        require_new(path)
    if len({os.path.abspath(path) for path in paths}) < len(paths):
        raise UsageError("--data: expected another file than --output, got the same")
