"""Clipping by the global norm."""

import math

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from numpy_bert.training.optim import clipping

NORMS = st.floats(0.0, 1e6)


def test_the_norm_is_that_of_all_numbers_together(rng):
    arrays = [rng.standard_normal(shape) for shape in ((3, 4), (5,), (2, 1, 2), (0, 3))]
    together = np.concatenate([array.reshape(-1) for array in arrays])
    assert math.isclose(clipping.norm(arrays), math.sqrt((together**2).sum()), rel_tol=1e-14)
    assert clipping.norm([]) == 0.0


@given(NORMS, st.floats(1e-3, 1e3))
def test_long_gradients_become_as_long_as_allowed_and_short_ones_stay(norm, longest):
    factor = clipping.factor(norm, longest)
    assert 0.0 < factor <= 1.0
    assert norm * factor <= longest
    if norm < longest - 1e-5:
        assert factor == 1.0
    if norm > longest:
        assert math.isclose(norm * factor, longest, rel_tol=1e-2 if norm < 1e-3 else 1.1e-6 / min(1.0, norm))


@given(NORMS)
def test_no_limit(norm):
    assert clipping.factor(norm, None) == 1.0


def test_what_is_not_finite_is_seen():
    assert math.isnan(clipping.norm([np.ones(3), np.array([math.nan])]))
    assert clipping.norm([np.array([math.inf, 1.0])]) == math.inf
