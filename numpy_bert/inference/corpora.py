"""What `search` takes for queries or a corpus, texts, vectors, a file of them or a sparse matrix -> rows of numbers."""

from __future__ import annotations

import os
from typing import Any

import numpy as np
from scipy.sparse import csr_matrix, issparse

from ..errors import Error, describe
from ..files.reading import File
from . import encoding, sparse, vectors
from .run import Options
from .vectors import Form, SentenceModel


def opened(model: SentenceModel, value: Any, name: str, options: Options, other: Any = None) -> Any:
    """The value as an array (n, S) or a CSR matrix (n, V).

    Texts become vectors of the kind the checkpoint makes, or of that of the `other` side, where it is open already.
    """
    if is_sparse(value):
        return csr_matrix(value)
    if isinstance(value, os.PathLike) or (isinstance(value, str) and name == "corpus" and value.endswith(".npy")):
        value = mapped(value)
    if isinstance(value, np.ndarray) and value.dtype.kind in "fiu":
        return _checked(value, name)
    if isinstance(value, str) and name == "corpus":
        raise Error(f"corpus: expected a list of texts, vectors or the name of an .npy file, got {describe(value)}")
    texts = [value] if isinstance(value, str) else encoding.rows(value, name)
    settings = model.settings
    prompt = settings.query_prompt if name == "queries" else settings.document_prompt
    if issparse(other) or (other is None and model.pooling.sparse is not None):
        return sparse.embed(model, texts, prompt, options)
    return vectors.embed(model, texts, Form(prompt, settings.truncate_dim), options)


def is_sparse(value: Any) -> bool:
    return bool(issparse(value))


def rows(value: Any, name: str) -> csr_matrix:
    """A sparse matrix. Error: an array, where the other side is sparse."""
    if not is_sparse(value):
        raise Error(
            f"{name}: expected a sparse matrix, as the other side is, got an array; bert.sparse(texts) makes one"
        )
    matrix: csr_matrix = value
    return matrix


def mapped(path: Any) -> Any:
    """The array of an .npy file, its pages read when they are needed. Error: it is none."""
    with File(path) as file:
        try:
            return np.load(file.path, mmap_mode="r", allow_pickle=False)
        except (ValueError, OSError, EOFError):
            raise file.error("expected an .npy file of numbers, got another") from None


def _checked(array: Any, name: str) -> Any:
    """With two axes; the queries also finite, which of a corpus is seen when it is read."""
    array = np.atleast_2d(array)
    if array.ndim != 2 or array.dtype.kind not in "fiu":
        raise Error(f"{name}: expected numbers of shape (n, S), got {array.dtype} of shape {array.shape}")
    if name == "queries" and not np.isfinite(array).all():
        raise Error("queries: expected finite numbers, got NaN or infinity")
    if name == "queries" and array.dtype.kind == "f":
        return array.astype(np.result_type(array.dtype, np.float32), copy=False)
    return array
