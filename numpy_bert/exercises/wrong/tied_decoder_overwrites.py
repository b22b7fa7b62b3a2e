"""An exercise about the whole model with its loss."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...blocks import bert
from ...numerics import tree
from ...tasks.objective import HEADS, TASKS, Cache, Params
from ..definition import Exercise


def backward(dloss: Any, cache: Cache) -> Params:
    """dloss, a scalar, or one for each of the `losses` -> dparams, zero for the heads that took no part"""
    # loss = task(encoded)
    dencoded, dhead = TASKS[cache.task].loss_backward(dloss, cache.head)
    heads = TASKS[cache.task].heads
    touched = dict(zip(heads, (dhead,) if len(heads) == 1 else dhead, strict=True))
    accumulate_into = None
    if "masked_lm" in touched and cache.params.masked_lm is not None and cache.params.masked_lm.decoder is None:
        accumulate_into = touched["masked_lm"].decoder  # the decoder was the word embedding
        touched["masked_lm"] = touched["masked_lm"]._replace(decoder=None)
    # encoded = BERT(inputs)
    dbert = bert.backward(dencoded, cache.bert)
    if accumulate_into is not None:
        dbert = tree.replace(dbert, "embedding.word", accumulate_into)
    untouched = {head: tree.map(np.zeros_like, getattr(cache.params, head)) for head in HEADS if head not in touched}
    return Params(dbert, **touched, **untouched)


EXERCISE = Exercise(
    title="One array among many",
    block="objective",
    level="hard",
    hints=(
        "The word embedding is read at the bottom and at the top.",
        "Near the end two gradients with respect to the same array meet. What happens to the first?",
    ),
    wrong="The tied embedding gets the decoder's gradient in place of its own, where both add up.",
    why="The same array E looks words up at the bottom and scores them at the top, so its gradient is the sum of "
    "both uses. The decoder's part is dense and usually the larger one; the model learns from it alone, and "
    "only the words' meaning as inputs moves too little. No block has a mistake in it: this stands where they "
    "are put together.",
    backward=backward,
)
