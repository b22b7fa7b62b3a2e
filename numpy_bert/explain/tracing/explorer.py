"""The explorer: a trace as one HTML page that needs nothing else, no network, no server, no build."""

from __future__ import annotations

import os

from .. import static_page
from .explorer_data import page_data
from .result import Trace

SCRIPTS = (
    "make.js", "data.js", "color.js", "heatmap.js", "viewer.js", "source.js", "map.js", "walk.js", "attention.js",
    "flow.js", "about.js", "main.js",
)  # fmt: skip


def render(trace: Trace) -> str:
    """The page as text. Error: the source of the package is not installed."""
    scripts = [static_page.read(__package__, name) for name in SCRIPTS]
    parts = {"data": static_page.inert_json(page_data(trace))}
    return static_page.page(__package__, "page.html", "page.css", "BERT, one forward and one backward", parts, scripts)


def write(trace: Trace, path: str | os.PathLike[str]) -> None:
    """Write the page. Error: as `render`, or the file cannot be written."""
    static_page.write(render(trace), path)
