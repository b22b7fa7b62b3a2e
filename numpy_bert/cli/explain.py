"""numpy-bert explain: how much each token of a text moved an output, in numbers, bars and color."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import UsageError
from .browser import add_open, open_page, page_path
from .command import Command
from .inputs import chosen_model, require_new
from .numbers import count
from .output import Bar, Styled, flow, has_color, paragraph, print_result, printable, table
from .progress import Progress
from .trace import add_target

if TYPE_CHECKING:
    from ..explain.attribution.result import Attribution
    from ..model import Bert

METHODS = ("integrated-gradients", "gradient-times-input", "rollout")
# Of the 256 colors of terminals: backgrounds from pale to strong, readable below black letters.
ORANGE, BLUE = (230, 223, 216, 214, 208), (195, 153, 117, 75, 69)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("text", metavar="TEXT", help="the text; [MASK] in it is a masked token")
    add_target(parser)
    method = f"{', '.join(METHODS[:-1])} or {METHODS[-1]} (default: {METHODS[0]})"
    parser.add_argument("--method", metavar="METHOD", choices=METHODS, default=METHODS[0], help=method)
    parser.add_argument("--steps", type=count, metavar="N", help="steps of integrated gradients (default: 256)")
    parser.add_argument("--output", metavar="PAGE.html", type=Path, help="write a page in color as well")
    add_open(parser)


def run(options: argparse.Namespace) -> int:
    from ..explain.attribution import score_page

    if options.steps is not None and options.method != METHODS[0]:
        raise UsageError(f"--steps: expected with --method {METHODS[0]}, got {options.method}")
    require_new(options.output)
    page = page_path(options.output, options.open, "scores.html")
    text = options.text if options.pair is None else (options.text, options.pair)
    target = (options.task, options.target)
    attribution = _attribute(
        chosen_model(options),
        text,
        target,
        options.method,
        options.steps,
        options.json,
    )
    if page is not None:
        score_page.write(attribution, page)
    if options.open and page is not None:
        open_page(page)
    written = "" if page is None else f"\n\n{printable(str(page))}: {page.stat().st_size / 1e3:.0f} kB"
    return print_result(options.json, attribution.to_json(), format_attribution(attribution) + written)


def _attribute(
    bert: Bert,
    text: str | tuple[str, str],
    target: tuple[str | None, str | None],
    method: str,
    steps: int | None,
    as_json: bool,
) -> Attribution:
    """target: the head and what of its output, None for the usual."""
    from ..explain.attribution import integrated_gradients, methods

    if method != integrated_gradients.NAME:
        return methods.explain(bert, text, method, *target)
    steps = steps or integrated_gradients.STEPS
    with Progress(steps, "step", hidden=as_json) as progress:
        return integrated_gradients.attribute(bert, text, *target, steps, progress.update)


def format_attribution(attribution: Attribution) -> str:
    """For people. Signs and bars say all of it; the colors, if any, say it again."""
    from ..explain.attribution import methods, rollout

    largest = max((abs(score) for score in attribution.scores), default=0.0) or 1.0
    signed = attribution.method != rollout.NAME
    rows = [
        (token, f"{score:+.4f}" if signed else f"{score:.4f}", Bar(abs(score) / largest))
        for token, score in zip(attribution.tokens, attribution.scores, strict=True)
    ]
    heading = " ".join(filter(None, [methods.question(attribution), methods.prediction(attribution)]))
    legend = f"+ for {methods.supported(attribution)}, - against it: " if signed else ""
    notes = [methods.completeness(attribution), methods.CAVEAT[attribution.method]]
    parts = [
        f"{paragraph(heading)}\n{paragraph(f'{legend}{methods.MEANING[attribution.method]}.')}",
        _colored(attribution.tokens, [score / largest for score in attribution.scores]) if has_color() else "",
        table(("token", "score", ""), rows, "lr"),
        "\n".join(map(paragraph, filter(None, notes))),
    ]
    return "\n\n".join(filter(None, parts))


def _colored(tokens: Sequence[str], shares: Sequence[float]) -> str:
    """The tokens on colored backgrounds: orange for what adds, blue for what takes away."""
    words = []
    for token, share in zip(tokens, shares, strict=True):
        strength = round(abs(share) * len(ORANGE))
        scale = ORANGE if share > 0 else BLUE
        words.append(Styled(token, f"black on color({scale[strength - 1]})" if strength else ""))
    return flow(words)


COMMAND = Command(
    "explain",
    "Explain a prediction: how much each token moved it",
    add_arguments,
    run,
    'explain "I did not like it at all." --output scores.html',
)
