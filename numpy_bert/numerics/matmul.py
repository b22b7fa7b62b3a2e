"""C = A B + b, cut into parts where that is faster

As np.matmul, whose place it takes in a forward pass; no part needs another.

Two matrices, the second the transpose of weights W (O, I): BLAS copies both into an order of its own before it
multiplies. With few rows in A that takes longer than the product, since W is read for a handful of multiplications.
OpenBLAS multiplies small matrices as they lie (with AVX-512, up to a million multiplications), in one thread, so there
W is cut into blocks that are small enough. With several BLAS threads the copy is shared out, and one product is faster.

Where a single batch has all cores to itself, each computes some of the columns of C, or of many products some.
"""

from __future__ import annotations

import numpy as np

from .arrays import Array
from .threads import blas_is_single, even_slices, parallel_for

SMALL = 1_000_000  # multiplications
LANES = 16  # float32 numbers in a register of AVX-512: the rows of a block are a multiple of it
LARGEST = 96  # rows of a block
FEW = 64  # rows of A: with no more of them a product is faster with the large factor first
WORTH = 1 << 23  # multiplications up to which waking another thread takes about as long as it saves


def matmul(A: Array, B: Array, bias: Array | None = None) -> Array:
    """A (..., M, K), B (..., K, N), bias (N,) -> A @ B + bias (..., M, N). The leading axes are the same."""
    operands = (A, B) if bias is None else (A, B, bias)
    out = np.empty_like(A, np.result_type(*operands), "C", shape=(*A.shape[:-1], B.shape[-1]))
    shared = out.size * A.shape[-1] > WORTH
    if A.ndim == 2:
        _two(A, B.T, out, shared)
    elif shared:
        parallel_for(
            lambda heads: np.matmul(A[..., heads, :, :], B[..., heads, :, :], out=out[..., heads, :, :]),
            even_slices(A.shape[-3]),
        )
    else:
        np.matmul(A, B, out=out)
    if bias is not None:
        out += bias
    return out


def _two(X: Array, W: Array, out: Array, shared: bool) -> None:
    """X (N, I), W (O, I) -> out (N, O) = X Wᵀ"""
    (O, I), N = W.shape, len(X)
    block = min(LARGEST, SMALL // max(1, N * I) // LANES * LANES)
    if block and N > 1 and blas_is_single():
        XT = np.ascontiguousarray(X.T)  # (I, N)

        def multiply(part: slice) -> None:
            rows = W[part]
            whole = len(rows) // block * block  # rows in whole blocks
            y = out[:, part]
            y[:, :whole] = np.matmul(rows[:whole].reshape(-1, block, I), XT).reshape(whole, N).T
            np.matmul(X, rows[whole:].T, out=y[:, whole:])

    elif N <= FEW:

        def multiply(part: slice) -> None:
            out[:, part] = np.matmul(W[part], X.T).T

    else:

        def multiply(part: slice) -> None:
            np.matmul(X, W[part].T, out=out[:, part])

    parallel_for(multiply, even_slices(O) if shared else [slice(0, O)])
