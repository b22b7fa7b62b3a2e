"""How many rows of the last layer each method has computed, and that its answers do not depend on it."""

import numpy as np
import pytest
from support.tiny import tiny_bert

from numpy_bert.blocks import bert as bert_block
from numpy_bert.checkpoints.sentence_pooling import SentencePooling
from numpy_bert.checkpoints.sentence_steps import Normalize
from numpy_bert.inference import batching
from numpy_bert.model import Bert

TEXTS = ["i liked this movie .", "it rains", "the very very good film and the train to berlin ."]
PAIRS = [("i liked it", "it rains"), ("the film", "was good and fun")]
MASKED = ["the [MASK] was good", "[MASK]", "it [MASK] to [MASK] [MASK] ."]


@pytest.fixture
def rows(monkeypatch):
    """The number of hidden states of each text and of its tokens, of every batch."""
    counted, forward = [], bert_block.forward

    def counting(inputs, *arguments, **options):
        encoded, cache = forward(inputs, *arguments, **options)
        counted.append((encoded.hidden.shape[1], inputs.ids.token.shape[1]))
        return encoded, cache

    monkeypatch.setattr(batching.bert, "forward", counting)
    return counted


def pooled(pooling):
    model = tiny_bert(dtype="float64")
    return Bert(model.config, model.params, model.tokenizer, SentencePooling(pooling, (Normalize(),)))


CALLS = {
    "classify": (lambda bert: bert.classify(TEXTS), 1),
    "next_sentence": (lambda bert: bert.next_sentence(PAIRS), 1),
    "choose": (lambda bert: bert.choose("i liked it", TEXTS), 1),
    "rank": (lambda bert: tiny_bert(num_labels=1, dtype="float64").rank("i liked it", TEXTS), 1),
    "fill_mask": (lambda bert: bert.fill_mask(MASKED, 2), 4),  # [CLS] and the three of the text with most
    "embed, cls": (lambda bert: pooled("cls").embed(TEXTS), 1),
    "embed, mean": (lambda bert: pooled("mean").embed(TEXTS), None),
    "tag": (lambda bert: bert.tag(TEXTS), None),
    "answer": (lambda bert: bert.answer(PAIRS), None),
    "hidden states": (lambda bert: bert(TEXTS), None),
}


@pytest.mark.parametrize("name", CALLS)
def test_no_row_is_computed_that_is_not_read(name, rows):
    call, wanted = CALLS[name]
    call(tiny_bert(dtype="float64"))
    assert rows
    for computed, tokens in rows:
        assert computed == (tokens if wanted is None else wanted)


@pytest.mark.parametrize("name", ["classify", "next_sentence", "choose", "rank", "fill_mask", "embed, cls"])
def test_the_answers_are_those_of_the_whole_layer(name, monkeypatch):
    def numbers(answers):
        if isinstance(answers, dict):
            answers = list(answers.values())
        if isinstance(answers, (list, tuple, np.ndarray)):
            return [number for answer in answers for number in numbers(answer)]
        return [answers] if isinstance(answers, (int, float)) else []

    call, _ = CALLS[name]
    ours = numbers(call(tiny_bert(dtype="float64")))
    forward = bert_block.forward

    def whole(inputs, *arguments, **options):
        encoded, cache = forward(inputs._replace(rows=None), *arguments, **options)
        if inputs.rows is not None:
            encoded = encoded._replace(hidden=np.take_along_axis(encoded.hidden, inputs.rows[:, :, None], axis=1))
        return encoded, cache

    monkeypatch.setattr(batching.bert, "forward", whole)
    expected = numbers(call(tiny_bert(dtype="float64")))
    assert len(ours) >= 2
    np.testing.assert_allclose(ours, expected, rtol=0, atol=1e-13)


def test_texts_that_are_the_same_have_the_same_answers_in_their_places():
    bert = tiny_bert(dtype="float64")
    order = [0, 2, 0, 1, 2, 0]
    for together, alone in (
        (bert.embed([TEXTS[i] for i in order]), [bert.embed(text) for text in TEXTS]),
        ([answer.scores["LABEL_0"] for answer in bert.classify([TEXTS[i] for i in order])],
         [bert.classify(text).scores["LABEL_0"] for text in TEXTS]),
        ([masks[0][0].probability for masks in bert.fill_mask([MASKED[i] for i in order])],
         [bert.fill_mask(text)[0][0].probability for text in MASKED]),
    ):  # fmt: skip
        np.testing.assert_allclose(together, [alone[i] for i in order], rtol=0, atol=1e-13)
    tokens = bert([TEXTS[0], TEXTS[0]])
    tokens[0][:] = 0.0
    assert tokens[1].any()
