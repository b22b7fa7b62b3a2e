"""The loop: what it learns, tells and writes, and when it stops."""

import builtins
import csv
import dataclasses
import io
import json
import math
import operator

import numpy as np
import pytest
from support.training_data import corpus_of, data_of
from support.training_models import HEADS, Repeated, equal, pretraining_batch, small_model

from numpy_bert.errors import Error
from numpy_bert.numerics import tree
from numpy_bert.training import finetune, initialization, loop, pretrain, step
from numpy_bert.training.data.batches import Epochs
from numpy_bert.training.loop import Monitor, RunOptions
from numpy_bert.training.recipe import Recipe
from numpy_bert.training.run import curve

RECIPE = Recipe("pretraining", 10, learning_rate=1e-2, warmup=2)


PLOT = curve.plot


@pytest.fixture(autouse=True)
def _no_picture(monkeypatch):
    """Drawing takes a second."""
    monkeypatch.setattr(curve, "plot", lambda *paths: True)


@pytest.fixture
def _picture(monkeypatch, _no_picture):
    """Here it is drawn."""
    monkeypatch.setattr(curve, "plot", PLOT)


def source(steps=1):
    return Repeated([[pretraining_batch([9, 7, 5], seed)] for seed in range(steps)])


def test_the_loss_falls_and_the_model_given_stays(tmp_path):
    params, config = small_model()
    before = tree.map(np.copy, params)
    losses = []
    for steps in (1, 60):
        recipe = dataclasses.replace(RECIPE, steps=steps)
        folder = tmp_path / str(steps)
        loop.train(params, source(), recipe, config, Monitor(), RunOptions(folder))
        losses.append(curve.read(folder / "steps.csv")["loss"][-1])
    assert losses[1] < 0.2 * losses[0]
    assert equal(params, before)


def test_what_is_written_and_reported(tmp_path):
    params, config = small_model(hidden_dropout=0.0, attention_dropout=0.0)
    lines, reports = [], []
    evaluate = lambda params: {"accuracy": 0.5, "loss": 1.0}  # noqa: E731
    monitor = Monitor(evaluate, 4, 5, report=reports.append, say=lines.append)
    trained, figures = loop.train(params, source(), RECIPE, config, monitor, RunOptions(tmp_path / "run"))
    assert figures == {"accuracy": 0.5, "loss": 1.0}
    rows = list(csv.DictReader(io.StringIO((tmp_path / "run" / "steps.csv").read_text())))
    assert [int(row["step"]) for row in rows] == list(range(1, 11))
    assert list(rows[0]) == ["step", "loss", "learning_rate", "gradient_norm", "tokens"]
    assert [int(row["tokens"]) for row in rows] == [21 * i for i in range(1, 11)]
    assert float(rows[0]["learning_rate"]) == 0.0
    assert float(rows[2]["learning_rate"]) == 1e-2
    loss, _ = step.objective.forward("pretraining", source().next()[0], params, config)
    assert float(rows[0]["loss"]) == float(loss)
    evaluations = curve.read(tmp_path / "run" / "evaluations.csv")
    assert evaluations == {"step": [4.0, 8.0, 10.0], "accuracy": [0.5] * 3, "loss": [1.0] * 3}
    run = tmp_path / "run"
    assert [report.step for report in reports] == list(range(1, 11))
    assert lines == [
        "step 4: accuracy 0.5000, loss 1.0000",
        f"saved step 5: {run / 'save-000005'}",
        "step 8: accuracy 0.5000, loss 1.0000",
        "step 10: accuracy 0.5000, loss 1.0000",
        f"saved step 10: {run / 'save-000010'}",
    ]
    assert sorted(path.name for path in run.iterdir()) == [
        "evaluations.csv", "lock", "save-000005", "save-000010", "steps.csv",
    ]  # fmt: skip
    alone, _ = loop.train(params, source(), RECIPE, config, Monitor())
    assert equal(trained, alone)  # writing changes nothing


def test_a_run_without_steps(tmp_path):
    params, config = small_model()
    recipe, monitor = dataclasses.replace(RECIPE, steps=0), Monitor(lambda params: {"a": 1.0})
    trained, figures = loop.train(params, source(), recipe, config, monitor, RunOptions(tmp_path / "run"))
    assert figures == {"a": 1.0}
    assert equal(trained, params)


# NaN.


@pytest.mark.parametrize("value", [math.nan, math.inf])
@pytest.mark.parametrize("what", ["loss", "gradient"])
def test_what_is_not_finite_stops_the_run_and_leaves_the_last_good_save(tmp_path, monkeypatch, value, what):
    params, config = small_model()
    real, calls = step.accumulation.gradients, []

    def gradients(*arguments):
        loss, result = real(*arguments)
        calls.append(1)
        if len(calls) == 6 and what == "gradient":
            result.bert.pooler.dense.b[0] = value
        return (value if len(calls) == 6 and what == "loss" else loss), result

    monkeypatch.setattr(step.accumulation, "gradients", gradients)
    run = tmp_path / "run"
    with pytest.raises(Error) as caught:
        loop.train(params, source(), RECIPE, config, Monitor(save_every=2), RunOptions(run))
    message = str(caught.value)
    assert message.startswith(f"step 6: expected a finite {what}, got ")
    assert message.endswith(f"; the last good save is {run / 'save-000004'}")
    assert curve.read(run / "steps.csv")["step"] == [1, 2, 3, 4, 5]
    trained, _ = loop.train(params, source(), RECIPE, config, Monitor(), RunOptions(run, resume=True))
    assert all(np.isfinite(array).all() for array in tree.leaves(trained))


def test_a_learning_rate_that_is_too_high_is_such_an_end():
    params, config = small_model(dtype=np.float32)
    recipe = Recipe("pretraining", 200, learning_rate=1e30, optimizer="sgd", clip=None, decay="constant")
    message = r"^step \d+: (expected a finite (loss|gradient)|.*: expected numbers that float32 can hold), got .* lower"
    with np.errstate(all="ignore"), pytest.raises(Error, match=message):
        loop.train(params, source(), recipe, config, Monitor())


# The recipe.


@pytest.mark.parametrize(
    ("name", "value"),
    [("task", "poetry"), ("steps", -1), ("steps", 2.0), ("learning_rate", 0.0), ("learning_rate", math.nan),
     ("batch_size", 0), ("optimizer", "adam"), ("weight_decay", -0.1), ("clip", 0), ("warmup", "1"),
     ("decay", "step"), ("layer_decay", 1.1), ("layer_decay", 0), ("recompute", 1), ("seed", -1),
     ("max_tokens_per_microbatch", 0),
     ("frozen", "bert.embedding"), ("frozen", (1,))],
)  # fmt: skip
def test_recipes_are_checked(name, value):
    with pytest.raises(Error, match=f"^{name}: expected "):
        Recipe(**({"task": "pretraining", "steps": 10} | {name: value}))


def test_weights_that_are_not_finite_are_never_saved(tmp_path):
    """A rate that makes them infinite in one step, though loss and gradient were finite."""
    params, config = small_model(dtype=np.float32)
    recipe = dataclasses.replace(RECIPE, learning_rate=1e39, steps=4, warmup=0)
    source = Repeated([[pretraining_batch([5, 4])]])
    monitor = Monitor(lambda params: pytest.fail("it is not measured"), evaluate_every=1, save_every=1)
    with pytest.raises(Error, match=r"^step 1: [\w.]+: expected finite numbers, got NaN .* is .*save-000000$"):
        loop.train(params, source, recipe, config, monitor, RunOptions(tmp_path / "run"))
    assert [path.name for path in (tmp_path / "run").glob("save-*")] == ["save-000000"]
    with pytest.raises(Error, match="expected finite numbers"):
        loop.train(params, source, dataclasses.replace(recipe, steps=1), config, Monitor())


def test_what_takes_no_part_keeps_its_size(tmp_path):
    """A pooler that the task does not read and heads of other tasks have no gradient; they do not decay either."""
    params, config = small_model(heads=(*HEADS, "token_classification", "multiple_choice"))
    recipe = Recipe("masked_lm", 2, learning_rate=0.1, weight_decay=0.5)
    trained, _ = loop.train(params, Repeated([[masked_batch()]]), recipe, config, Monitor())
    for idle in ("bert.pooler", "next_sentence", "token_classification", "multiple_choice"):
        part = operator.attrgetter(idle)
        assert equal(part(trained), part(params)), idle
    assert not equal(trained.masked_lm, params.masked_lm)


def masked_batch():
    batch = pretraining_batch([5, 4])
    return batch._replace(labels=batch.labels.masked_lm)


def test_the_identity_of_a_run_is_json():
    params, config = small_model()
    recipe = dataclasses.replace(RECIPE, frozen=("bert.embedding",))
    identity = loop.identity(recipe, config, {"corpus": "x"}, params)
    assert json.loads(json.dumps(identity)) == identity


# Beginnings.


def test_fresh_parameters_are_those_of_the_paper():
    _, config = small_model()
    config = dataclasses.replace(config, initializer_range=0.02, hidden_size=96, intermediate_size=200, vocab_size=500)
    params = initialization.params(config, HEADS, 7)
    for name, array in tree.items(params):
        kind = name.split(".")[-1]
        assert array.dtype == np.float32
        if kind == "gamma":
            assert (array == 1).all(), name
        elif kind in ("beta", "b", "bias"):
            assert (array == 0).all(), name
        else:
            assert 0.035 < np.abs(array).max() <= 0.04 or array.size < 500, name
            assert abs(array.mean()) < 5 * 0.02 / math.sqrt(array.size), name
            if array.size > 5000:  # cut off at two standard deviations, a normal distribution has 0.88 of its own
                assert abs(array.std() / 0.02 - 0.8796) < 0.02, name
    assert equal(params, initialization.params(config, HEADS, 7))
    assert not equal(params, initialization.params(config, HEADS, 8))
    assert equal(params.bert, initialization.params(config, (), 7).bert)
    arrays = [array for name, array in tree.items(params) if name.endswith("W")]
    assert len({array.tobytes() for array in arrays}) == len(arrays)


def test_a_new_head_leaves_the_rest_as_it_is():
    params, config = small_model()
    changed = initialization.with_head(params, "sequence_classification", config, 3)
    assert changed.bert is params.bert
    assert changed.masked_lm is params.masked_lm
    assert changed.sequence_classification.dense.W.shape == (3, config.hidden_size)
    assert changed.sequence_classification.dense.W.dtype == params.bert.embedding.word.dtype
    bare = params._replace(bert=params.bert._replace(pooler=None))
    changed = initialization.with_head(bare, "sequence_classification", config, 3)
    assert changed.bert.pooler is not None
    assert changed.bert.encoder is params.bert.encoder


# Pretraining and fine-tuning.


def test_pretraining_learns_and_is_measured(tmp_path):
    params, config = small_model(dtype=np.float32)
    data = data_of(corpus_of(tmp_path), batch_size=8)
    held_out = pretrain.held_out(data_of(corpus_of(tmp_path), seed=5, batch_size=8), 4)
    before = pretrain.evaluate(held_out, initialization.params(config, HEADS, 0), config)
    recipe = pretrain.recipe(60, learning_rate=3e-3, batch_size=8)
    assert (recipe.optimizer, recipe.warmup) == ("bert_adam", 6)
    monitor = Monitor(lambda params: pretrain.evaluate(held_out, params, config))
    _, after = pretrain.train(config, data, recipe, monitor)
    assert after["masked_lm_loss"] < before["masked_lm_loss"]
    assert set(after) == {
        f"{task}_{figure}" for task in ("masked_lm", "next_sentence") for figure in ("loss", "accuracy")
    }
    whole = [step.objective.forward("pretraining", batch, params, config)[0] for batch in held_out]
    figures = pretrain.evaluate(held_out[:1], params, config)
    assert abs(figures["masked_lm_loss"] + figures["next_sentence_loss"] - whole[0]) < 1e-4


def test_pretraining_refuses_what_does_not_fit(tmp_path):
    _, config = small_model()
    data = data_of(corpus_of(tmp_path), max_length=24)
    for changes, message in (
        ({"max_position_embeddings": 20}, r"max_length: expected at most 20 \(max_position_embeddings\), got 24"),
        ({"vocab_size": 20}, r"vocabulary: expected at most 20 tokens \(vocab_size\), got "),
    ):
        with pytest.raises(Error, match=message):
            pretrain.train(dataclasses.replace(config, **changes), data, pretrain.recipe(1), Monitor())


def test_fine_tuning_brings_a_new_head_and_leaves_others_out():
    params, config = small_model(heads=(*HEADS, "sequence_classification"))

    class Examples:
        lengths = (4, 5)
        digest = "two"

        def batch(self, chosen):
            return pretraining_batch([4, 5])._replace(labels=np.array([0, 2]))

    examples = Examples()
    recipe = finetune.recipe(
        "sequence_classification", examples, 40, 2, learning_rate=1e-2, max_tokens_per_microbatch=100
    )
    assert (recipe.steps, recipe.warmup) == (40, 4)
    trained, _ = finetune.train(params, config, examples, recipe, Monitor())
    assert trained.masked_lm is None
    assert trained.sequence_classification is not None
    source = Epochs(examples, 2, 0)
    loss, _ = step.objective.forward("sequence_classification", source.next()[0], trained, config)
    assert loss < 0.1


# The curve.


@pytest.mark.usefixtures("_picture")
def test_the_curve_is_drawn(tmp_path):
    pytest.importorskip("matplotlib")
    params, config = small_model()
    monitor = Monitor(lambda params: {"accuracy": 0.5, "a_loss": 1.0}, evaluate_every=3)
    loop.train(params, source(), RECIPE, config, monitor, RunOptions(tmp_path / "run"))
    assert (tmp_path / "run" / "curve.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.usefixtures("_picture")
def test_without_matplotlib_there_is_a_notice_and_no_picture(tmp_path, monkeypatch):
    real = builtins.__import__

    def without(name, *arguments):
        if name.startswith("matplotlib"):
            raise ImportError(name)
        return real(name, *arguments)

    monkeypatch.setattr(builtins, "__import__", without)
    params, config = small_model()
    with pytest.warns(UserWarning, match=r"^curve.png is not drawn: that takes matplotlib"):
        loop.train(params, source(), RECIPE, config, Monitor(), RunOptions(tmp_path / "run"))
    assert not (tmp_path / "run" / "curve.png").exists()


def test_numbers_in_a_table_read_back_exactly(tmp_path, rng):
    table = curve.CurveTable(tmp_path / "t.csv")
    rows = rng.standard_normal((20, 3)) * 10.0 ** rng.integers(-300, 300, (20, 3))
    for row in rows:
        table.add(("a", "b", "c"), [float(x) for x in row])
    read = curve.read(tmp_path / "t.csv")
    assert np.array_equal(np.array([read[name] for name in "abc"]).T, rows)
    assert table.text == (tmp_path / "t.csv").read_text()
    again = curve.CurveTable(tmp_path / "t.csv", table.text)
    again.add(("a", "b", "c"), (1, 2, 3))
    assert len(curve.read(tmp_path / "t.csv")["a"]) == 21


def test_what_is_no_curve(tmp_path):
    for content in (b"a,b\n1\n", b"a\nx\n", b"\xff"):
        (tmp_path / "t.csv").write_bytes(content)
        with pytest.raises(Error, match=r"t.csv: expected a learning curve, got something else$"):
            curve.read(tmp_path / "t.csv")
    (tmp_path / "t.csv").write_bytes(b"")
    assert curve.read(tmp_path / "t.csv") == {}


def test_smoothing():
    assert curve.smoothed([1.0, 3.0, 5.0, 7.0], 2) == [1.0, 2.0, 4.0, 6.0]
    assert curve.smoothed([1.0, 3.0], 5) == [1.0, 2.0]
    assert curve.smoothed([], 1) == []
