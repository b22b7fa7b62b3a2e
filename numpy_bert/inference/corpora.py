"""What `search` and `similarity` take, texts, vectors, a file of them or a sparse matrix -> rows of numbers."""

from __future__ import annotations

import os
from numbers import Real
from typing import Any

import numpy as np
import scipy

from ..errors import Error, describe, show
from ..files.reading import File
from ..numerics.arrays import Array
from . import encoding, sparse, vectors
from .run import Options
from .vectors import Form, SentenceModel

ENDINGS = (".npy", ".npz")  # of a file of vectors, and of one of sparse vectors


def opened(model: SentenceModel, value: Any, name: str, form: Form, options: Options, other: Any = None) -> Any:
    """The value as an array (n, S) or a CSR matrix (n, V). name: what messages call it; a "corpus" may be a file.

    Texts become vectors of this form, of the kind the checkpoint makes, or of that of the `other` side, where it is
    open already.
    """
    if isinstance(value, os.PathLike) or (isinstance(value, str) and name == "corpus" and value.endswith(ENDINGS)):
        value = mapped_or_sparse(value)
    if is_sparse(value):
        return scipy.sparse.csr_matrix(value)
    array = numbers(value, name)
    if array is not None:
        return _checked(array, name)
    if isinstance(value, str) and name == "corpus":
        raise Error(f"corpus: expected texts, vectors or the name of an .npy or .npz file, got {describe(value)}")
    texts = [value] if isinstance(value, str) else encoding.rows(value, name)
    for row, text in enumerate(texts):
        encoding.text(text, f"{name}: row {row}")
    if is_sparse(other) or (other is None and model.pooling.sparse is not None):
        return sparse.embed(model, texts, form.prompt, options)
    return vectors.embed(model, texts, form, options)


def is_sparse(value: Any) -> bool:
    return bool(scipy.sparse.issparse(value))


def numbers(value: Any, name: str) -> Array | None:
    """An array of numbers, what becomes one (of PyTorch, pandas, ...) or lists of numbers, as an array; None: no such.

    Error: lists of different lengths.
    """
    if isinstance(value, (list, tuple)):
        if not value or not (_is_vector(value[0]) or isinstance(value[0], Real)):
            return None
        if _is_vector(value[0]):
            for row, vector in enumerate(value):
                if not _is_vector(vector) or len(vector) != len(value[0]):
                    got = f"{len(vector)} of them" if _is_vector(vector) else type(vector).__name__
                    raise Error(f"{name}: row {row}: expected {len(value[0])} numbers, as row 0 has, got {got}")
    elif not hasattr(value, "__array__"):
        return None
    try:
        array = np.asarray(value)
    except (TypeError, ValueError, RuntimeError) as error:  # a tensor of a graph or of a device, numbers and texts
        raise Error(f"{name}: expected an array of numbers, got {type(value).__name__}: {show(str(error))}") from None
    return array if array.dtype.kind in "fiu" else None


def _is_vector(value: Any) -> bool:
    """Whether it is a list or an array of numbers, by its first."""
    if isinstance(value, (list, tuple)):
        return len(value) > 0 and isinstance(value[0], Real)
    return hasattr(value, "__array__") and np.ndim(value) == 1


def rows(value: Any, name: str) -> scipy.sparse.csr_matrix:
    """A sparse matrix. Error: an array, where the other side is sparse."""
    if not is_sparse(value):
        raise Error(
            f"{name}: expected a sparse matrix, as the other side is, got an array; bert.sparse(texts) makes one"
        )
    matrix: scipy.sparse.csr_matrix = value
    return matrix


def mapped(path: Any) -> Any:
    """The array of an .npy file, its pages read when they are needed. Error: it is none."""
    with File(path) as file:
        try:
            return np.load(file.path, mmap_mode="r", allow_pickle=False)
        except (ValueError, OSError, EOFError):
            raise file.error("expected an .npy file of numbers, got another") from None


def mapped_or_sparse(path: Any) -> Any:
    """The array of an .npy file, mapped, or the CSR matrix of an .npz file of `scipy.sparse.save_npz`.

    Error: it is neither, or its indices are not those of a matrix. Nothing in it is unpickled.
    """
    expected = "expected a CSR matrix of finite numbers, as numpy-bert sparse saves it"
    with File(path) as file:
        if file.read_at(0, min(4, file.size)) != b"PK\x03\x04":
            return mapped(path)
        try:
            with open(file.path, "rb") as stream:
                matrix: Any = scipy.sparse.load_npz(stream)
            if matrix.format == "csr":
                matrix.check_format(full_check=True)  # else an index beyond the matrix would be followed
        except Exception as error:  # of many kinds: of zip, of zlib, of NumPy and of SciPy
            raise file.error(f"{expected}, got {show(f'{type(error).__name__}: {error}')[1:-1]}") from None
        if matrix.format != "csr" or matrix.dtype.kind not in "fiu" or not np.isfinite(matrix.data).all():
            raise file.error(f"{expected}, got a {matrix.format} matrix of {matrix.dtype}, perhaps with NaN")
        return matrix


def _checked(array: Any, name: str) -> Any:
    """With two axes, and finite, which of a corpus is seen when it is read. Integers become floats, unless codes."""
    array = np.atleast_2d(array) if array.size else array.reshape(0, array.shape[-1])
    if array.ndim != 2:
        raise Error(f"{name}: expected numbers of shape (n, S), got {array.dtype} of shape {array.shape}")
    if name == "corpus":
        return array
    if not np.isfinite(array).all():
        raise Error(f"{name}: expected texts or finite numbers, got NaN or infinity")
    is_code = array.dtype in (np.int8, np.uint8)
    return array if is_code else array.astype(np.result_type(array.dtype, np.float32), copy=False)
