"""Examples to the steps of shuffled epochs."""

import itertools
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from numpy_bert.errors import Error
from numpy_bert.training.data import batches
from numpy_bert.training.data.batches import Epochs, microbatches

LENGTHS = st.lists(st.integers(1, 60), min_size=1, max_size=40)


class Numbers:
    """Examples that are their own numbers."""

    digest = "numbers"

    def __init__(self, lengths):
        self.lengths = lengths

    def batch(self, chosen):
        return list(chosen)


@given(lengths=LENGTHS, tokens=st.integers(1, 200))
def test_parts_have_each_example_once_and_hold_at_most_the_tokens(lengths, tokens):
    groups = microbatches(lengths, range(len(lengths)), tokens)
    assert sorted(i for group in groups for i in group) == list(range(len(lengths)))
    for group in groups:
        assert len(group) == 1 or len(group) * max(lengths[i] for i in group) <= tokens


def test_the_parts_are_the_cheapest():
    """Of all ways to cut eight texts, tried one after the other."""
    lengths = [90, 70, 69, 40, 12, 11, 10, 3]

    def cost(groups):
        return sum(len(group) * max(lengths[i] for i in group) + batches.OVERHEAD for group in groups)

    def allowed(groups):
        half = sum(lengths) // 2 + max(lengths)
        return all(len(group) == 1 or len(group) * max(lengths[i] for i in group) <= min(250, half) for group in groups)

    ways = []
    for cuts in itertools.product((False, True), repeat=7):
        ends = [i + 1 for i, cut in enumerate(cuts) if cut] + [8]
        ways.append([list(range(a, b)) for a, b in zip([0, *ends], ends, strict=False)])
    assert cost(microbatches(lengths, range(8), 250)) == min(cost(way) for way in ways if allowed(way))


def test_two_cores_have_work():
    assert len(microbatches([20] * 32, range(32))) == 2
    assert len(microbatches([64] * 32, range(32))) == 2


@given(lengths=LENGTHS, batch_size=st.integers(1, 50), seed=st.integers(0, 5))
def test_an_epoch_has_each_example_once(lengths, batch_size, seed):
    data = Epochs(Numbers(lengths), batch_size, seed, 100)
    for epoch in range(3):
        seen = Counter()
        for step in range(data.steps):
            assert data.position == {"epoch": epoch, "step": step}
            groups = data.next()
            size = sum(map(len, groups))
            assert size == batch_size or step == data.steps - 1
            seen.update(i for group in groups for i in group)
        assert seen == Counter(range(len(lengths)))


def test_epochs_and_seeds_have_orders_of_their_own():
    def order(seed, epoch):
        data = Epochs(Numbers([1] * 50), 50, seed, 1)
        data.seek({"epoch": epoch, "step": 0})
        return [group[0] for group in data.next()]

    orders = [order(seed, epoch) for seed in (0, 1) for epoch in (0, 1)]
    assert len({tuple(result) for result in orders}) == 4
    assert order(1, 1) == orders[3]


@given(lengths=LENGTHS, batch_size=st.integers(1, 9), done=st.integers(0, 30))
def test_seeking_is_going_there(lengths, batch_size, done):
    data, other = (Epochs(Numbers(lengths), batch_size, 3, 50) for _ in range(2))
    for _ in range(done):
        data.next()
    other.seek(data.position)
    assert [data.next() for _ in range(5)] == [other.next() for _ in range(5)]


@pytest.mark.parametrize(
    "position", [{}, {"epoch": 0}, {"epoch": -1, "step": 0}, {"epoch": 0, "step": 3}, {"epoch": 0, "step": -1},
                 {"epoch": 0, "step": 0, "more": 0}],
)  # fmt: skip
def test_no_such_place(position):
    with pytest.raises(Error, match=r"^data position: expected an epoch and a step below 3, got "):
        Epochs(Numbers([1] * 6), 2, 0).seek(position)


def test_no_examples():
    with pytest.raises(Error, match=r"^examples: expected at least one, got none$"):
        Epochs(Numbers([]), 2, 0)


def test_texts_of_like_length_share_a_part():
    lengths = np.random.default_rng(0).integers(3, 60, 64).tolist()
    padded = sum(len(group) * max(lengths[i] for i in group) for group in microbatches(lengths, range(64), 512))
    assert padded < 1.25 * sum(lengths) < 64 * max(lengths)


def test_texts_of_one_length_are_shared_out_evenly():
    assert [len(group) for group in microbatches([128] * 8, range(8))] == [4, 4]
