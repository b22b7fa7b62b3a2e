"""A figure as a file: PNG, SVG or PDF by the ending of its name, with fonts that need not be installed elsewhere.

The shapes of the letters go into an SVG as outlines and into a PDF as TrueType fonts. Figures are drawn so that they
can be read without color: gray, hatches, markers, line styles and labels say all of it.
"""

from __future__ import annotations

import io
import os
from pathlib import PurePath
from typing import Any

from ..errors import Error, show
from .atomic import replacing

FORMS = ("png", "svg", "pdf")
FONTS: Any = {"svg.fonttype": "path", "pdf.fonttype": 42}
# One each for the curves of a figure, so that none needs its color.
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*", "<", ">")
LINES = ("-", "--", "-.", ":")


def new_figure(width: float, height: float) -> Any:
    """An empty matplotlib figure, in inches. Error: matplotlib is missing."""
    try:
        from matplotlib.figure import Figure
    except ImportError:
        raise Error("a figure needs matplotlib; run: pip install 'numpy-bert[plot]'") from None
    return Figure(figsize=(width, height), dpi=120, layout="constrained")


def save(figure: Any, path: str | os.PathLike[str]) -> None:
    """Write the figure in the form its name ends with, whole or not at all. Error: another ending, or the disk."""
    import matplotlib

    form = PurePath(path).suffix.lower().removeprefix(".")
    if form not in FORMS:
        raise Error(f"expected a name that ends with .png, .svg or .pdf, got {show(form, 20)}", at=path)
    buffer = io.BytesIO()
    with matplotlib.rc_context(FONTS):
        figure.savefig(buffer, format=form)
    with replacing(path) as stream:
        stream.write(buffer.getbuffer())
