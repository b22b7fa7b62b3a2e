"""SVG text for the drawings: shapes, arrows and labels, in colors for light and dark pages.

Forward arrows are solid, gradients dashed, so a drawing can be read without its colors. Every drawing has a title and a
description for those who cannot see it.
"""

from __future__ import annotations

import math
from html import escape

STYLE = """
  .paper { fill: #fdfcf9; } .ink { fill: #16181d; } .soft { fill: #5b6270; } .back { fill: #a8440a; }
  text { font: 14px system-ui, 'Segoe UI', 'DejaVu Sans', sans-serif; } .small { font-size: 12px; } .strong { font-weight: 650; }
  .halo { paint-order: stroke; stroke: #fdfcf9; stroke-width: 5px; stroke-linejoin: round; }
  .array { fill: #ffffff; stroke: #16181d; stroke-width: 1.3; } .op { fill: #e8eef7; stroke: #144e96; stroke-width: 1.3; }
  .learned { fill: #f5efdd; stroke: #16181d; stroke-width: 1.3; } .on { fill: #f3b87d; stroke: #16181d; } .off { fill: #ffffff; stroke: #b9b4a8; }
  .forward { stroke: #16181d; stroke-width: 1.5; fill: none; } .gradient { stroke: #a8440a; stroke-width: 1.6; fill: none; stroke-dasharray: 6 4; }
  .line { stroke: #b9b4a8; stroke-width: 1; fill: none; } .tip { fill: #16181d; } .back-tip { fill: #a8440a; }
  @media (prefers-color-scheme: dark) {
    .paper { fill: #14161b; } .ink { fill: #eceef2; } .soft { fill: #a3aab8; } .back { fill: #ffba70; } .halo { stroke: #14161b; }
    .array { fill: #1b1e25; stroke: #eceef2; } .op { fill: #1d2b40; stroke: #92caff; } .learned { fill: #33301f; stroke: #eceef2; }
    .on { fill: #8a4f18; stroke: #eceef2; } .off { fill: #1b1e25; stroke: #4a505e; }
    .forward { stroke: #eceef2; } .gradient { stroke: #ffba70; } .line { stroke: #4a505e; } .tip { fill: #eceef2; } .back-tip { fill: #ffba70; }
  }
"""
MARKERS = """<defs>
  <marker id="tip" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="7" markerHeight="7" orient="auto"><path class="tip" d="M0 0 10 5 0 10z"/></marker>
  <marker id="back-tip" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="7" markerHeight="7" orient="auto"><path class="back-tip" d="M0 0 10 5 0 10z"/></marker>
</defs>"""
LETTER = 7.6  # pixels that a letter takes, about


class Drawing:
    """One drawing. Lengths are in pixels, y downwards."""

    def __init__(self, title: str, description: str, width: float, height: float) -> None:
        self.title, self.description = title, description
        self.width, self.height = width, height
        self.parts: list[str] = []

    def text(self, x: float, y: float, text: str, kind: str = "ink", anchor: str = "middle") -> None:
        self.parts.append(f'<text x="{x:g}" y="{y:g}" class="{kind}" text-anchor="{anchor}">{escape(text)}</text>')

    def box(self, x: float, y: float, width: float, height: float, kind: str = "array", radius: float = 5) -> None:
        size = f'x="{x:g}" y="{y:g}" width="{width:g}" height="{height:g}" rx="{radius:g}"'
        self.parts.append(f'<rect {size} class="{kind}"/>')

    def labeled(self, x: float, y: float, width: float, height: float, text: str, kind: str = "array") -> None:
        """A box with its text in the middle; (x, y) is its upper left corner."""
        self.box(x, y, width, height, kind, 3)
        self.text(x + width / 2, y + height / 2 + 5, text)

    def line(self, *points: tuple[float, float], kind: str = "line") -> None:
        path = " ".join(f"{x:g},{y:g}" for x, y in points)
        self.parts.append(f'<polyline points="{path}" class="{kind}"/>')

    def arrow(self, *points: tuple[float, float], back: bool = False) -> None:
        """Along the points; dashed for a gradient."""
        path = "M" + " ".join(f"{x:g} {y:g}" for x, y in points)
        kind, tip = ("gradient", "back-tip") if back else ("forward", "tip")
        self.parts.append(f'<path d="{path}" class="{kind}" marker-end="url(#{tip})"/>')

    def bracket(self, x0: float, x1: float, y: float, text: str, down: bool = True) -> None:
        """A bracket under (or over) a stretch, with its text."""
        depth = 7 if down else -7
        self.line((x0, y), (x0, y + depth), (x1, y + depth), (x1, y), kind="forward")
        self.text((x0 + x1) / 2, y + (depth + 15 if down else depth - 6), text, "soft small")

    def svg(self) -> str:
        head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {self.width:g} {self.height:g}" width="{self.width:g}"'
        names = f'role="img" aria-labelledby="title desc">\n<title id="title">{escape(self.title)}</title>'
        about = f'<desc id="desc">{escape(self.description)}</desc>\n<style>{STYLE}</style>\n{MARKERS}'
        paper = f'<rect class="paper" width="{self.width:g}" height="{self.height:g}" rx="8"/>'
        return "\n".join([f"{head} {names}", about, paper, *self.parts, "</svg>\n"])


def width_of(text: str) -> float:
    return LETTER * len(text)


def shifted(start: tuple[float, float], end: tuple[float, float], by: float) -> tuple[tuple[float, float], ...]:
    """The same line, moved sideways."""
    (x0, y0), (x1, y1) = start, end
    length = math.hypot(x1 - x0, y1 - y0)
    dx, dy = -(y1 - y0) / length * by, (x1 - x0) / length * by
    return (x0 + dx, y0 + dy), (x1 + dx, y1 + dy)
