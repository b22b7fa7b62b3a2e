"""An attribution as one HTML page: the text in color, a table with signs and bars; no script, no network."""

from __future__ import annotations

import html
import os

from .. import static_page
from . import methods, rollout
from .result import Attribution

LEVELS = 5  # strengths of color on either side


def render(attribution: Attribution) -> str:
    """The page as text; every text of the model or the user is escaped."""
    largest = max((abs(score) for score in attribution.scores), default=0.0) or 1.0
    signed = attribution.method != rollout.NAME
    shares = [score / largest for score in attribution.scores]
    numbers = [f"{score:+.4f}" if signed else f"{score:.4f}" for score in attribution.scores]
    texts = {
        "question": methods.question(attribution),
        "text": " / ".join(attribution.target.text),
        "prediction": methods.prediction(attribution),
        "meaning": methods.MEANING[attribution.method],
        "completeness": methods.completeness(attribution),
        "caveat": methods.CAVEAT[attribution.method],
        "method": attribution.method,
        "task": attribution.target.task,
    }
    parts = {name: html.escape(text) for name, text in texts.items()} | {
        "key": _key(methods.supported(attribution), signed),
        "tokens": "".join(map(_token, attribution.tokens, shares, numbers)),
        "rows": "\n".join(map(_row, attribution.tokens, shares, numbers)),
    }
    return static_page.page(__package__, "scores.html", "scores.css", texts["question"], parts, [])


def write(attribution: Attribution, path: str | os.PathLike[str]) -> None:
    """Write the page. Error: it cannot be written."""
    static_page.write(render(attribution), path)


def _key(supported: str, signed: bool) -> str:
    """What the colors mean, always with the answer they speak for."""
    if not signed:
        return '<span class="token above5">larger share</span> <span class="token">0</span>'
    answer = f"<bdi>{html.escape(supported)}</bdi>"
    return (
        f'<span class="token below5">− against {answer}</span> <span class="token">0</span> '
        f'<span class="token above5">+ for {answer}</span>'
    )


def _token(token: str, share: float, number: str) -> str:
    strength = round(abs(share) * LEVELS)
    kind = f" {'above' if share > 0 else 'below'}{strength}" if strength else ""
    inside = f"<bdi>{html.escape(token)}</bdi><small>{_minus(number)}</small>"
    return f'<span class="token{kind}" role="listitem">{inside}</span>'


def _row(token: str, share: float, number: str) -> str:
    """Zero is in the middle of the bar."""
    width = f"{50 * abs(share):.2f}"
    start = "50" if share > 0 else f"{50 - 50 * abs(share):.2f}"
    bar = f'<rect class="{"plus" if share > 0 else "minus"}" x="{start}" y="2" width="{width}" height="10"/>'
    size = 'viewBox="0 0 100 14" preserveAspectRatio="none"'
    drawing = f'<svg {size} aria-hidden="true">{bar}<path class="zero" d="M50 0V14"/></svg>'
    return (
        f'<tr><th scope="row"><bdi>{html.escape(token)}</bdi></th>'
        f'<td class="number">{_minus(number)}</td><td class="bar">{drawing}</td></tr>'
    )


def _minus(number: str) -> str:
    return html.escape(number.replace("-", "−"))
