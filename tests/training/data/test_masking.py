"""What pretraining hides: how much, where, and what stands there instead."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.tiny import WORDS

from numpy_bert.blocks.cross_entropy import IGNORED
from numpy_bert.tokenizer.pipeline import WordPieceTokenizer
from numpy_bert.training.data import masking

KNOWN = masking.vocabulary(WordPieceTokenizer(WORDS))
CLS, SEP, PAD, MASK = (WORDS.index(token) for token in ("[CLS]", "[SEP]", "[PAD]", "[MASK]"))
SPECIAL = {CLS, SEP, PAD}
ORDINARY = st.integers(5, len(WORDS) - 1)


def text(a, b):
    return np.array([CLS, *a, SEP, *b, SEP])


TEXTS = st.builds(text, st.lists(ORDINARY, min_size=1, max_size=60), st.lists(ORDINARY, min_size=1, max_size=60))


@given(ids=TEXTS, seed=st.integers(0, 1000), share=st.floats(0, 1), most=st.integers(1, 30), whole=st.booleans())
def test_labels_tell_what_was_hidden_and_nothing_else(ids, seed, share, most, whole):
    before = ids.copy()
    settings = masking.MaskingSettings(share, most, whole)
    seen, labels = masking.mask(ids, KNOWN, settings, np.random.default_rng(seed))
    chosen = labels != IGNORED
    assert np.array_equal(ids, before)
    assert np.array_equal(labels[chosen], ids[chosen])
    assert np.array_equal(seen[~chosen], ids[~chosen])
    assert not SPECIAL & set(ids[chosen].tolist())
    wanted = min(most, max(1, round(share * len(ids))))
    assert chosen.sum() <= wanted
    if not whole:
        assert chosen.sum() == min(wanted, len(ids) - 3)
    again = masking.mask(ids, KNOWN, settings, np.random.default_rng(seed))
    assert np.array_equal(again[0], seen)
    assert np.array_equal(again[1], labels)


def within(count, of, share):
    """Whether a count is within five standard deviations of its mean."""
    return abs(count - of * share) <= 5 * math.sqrt(of * share * (1 - share))


@pytest.mark.parametrize("whole", [False, True])
def test_shares_are_those_of_the_paper(rng, whole):
    """15 % chosen; 80 % of those hidden, 10 % another token, 10 % as they were; every place alike."""
    ids = text(rng.integers(5, len(WORDS), 58), rng.integers(5, len(WORDS), 39))
    rounds, places = 2000, np.zeros(len(ids))
    kinds = {"mask": 0, "same": 0, "other": 0}
    for seed in range(rounds):
        seen, labels = masking.mask(ids, KNOWN, masking.MaskingSettings(whole_words=whole), np.random.default_rng(seed))
        chosen = labels != IGNORED
        places += chosen
        kinds["mask"] += int((seen[chosen] == MASK).sum())
        kinds["same"] += int((seen[chosen] == ids[chosen]).sum())
        kinds["other"] += int(((seen[chosen] != MASK) & (seen[chosen] != ids[chosen])).sum())
    total = int(places.sum())
    assert total == rounds * 15 if not whole else rounds * 14 < total <= rounds * 15
    V = len(WORDS)
    assert within(kinds["mask"], total, 0.8 + 0.1 / V)  # a random token may be [MASK]
    assert within(kinds["same"], total, 0.1 + 0.1 / V)
    assert within(kinds["other"], total, 0.1 * (V - 2) / V)
    if not whole:
        ordinary = np.array([i not in SPECIAL for i in ids])
        assert all(within(count, rounds, 15 / ordinary.sum()) for count in places[ordinary])
        assert not places[~ordinary].any()


@given(ids=TEXTS, seed=st.integers(0, 1000))
@settings(max_examples=60)
def test_whole_words_are_hidden_whole(ids, seed):
    _, labels = masking.mask(ids, KNOWN, masking.MaskingSettings(0.3, 20, True), np.random.default_rng(seed))
    chosen = labels != IGNORED
    for i in range(1, len(ids)):
        joined = WORDS[ids[i]].startswith("##") and ids[i - 1] not in SPECIAL
        if joined:
            assert chosen[i] == chosen[i - 1]


def test_a_word_that_does_not_fit_is_passed_over():
    train, ing = WORDS.index("train"), WORDS.index("##ing")
    ids = text([train, ing, ing, ing], [WORDS.index("film")])
    for seed in range(20):
        _, labels = masking.mask(ids, KNOWN, masking.MaskingSettings(0.3, 2, True), np.random.default_rng(seed))
        assert (labels != IGNORED).nonzero()[0].tolist() == [6]


def test_a_text_without_ordinary_tokens():
    for whole in (False, True):
        ids = np.array([CLS, SEP, SEP])
        seen, labels = masking.mask(ids, KNOWN, masking.MaskingSettings(whole_words=whole), np.random.default_rng(0))
        assert np.array_equal(seen, ids)
        assert (labels == IGNORED).all()
