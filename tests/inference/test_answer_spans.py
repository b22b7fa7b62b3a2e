"""Windows over long contexts, the max-context rule, the best spans."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from numpy_bert import Error
from numpy_bert.inference import answer_spans
from numpy_bert.tokenizer.frame import bert

CLS, SEP = 1, 2


def windows(question, tokens, max_length, stride):
    return answer_spans.windows([7] * question, range(100, 100 + tokens), bert(CLS, SEP).pair, max_length, stride)


def test_a_short_context_is_one_window():
    [window] = windows(3, 4, 20, 5)
    assert window.ids == [CLS, 7, 7, 7, SEP, 100, 101, 102, 103, SEP]
    assert window.segment_ids == [0] * 5 + [1] * 5
    assert (window.begin, window.first, window.size) == (5, 0, 4)


@given(st.integers(0, 9), st.integers(1, 200), st.integers(14, 40), st.integers(1, 30))
def test_windows_cover_the_context_and_fit(question, tokens, max_length, stride):
    result = windows(question, tokens, max_length, stride)
    assert all(len(window.ids) <= max_length for window in result)
    seen = set()
    for window in result:
        part = window.ids[window.begin : window.begin + window.size]
        assert part == list(range(100 + window.first, 100 + window.first + window.size))
        seen.update(part)
    assert seen == set(range(100, 100 + tokens))


def test_a_question_that_leaves_no_room():
    with pytest.raises(Error, match="room for the context"):
        windows(9, 5, 12, 4)


def test_a_token_is_judged_where_it_has_most_context():
    """The example of Google's comment: a token near the end of one window and in the middle of the next."""
    result = windows(0, 12, 11, 4)  # windows of 8 tokens: 0 to 7 and 4 to 11
    assert [(window.first, window.size) for window in result] == [(0, 8), (4, 8)]
    assert answer_spans.judged_in(result, 12) == [0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1]


def test_the_best_span_wins_wherever_it_lies():
    result = windows(2, 30, 15, 5)
    logits = []
    for window in result:
        values = np.zeros((len(window.ids), 2))
        for token, side in ((17, 0), (19, 1)):
            place = token - window.first
            if 0 <= place < window.size:
                values[window.begin + place, side] = 9.0
        values[0] = 50.0  # what the question or [CLS] gets is no answer
        logits.append(values)
    best = answer_spans.best_spans(result, logits)[0]
    assert (best.first, best.last, best.score) == (17, 19, 18.0)


def test_brute_force_agrees(rng):
    """One window: the best span by trying all of them."""
    [window] = windows(3, 20, 40, 9)
    values = rng.normal(size=(len(window.ids), 2))
    context = values[window.begin : window.begin + 20]
    pairs = [(s, e) for s in range(20) for e in range(s, 20)]
    wanted = max(pairs, key=lambda pair: context[pair[0], 0] + context[pair[1], 1])
    best = answer_spans.best_spans([window], [values])[0]
    assert (best.first, best.last) == wanted


def test_no_answer_is_longer_than_allowed(rng):
    [window] = windows(3, 100, 200, 9)
    values = np.zeros((len(window.ids), 2))
    values[window.begin, 0] = values[window.begin + 99, 1] = 9.0
    for span in answer_spans.best_spans([window], [values]):
        assert span.last - span.first < answer_spans.LONGEST_ANSWER
