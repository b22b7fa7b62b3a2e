"""Contextual embeddings of the tokens of some texts in two dimensions: a marker per text, a label per token.

    X - mean = U S Vᵀ,   coordinates = U_2 S_2,   share of the variance = (s_1² + s_2²) / Σ s²

Principal components by singular value decomposition (Pearson, 1901). Tokens of similar meaning in similar
contexts lie together; a word with two meanings lies in two places.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np

from ..errors import Error, describe
from ..files import figures
from ..numerics.arrays import Array
from ..tokenizer.interface import Tokenizer

LONGEST_LABEL = 48  # characters of a text in the legend
NEAR = (0.08, 0.03)  # of the width and the height: closer than that two labels would cover each other


class TokenEmbedder(Protocol):
    """What is needed of a Bert."""

    @property
    def tokenizer(self) -> Tokenizer: ...
    def __call__(self, texts: Any) -> Any: ...


class Plane(NamedTuple):
    coordinates: Array  # (N, 2)
    share: float  # of the variance that the plane holds


def principal_components(X: Array) -> Plane:
    """X (N, H) -> its coordinates along the two directions in which it varies most. The larger half of each of the
    two directions is positive, since the decomposition leaves their signs open.
    """
    centered = X - X.mean(axis=0)
    U, S, Vt = np.linalg.svd(centered.astype(np.float64), full_matrices=False)
    signs = np.sign(Vt[:2][np.arange(len(Vt[:2])), np.abs(Vt[:2]).argmax(axis=1)])
    coordinates = U[:, :2] * S[:2] * signs
    total = float((S * S).sum())
    if coordinates.shape[1] < 2:
        coordinates = np.pad(coordinates, ((0, 0), (0, 2 - coordinates.shape[1])))
    return Plane(coordinates, float((S[:2] ** 2).sum()) / total if total else 1.0)


def draw(model: TokenEmbedder, texts: Sequence[str], special: bool = False) -> Any:
    """A matplotlib figure of the tokens of some texts; `special` adds [CLS] and [SEP]. Error: no texts, no tokens, or
    matplotlib is missing.
    """
    if isinstance(texts, str) or not texts:
        raise Error(f"texts: expected a list of at least one text, got {describe(texts)}")
    hidden = model(list(texts))
    encode, typed = model.tokenizer.encode, model.tokenizer.typed_special
    encoded = [encode(text, None, len(h), special=typed).tokens for text, h in zip(texts, hidden, strict=True)]
    kept = slice(None) if special else slice(1, -1)
    rows, names = [h[kept] for h in hidden], [tokens[kept] for tokens in encoded]
    if not any(names):
        raise Error("texts: expected at least one word, got none")
    plane = principal_components(np.concatenate(rows))
    figure = figures.new_figure(9, 6.5)
    axes = figure.add_subplot()
    start = 0
    for i, (text, tokens) in enumerate(zip(texts, names, strict=True)):
        x, y = plane.coordinates[start : start + len(tokens)].T
        marker = figures.MARKERS[i % len(figures.MARKERS)]
        label = text if len(text) <= LONGEST_LABEL else text[: LONGEST_LABEL - 1] + "…"
        label = f" {label}" if label.startswith("_") else label  # matplotlib leaves those out of legends
        axes.plot(x, y, linestyle="", marker=marker, markersize=8, alpha=0.75, markeredgecolor="black", label=label)
        for j, token in enumerate(tokens, start):
            _label(axes, token, plane.coordinates, j)
        start += len(tokens)
    axes.set(xlabel="first principal component", ylabel="second principal component")
    title = f"contextual embeddings of the tokens; the plane holds {plane.share:.0%} of their variance"
    axes.set_title(title, fontsize=11)
    axes.margins(0.12)
    axes.grid(alpha=0.25)
    for shown in axes.legend(fontsize=9).get_texts():
        shown.set_parse_math(False)
    return figure


def _label(axes: Any, token: str, places: Array, i: int) -> None:
    """Above the i-th place to its right; below to its left where a place before it is near and has its label above."""
    beside = np.abs(places[:i] - places[i]) < NEAR * np.ptp(places, axis=0)
    way = {"xytext": (-6, -4), "ha": "right", "va": "top"} if beside.all(axis=1).any() else {"xytext": (6, 4)}
    axes.annotate(token, places[i], textcoords="offset points", fontsize=9, parse_math=False, **way)


def write(model: TokenEmbedder, texts: Sequence[str], path: str | os.PathLike[str], special: bool = False) -> None:
    """Draw and write it. Error: as `draw`, or the file cannot be written."""
    figures.save(draw(model, texts, special), path)
