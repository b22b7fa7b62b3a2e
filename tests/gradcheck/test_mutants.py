"""The checker flags every wrong backward of the catalog at the tolerance of the table, and none of the right ones."""

import inspect

import numpy as np
import pytest
from support.mutants import MUTANTS, norms

from numpy_bert.gradcheck import cases as pairs
from numpy_bert.gradcheck import checker


def spoiled(mutant):
    """(case, the right pair, the pair with the wrong backward) of each case that the wrong backward stands in for."""
    for case, pair in pairs.cases(mutant.block).items():
        if pair.replaced == ("loss_backward" if mutant.loss else "backward"):
            yield case, pair, pair._replace(backward=mutant.backward)


def flagged(mutant, wrong, method):
    """Whether the checker finds this wrong backward in this case."""
    block = pairs.TABLE[mutant.block]
    tolerance = block.central if method == "central" else block.tolerance
    try:
        return not all(row.passed for row in checker.check(*wrong, method, tolerance))
    except ValueError:  # shapes that do not fit: nobody overlooks that
        return True


def failing_cases(mutant, method):
    return {case: wrong for case, _, wrong in spoiled(mutant) if flagged(mutant, wrong, method)}


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_every_wrong_backward_is_flagged(mutant):
    """By projections along a few random directions, and by complex step for every element."""
    failing = failing_cases(mutant, "projection")
    assert failing, f"{mutant.name} passes as a backward of {mutant.block}"
    wrong = next(iter(failing.values()))
    assert flagged(mutant, wrong, "complex")


def test_central_differences_see_all_but_the_smallest():
    """Of those in the simple blocks. Whether ten digits are enough for a factor of 1 + 1e-9 is a matter of luck."""
    simple = [mutant for mutant in MUTANTS if pairs.TABLE[mutant.block].tolerance == 1e-14]
    missed = [mutant.name for mutant in simple if not failing_cases(mutant, "central")]
    assert set(missed) <= {"a hair too large"}
    assert len(simple) > 40


def test_the_right_backwards_pass_in_the_same_cases():
    seen = set()
    for mutant in MUTANTS:
        for case, right, _ in spoiled(mutant):
            if (mutant.block, case) not in seen:
                seen.add((mutant.block, case))
                rows = checker.check(*right, "projection", pairs.TABLE[mutant.block].tolerance)
                assert all(row.passed for row in rows), (mutant.block, case)
    assert len(seen) > 60


def test_there_are_at_least_45_and_each_is_told():
    assert len(MUTANTS) >= 45
    assert len({mutant.name for mutant in MUTANTS}) == len(MUTANTS)
    for mutant in MUTANTS:
        assert mutant.block in pairs.names()
        assert mutant.wrong[-1] in ".?"
        assert mutant.hint[-1] in ".?"
        assert 20 < len(mutant.wrong) < 260
        assert mutant.seen
        assert list(inspect.signature(mutant.backward).parameters)[1] == "cache"


def test_every_block_with_parameters_of_its_own_has_mutants():
    assert {mutant.block for mutant in MUTANTS} >= set(pairs.names()) - {"next_sentence", "head"}


def test_at_ones_and_zeros_many_of_them_would_pass():
    """Why the table is random: γ = 1 hides the most famous of them."""

    def at_gamma_1(backward):
        pair = pairs.cases("layer_norm")["texts"]
        params = pair.arguments["params"]._replace(gamma=np.ones(5))
        rows = checker.check(pair.forward, backward, {"x": pair.arguments["x"], "params": params}, tolerance=1e-14)
        return all(row.passed for row in rows)

    assert at_gamma_1(norms.gamma_outside_the_sums.backward)
    assert not at_gamma_1(norms.mean_held_constant)
