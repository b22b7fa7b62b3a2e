"""Documents to sentence pairs with next-sentence labels."""

import math

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from numpy_bert.tasks.next_sentence import FOLLOWS, RANDOM
from numpy_bert.training.data.sentence_pairs import pairs

DOCUMENTS = st.lists(st.integers(1, 12), min_size=1, max_size=12)


def document(lengths, first):
    """Sentences of these lengths whose tokens are numbered on, so that every token tells where it is from."""
    ends = first + np.cumsum(lengths)
    return [np.arange(end - n, end) for n, end in zip(lengths, ends, strict=True)]


@given(lengths=DOCUMENTS, others=DOCUMENTS, longest=st.integers(5, 40), short=st.sampled_from([0.0, 0.1, 1.0]),
       seed=st.integers(0, 1000))  # fmt: skip
def test_pairs_are_what_they_say(lengths, others, longest, short, seed):
    mine, other = document(lengths, 0), document(others, 10_000)
    seen = []
    for a, b, label in pairs(mine, lambda: other, np.random.default_rng(seed), longest, short):
        assert len(a) > 0
        assert len(b) > 0
        assert len(a) + len(b) + 3 <= longest
        assert (np.diff(a) == 1).all()  # a stretch of its document
        assert (np.diff(b) == 1).all()
        assert a.max() < 10_000
        if label == FOLLOWS:
            assert a[-1] < b[0] < 10_000
        else:
            assert label == RANDOM
            assert b.min() >= 10_000
        seen += [a, b] if label == FOLLOWS else [a]
    assert seen
    if longest >= sum(lengths) + max(others) + sum(others) + 3:  # nothing was cut: every token was seen, in order
        assert np.array_equal(np.concatenate(seen), np.arange(sum(lengths)))


def test_where_nothing_is_cut_every_sentence_is_used_once():
    mine = document([3] * 40, 0)
    other = document([1], 10_000)
    used = []
    for a, b, label in pairs(mine, lambda: other, np.random.default_rng(0), 33, 0.0):
        used += [a, b] if label == FOLLOWS else [a]
    assert np.array_equal(np.concatenate(used), np.arange(120))


def test_half_of_the_pairs_are_random():
    mine, other = document([5] * 4000, 0), document([5] * 50, 100_000)
    labels = [label for _, _, label in pairs(mine, lambda: other, np.random.default_rng(0), 64, 0.0)]
    assert abs(labels.count(RANDOM) - len(labels) / 2) <= 5 * math.sqrt(len(labels) / 4)


def test_one_document_in_ten_makes_shorter_pairs():
    mine, other = document([5] * 40, 0), document([5] * 50, 100_000)
    short = 0
    for seed in range(500):
        result = list(pairs(mine, lambda: other, np.random.default_rng(seed), 100))
        short += len(result[0].a) + len(result[0].b) < 95
    assert 0.9 * 50 - 5 * math.sqrt(45) <= short <= 50 + 5 * math.sqrt(45)


def test_what_is_too_long_is_cut_at_both_ends_and_the_longer_text_first():
    mine, other = [np.arange(30)], [np.arange(100, 106)]
    fronts = []
    for seed in range(300):
        ((a, b, _),) = pairs(mine, lambda: other, np.random.default_rng(seed), 23, 0.0)
        assert len(b) == 6  # shorter than half: untouched
        assert len(a) == 14
        fronts.append(a[0])
    assert abs(np.mean(fronts) - 8) <= 5 * math.sqrt(16 / 4 / 300)
    ((a, b, _),) = pairs(mine, lambda: [np.arange(100, 140)], np.random.default_rng(0), 24, 0.0)
    assert (len(a), len(b)) == (11, 10)  # of equals the second first
