"""Products in parts equal the plain ones, in a team and alone."""

import contextlib

import numpy as np
import pytest

from numpy_bert.numerics import matmul, threads


@pytest.mark.parametrize("policy", [contextlib.nullcontext, threads.single_blas_thread, threads.thread_team])
@pytest.mark.parametrize(
    ("N", "O", "I"),
    [(0, 5, 3), (1, 40, 7), (3, 1, 1), (21, 100, 384), (21, 384, 1536), (64, 33, 1000), (65, 70, 90), (300, 330, 128)],
)
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.complex128])
def test_rows_by_weights(N, O, I, dtype, policy, rng, monkeypatch):
    monkeypatch.setattr(matmul, "WORTH", 1000)
    X, W = rng.normal(size=(N, I)).astype(dtype), rng.normal(size=(O, I)).astype(dtype)
    with policy():
        out = matmul.matmul(X, W.T)
    assert (out.shape, out.dtype) == ((N, O), dtype)
    bound = 4 * I * np.finfo(dtype).eps
    np.testing.assert_allclose(out, np.einsum("ni,oi->no", X, W), rtol=bound, atol=bound)


@pytest.mark.parametrize("policy", [contextlib.nullcontext, threads.thread_team])
@pytest.mark.parametrize("leading", [(), (1, 3), (2, 1), (4,)])
def test_matrix_by_matrix(leading, policy, rng, monkeypatch):
    monkeypatch.setattr(matmul, "WORTH", 10)
    A, B = rng.normal(size=(*leading, 4, 5)), rng.normal(size=(*leading, 5, 6))
    with policy():
        out = matmul.matmul(A, B)
    np.testing.assert_allclose(out, np.einsum("...mk,...kn->...mn", A, B), rtol=1e-14, atol=1e-14)


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.complex128])
def test_a_bias_is_added_to_each_row(dtype, rng):
    A, B = rng.normal(size=(7, 4)), rng.normal(size=(4, 3))
    bias = rng.normal(size=3).astype(dtype)
    out = matmul.matmul(A, B, bias)
    assert out.dtype == np.result_type(A, bias)
    np.testing.assert_allclose(out, A @ B + bias, rtol=1e-14, atol=1e-14)
