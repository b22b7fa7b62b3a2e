"""(n, m): how alike each of n vectors a and each of m vectors b are, the larger the more

    cosine  a · b / (|a| |b|)     dot  a · b     euclidean  -|a - b|     manhattan  -Σ_i |a_i - b_i|

Source: util/similarity.py of sentence-transformers.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy

from ..errors import Error
from ..numerics.arrays import Array

SHORTEST = 1e-12  # a vector shorter than this is divided by it, as in PyTorch's normalize


def matrix(name: str, a: Array, b: Array) -> Array:
    """name: one of sentence_settings.SIMILARITIES; a (n, H), b (m, H) -> (n, m), in the dtype of a."""
    if name in ("euclidean", "manhattan"):
        distances: Array = scipy.spatial.distance.cdist(a, b, "euclidean" if name == "euclidean" else "cityblock")
        return -distances.astype(a.dtype, copy=False)
    products: Array = a @ b.T
    if name == "cosine":
        products = products / lengths(a)[:, None] / lengths(b)
    return products


def sparse_matrix(name: str, a: Any, b: Any) -> Array:
    """As `matrix`, of CSR matrices a (n, V) and b (m, V)."""
    if name not in ("dot", "cosine"):
        return matrix(name, a.toarray(), b.toarray())
    products: Array = (a @ b.T).toarray()
    if name == "cosine":
        norms = [np.sqrt(np.asarray(m.multiply(m).sum(axis=1)).reshape(-1)) for m in (a, b)]
        products /= np.maximum(norms[0], SHORTEST)[:, None]
        products /= np.maximum(norms[1], SHORTEST)
    return products


def check_sizes(a: Array, b: Array, name: str, expected: str) -> None:
    """Error: the rows of a (n, S) and b (m, S) are of different sizes. name: of b; expected: "as the queries have"."""
    size, other = a.shape[1], b.shape[1]
    if size != other:
        remedy = f"if they were cut, truncate_dim={min(size, other)} cuts those of texts too"
        raise Error(f"{name}: expected vectors of {size} numbers, {expected}, got {other}; {remedy}")


def lengths(vectors: Array) -> Array:
    """(n, H) -> (n,): the length of each vector, at least SHORTEST."""
    norms: Array = np.sqrt(np.einsum("ij,ij->i", vectors, vectors))
    return np.maximum(norms, norms.dtype.type(SHORTEST))  # type: ignore[no-any-return]
