"""Learning rates over the steps."""

import itertools
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from numpy_bert.training.optim.schedules import DECAYS, factor

STEPS = st.integers(0, 300)


@given(warmup=STEPS, total=STEPS, step=STEPS, decay=st.sampled_from(DECAYS))
def test_a_factor_lies_between_0_and_1(warmup, total, step, decay):
    assert 0.0 <= factor(step, warmup, total, decay) <= 1.0


@given(warmup=STEPS, more=st.integers(1, 300), decay=st.sampled_from(DECAYS))
def test_it_is_1_where_the_warm_up_ends_and_nowhere_jumps(warmup, more, decay):
    total = warmup + more
    values = [factor(step, warmup, total, decay) for step in range(total + 1)]
    assert values[warmup] == 1.0
    steepest = max(1 / max(1, warmup), math.pi / 2 / more)
    assert max(abs(a - b) for a, b in itertools.pairwise(values)) <= steepest + 1e-12
    assert values[: warmup + 1] == sorted(values[: warmup + 1])
    assert values[warmup:] == sorted(values[warmup:], reverse=True)


@given(warmup=STEPS, total=STEPS, after=STEPS, decay=st.sampled_from(["linear", "cosine"]))
def test_it_ends_at_0_and_stays_there(warmup, total, after, decay):
    if total > warmup:
        assert factor(total + after, warmup, total, decay) == 0.0


@pytest.mark.parametrize("decay", DECAYS)
def test_runs_of_no_step_and_of_one(decay):
    assert factor(0, 0, 1, decay) == 1.0
    assert factor(0, 1, 1, decay) == 0.0
    assert factor(0, 0, 0, decay) in (0.0, 1.0)


def test_half_way():
    assert factor(5, 10, 110) == 0.5
    assert factor(60, 10, 110) == 0.5
    assert math.isclose(factor(60, 10, 110, "cosine"), 0.5)
    assert math.isclose(factor(35, 10, 110, "cosine"), 0.5 * (1 + math.cos(math.pi / 4)))
