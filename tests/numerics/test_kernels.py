"""The fast kernels beside the plain form of their equation in double precision."""

import numpy as np
import pytest
from scipy.special import ndtr

from numpy_bert.blocks import gelu, layer_norm, lookup, softmax
from numpy_bert.numerics import elementwise, normal_cdf, threads
from numpy_bert.numerics.elementwise import multiply_add
from numpy_bert.numerics.exponential import shifted_exp
from numpy_bert.numerics.rows import row_mean, row_mean_of_product, row_sum
from numpy_bert.numerics.scatter import add_rows, scatter_add, take_rows


def plain_softmax(x, mask):
    x = np.where(mask, x.astype(np.float64), -np.inf)
    p = np.zeros(x.shape)
    for row in np.ndindex(x.shape[:-1]):
        if np.isfinite(x[row]).any():
            weights = np.exp(x[row] - x[row].max())
            p[row] = weights / weights.sum()
    return p


@pytest.mark.parametrize("scale", [1.0, 49.9, 50.1, 80.0, 1e4, 1e20])  # on both sides of where rows are shifted
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_softmax(scale, dtype, rng):
    x = (rng.uniform(-1, 1, (3, 2, 4, 9)) * scale).astype(dtype)
    masks = rng.random((3, 1, 1, 9)) < 0.5, rng.random((3, 2, 4, 9)) < 0.3, np.zeros((1, 9), bool), None
    for mask in masks:
        wanted = plain_softmax(x, True if mask is None else mask)
        np.testing.assert_allclose(softmax.forward(x, mask)[0], wanted, atol=20 * np.finfo(dtype).eps)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, 1e38, -1e38])
def test_softmax_is_not_touched_by_what_is_masked(bad):
    x = np.zeros((2, 4), np.float32)
    x[0, 3] = bad
    p, _ = softmax.forward(x, np.array([True, True, False, False]))
    assert p.tolist() == [[0.5, 0.5, 0.0, 0.0]] * 2


def test_a_number_that_is_none_stays_in_its_row():
    x = np.zeros((2, 4), np.float32)
    x[0, 3] = np.nan
    p, _ = softmax.forward(x)
    assert np.isnan(p[0]).all()
    assert p[1].tolist() == [0.25] * 4


@pytest.mark.parametrize("form", ["erf", "tanh"])
@pytest.mark.parametrize("shape", [(), (0,), (1,), (7, 300)])
def test_gelu_in_parts_and_by_a_team(form, shape, rng, monkeypatch):
    monkeypatch.setattr(normal_cdf, "CHUNK", 256)
    monkeypatch.setattr(threads, "cores", lambda: 2)
    x, dy = (np.asarray(rng.normal(size=shape), np.float32) for _ in range(2))
    x64 = x.astype(np.float64)
    inner = np.sqrt(2 / np.pi) * (x64 + 0.044715 * x64**3)
    wanted = x64 * (ndtr(x64) if form == "erf" else 0.5 * (1 + np.tanh(inner)))
    with threads.thread_team():
        y, cache = gelu.forward(x, form)
    assert (y.shape, y.dtype) == (x.shape, np.float32)
    np.testing.assert_allclose(y, wanted, atol=1e-6)
    y, cache = gelu.forward(x, form)
    slope = gelu.backward(np.ones_like(x64), gelu.Cache(x64, form))
    np.testing.assert_allclose(gelu.backward(dy, cache), dy * slope, atol=2e-6)
    np.testing.assert_array_equal(gelu.forward(np.asfortranarray(x), form)[0], y)


@pytest.mark.parametrize("shape", [(7,), (0, 7), (2, 3, 768)])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_layer_norm(shape, dtype, rng):
    x = rng.normal(1.0, 2.0, shape).astype(dtype)
    gamma, beta = rng.normal(size=(2, shape[-1])).astype(dtype)
    x64 = x.astype(np.float64)
    wanted = gamma * (x64 - x64.mean(-1, keepdims=True)) / np.sqrt(x64.var(-1, keepdims=True) + 1e-12) + beta
    y, _ = layer_norm.forward(x, layer_norm.Params(gamma, beta), 1e-12)
    assert y.dtype == dtype
    np.testing.assert_allclose(y, wanted, atol=50 * np.finfo(dtype).eps)


@pytest.mark.parametrize("shape", [(7,), (0, 7), (2, 3, 768), (4, 1)])
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.complex128])
def test_sums_and_means_of_rows(shape, dtype, rng):
    x, y = (rng.normal(1.0, 2.0, shape).astype(dtype) for _ in range(2))
    if dtype == np.complex128:
        x, y = x + 1j * rng.normal(size=shape), y - 2j
    bound = {"rtol": 50 * np.finfo(dtype).eps, "atol": 50 * np.finfo(dtype).eps}
    np.testing.assert_allclose(row_sum(x), x.sum(-1, keepdims=True), rtol=1e-5 if dtype == np.float32 else 1e-13)
    np.testing.assert_allclose(row_mean(x), x.mean(-1, keepdims=True), **bound)
    np.testing.assert_allclose(row_mean_of_product(x, y), (x * y).mean(-1, keepdims=True), **bound)
    gamma, beta = x.reshape(-1, shape[-1])[:1].sum(0), y.reshape(-1, shape[-1])[:1].sum(0)
    np.testing.assert_allclose(multiply_add(gamma, y.real, beta), gamma * y.real + beta, **bound)
    for result in (row_sum(x), row_mean(x), row_mean_of_product(x, y)):
        assert result.dtype == dtype


@pytest.mark.parametrize("constant", [3.3333333, 7.7, 123.456, -1e-3, 1e20, 0.0])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_mean_of_a_constant_row_is_the_constant(constant, dtype):
    for n in range(1, 1025):
        x = np.full((2, n), constant, dtype)
        np.testing.assert_array_equal(row_mean(x), x[:, :1], strict=True)


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.complex128])
@pytest.mark.parametrize("scale", [1.0, 1e3])
def test_shifted_exponentials_are_a_softmax_up_to_a_factor(dtype, scale, rng):
    x = (rng.uniform(-1, 1, (3, 4, 9)) * scale).astype(dtype)
    mask = rng.random((4, 9)) < 0.6
    mask[1] = False
    e = shifted_exp(x, mask)
    assert e.dtype == dtype
    assert not e[:, ~mask].any()
    largest = np.where(mask, x.real, -1e30).max(-1, keepdims=True)
    plain = np.exp(np.where(mask, x - largest, -1e30))  # (3, 4, 9)
    p, expected = (a[:, [0, 2, 3]] / a[:, [0, 2, 3]].sum(-1, keepdims=True) for a in (e, plain))
    np.testing.assert_allclose(p, expected, atol=1e-6 if dtype == np.float32 else 1e-14)


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.complex128])
def test_scatter_add_keeps_every_repeated_row(dtype, rng):
    ids, rows = np.array([3, 0, 3, 3, 6]), rng.normal(size=(5, 4)).astype(dtype)
    table = rng.normal(size=(7, 4)).astype(dtype)
    expected = table.copy()
    np.add.at(expected, ids, rows)
    scatter_add(table, ids, rows)
    np.testing.assert_allclose(table, expected, atol=1e-6 if dtype == np.float32 else 1e-15)
    scatter_add(table, ids[:0], rows[:0])


def test_a_lookup_accumulates_into_another_gradient(rng):
    """Of a tied table: in place, repeated ids summed, the other rows as they were."""
    ids, dy, other = np.array([[3, 0], [3, 3]]), rng.normal(size=(2, 2, 5)), rng.normal(size=(7, 5))
    _, cache = lookup.forward(ids, np.zeros((7, 5)))
    summed = other.copy()
    assert lookup.backward(dy, cache, accumulate_into=summed) is summed
    expected = other.copy()
    np.add.at(expected, ids.reshape(-1), dy.reshape(-1, 5))
    np.testing.assert_allclose(summed, expected, rtol=1e-15, atol=1e-15)
    np.testing.assert_array_equal(summed[[1, 2, 4, 5, 6]], other[[1, 2, 4, 5, 6]])


@pytest.mark.parametrize("size", [0, 1, 64, 65, 200])
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.complex128])
def test_elementwise_in_chunks_is_the_function(size, dtype, rng, monkeypatch):
    monkeypatch.setattr(elementwise, "CHUNK", 64)
    x, y = (rng.normal(size=(size, 3)).astype(dtype) for _ in range(2))
    result = elementwise.elementwise(lambda x, y: x * np.exp(y), x, y)
    np.testing.assert_array_equal(result, x * np.exp(y), strict=True)
    np.testing.assert_array_equal(elementwise.elementwise(np.exp, x.T), np.exp(x.T), strict=True)


@pytest.mark.parametrize("shape", [(3, 5, 4), (3, 2, 5, 4), (3, 2, 2, 5, 1)])
def test_rows_are_taken_of_each_text(shape, rng):
    x, rows = rng.normal(size=shape), rng.integers(0, 5, (3, 7))
    taken = take_rows(x, rows)
    for b, text in enumerate(rows):
        for r, t in enumerate(text):
            np.testing.assert_array_equal(taken[b, ..., r, :], x[b, ..., t, :])
    assert take_rows(x, None) is x


def test_rows_are_added_where_they_were_taken(rng):
    y, x, rows = rng.normal(size=(3, 5, 4)), rng.normal(size=(3, 7, 4)), rng.integers(0, 5, (3, 7))
    wanted = y.copy()
    for b, text in enumerate(rows):
        for r, t in enumerate(text):
            wanted[b, t] += x[b, r]
    assert add_rows(y, rows, x) is y
    np.testing.assert_allclose(y, wanted, rtol=0, atol=1e-15)
    assert add_rows(y, None, np.ones((3, 5, 4))) is y
    np.testing.assert_allclose(y, wanted + 1, rtol=0, atol=1e-15)
