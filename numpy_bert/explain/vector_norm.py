"""size = 1/H Σ_i v_i²,   v the sentence vector before it is normalized

What is explained of a model without a head: a number that says how strongly the text moves its vector. (The length of
a normalized vector is always 1, and says nothing.) It is the squared error of v against a target of zeros.

Letters: B batch, H hidden size.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ..blocks import squared_error
from ..blocks.bert import Output
from ..numerics.arrays import Array
from ..tasks import sentence_embedding


class LossCache(NamedTuple):
    vector: sentence_embedding.Cache
    size: squared_error.Cache
    H: int


def loss(encoded: Output, pooling: str) -> tuple[Array, LossCache]:
    """encoded.hidden (B, T, H) without padding -> size, a scalar: the mean over the B texts"""
    assert encoded.hidden is not None
    v, vector_cache = sentence_embedding.forward(encoded.hidden, None, pooling, normalize=False)  # (B, H)
    size, size_cache = squared_error.forward(v.reshape(-1), np.zeros(v.size, v.dtype))
    return size, LossCache(vector_cache, size_cache, v.shape[1])


def loss_backward(dloss: Array | float, cache: LossCache) -> Output:
    """dloss, a scalar -> dencoded"""
    # size = squared_error(v, 0)
    dv = squared_error.backward(dloss, cache.size).reshape(-1, cache.H)  # (B, H)
    # v = pooled hidden states
    dhidden = sentence_embedding.backward(dv, cache.vector)
    return Output(dhidden, None)
