"""Precision, recall and F1 in entities, worked out by hand."""

import pytest

from numpy_bert.training.data.entity_scores import Score, scores


def sentences(*texts):
    return [text.split() for text in texts]


def test_an_entity_is_right_as_a_whole_or_not_at_all():
    there = sentences("B-per I-per O B-loc", "O B-loc I-loc O", "B-per O")
    actual = sentences("B-per I-per O B-per", "O B-loc O O", "B-per B-loc")
    # there: per(0-1) loc(3); loc(1-2); per(0). found: per(0-1) per(3); loc(1); per(0) loc(1). right: two of per.
    result = scores(there, actual)
    assert result[""] == Score(2 / 5, 2 / 4, pytest.approx(4 / 9))
    assert result["per"] == Score(2 / 3, 2 / 2, pytest.approx(4 / 5))
    assert result["loc"] == Score(0, 0, 0)


def test_equal_spans_of_two_sentences_are_two_entities():
    assert scores(sentences("B-a", "B-a"), sentences("B-a", "O"))[""] == Score(1, 1 / 2, pytest.approx(2 / 3))


def test_an_entity_begins_at_an_i_of_another_type():
    assert scores(sentences("B-a I-b"), sentences("I-a B-b"))[""] == Score(1, 1, 1)


def test_nothing_there_and_nothing_found():
    assert scores(sentences("O O"), sentences("O O")) == {"": Score(0, 0, 0)}
    assert scores([], []) == {"": Score(0, 0, 0)}


def test_the_sentences_must_be_the_same():
    with pytest.raises(ValueError, match="zip"):
        scores(sentences("O"), [])
