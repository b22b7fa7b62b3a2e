"""The attention weights of a layer as a figure: a picture per head, row = query token, column = key token.

Darker is more, on a square-root scale so that small weights can be seen; a ring marks the largest weight of each row.
"""

from __future__ import annotations

import math
import os
from typing import Any

import numpy as np

from ...files import figures
from ...numerics.arrays import Array
from ...rules import as_integer
from .result import Trace

PROBABILITIES = "bert.encoder.layers.{}.attention.attention.forward.P"
BESIDE = 4  # pictures in a row
NARROWEST = 5.0  # inches, for the words below
LEGEND = "black: weight 1, half as dark: 0.25; ring: largest weight of the row"


def draw(trace: Trace, layer: int = 0) -> Any:
    """A matplotlib figure of all heads of a layer, counted from 0. Error: no such layer, or matplotlib is missing."""
    layers = sum(PROBABILITIES.format(i) in trace for i in range(len(trace.calls)))
    layer = as_integer("layer", layer, 0, layers - 1)
    heads = trace[PROBABILITIES.format(layer)][0]  # (A, T, T)
    A, T, _ = heads.shape
    across, down = min(A, BESIDE), math.ceil(A / BESIDE)
    side = 1.1 + 0.19 * T
    figure = figures.new_figure(max(across * side, NARROWEST), down * side + 0.7)
    figure.suptitle(f"layer {layer}: attention weights, row = query token, column = key token")
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


def write(trace: Trace, path: str | os.PathLike[str], layer: int = 0) -> None:
    """Draw and write it. Error: as `draw`, or the file cannot be written."""
    figures.save(draw(trace, layer), path)
