"""An exercise about the embedding."""

from __future__ import annotations

import numpy as np

from ...blocks import dropout, layer_norm, lookup
from ...blocks.embedding import Cache, Params
from ...numerics.arrays import Array
from ..definition import Exercise


def backward(dy: Array, cache: Cache) -> Params:
    """dy (B, T, H) -> dparams. There is no dx: ids are not differentiable."""
    # y = dropout(normed)
    dnormed = dropout.backward(dy, cache.dropout)
    # normed = LayerNorm(total)
    dtotal, dnorm = layer_norm.backward(dnormed, cache.norm)
    # total = word + position + segment: the sum hands its gradient to each of the three
    dsegment = lookup.backward(dtotal, cache.segment)
    dposition = np.zeros((cache.position.V, dtotal.shape[-1]), dtotal.dtype)
    dposition[cache.position.ids[0]] = dtotal[0]  # every text has the same positions
    dword = lookup.backward(dtotal, cache.word)
    return Params(dword, dposition, dsegment, dnorm)


EXERCISE = Exercise(
    title="A shortcut that holds for one text",
    block="embedding",
    level="medium",
    hints=("Right for B = 1.", "How many texts read row 3 of the table of positions?"),
    wrong="Every text uses the same positions, but only the first text's gradient arrives there.",
    why="That the ids are the same is why the gradients meet in the same rows: row t of the table is read by all B "
    "texts and gets the sum of B gradients. The comment is true, and the conclusion drawn from it is wrong.",
    backward=backward,
)
