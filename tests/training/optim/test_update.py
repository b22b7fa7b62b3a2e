"""The update rules: AdamW against PyTorch's run of a hundred steps, BERT's Adam against the rule in 50 digits."""

import mpmath
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.training_models import TorchRun, equal, largest_difference, pretraining_batch, small_model

from numpy_bert.errors import Error
from numpy_bert.numerics import tree
from numpy_bert.training import accumulation, step
from numpy_bert.training.optim import adamw, bert_adam, clipping, sgd
from numpy_bert.training.optim import update as optimizers
from numpy_bert.training.optim.layer_decay import multipliers
from numpy_bert.training.recipe import Recipe

RULES = {"adamw": adamw, "bert_adam": bert_adam, "sgd": sgd}


def run_of(torch_run):
    """The reports of all steps and the parameters after them."""
    state = step.begin(torch_run.params, torch_run.recipe)
    source, factors = torch_run.source(), multipliers(torch_run.params)
    reports = []
    for _ in range(torch_run.recipe.steps):
        reports.append(step.take(state, source.next(), torch_run.recipe, torch_run.config, factors))
    return reports, state.params


def test_adamw_takes_pytorchs_steps_in_double_precision(tmp_path):
    reference = TorchRun(tmp_path, np.float64)
    reports, params = run_of(reference)
    stored = reference.stored
    assert np.abs(np.array([r.loss for r in reports]) - stored["losses"]).max() <= 1e-10
    assert np.allclose([r.learning_rate for r in reports], stored["learning_rates"], rtol=1e-14, atol=0)
    assert np.allclose([r.gradient_norm for r in reports], stored["gradient_norms"], rtol=1e-10, atol=0)
    assert largest_difference(params, reference.tree("final_parameters", np.float64)) <= 1e-9


def test_adamw_takes_pytorchs_steps_in_single_precision(tmp_path):
    reference = TorchRun(tmp_path, np.float32)
    reports, _ = run_of(reference)
    losses = np.array([r.loss for r in reports])
    assert np.abs(losses - reference.stored["losses"]).max() <= 1e-4
    assert np.abs(losses - reference.stored["losses_float32"]).max() <= 1e-4


# BERT's Adam, transcribed literally.


def exact_bert_adam(p, g, m, v, rates):
    """`AdamWeightDecayOptimizer.apply_gradients` of one number, in 50 digits; rates: learning rate and decay."""
    with mpmath.workdps(50):
        p, g, m, v, rate, decay = map(mpmath.mpf, (p, g, m, v, *rates))
        unit, beta1, beta2, eps = mpmath.mpf(1), mpmath.mpf(0.9), mpmath.mpf(0.999), mpmath.mpf(1e-6)
        next_m = beta1 * m + (unit - beta1) * g
        next_v = beta2 * v + (unit - beta2) * g**2
        update = next_m / (mpmath.sqrt(next_v) + eps)
        update += decay * p
        return p - rate * update, next_m, next_v


def test_berts_adam_is_the_rule_to_the_last_digit(rng):
    for decay in (0.0, 0.01):
        p, g, m = (rng.normal(0, scale, 200) for scale in (1.0, 0.1, 0.1))
        v = rng.random(200) * 0.01
        g[0] = m[0] = v[0] = 0.0
        expected = [exact_bert_adam(*numbers, (0.1, decay)) for numbers in zip(p, g, m, v, strict=True)]
        bert_adam.update(p, g, (m, v), 1, (0.1, decay), bert_adam.BertAdamSettings())
        for ours, exact in zip((p, m, v), zip(*expected, strict=True), strict=True):
            for mine, right in zip(ours, exact, strict=True):
                assert abs(mpmath.mpf(float(mine)) - right) <= 1e-15 * max(1, abs(right))


def test_berts_adam_stays_near_the_rule_for_a_hundred_steps(rng):
    p, m, v = np.array([0.5]), np.zeros(1), np.zeros(1)
    exact = (0.5, 0.0, 0.0)
    for g in rng.normal(0, 0.1, 100):
        exact = exact_bert_adam(exact[0], g, *exact[1:], (1e-2, 0.01))
        bert_adam.update(p, np.array([g]), (m, v), 1, (1e-2, 0.01), bert_adam.BertAdamSettings())
    assert abs(p[0] - float(exact[0])) < 1e-14


# Properties.


def test_adamw_has_a_closed_form_for_a_constant_gradient():
    """m̂ = g and v̂ = g², whatever t: each step is η g / (|g| + ε)."""
    p, moments = np.array([1.0, -2.0]), (np.zeros(2), np.zeros(2))
    gradient = np.array([0.3, -1e-4])
    for t in range(1, 51):
        before = p.copy()
        adamw.update(p, gradient.copy(), moments, t, (0.01, 0.0), adamw.AdamWSettings())
        assert np.allclose(before - p, 0.01 * gradient / (np.abs(gradient) + 1e-8), rtol=1e-9, atol=0)


def test_sgd_sums_up_its_momentum():
    p, u = np.array([1.0]), np.zeros(1)
    for t in range(1, 4):
        sgd.update(p, np.array([1.0]), (u,), t, (0.1, 0.0), sgd.SGDSettings(0.5))
    assert np.allclose(u, 1.75)
    assert np.allclose(p, 1 - 0.1 * (1 + 1.5 + 1.75))


@pytest.mark.parametrize("rule", RULES)
def test_without_a_gradient_decay_shrinks_and_nothing_else_happens(rule):
    """Norms and biases are left alone altogether."""
    params, _ = small_model()
    params = tree.map(lambda p: p + 1.0, params)  # biases and betas too are something that could shrink
    before = tree.map(np.copy, params)
    state = optimizers.initial(rule, params)
    gradients = tree.map(np.zeros_like, params)
    rates = optimizers.Rates(0.1, 0.5)
    optimizers.step(params, gradients, state, rates, multipliers(params), (rule, RULES[rule].DEFAULTS))
    for (name, p), old in zip(tree.items(params), tree.leaves(before), strict=True):
        factor = 1.0 if name.split(".")[-1] in ("gamma", "beta", "b", "bias") else 1 - 0.1 * 0.5
        assert np.allclose(p, factor * old, rtol=1e-14), name
    assert {name.split(".")[-1] for name, _ in tree.items(params)} == {
        "W", "b", "bias", "gamma", "beta", "word", "position", "segment",
    }  # fmt: skip


@pytest.mark.parametrize("rule", RULES)
def test_frozen_parts_do_not_move(rule):
    params, _ = small_model()
    before = tree.map(np.copy, params)
    state = optimizers.initial(rule, params)
    frozen = multipliers(params, frozen=("bert.embedding", "bert.encoder.layers.0"))
    gradients = tree.map(np.ones_like, params)
    state = optimizers.step(params, gradients, state, optimizers.Rates(0.1, 0.1), frozen, (rule, RULES[rule].DEFAULTS))
    assert state.t == 1
    for (name, p), old, m in zip(tree.items(params), tree.leaves(before), tree.leaves(state.moments[0]), strict=True):
        still = name.startswith(("bert.embedding.", "bert.encoder.layers.0."))
        assert np.array_equal(p, old) == still, name
        assert (not m.any()) == still, name


def test_layers_near_the_words_learn_more_slowly():
    params, _ = small_model()
    factors = dict(tree.items(multipliers(params, 0.5)))
    assert factors["bert.embedding.word"] == 0.5**3
    assert factors["bert.encoder.layers.0.attention.qkv.W"] == 0.5**2
    assert factors["bert.encoder.layers.1.attention.qkv.W"] == 0.5
    assert factors["bert.pooler.dense.W"] == factors["masked_lm.transform.W"] == 1.0
    moved = {}
    for decay in (1.0, 0.5):
        own = tree.map(np.zeros_like, params)
        rule = ("sgd", sgd.SGDSettings())
        gradients = tree.map(np.ones_like, params)
        state = optimizers.initial("sgd", own)
        optimizers.step(own, gradients, state, optimizers.Rates(1.0, 0.0), multipliers(params, decay), rule)
        moved[decay] = dict(tree.items(own))
    for name, factor in factors.items():
        assert np.allclose(moved[0.5][name], factor * moved[1.0][name]), name


@pytest.mark.parametrize("part", ["bert.embeddings", "bert.encoder.layers.2", "", "bert.embedding.wor"])
def test_freezing_what_is_not_there_is_an_error(part):
    params, _ = small_model()
    with pytest.raises(Error, match=r"^frozen: expected parts of the model such as bert.embedding, got "):
        multipliers(params, frozen=(part,))


@given(size=st.integers(1, 5), seed=st.integers(0, 10), part=st.integers(1, 9), at_least=st.integers(0, 40))
@settings(max_examples=20)
def test_how_the_work_is_cut_and_shared_changes_nothing(size, seed, part, at_least):
    results = []
    for cut, alone in ((1 << 16, 10**9), (part * size, at_least)):
        params, _ = small_model(seed, np.float32)
        gradients = tree.map(lambda p: np.cos(p) * 0.1, params)
        state = optimizers.initial("adamw", params)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(optimizers, "CHUNK", cut)
            patch.setattr(optimizers, "MIN_CHUNKS", alone)
            for _ in range(2):
                rates = optimizers.Rates(1e-2, 0.01, 0.5)
                state = optimizers.step(
                    params, gradients, state, rates, multipliers(params), ("adamw", adamw.AdamWSettings())
                )
        results.append((params, state.moments))
    (p, moments), (q, others) = results
    assert equal(p, q)
    assert equal(moments, others)


def test_parameters_that_could_not_be_changed_in_place_are_not_passed_over():
    params, _ = small_model()
    across = tree.map(np.asfortranarray, params)
    arguments = optimizers.Rates(0.1, 0.0), multipliers(params), ("sgd", sgd.SGDSettings())
    with pytest.raises(AssertionError, match="a copy that is updated"):
        optimizers.step(across, params, optimizers.initial("sgd", params), *arguments)
    state = optimizers.initial("sgd", params)
    optimizers.step(params, across, state, *arguments)  # gradients may lie as they like


def test_gradients_are_not_changed():
    params, _ = small_model()
    gradients = tree.map(np.ones_like, params)
    state = optimizers.initial("adamw", params)
    optimizers.step(
        params, gradients, state, optimizers.Rates(0.1, 0.0, 0.5), multipliers(params), ("adamw", adamw.AdamWSettings())
    )
    assert all((g == 1).all() for g in tree.leaves(gradients))


def test_the_norm_counts_what_learns_and_nothing_else():
    params, config = small_model(hidden_dropout=0.0, attention_dropout=0.0)
    frozen = ("bert.embedding", "masked_lm")
    recipe = Recipe("pretraining", 5, frozen=frozen)
    batch = pretraining_batch([5, 6])
    _, gradients = accumulation.gradients("pretraining", [batch], params, config)
    learning = [g for name, g in tree.items(gradients) if not name.startswith(frozen)]
    report = step.take(step.begin(params, recipe), [batch], recipe, config, multipliers(params, 1.0, frozen))
    assert report.gradient_norm == clipping.norm(learning) < clipping.norm(tree.leaves(gradients))
