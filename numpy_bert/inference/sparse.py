"""w_j = max_t log(1 + relu(x_tj)):   a weight for each token of the vocabulary, most of them 0 (SPLADE)

x_tj is the masked-LM score of token j at position t of the text, [CLS] and [SEP] included. A checkpoint may ask for the
sum over t in place of the maximum, or for a second logarithm, log(1 + log(1 + relu(x))).

Source: Formal et al., arXiv:2109.10086, equation 6; sparse_encoder/modules/splade_pooling.py of sentence-transformers.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import scipy

from ..blocks import bert
from ..checkpoints.sentence_pooling import Splade
from ..errors import Error
from ..numerics.arrays import Array
from ..tasks import masked_lm
from . import batching, classification, encoding
from .run import Options, finite, head, run
from .vectors import SentenceModel

POSITIONS = 128  # whose scores for the whole vocabulary are in memory at a time


def embed(model: SentenceModel, texts: Iterable[Any], prompt: str, options: Options) -> scipy.sparse.csr_matrix:
    """(n, V): the weights of each text. Error: the model has no masked-LM head."""
    params, splade = head(model, "masked_lm"), _splade(model)
    limit = classification.limit(model)
    encoded_texts, cut = encoding.encode_counting(model.tokenizer, texts, limit, prompt=prompt)
    encoding.warn_of_cuts(cut, limit)

    def weights(encoded: bert.Output, batch: bert.Inputs) -> list[tuple[Array, Array]]:
        T = batch.ids.token.shape[1]
        rows = []
        for i, length in enumerate(batching.lengths(batch)):
            w = np.zeros(model.config.vocab_size, params.bias.dtype)
            for start in range(0, length, POSITIONS):
                positions = i * T + np.arange(start, min(length, start + POSITIONS))
                x, _ = masked_lm.forward(encoded, params, model.config, positions=positions)  # (positions, V)
                w = _added(w, finite(x), splade)
            w = _activated(w, splade) if splade.strategy == "max" else w
            tokens = np.flatnonzero(w)
            rows.append((tokens, w[tokens]))
        return rows

    rows = run(model, encoded_texts, weights, options)
    ends = np.cumsum([0, *(len(tokens) for tokens, _ in rows)])
    shape = (len(rows), model.config.vocab_size)
    if not rows:
        return scipy.sparse.csr_matrix(shape, dtype=params.bias.dtype)
    tokens, values = (np.concatenate(parts) for parts in zip(*rows, strict=True))
    return scipy.sparse.csr_matrix((values, tokens, ends), shape=shape)


def _splade(model: SentenceModel) -> Splade:
    """The settings of the checkpoint, or the usual ones."""
    try:
        return model.pooling.sparse or Splade()
    except Error:  # of a dense pooling, which is not used here
        return Splade()


def _added(w: Array, x: Array, splade: Splade) -> Array:
    """The weights with further positions. The activation rises with x, so it can wait until the maximum is known."""
    if splade.strategy == "max":
        highest: Array = np.maximum(w, x.max(axis=0))  # w begins with 0, hence relu
        return highest
    summed: Array = w + _activated(np.maximum(x, 0), splade).sum(axis=0)
    return summed


def _activated(x: Array, splade: Splade) -> Array:
    once: Array = np.log1p(x)
    return np.log1p(once) if splade.activation == "log1p_relu" else once
