"""What the lab computes: changes equal the changed model, a step equals one of training, undo restores the bits."""

from dataclasses import replace

import numpy as np
import pytest
from support.tiny import tiny_bert

from numpy_bert.errors import Error
from numpy_bert.explain import targets
from numpy_bert.explain.interventions import outcome
from numpy_bert.explain.interventions.ablation import Parts
from numpy_bert.lab import broken
from numpy_bert.lab.session import PAGES, Changes, Question, Session
from numpy_bert.model import Bert
from numpy_bert.numerics import tree
from numpy_bert.tasks import objective
from numpy_bert.training import step as training_step
from numpy_bert.training.optim import layer_decay
from numpy_bert.training.recipe import Recipe

QUESTION = Question("I liked this movie.", None, "sequence_classification", "1")


@pytest.fixture
def session():
    return Session(tiny_bert())


def loss_of(bert, mask=None):
    target = targets.choose(bert, QUESTION.text, QUESTION.task, QUESTION.target)
    if mask is not None:
        target = target._replace(batch=target.batch._replace(mask=mask))
    return outcome.outcome(target, bert).loss


def test_without_changes_nothing_changes(session):
    answer = session.answer(QUESTION, Changes())
    assert answer.before == answer.after
    assert answer.before.loss == loss_of(session.bert)


@pytest.mark.parametrize(
    ("changes", "changed"),
    [
        (Changes(Parts(heads=((0, 1),))), lambda bert: bert.ablate(heads=[(0, 1)])),
        (Changes(Parts(attention=(1,), feed_forward=(0,))), lambda bert: bert.ablate(attention=[1], feed_forward=[0])),
        (Changes(gelu="tanh"), lambda bert: Bert(replace(bert.config, gelu="tanh"), bert.params, bert.tokenizer)),
        (Changes(layer_norm_eps=0.1), lambda b: Bert(replace(b.config, layer_norm_eps=0.1), b.params, b.tokenizer)),
    ],
)
def test_a_change_equals_the_changed_model(session, changes, changed):
    answer = session.answer(QUESTION, changes)
    assert answer.after.loss == loss_of(changed(session.bert))
    assert answer.after.loss != answer.before.loss


def test_hidden_tokens_are_masked(session):
    answer = session.answer(QUESTION, Changes(hidden_tokens=(2, 4)))
    mask = np.array([[True, True, False, True, False, True, True]])
    assert answer.after.loss == loss_of(session.bert, mask)
    page = session.page(answer.page)
    assert "bert.encoder.layers.0" in page


def test_measurements_obey_the_changes(session):
    changes = Changes(Parts(heads=((0, 1),)), gelu="tanh", hidden_tokens=(3,))
    loss = session.answer(QUESTION, changes).after.loss
    effects = session.effects(QUESTION, changes)
    assert effects.loss == loss
    assert effects.heads[0, 1] == 0
    more = changes._replace(off=Parts(heads=((0, 1), (1, 2))))
    assert effects.heads[1, 2] == session.answer(QUESTION, more).after.loss - loss
    source = "a plot was bad."
    patched = session.patch(QUESTION, changes, source)
    assert patched.loss == pytest.approx(loss, rel=1e-6)
    assert patched.source_loss == pytest.approx(
        session.answer(QUESTION._replace(text=source), changes).after.loss, rel=1e-6
    )
    assert not session.patch(QUESTION, changes, QUESTION.text).effects.any()
    P = session.probabilities(QUESTION, changes, 1)
    assert not P[:, :, 3].any()
    before, after = session.edit_row(QUESTION, changes, (1, 2, 4), P[2, 4].tolist())
    assert before.loss == loss
    assert after.loss == pytest.approx(loss, rel=1e-6)


def test_a_step_is_one_of_training_bit_for_bit(session):
    bert = session.bert
    result = session.step(QUESTION, 0.05)
    recipe = Recipe("sequence_classification", 1, 0.05, optimizer="sgd", weight_decay=0.0, clip=None, decay="constant")
    state = training_step.begin(bert.params, recipe)
    target = targets.choose(bert, QUESTION.text, QUESTION.task, QUESTION.target)
    config = replace(bert.config, hidden_dropout=0.0, attention_dropout=0.0, classifier_dropout=0.0)
    report = training_step.take(
        state, [objective.Batch(target.batch, target.labels)], recipe, config, layer_decay.multipliers(bert.params)
    )
    assert tree.equal(session.bert.params, state.params)
    assert result.before.loss == pytest.approx(report.loss, rel=1e-6)
    total = np.sqrt(sum(before**2 for before, _ in result.gradient_norms.values()))
    assert total == pytest.approx(report.gradient_norm, rel=1e-6)
    assert result.after.loss < result.before.loss


def test_undo_restores_the_bits(session):
    first = tree.map(np.copy, session.bert.params)
    for expected in (1, 2, 3):
        assert session.step(QUESTION, 0.05).steps == expected
    assert [session.undo() for _ in range(3)] == [2, 1, 0]
    assert tree.equal(session.bert.params, first)
    with pytest.raises(Error, match="undo: expected a step that was taken, got none"):
        session.undo()


def test_a_step_that_fails_changes_nothing(session):
    before = session.bert
    with pytest.raises(Error, match="finite"):
        session.step(QUESTION, 1e38)
    assert session.bert is before


def test_a_model_without_a_head_cannot_learn():
    session = Session(tiny_bert(heads=()))
    with pytest.raises(Error, match="expected a head, whose loss can be lowered"):
        session.step(Question("I liked this movie."), 0.1)


def test_old_pages_are_forgotten(session):
    numbers = [session.answer(QUESTION, Changes()).page for _ in range(PAGES + 1)]
    with pytest.raises(Error, match="page: expected one of the last"):
        session.page(numbers[0])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (Changes(gelu="relu"), "gelu: expected"),
        (Changes(layer_norm_eps=-1.0), "layer_norm_eps: expected"),
        (Changes(Parts(heads=((9, 0),))), "heads: layer: expected"),
        (Changes(hidden_tokens=(7,)), "hidden_tokens: expected an integer from 0 to 6"),
        (Changes(hidden_tokens=tuple(range(7))), "expected at least one token left"),
    ],
)
def test_changes_out_of_range(session, changes, message):
    with pytest.raises(Error, match=message):
        session.answer(QUESTION, changes)


@pytest.mark.parametrize("number", [2, 9, 14, 16, 20, 21, 27, 28])
def test_a_wrong_backward_fails_its_check_and_trains_differently(number):
    result = broken.run(number)
    assert not all(row.passed for row in result.rows)
    assert result.task is not None
    assert result.right != result.wrong
    assert result.right[-1] < result.right[0]


def test_the_right_backward_is_back_after_a_run():
    from numpy_bert.exercises import EXERCISES, source

    right = [getattr(source.right_module(one), one.backward.__name__) for one in EXERCISES]
    broken.run(14)
    assert right == [getattr(source.right_module(one), one.backward.__name__) for one in EXERCISES]
