"""Activation patching against the same done by hand, layer by layer and token by token."""

import numpy as np
import pytest
from support.tiny import tiny_bert

from numpy_bert.blocks import bert as bert_block
from numpy_bert.blocks import encoder, pooler
from numpy_bert.errors import Error
from numpy_bert.tasks import objective

TEXT, SOURCE = "I liked this movie.", "a plot was bad."


@pytest.fixture(scope="module")
def bert():
    return tiny_bert(dtype="float64", num_hidden_layers=3)


def by_hand(bert, layer, token, label):
    """The loss with one hidden state replaced: forward of both texts, one row exchanged, the rest of the model run."""
    h, g = (bert.forward([bert.tokenizer.encode(text).ids], everything=True) for text in (TEXT, SOURCE))
    state = h.layers[layer].copy()
    state[0, token] = g.layers[layer][0, token]
    rest = encoder.Params(bert.params.bert.encoder.layers[layer:])
    hidden, _ = encoder.forward(state, rest, encoder.ALL, bert.config)
    pooled, _ = pooler.forward(hidden, bert.params.bert.pooler)
    encoded, params = bert_block.Output(hidden, pooled), bert.params.sequence_classification
    loss, _ = objective.HEADS["sequence_classification"].loss(encoded, np.array([label]), params, bert.config)
    return float(loss)


def test_each_effect_equals_the_same_by_hand(bert):
    result = bert.patch(TEXT, SOURCE, "sequence_classification", 2)
    T = len(result.tokens)
    assert result.effects.shape == (4, T)
    assert len(result.source_tokens) == T
    expected = [[by_hand(bert, layer, t, 2) - result.loss for t in range(T)] for layer in range(4)]
    np.testing.assert_allclose(result.effects, expected, rtol=0, atol=1e-12)
    assert np.abs(result.effects).max() > 1e-4


def test_the_states_of_the_text_itself_change_nothing(bert):
    np.testing.assert_allclose(bert.patch(TEXT, TEXT).effects, 0.0, atol=1e-12)


def test_what_the_head_does_not_read_has_no_effect_at_the_end(bert):
    result = bert.patch(TEXT, SOURCE, "sequence_classification", 0)
    np.testing.assert_allclose(result.effects[-1, 1:], 0.0, atol=1e-12)
    # [CLS] is all that is read
    assert result.effects[-1, 0] == pytest.approx(result.source_loss - result.loss, abs=1e-12)


@pytest.mark.parametrize("task", ["masked_lm", "token_classification", "question_answering", "sentence_embedding"])
def test_every_task_can_be_asked(bert, task):
    assert np.isfinite(bert.patch(TEXT, SOURCE, task).effects).all()


def test_a_pair_of_texts(bert):
    result = bert.patch((TEXT, "it rains."), (TEXT, "it liked."), "next_sentence")
    same = [a == b for a, b in zip(result.tokens, result.source_tokens, strict=True)]
    np.testing.assert_allclose(result.effects[0, same], 0.0, atol=1e-12)


def test_texts_of_different_length_are_refused(bert):
    with pytest.raises(Error, match=r"source: expected as many tokens as the text has, 7 tokens .* got 5"):
        bert.patch(TEXT, "bad film.")
