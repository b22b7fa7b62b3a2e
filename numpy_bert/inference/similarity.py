"""(n, m): how alike each of n vectors a and each of m vectors b are, the larger the more

    cosine  a · b / (|a| |b|)     dot  a · b     euclidean  -|a - b|     manhattan  -Σ_i |a_i - b_i|

Source: util/similarity.py of sentence-transformers.
"""

from __future__ import annotations

import numpy as np
from scipy.spatial import distance

from ..numerics.arrays import Array

SHORTEST = 1e-12  # a vector shorter than this is divided by it, as in PyTorch's normalize


def matrix(name: str, a: Array, b: Array) -> Array:
    """name: one of sentence_settings.SIMILARITIES; a (n, H), b (m, H) -> (n, m), in the dtype of a."""
    if name in ("euclidean", "manhattan"):
        distances: Array = distance.cdist(a, b, "euclidean" if name == "euclidean" else "cityblock")
        return -distances.astype(a.dtype, copy=False)
    products: Array = a @ b.T
    if name == "cosine":
        products = products / lengths(a)[:, None] / lengths(b)
    return products


def lengths(vectors: Array) -> Array:
    """(n, H) -> (n,): the length of each vector, at least SHORTEST."""
    norms: Array = np.sqrt(np.einsum("ij,ij->i", vectors, vectors))
    return np.maximum(norms, norms.dtype.type(SHORTEST))  # type: ignore[no-any-return]
