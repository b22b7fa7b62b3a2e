"""An attribution as one HTML page: the text in colour, a table with signs and bars; no script, no network."""

from __future__ import annotations

import html
import os

from ...files.atomic import replacing
from ..tracing.page import filled, policy, read
from . import explain as explanation
from . import rollout
from .attribution import Attribution

LEVELS = 5  # strengths of colour on either side


def attribution_page(found: Attribution) -> str:
    """The page as text; every text of the model or the user is escaped."""
    style = read("attribution.css")
    largest = max((abs(score) for score in found.scores), default=0.0) or 1.0
    signed = found.method != rollout.NAME
    shares = [score / largest for score in found.scores]
    numbers = [f"{score:+.4f}" if signed else f"{score:.4f}" for score in found.scores]
    parts = {
        "policy": policy(style),
        "style": style,
        "target": html.escape(found.target),
        "says": html.escape(explanation.SAYS[found.method]),
        "pieces": "".join(map(_piece, found.tokens, shares, numbers)),
        "rows": "\n".join(map(_row, found.tokens, shares, numbers)),
        "completeness": html.escape(explanation.completeness(found)),
        "method": html.escape(found.method),
        "task": html.escape(found.task),
    }
    return filled(read("attribution.html"), parts)


def write(found: Attribution, path: str | os.PathLike[str]) -> None:
    """Write the page. Error: it cannot be written."""
    text = attribution_page(found)
    with replacing(path) as stream:
        stream.write(text.encode("utf-8", "replace"))


def _piece(token: str, share: float, number: str) -> str:
    strength = round(abs(share) * LEVELS)
    kind = f" {'above' if share > 0 else 'below'}{strength}" if strength else ""
    inside = f"<bdi>{html.escape(token)}</bdi><small>{_minus(number)}</small>"
    return f'<span class="piece{kind}" role="listitem">{inside}</span>'


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
