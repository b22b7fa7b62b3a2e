"""Every forward and backward of the package, checked by every method, and what else must hold for all of them alike."""

import functools
import importlib
import pkgutil

import numpy as np
import pytest
from support.checkpoints import published
from support.tiny import tiny_bert, tiny_config

import numpy_bert.blocks
import numpy_bert.tasks
from numpy_bert import load
from numpy_bert.blocks import bert, encoder_layer, lookup
from numpy_bert.errors import UsageError
from numpy_bert.gradcheck import cases as pairs
from numpy_bert.gradcheck import checker, report
from numpy_bert.gradcheck.cases import samples
from numpy_bert.numerics import tree
from numpy_bert.tasks import objective

CASES = [(name, case) for name in pairs.names() for case in pairs.cases(name)]


def modules():
    for package in (numpy_bert.blocks, numpy_bert.tasks):
        for result in pkgutil.iter_modules(package.__path__, package.__name__ + "."):
            yield result.name.rpartition(".")[2], importlib.import_module(result.name)


def missing(table):
    """The backwards of the package that no case of the table checks, by the name of their module."""
    checked = {pair.backward for name in table for pair in pairs.cases(name).values()}
    checked |= {backward.func for backward in checked if isinstance(backward, functools.partial)}
    return {
        name
        for name, module in modules()
        for kind in ("backward", "loss_backward")
        if hasattr(module, kind) and getattr(module, kind) not in checked
    }


def test_no_pair_is_missing_from_the_table():
    assert missing(pairs.TABLE) == set()
    assert len(list(modules())) > 20


def test_a_missing_pair_would_be_noticed():
    without = {name: block for name, block in pairs.TABLE.items() if name not in ("gelu", "next_sentence")}
    assert missing(without) == {"gelu", "next_sentence"}


def test_tolerances_are_those_promised():
    promised = {
        1e-14: "linear softmax log_softmax cross_entropy lookup embedding dropout gelu tanh layer_norm squared_error "
        "binary_cross_entropy",
        3e-14: "attention multi_head_attention feed_forward pooler head masked_lm next_sentence pretraining "
        "sequence_classification token_classification question_answering multiple_choice sentence_embedding",
        1e-13: "encoder_layer recompute",
        1e-12: "encoder bert objective",
    }
    assert {name: block.tolerance for name, block in pairs.TABLE.items()} == {
        name: tolerance for tolerance, names in promised.items() for name in names.split()
    }
    whole = {"encoder", "bert", "objective"}
    assert all(block.central == (1e-8 if name in whole else 1e-9) for name, block in pairs.TABLE.items())


def test_the_whole_model_is_checked_with_each_loss():
    cases = " ".join(pairs.cases("objective"))
    assert all(task in cases for task in objective.TASKS)


def test_parameters_are_never_ones_and_zeros():
    for name, case in CASES:
        for argument in pairs.cases(name)[case].arguments.values():
            for place, array in tree.items(argument):
                if isinstance(array, np.ndarray) and array.dtype == np.float64:
                    assert not np.isin(array, (0.0, 1.0)).any(), (name, case, place)


@pytest.mark.parametrize("method", ["complex", "central", "projection"])
@pytest.mark.parametrize("name", pairs.names())
def test_pair(name, method):
    rows = pairs.run([name], method)
    assert {(row.block, row.case) for row in rows} == {(name, case) for case in pairs.cases(name)}
    failed = [row for row in rows if not row.passed]
    assert not failed, "\n" + "\n".join(map(pairs.failure, failed))


# What is true of each pair apart from its numbers.


def cast(arguments, dtype):
    """The arguments with their floats in another type."""

    def leaf(value):
        return value.astype(dtype) if isinstance(value, np.ndarray) and value.dtype.kind == "f" else value

    return {name: tree.map(leaf, argument) for name, argument in arguments.items()}


def upstream(y, rng):
    """A random gradient with respect to y, in its type."""

    def leaf(value):
        dy = rng.standard_normal(np.shape(value)) + 0.5j * rng.standard_normal(np.shape(value))
        return np.asarray(dy).astype(value.dtype) if value.dtype.kind == "c" else value.dtype.type(dy.real)

    return tree.map(leaf, y)


def run(pair, dtype, rng):
    """y and the gradients, with arguments and dy of this type."""
    y, cache = pair.forward(*cast(pair.arguments, dtype).values())
    return y, pair.backward(upstream(y, rng), cache)


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.complex128])
@pytest.mark.parametrize(("name", "case"), CASES)
def test_results_and_gradients_have_the_type_of_the_arguments(name, case, dtype, rng):
    for place, array in tree.items(run(pairs.cases(name)[case], dtype, rng)):
        assert array.dtype == dtype, place


@pytest.mark.parametrize(("name", "case"), CASES)
def test_float32_backward_is_near_the_float64_one(name, case):
    pair = pairs.cases(name)[case]
    result = [tree.leaves(run(pair, dtype, np.random.default_rng(3))[1]) for dtype in (np.float32, np.float64)]
    largest = max((float(np.abs(g).max()) for g in result[1] if g.size), default=0.0)
    for single, double in zip(*result, strict=True):
        scale = float(np.abs(double).max(initial=0.0))
        scale = scale if scale > 1e-9 * largest else largest  # zero to rounding, as gradcheck judges it
        assert np.abs(single - double).max(initial=0.0) <= 1e-5 * scale


@pytest.mark.parametrize(("name", "case"), CASES)
def test_two_runs_are_equal_to_the_bit_and_leave_their_arguments_alone(name, case):
    pair, untouched = pairs.cases(name)[case], pairs.cases(name)[case]
    for dtype in (np.float32, np.float64):
        first, second = (tree.leaves(run(pair, dtype, np.random.default_rng(3))) for _ in range(2))
        assert all(a.tobytes() == b.tobytes() for a, b in zip(first, second, strict=True))
    for name in pair.arguments:
        for before, after in zip(
            tree.leaves(untouched.arguments[name]), tree.leaves(pair.arguments[name]), strict=True
        ):
            assert np.array_equal(before, after)


@pytest.mark.parametrize(("name", "case"), CASES)
def test_a_gradient_by_parameters_is_no_view_of_an_argument(name, case, rng):
    """An optimizer may write to it."""
    pair = pairs.cases(name)[case]
    y, cache = pair.forward(*pair.arguments.values())
    inputs = [a for argument in pair.arguments.values() for a in tree.leaves(argument) if isinstance(a, np.ndarray)]
    for gradient in tree.leaves(pair.backward(upstream(y, rng), cache)):
        assert not any(np.shares_memory(gradient, array) for array in inputs)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_scatter_add_is_equal_to_a_loop_to_the_bit(rng, dtype):
    ids = rng.integers(0, 9, (7, 30))
    dy = rng.standard_normal((7, 30, 5)).astype(dtype)
    dW = np.zeros((11, 5), dtype)
    for place in np.ndindex(ids.shape):
        dW[ids[place]] += dy[place]
    gradients = lookup.backward(dy, lookup.forward(ids, dW)[1])
    assert gradients.tobytes() == dW.tobytes()
    assert not gradients[9:].any()


# What is kept changes no result.


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("keep", ["inputs", "nothing"])
def test_what_is_kept_changes_no_bit(keep, dtype, rng):
    model = tiny_bert(dtype=dtype)
    batch = samples.inputs(model.config, 3, 5, rng)
    wanted, _ = bert.forward(batch, model.params.bert, model.config)
    outputs, cache = bert.forward(batch, model.params.bert, model.config, keep=keep)
    for a, b in zip(wanted, outputs, strict=True):
        assert a.dtype == b.dtype == dtype
        assert a.tobytes() == b.tobytes()
    assert len(cache.encoder.layers) == (0 if keep == "nothing" else model.config.num_hidden_layers)


# The commands.


def test_run_names_and_order():
    rows = pairs.run(("tanh", "linear"))
    assert list(dict.fromkeys(row.block for row in rows)) == ["tanh", "linear"]
    with pytest.raises(UsageError, match="gradcheck: 'gelo': expected one of linear, gelu"):
        pairs.run(("tanh", "gelo"))
    with pytest.raises(UsageError, match="one of complex, central"):
        pairs.run(("tanh",), "magic")


def test_report_names_the_worst_case_and_what_failed():
    good = pairs.run(("softmax",))
    bad = good[1]._replace(error=0.5, passed=False)
    ugly = good[1]._replace(name="y", error=float("inf"), passed=False, problem="expected shape (2,), got (3,)")
    assert report.worst_cases([*good, bad, ugly]) == [bad, ugly]
    place = ", ".join(map(str, bad.place))
    assert pairs.failure(bad).startswith(f"softmax: mask: x[{place}]: expected {bad.numeric!r}")
    assert pairs.failure(ugly) == "softmax: mask: y: expected shape (2,), got (3,)"


def failures(rows):
    return "\n".join(pairs.failure(row) for row in rows if not row.passed)


def test_run_at_a_model_with_every_head():
    model, done = tiny_bert(dtype="float64"), []
    rows = pairs.run_at(model.params, model.config, progress=done.append)
    assert {row.block for row in rows} == {"encoder_layer", *objective.HEADS}
    assert {row.case for row in rows} == {"layer 0", "layer 1", "whole model"}
    assert all(row.passed for row in rows), failures(rows)
    assert sum(done) == len(rows)
    names = {row.name for row in rows if row.block == "masked_lm"}
    assert {
        "params.bert.embedding.word",
        "params.bert.encoder.layers.1.attention.qkv.W",
        "params.masked_lm.bias",
    } < names


def test_run_at_a_model_without_heads_or_pooler_in_float32():
    model = tiny_bert(heads=(), has_pooler=False, max_position_embeddings=4)
    rows = pairs.run_at(model.params, model.config)
    assert {row.block for row in rows} == {"encoder_layer", "bert"}
    assert all(row.passed for row in rows), failures(rows)


def test_run_at_chosen_blocks():
    model = tiny_bert(heads=("next_sentence",))
    assert {row.block for row in pairs.run_at(model.params, model.config, ("bert",))} == {"bert"}
    for unknown in ("gelu", "masked_lm"):
        with pytest.raises(UsageError, match=f"{unknown}.*: expected one of encoder_layer, bert, next_sentence for"):
            pairs.run_at(model.params, model.config, (unknown,))


def test_run_at_finds_a_wrong_backward(monkeypatch):
    right = encoder_layer.backward

    def wrong(dy, cache):
        dx, dparams = right(dy, cache)
        return dx * (1.0 + 1e-9), dparams

    monkeypatch.setattr(encoder_layer, "backward", wrong)
    model = tiny_bert(heads=("token_classification",))
    failed = {(row.block, row.name) for row in pairs.run_at(model.params, model.config) if not row.passed}
    assert ("encoder_layer", "x") in failed
    assert ("token_classification", "params.bert.embedding.word") in failed
    assert ("token_classification", "params.token_classification.dense.W") not in failed


def test_labels_fit_every_config(rng):
    for task in objective.TASKS:
        for B, T in ((1, 1), (2, 5)):
            config = tiny_config(num_labels=1)
            encoded = samples.labels(task, config, B, T, rng)
            assert encoded is not None


def test_at_the_weights_of_minilm():
    model = load(published("minilm"), dtype="float64")
    rows = pairs.run_at(model.params, model.config, ("encoder_layer",))
    assert len(rows) == 6 * 13
    assert all(row.passed for row in rows), failures(rows)


def test_at_the_weights_of_a_masked_language_model():
    model = load(published("splade"), dtype="float64")
    rows = pairs.run_at(model.params, model.config, ("masked_lm",))
    assert all(row.passed for row in rows), failures(rows)


def test_a_check_at_random_weights_would_see_any_of_the_methods_fail(monkeypatch):
    monkeypatch.setattr(checker, "COMPLEX_STEP", 1e-4)  # a step that is felt
    assert not all(row.passed for row in pairs.run(("gelu",), "complex"))
    monkeypatch.setattr(checker, "CENTRAL_STEP", 1e-1)
    assert not all(row.passed for row in pairs.run(("gelu",), "central"))


def test_weights_out_of_range_are_a_failed_row_each():
    """Nothing can be measured at a weight of 1e300: the other layer is checked all the same."""
    bert = tiny_bert(heads=(), dtype="float64")
    params = tree.replace(bert.params, "bert.encoder.layers.1.feed_forward.expand.b", np.full(20, 1e300))
    with np.errstate(all="ignore"):
        rows = pairs.run_at(params, bert.config, ("encoder_layer",))
    assert all(row.passed for row in rows if row.case == "layer 0")
    assert any(not row.passed and row.problem for row in rows if row.case == "layer 1")
