"""An exercise about the whole of BERT."""

from __future__ import annotations

import numpy as np

from ...blocks import embedding, encoder, pooler
from ...blocks.bert import Cache, Output, Params
from ...numerics import tree
from ..definition import Exercise


def backward(dy: Output, cache: Cache) -> Params:
    """dy: gradients with respect to the outputs that were read -> dparams. There is no dx for ids."""
    dhidden = np.zeros_like(cache.hidden) if dy.hidden is None else dy.hidden
    # pooled = Pooler(hidden)
    dpooler = None
    if cache.pooler is not None and dy.pooled is not None:
        _, dpooler = pooler.backward(dy.pooled, cache.pooler)
    elif cache.pooler_params is not None:
        dpooler = tree.map(np.zeros_like, cache.pooler_params)
    # hidden = Encoder(x)
    dx, dencoder = encoder.backward(dhidden, cache.encoder)
    # x = Embedding(ids)
    dembedding = embedding.backward(dx, cache.embedding)
    return Params(dembedding, dencoder, dpooler)


EXERCISE = Exercise(
    title="The loss falls all the same",
    block="bert",
    level="medium",
    hints=(
        "Which parameters get exactly zero from `pooled` alone?",
        "Follow what the pooler's backward returns: there are two things.",
    ),
    wrong="The gradient stops at the pooler: a sentence-level loss trains its head and the pooler, and nothing below.",
    why="The pooler reads the hidden states, so its dh is a part of their gradient, added to what other heads "
    "send. Dropped, a classifier trains on frozen features: the loss falls, only not as far. Each block by "
    "itself is right, so the checks of blocks pass; it takes a check of the whole model.",
    backward=backward,
    met="AlkiGit/BERT-NumPy, where the [CLS] row is re-wrapped as a constant",
)
