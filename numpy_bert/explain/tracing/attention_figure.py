"""The attention of a layer as a figure: one picture a head, each row a piece that asks, each column one it looks at.

The darker, the more, by the square root, so that small shares can be seen; a ring marks what each piece looks at most.
"""

from __future__ import annotations

import math
import os
from typing import Any

import numpy as np

from ...errors import Error
from ...files import figures
from ...numerics.memory import Array
from .trace import Trace

PROBABILITIES = "bert.encoder.layers.{}.attention.attention.forward.P"
BESIDE = 4  # pictures in a row
NARROWEST = 5.0  # inches, for the words below
LEGEND = "black: all of its attention, half as dark: a quarter; ring: the most of its row"


def draw(trace: Trace, layer: int = 0) -> Any:
    """A matplotlib figure of all heads of a layer, counted from 0. Error: no such layer, or matplotlib is missing."""
    name = PROBABILITIES.format(layer)
    if isinstance(layer, bool) or not isinstance(layer, int) or name not in trace:
        layers = sum(PROBABILITIES.format(i) in trace for i in range(len(trace.calls)))
        raise Error(f"layer: expected 0 to {layers - 1}, got {layer!r}")
    heads = trace[name][0]  # (A, T, T)
    A, T, _ = heads.shape
    across, down = min(A, BESIDE), math.ceil(A / BESIDE)
    side = 1.1 + 0.19 * T
    figure = figures.new_figure(max(across * side, NARROWEST), down * side + 0.7)
    figure.suptitle(f"layer {layer}: what each piece (row) looks at (column)")
    figure.supxlabel(LEGEND, fontsize=9)
    grid = figure.subplots(down, across, squeeze=False)
    for head, axes in enumerate(grid.flat):
        if head < A:
            _draw_head(axes, heads[head], trace.asked.tokens, f"head {head}")
        else:
            axes.set_axis_off()
    return figure


def _draw_head(axes: Any, P: Array, tokens: tuple[str, ...], title: str) -> None:
    """P (T, T)"""
    axes.imshow(np.sqrt(P), cmap="Greys", vmin=0.0, vmax=1.0)
    best = P.argmax(axis=1)
    axes.plot(best, np.arange(len(P)), linestyle="", marker="o", markerfacecolor="none", markeredgecolor="black",
              markersize=7, markeredgewidth=2.5)  # fmt: skip
    axes.plot(best, np.arange(len(P)), linestyle="", marker="o", markerfacecolor="none", markeredgecolor="white",
              markersize=7, markeredgewidth=1.0)  # fmt: skip
    # A token may hold dollar signs, which are not the beginning of a formula here.
    axes.set_xticks(range(len(tokens)), tokens, rotation=90, fontsize=8, parse_math=False)
    axes.set_yticks(range(len(tokens)), tokens, fontsize=8, parse_math=False)
    axes.set_title(title, fontsize=10)


def figure(trace: Trace, path: str | os.PathLike[str], layer: int = 0) -> None:
    """Draw and write it. Error: as `draw`, or the file cannot be written."""
    figures.save(draw(trace, layer), path)
