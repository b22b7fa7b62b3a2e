"""The measures of SQuAD on the edges of their rules, worked out by hand from the paper and the official scorer."""

import pytest

from numpy_bert.inference import squad_scores


@pytest.mark.parametrize(("answer", "plain"), [
    ("The  Cat.", "cat"),
    ("a.b", "ab"),
    ("an apple a day", "apple day"),
    ("theater", "theater"),
    ("U.S.A.", "usa"),
    ("the-cat", "thecat"),
    ("“quoted”", "“quoted”"),
    ("A", ""),
    ("3,500", "3500"),
])  # fmt: skip
def test_normalised(answer, plain):
    assert squad_scores.normalised(answer) == plain


@pytest.mark.parametrize(("answer", "right", "em", "f1"), [
    ("the Normans", ["Normans"], 1, 1),
    ("Norman", ["Normans"], 0, 0),
    ("in the 10th century", ["10th century", "the 10th"], 0, 0.8),
    ("cat cat dog", ["cat dog dog"], 0, 2 / 3),
    ("", ["cat"], 0, 0),
    ("the", ["a"], 1, 1),
    ("the", ["cat"], 0, 0),
    ("cat", [], 0, 0),
    ("dog", ["cat", "Dog!"], 1, 1),
])  # fmt: skip
def test_measures(answer, right, em, f1):
    assert squad_scores.exact_match(answer, right) == em
    assert squad_scores.f1(answer, right) == pytest.approx(f1)
