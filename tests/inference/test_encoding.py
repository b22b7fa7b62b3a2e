"""Texts to tokens before they go through a model."""

import pytest
from support.tiny import tiny_bert

from numpy_bert.errors import Error
from numpy_bert.inference import encoding


def test_texts_that_are_the_same_are_tokenized_once(monkeypatch):
    """A list of two is a pair like a tuple; a cut text counts each time."""
    tokenizer = tiny_bert().tokenizer
    long = "the movie was good and the movie was bad"
    items = ["the movie", ("the", "movie"), long, "the movie", ["the", "movie"], long, ("movie", "the")]
    alone = [encoding.encode_counting(tokenizer, [item], 6) for item in items]
    tokenized = []
    for name in ("encode", "encode_ids"):
        method = getattr(type(tokenizer), name)

        def counted(self, first, *others, method=method, **options):
            tokenized.append(first)
            return method(self, first, *others, **options)

        monkeypatch.setattr(type(tokenizer), name, counted)
    texts, cut = encoding.encode_counting(tokenizer, items, 6)
    assert len(tokenized) == 5  # four of them, the cut one a second time
    assert cut == 2
    for text, ((expected,), _) in zip(texts, alone, strict=True):
        assert list(text.ids) == list(expected.ids)


def test_a_text_does_not_hide_a_list_of_one_that_holds_it():
    with pytest.raises(Error, match="row 1"):
        encoding.encode_counting(tiny_bert().tokenizer, ["good", ["good"]], 8)
