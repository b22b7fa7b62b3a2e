"""The float32 kernel of Φ beside SciPy's exact one."""

import numpy as np
import pytest
from scipy.special import ndtr

from numpy_bert.blocks import normal_cdf
from numpy_bert.numerics import normal_cdf as kernel


def test_the_float32_kernel_is_right_to_a_rounding():
    x = np.linspace(-12, 12, 400_001).astype(np.float32)
    assert np.abs(normal_cdf.cdf(x) - ndtr(x.astype(np.float64))).max() < 1.2e-7


def test_far_out_it_is_exactly_0_and_1_without_a_warning():
    x = np.array([1e4, 1e18, np.inf, -1e4, -1e18, -np.inf, 0.0, -0.0], np.float32)
    assert normal_cdf.cdf(x).tolist() == [1, 1, 1, 0, 0, 0, 0.5, 0.5]


@pytest.mark.parametrize("size", [0, 1, 255, 256, 600])
def test_the_chunks_join_without_a_seam(size, rng, monkeypatch):
    monkeypatch.setattr(kernel, "CHUNK", 256)
    x = rng.normal(size=size).astype(np.float32)
    whole = normal_cdf.cdf(x)
    assert whole.dtype == np.float32
    assert np.array_equal(whole, [normal_cdf.cdf(x[i : i + 1])[0] for i in range(size)][:size])


def test_strided_float32_float64_and_complex_are_exact(rng):
    x = rng.normal(size=(7, 9))
    np.testing.assert_allclose(normal_cdf.cdf(x), ndtr(x), rtol=1e-14)
    strided = x.astype(np.float32).T
    np.testing.assert_allclose(normal_cdf.cdf(strided), ndtr(strided), atol=1.2e-7)
    step = normal_cdf.cdf(x + 1e-30j)
    np.testing.assert_allclose(step.imag / 1e-30, normal_cdf.density(x), rtol=1e-14)
