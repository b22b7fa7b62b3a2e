"""Vectors of texts: of each token, of a whole text, and the cosine between two of them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..blocks import bert
from ..checkpoints.sentence_pooling import SentencePooling
from ..numerics.memory import Array
from ..tasks import sentence_embedding
from . import batching
from .inputs import Text
from .run import Model, Options, finite, run


def of_tokens(model: Model, texts: Sequence[Text], options: Options) -> list[Array]:
    """The last hidden states of each text: (T, H), without padding."""

    def hidden(encoded: bert.Output, batch: bert.Inputs) -> list[Array]:
        assert encoded.hidden is not None
        lengths = batching.lengths(batch)
        return [finite(h[:length]).copy() for h, length in zip(encoded.hidden, lengths, strict=True)]

    return run(model, texts, hidden, options)


def of_sentences(model: Model, pooling: SentencePooling, texts: Sequence[Text], options: Options) -> Array:
    """(n, H): each text pooled, and normalized where the checkpoint says so."""

    def pooled(encoded: bert.Output, batch: bert.Inputs) -> list[Array]:
        assert encoded.hidden is not None
        vectors, _ = sentence_embedding.forward(encoded.hidden, batch.mask, pooling.pooling, pooling.normalize)
        return list(finite(vectors))

    rows = batching.cls_rows if pooling.pooling == "cls" else batching.all_rows
    vectors = run(model, texts, pooled, options, rows)
    if not vectors:
        return np.zeros((0, model.config.hidden_size), model.params.bert.embedding.word.dtype)
    return np.stack(vectors)


def limit(model: Model, pooling: SentencePooling) -> int:
    """The number of tokens at which a text is cut before it is pooled."""
    positions = model.config.max_position_embeddings
    return positions if pooling.max_length is None else min(positions, pooling.max_length)


def cosines(a: Array, b: Array) -> Array:
    """a (n, H), b (m, H) -> (n, m): the cosine of the angle between each of a and each of b"""
    unit = [v / np.maximum(np.sqrt((v * v).sum(axis=1, keepdims=True)), 1e-12) for v in (a, b)]
    matrix: Array = unit[0] @ unit[1].T
    return matrix
