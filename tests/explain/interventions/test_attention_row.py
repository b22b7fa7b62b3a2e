"""An edited row of attention: its own row changes nothing, another one does what it does by hand."""

import numpy as np
import pytest
from support.tiny import tiny_bert

from numpy_bert.blocks import encoder
from numpy_bert.errors import Error
from numpy_bert.explain import targets
from numpy_bert.explain.interventions import attention_row
from numpy_bert.explain.interventions.outcome import of_hidden, outcome

TEXT = "I liked this movie."


@pytest.fixture(scope="module")
def bert():
    return tiny_bert(dtype="float64")


@pytest.fixture(scope="module")
def target(bert):
    return targets.choose(bert, TEXT, "sequence_classification", 1)


@pytest.mark.parametrize("layer", [0, 1])
def test_its_own_row_changes_nothing(bert, target, layer):
    P = attention_row.probabilities(layer, target, bert)
    np.testing.assert_allclose(P.sum(-1), 1.0)
    loss = outcome(target, bert).loss
    for head in range(3):
        same = attention_row.replaced(layer, head, 4, P[head, 4], target, bert)
        assert same.loss == pytest.approx(loss, abs=1e-12)


def test_a_silent_row_equals_the_head_switched_off(bert, target):
    """Of the last layer the head reads row 0 alone, so it is no matter that the other rows are silent too."""
    silent = attention_row.replaced(1, 2, 0, np.zeros(len(target.encoding.tokens)), target, bert)
    assert silent.loss == pytest.approx(outcome(target, bert.ablate(heads=[(1, 2)])).loss, abs=1e-12)
    assert abs(silent.loss - outcome(target, bert).loss) > 1e-6


def test_only_that_token_changes_in_its_layer(bert, target):
    h = bert.forward([target.encoding.ids], everything=True).layers[0]
    row = np.eye(len(target.encoding.tokens))[3]
    after = attention_row.state_after(h, attention_row.Row(0, 1, 2), row, target, bert)
    before, _ = encoder.forward(h, encoder.Params(bert.params.bert.encoder.layers[:1]), encoder.ALL, bert.config)
    changed = np.abs(after - before).max(-1)[0] > 1e-12
    assert changed.tolist() == [t == 2 for t in range(len(changed))]
    last, _ = encoder.forward(after, encoder.Params(bert.params.bert.encoder.layers[1:]), encoder.ALL, bert.config)
    expected = of_hidden(last, target, bert).loss
    assert attention_row.replaced(0, 1, 2, row, target, bert).loss == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("row", [[1.0], [np.nan] * 7, [[0.0] * 7]])
def test_rows_that_do_not_fit(bert, target, row):
    with pytest.raises(Error, match="row: expected 7 finite numbers"):
        attention_row.replaced(0, 0, 0, row, target, bert)
