"""A computational graph: boxes in columns, an arrow forward and one back for each edge."""

from __future__ import annotations

import math
from typing import NamedTuple

from .svg import Drawing, shifted, width_of

COLUMN, ROW, MARGIN, HEIGHT = 182, 94, 30, 46
APART = 5  # pixels between an arrow and the middle of its edge


class Node(NamedTuple):
    column: float
    row: float
    text: str
    note: str = ""  # its shape, below
    kind: str = "array"  # or "op", "learned"

    @property
    def width(self) -> float:
        padding = 34 if self.kind == "op" else 20
        return max(48.0, width_of(self.text) * 1.1 + padding, width_of(self.note) * 0.86 + padding)


class Edge(NamedTuple):
    source: str
    target: str
    gradient: str = ""  # what flows back along it; "" for none
    place: float = 0.5  # of the label, from the source (0) to the target (1)


def draw(title: str, description: str, nodes: dict[str, Node], edges: list[Edge]) -> Drawing:
    """Nodes by name, their columns and rows from 0."""
    columns = max(node.column for node in nodes.values())
    rows = max(node.row for node in nodes.values())
    first = max(node.width for node in nodes.values() if node.column == 0) / 2
    last = max(node.width for node in nodes.values() if node.column == columns) / 2
    drawing = Drawing(
        title, description, 2 * MARGIN + first + last + columns * COLUMN, 2 * MARGIN + HEIGHT + rows * ROW
    )

    def middle(node: Node) -> tuple[float, float]:
        return MARGIN + first + node.column * COLUMN, MARGIN + HEIGHT / 2 + node.row * ROW

    labels = []
    for edge in edges:
        source, target = nodes[edge.source], nodes[edge.target]
        start, end = _ends(middle(source), middle(target), source, target)
        drawing.arrow(*shifted(start, end, -APART if edge.gradient else 0))
        if edge.gradient:
            drawing.arrow(*reversed(shifted(start, end, APART)), back=True)
            labels.append((*_beside(start, end, edge), edge.gradient))
    for node in nodes.values():
        x, y = middle(node)
        drawing.box(x - node.width / 2, y - HEIGHT / 2, node.width, HEIGHT, node.kind, 22 if node.kind == "op" else 5)
        if node.note:
            drawing.text(x, y - 2, node.text, "ink strong")
            drawing.text(x, y + 15, node.note, "soft small")
        else:
            drawing.text(x, y + 5, node.text, "ink strong")
    for x, y, label in labels:
        drawing.text(x, y, label, "back small halo")
    return drawing


def _beside(start: tuple[float, float], end: tuple[float, float], edge: Edge) -> tuple[float, float]:
    """The middle of the label: beside the arrow of the gradient, as far as its width and the slope need."""
    dx, dy = end[0] - start[0], end[1] - start[1]
    across = -dy / math.hypot(dx, dy), dx / math.hypot(dx, dy)
    x, y = start[0] + dx * edge.place, start[1] + dy * edge.place
    far = 12 + width_of(edge.gradient) * 0.42 * abs(across[0])
    return x + across[0] * far, y + across[1] * (far if abs(across[0]) > 0.5 else 16) + 5


def _ends(
    start: tuple[float, float], end: tuple[float, float], source: Node, target: Node
) -> tuple[tuple[float, float], tuple[float, float]]:
    """Where the line between two middles leaves one box and meets the other."""
    return _border(start, end, source.width), _border(end, start, target.width)


def _border(of: tuple[float, float], towards: tuple[float, float], width: float) -> tuple[float, float]:
    dx, dy = towards[0] - of[0], towards[1] - of[1]
    share = min(
        (width / 2 + 3) / abs(dx) if dx else float("inf"),
        (HEIGHT / 2 + 3) / abs(dy) if dy else float("inf"),
    )
    return of[0] + dx * share, of[1] + dy * share
