"""The methods of attribution by name, and an attribution as text: for a terminal, in colour or without, and as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ...errors import Error, show
from ...files.terminal import bar, printable, table
from ..targets import Model
from . import gradient_times_input, integrated_gradients, rollout
from .attribution import Attribution

METHODS = (integrated_gradients.NAME, gradient_times_input.NAME, rollout.NAME)
SAYS = {
    integrated_gradients.NAME: "what each piece adds to it, compared with [PAD] in its place",
    gradient_times_input.NAME: "the slope towards each piece, from [PAD] in its place",
    rollout.NAME: "how much of each piece attention lets through to it (no sign, sums to 1)",
}
# Of the 256 colours of terminals: backgrounds from pale to strong, readable below black letters.
ORANGE, BLUE = (230, 223, 216, 214, 208), (195, 153, 117, 75, 69)
COMPLETE = 1e-3  # the share of the difference that integrated gradients may miss


def explain(
    model: Model,
    text: str | tuple[str, str],
    method: str = METHODS[0],
    task: str | None = None,
    target: Any = None,
    steps: int = integrated_gradients.STEPS,
) -> Attribution:
    """An attribution by the name of its method. Error: an unknown one; else as aims.aim."""
    if method == integrated_gradients.NAME:
        return integrated_gradients.integrated_gradients(model, text, task, target, steps)
    if method == gradient_times_input.NAME:
        return gradient_times_input.gradient_times_input(model, text, task, target)
    if method == rollout.NAME:
        return rollout.attention_rollout(model, text, task, target)
    raise Error(f"method: expected {', '.join(METHODS)}, got {show(method)}")


def format_attribution(found: Attribution, colour: bool) -> str:
    """For people. Signs and bars say all of it; the colours, if any, say it again."""
    largest = max((abs(score) for score in found.scores), default=0.0) or 1.0
    signed = found.method != rollout.NAME
    rows = []
    for token, score in zip(found.tokens, found.scores, strict=True):
        number = f"{score:+.4f}" if signed else f"{score:.4f}"
        length = bar(abs(score) / largest)
        rows.append((token, number, f"{'-' if score < 0 else '+'} {length}" if signed else length))
    title = f"{found.target}: {SAYS[found.method]}"
    parts = [printable(title), table(("piece", "score", ""), rows, "lr"), completeness(found)]
    if colour:
        parts.insert(1, coloured(found.tokens, [score / largest for score in found.scores]))
    return "\n\n".join(part for part in parts if part)


def completeness(found: Attribution) -> str:
    """Whether the scores add up; empty for a method that does not promise it."""
    if found.baseline is None or found.error is None:
        return ""
    verdict = "complete" if found.error <= COMPLETE else "NOT complete; take more --steps"
    moved = found.value - found.baseline
    return (
        f"sum of the scores {found.total:.6f}, difference from the baseline {moved:.6f}: "
        f"they differ by {found.error:.1e} of it, {verdict}"
    )


def coloured(tokens: Sequence[str], shares: Sequence[float]) -> str:
    """The pieces on backgrounds of a terminal's colours, orange for what adds and blue for what takes away."""
    parts = []
    for token, share in zip(tokens, shares, strict=True):
        strength = round(abs(share) * len(ORANGE))
        text = printable(token)
        if strength:
            scale = ORANGE if share > 0 else BLUE
            text = f"\x1b[30;48;5;{scale[strength - 1]}m{text}\x1b[0m"
        parts.append(text)
    return " ".join(parts)


def to_json(found: Attribution) -> dict[str, Any]:
    """The attribution as JSON has it."""
    return found._asdict() | {"total": found.total, "error": found.error}
