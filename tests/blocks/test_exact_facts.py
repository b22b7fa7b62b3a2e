"""What is known of a gradient or a result without computing it by the same formula: zeros, sums, answers by hand."""

from dataclasses import replace
from math import erf, exp, log, sqrt, tanh

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from support.tiny import tiny_bert

from numpy_bert import Error
from numpy_bert.blocks import (
    attention,
    bert,
    binary_cross_entropy,
    cross_entropy,
    dropout,
    embedding,
    encoder_layer,
    feed_forward,
    gelu,
    layer_norm,
    linear,
    log_softmax,
    lookup,
    multi_head_attention,
    pooler,
    softmax,
    squared_error,
)
from numpy_bert.blocks import tanh as tanh_block
from numpy_bert.blocks.dropout import Dropout
from numpy_bert.gradcheck.cases import samples
from numpy_bert.numerics import tree
from numpy_bert.tasks import next_sentence, objective, question_answering, sentence_embedding

ROUNDING = 1e-15  # of sums of a few numbers near 1


def exactly(actual, expected):
    """Equal but for the rounding of a few operations."""
    assert_allclose(actual, np.array(expected, dtype=float), rtol=4e-16, atol=4e-16)


# Gradients that must be zero, or add up to it.


class TestTheKeyBias:
    """A bias added to every key adds q·b to all scores of a query: a shift, and softmax does not see it."""

    def test_has_no_effect(self, rng):
        params = samples.params(multi_head_attention.shapes(6), rng)
        x, mask = rng.standard_normal((2, 4, 6)), samples.padding(2, 4)
        b = params.qkv.b.copy()
        b[6:12] += 10.0
        moved = params._replace(qkv=params.qkv._replace(b=b))
        before, after = (multi_head_attention.forward(x, p, 3, mask)[0] for p in (params, moved))
        assert_allclose(before, after, rtol=0, atol=1e-13)

    def test_has_gradient_zero_to_rounding(self, rng):
        params = samples.params(multi_head_attention.shapes(6), rng)
        x, dy = rng.standard_normal((2, 3, 5, 6))
        _, cache = multi_head_attention.forward(x, params, 3, samples.padding(3, 5))
        _, dparams = multi_head_attention.backward(dy, cache)
        dQ, dK, dV = dparams.qkv.b.reshape(3, 6)
        assert np.abs(dK).max() < ROUNDING * np.abs(dV).max()
        assert np.abs(dQ).max() > 0.01 * np.abs(dV).max()

    def test_in_every_layer_of_the_whole_model(self, rng):
        model = tiny_bert(dtype="float64")
        dparams = gradients(model, "pretraining", 3, 7, rng)
        for layer in dparams.bert.encoder.layers:
            dQ, dK, dV = layer.attention.qkv.b.reshape(3, 12)
            assert np.abs(dK).max() < 1e-14 * np.abs(dV).max()
            assert np.abs(dQ).max() > 1e-6 * np.abs(dV).max()


def gradients(model, task, B, T, rng, **batch):
    inputs = batch.get("inputs") or samples.inputs(model.config, B, T, rng)
    labels = batch.get("labels", samples.labels(task, model.config, B, T, rng))
    _, cache = objective.forward(task, objective.Batch(inputs, labels), model.params, model.config)
    return objective.backward(1.0, cache)


def test_layer_norm_dx_is_orthogonal_to_1_and_to_x_hat(rng):
    """LayerNorm(a x + b) = LayerNorm(x), so nothing is to be had from a shift or a stretch of x (for ε → 0)."""
    params = samples.params(layer_norm.shapes(9), rng)
    _, cache = layer_norm.forward(3.0 + 2.0 * rng.standard_normal((4, 9)), params, 0.0)
    dx, _ = layer_norm.backward(rng.standard_normal((4, 9)), cache)
    assert np.abs(dx.sum(axis=-1)).max() < ROUNDING
    assert np.abs((dx * cache.x_hat).sum(axis=-1)).max() < ROUNDING
    assert np.abs(dx).max() > 0.1


def test_with_a_large_eps_dx_is_no_longer_orthogonal_to_x_hat(rng):
    """So that the test above can fail."""
    params = samples.params(layer_norm.shapes(9), rng)
    _, cache = layer_norm.forward(rng.standard_normal((4, 9)), params, 1.0)
    dx, _ = layer_norm.backward(rng.standard_normal((4, 9)), cache)
    assert np.abs(dx.sum(axis=-1)).max() < ROUNDING
    assert np.abs((dx * cache.x_hat).sum(axis=-1)).max() > 0.01


def test_rows_of_dS_sum_to_zero(rng):
    """The probabilities of a row sum to 1, whatever its scores are shifted by."""
    x, dp = rng.standard_normal((2, 3, 4, 7))
    mask = rng.random((4, 7)) < 0.6
    for chosen in (None, mask):
        dx = softmax.backward(dp, softmax.forward(x, chosen)[1])
        assert np.abs(dx.sum(axis=-1)).max() < ROUNDING
        assert np.abs(dx).max() > 0.1
    assert np.abs(log_softmax.backward(dp, log_softmax.forward(x)[1]).sum(axis=-1)).max() < 4 * ROUNDING


def test_masked_scores_get_exactly_zero(rng):
    x, dp = rng.standard_normal((2, 3, 4, 7))
    mask = rng.random((3, 4, 7)) < 0.6
    mask[1, 2] = False
    p, cache = softmax.forward(x, mask)
    dx = softmax.backward(dp, cache)
    assert not p[~mask].any()
    assert not dx[~mask].any()
    assert not p[1, 2].any()
    assert not np.isnan(dx).any()


def test_gradients_of_cross_entropy_sum_to_zero_over_the_classes(rng):
    x, labels = rng.standard_normal((4, 5)), np.array([1, -100, 4, 0])
    dx = cross_entropy.backward(1.0, cross_entropy.forward(x, labels)[1])
    assert np.abs(dx.sum(axis=-1)).max() < ROUNDING
    assert not dx[1].any()
    assert dx[[0, 2, 3]].all()


def test_nothing_to_learn_gives_loss_and_gradient_zero(rng):
    loss, cache = cross_entropy.forward(rng.standard_normal((2, 3)), np.array([-100, -100]))
    assert loss == 0.0
    assert_array_equal(cross_entropy.backward(1.0, cache), np.zeros((2, 3)))


def test_dropped_places_get_exactly_zero(rng):
    x, dy = rng.standard_normal((2, 1000))
    y, cache = dropout.forward(x, Dropout(0.3, rng))
    dx = dropout.backward(dy, cache)
    assert_array_equal(dx == 0.0, y == 0.0)
    assert 200 < (y == 0.0).sum() < 400


def test_only_the_first_token_gets_a_gradient_from_the_pooler(rng):
    _, cache = pooler.forward(rng.standard_normal((2, 5, 6)), samples.params(pooler.shapes(6), rng))
    dh, _ = pooler.backward(rng.standard_normal((2, 6)), cache)
    assert dh[:, 0].all()
    assert not dh[:, 1:].any()


def test_rows_of_a_table_that_were_not_taken_get_exactly_zero(rng):
    model = tiny_bert(dtype="float64")
    inputs = samples.inputs(model.config, 3, 7, rng)
    segment = np.zeros_like(inputs.ids.segment)
    inputs = inputs._replace(ids=inputs.ids._replace(token=inputs.ids.token % 9 + 2, segment=segment))
    for task in ("next_sentence", "token_classification"):
        table = gradients(model, task, 3, 7, rng, inputs=inputs).bert.embedding
        assert not table.word[:2].any()
        assert not table.word[11:].any()
        assert not table.position[7:].any()
        assert not table.segment[1:].any()
        assert table.word[np.unique(inputs.ids.token[inputs.mask])].all()
        assert table.position[:7].all()


@pytest.mark.parametrize("task", ["pretraining", "token_classification", "sequence_classification", "multiple_choice"])
def test_padding_gets_exactly_zero(task, rng):
    """Tokens, positions and segments that stand only where the mask is False: the loss does not depend on them. (But
    that of question answering does, where each token is a class and the padded ones are too, as in the published code.)
    """
    model = tiny_bert(dtype="float64", tie_word_embeddings=False)
    B, T, real = 2, 8, 5
    inputs = samples.inputs(model.config, B, T, rng)
    mask = np.arange(T)[None, :] < np.array([[real], [real]])
    token = np.where(mask, inputs.ids.token % 20, 21)
    ids = inputs.ids._replace(token=token, segment=np.where(mask, 0, 1))
    labels = samples.labels(task, model.config, B, T, rng)
    if task == "pretraining":
        labels = labels._replace(masked_lm=np.where(mask, labels.masked_lm, cross_entropy.IGNORED))
    if task == "token_classification":
        labels = np.where(mask, labels, cross_entropy.IGNORED)
    table = gradients(model, task, B, T, rng, inputs=bert.Inputs(ids, mask), labels=labels).bert.embedding
    assert not table.word[21].any()
    assert not table.position[real:].any()
    assert not table.segment[1].any()
    assert table.position[:real].all()


def test_heads_that_took_no_part_get_exactly_zero(rng):
    model = tiny_bert(dtype="float64")
    dparams = gradients(model, "next_sentence", 2, 4, rng)
    assert all(leaf.any() for leaf in tree.leaves(dparams.next_sentence))
    for head in objective.HEADS:
        if head != "next_sentence":
            assert not any(leaf.any() for leaf in tree.leaves(getattr(dparams, head)))
            assert type(getattr(dparams, head)) is type(getattr(model.params, head))


def test_a_tied_decoder_gets_both_gradients_in_one_place(rng):
    """The embedding's gradient is the sum of what the two untied arrays would get."""
    tied = tiny_bert(dtype="float64")
    word = tied.params.bert.embedding.word
    untied = tiny_bert(dtype="float64", tie_word_embeddings=False)
    untied.params = tied.params._replace(masked_lm=tied.params.masked_lm._replace(decoder=word.copy()))
    both = [gradients(model, "masked_lm", 3, 5, np.random.default_rng(2)) for model in (tied, untied)]
    assert both[0].masked_lm.decoder is None
    parts = both[1].bert.embedding.word, both[1].masked_lm.decoder
    assert_array_equal(both[0].bert.embedding.word, parts[0] + parts[1])
    assert all(np.abs(part).max() > 1e-3 for part in parts)


# Answers by hand.


def test_linear():
    params = linear.Params(np.array([[1.0, 2.0], [0.0, -1.0], [3.0, 1.0]]), np.array([10.0, 20.0, 30.0]))
    y, cache = linear.forward(np.array([[1.0, 4.0]]), params)
    exactly(y, [[19.0, 16.0, 37.0]])
    dx, (dW, db) = linear.backward(np.array([[1.0, 2.0, -1.0]]), cache)
    exactly(dx, [[-2.0, -1.0]])
    exactly(dW, [[1.0, 4.0], [2.0, 8.0], [-1.0, -4.0]])
    exactly(db, [1.0, 2.0, -1.0])


@pytest.mark.parametrize("x", [-3.0, -1.0, 0.0, 0.5, 2.0])
def test_gelu(x):
    cdf, density = 0.5 * (1.0 + erf(x / sqrt(2.0))), exp(-0.5 * x * x) / sqrt(2.0 * np.pi)
    y, cache = gelu.forward(np.array([x]), "erf")
    exactly(y, [x * cdf])
    exactly(gelu.backward(np.array([2.0]), cache), [2.0 * (cdf + x * density)])
    y, cache = gelu.forward(np.array([x]), "tanh")
    exactly(y, [0.5 * x * (1.0 + tanh(sqrt(2.0 / np.pi) * (x + 0.044715 * x**3)))])
    if x == 0.0:
        exactly(gelu.backward(np.array([2.0]), cache), [1.0])


def test_gelu_at_1_as_published():
    """Φ(1) of any table of the normal distribution; the tanh form is off by 1.5e-4 there."""
    assert gelu.forward(np.array(1.0), "erf")[0] == pytest.approx(0.841344746068543, abs=1e-15)
    assert gelu.forward(np.array(1.0), "tanh")[0] == pytest.approx(0.841191990608276, abs=1e-15)


def test_tanh():
    y, cache = tanh_block.forward(np.array([0.0, log(2.0)]))
    exactly(y, [0.0, 0.6])  # (2 - 1/2) / (2 + 1/2)
    exactly(tanh_block.backward(np.array([1.0, 1.0]), cache), [1.0, 0.64])


def test_softmax():
    x = np.array([0.0, log(2.0), log(3.0)])
    exactly(softmax.forward(x)[0], [1 / 6, 2 / 6, 3 / 6])
    exactly(softmax.forward(x, np.array([True, False, True]))[0], [1 / 4, 0.0, 3 / 4])
    exactly(softmax.forward(x, np.zeros(3, bool))[0], [0.0, 0.0, 0.0])
    exactly(softmax.forward(np.array([1e300, -1e300]))[0], [1.0, 0.0])
    exactly(log_softmax.forward(x)[0], [-log(6.0), log(2.0) - log(6.0), log(3.0) - log(6.0)])
    exactly(log_softmax.forward(np.array([1e4, 0.0]))[0], [0.0, -1e4])


def test_layer_norm():
    params = layer_norm.Params(np.array([2.0, 5.0]), np.array([0.5, 1.0]))
    y, cache = layer_norm.forward(np.array([1.0, 3.0]), params, 0.0)  # μ = 2, σ = 1
    exactly(y, [-1.5, 6.0])
    y, cache = layer_norm.forward(np.array([1.0, 3.0]), params, 3.0)  # √(1 + 3) = 2
    exactly(y, [-0.5, 3.5])
    dx, (dgamma, dbeta) = layer_norm.backward(np.array([1.0, 1.0]), cache)
    # x̂ = (-1, 1)/2, g = (2, 5): dx = r (g - mean(g) - x̂ mean(g x̂)) = ½ ((-1.5, 1.5) - (-0.5, 0.5) 0.75)
    exactly(dx, [-0.5625, 0.5625])
    exactly(dgamma, [-0.5, 0.5])
    exactly(dbeta, [1.0, 1.0])


def test_dropout_scales_what_it_keeps(rng):
    y, cache = dropout.forward(np.ones(1000), Dropout(0.2, rng))
    assert set(np.unique(y)) == {0.0, 1.25}
    assert_array_equal(dropout.backward(np.ones(1000), cache), y)


def test_lookup():
    W = np.array([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])
    y, cache = lookup.forward(np.array([2, 0, 2]), W)
    exactly(y, [[5.0, 6.0], [1.0, 2.0], [5.0, 6.0]])
    exactly(lookup.backward(np.array([[1.0, 0.0], [0.0, 7.0], [10.0, 3.0]]), cache), [[0, 7], [0, 0], [11, 3]])


def test_embedding():
    """The sums are (3, 11) and (3, 15): x̂ = (-1, 1) for both, which γ and β make (-2, 4); σ is 4 and 6."""
    norm = layer_norm.Params(np.array([2.0, 3.0]), np.array([0.0, 1.0]))
    word, position, segment = (np.array(rows, float) for rows in ([[1, 0]], [[0, 5], [0, 9]], [[2, 6]]))
    zeros = np.zeros((1, 2), int)
    ids = embedding.Ids(zeros, np.array([[0, 1]]), zeros)
    y, cache = embedding.forward(ids, embedding.Params(word, position, segment, norm), 0.0, dropout.NONE)
    exactly(y, [[[-2.0, 4.0], [-2.0, 4.0]]])
    exactly(cache.norm.rstd, [[[1 / 4], [1 / 6]]])


def test_pooler_reads_the_first_token():
    params = pooler.Params(linear.Params(np.array([[1.0, 0.0], [0.0, 2.0]]), np.array([0.0, log(3.0)])))
    y, _ = pooler.forward(np.array([[[log(2.0), 0.0], [9.0, 9.0]]]), params)
    exactly(y, [[0.6, 0.8]])  # tanh(log 2) and tanh(log 3)


def test_attention_of_two_tokens():
    """D = 1. Scores (0, 0) and (0, log 3), so probabilities (1/2, 1/2) and (1/4, 3/4), of the values 1 and 5."""
    Q, K, V = np.array([[0.0], [log(3.0)]]), np.array([[0.0], [1.0]]), np.array([[1.0], [5.0]])
    y, cache = attention.forward(Q, K, V)
    exactly(y, [[3.0], [4.0]])
    dQ, dK, dV = attention.backward(np.array([[1.0], [1.0]]), cache)
    # dS = P (dP - Σ P dP), dP = (1, 5): (-1, 1) and (-3/4, 3/4)
    exactly(dV, [[3 / 4], [5 / 4]])
    exactly(dQ, [[1.0], [3 / 4]])
    exactly(dK, [[-3 / 4 * log(3.0)], [3 / 4 * log(3.0)]])


def test_attention_divides_by_the_root_of_D():
    """D = 4: the same scores need a product twice as large."""
    Q, K = np.zeros((2, 4)), np.zeros((2, 4))
    Q[1, 2], K[1, 2] = 2.0 * log(3.0), 1.0
    exactly(attention.forward(Q, K, np.array([[1.0], [5.0]]))[0], [[3.0], [4.0]])


def test_attention_to_what_is_not_masked():
    Q, K, V = np.array([[0.0], [log(3.0)]]), np.array([[0.0], [1.0]]), np.array([[1.0], [5.0]])
    exactly(attention.forward(Q, K, V, np.array([False, True]))[0], [[5.0], [5.0]])
    exactly(attention.forward(Q, K, V, np.array([[True, False], [True, True]]))[0], [[1.0], [4.0]])
    exactly(attention.forward(Q, K, V, np.array([False, False]))[0], [[0.0], [0.0]])


def test_each_head_sees_its_own_part(rng):
    """A = 2, D = 1, identity weights: head a is attention over component a alone."""
    eye, zero = np.eye(2), np.zeros(2)
    params = multi_head_attention.Params(
        linear.Params(np.concatenate([eye, eye, eye]), np.zeros(6)), linear.Params(eye, zero)
    )
    x = rng.standard_normal((1, 4, 2))
    y, _ = multi_head_attention.forward(x, params, 2)
    for a in range(2):
        component = x[0, :, a : a + 1]
        assert_allclose(y[0, :, a : a + 1], attention.forward(component, component, component)[0], rtol=1e-15)


def test_feed_forward():
    params = feed_forward.Params(
        linear.Params(np.array([[1.0], [-1.0]]), np.zeros(2)), linear.Params(np.array([[1.0, -1.0]]), np.array([0.5]))
    )
    y, _ = feed_forward.forward(np.array([[[3.0]]]), params, "erf")
    exactly(y, [[[3.5]]])  # gelu(x) - gelu(-x) = x


def test_an_encoder_layer_of_zero_weights_is_two_norms(rng):
    """Zero sublayers leave the residual path: LayerNorm(LayerNorm(x))."""
    params = tree.map(lambda shape: np.zeros(shape.dims), encoder_layer.shapes(samples.LAYER))
    norm = samples.params(layer_norm.shapes(6), rng)
    params = params._replace(attention_norm=norm, feed_forward_norm=norm)
    x = rng.standard_normal((2, 3, 6))
    y, _ = encoder_layer.forward(x, params, None, samples.LAYER)
    once, _ = layer_norm.forward(x, norm, samples.LAYER.layer_norm_eps)
    assert_array_equal(y, layer_norm.forward(once, norm, samples.LAYER.layer_norm_eps)[0])


def test_cross_entropy():
    x = np.array([[0.0, log(3.0)], [7.0, 7.0], [5.0, -5.0]])
    loss, cache = cross_entropy.forward(x, np.array([1, 0, -100]))
    exactly(loss, 0.5 * (log(4.0 / 3.0) + log(2.0)))
    exactly(cross_entropy.backward(1.0, cache), [[1 / 8, -1 / 8], [-1 / 4, 1 / 4], [0.0, 0.0]])


def test_binary_cross_entropy():
    """σ(log 3) = 3/4; a logit of 0 is worth log 2, whatever the target."""
    x, targets = np.array([[np.log(3.0), 0.0]]), np.array([[1, 0]])
    loss, cache = binary_cross_entropy.forward(x, targets)
    exactly(loss, 0.5 * (-np.log(3 / 4) + np.log(2.0)))
    exactly(binary_cross_entropy.backward(1.0, cache), [[-1 / 8, 1 / 4]])


@pytest.mark.parametrize("x", [0.0, -0.0])
def test_binary_cross_entropy_has_a_slope_where_its_two_forms_meet(x):
    step, targets = 1e-200, np.array([0])
    loss, _ = binary_cross_entropy.forward(np.array([complex(x, step)]), targets)
    exactly(loss.imag / step, 0.5)
    exactly(binary_cross_entropy.backward(1.0, binary_cross_entropy.forward(np.array([x]), targets)[1]), [0.5])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_binary_cross_entropy_of_large_scores_is_finite_and_keeps_the_type(dtype):
    x = np.array([1e4, -1e4, 1e4, -1e4, np.finfo(dtype).max], dtype)
    loss, cache = binary_cross_entropy.forward(x[:4], np.array([1, 0, 0, 1]))
    assert (loss, loss.dtype) == (5000.0, dtype)
    dx = binary_cross_entropy.backward(loss.dtype.type(1), cache)
    assert dx.tolist() == [0.0, 0.0, 0.25, -0.25]
    assert dx.dtype == dtype
    assert binary_cross_entropy.forward(x[4:], np.array([1]))[0] == 0.0


def test_binary_cross_entropy_of_a_small_probability_keeps_its_digits():
    loss, cache = binary_cross_entropy.forward(np.array([-40.0]), np.array([0]))
    assert loss == pytest.approx(np.exp(-40.0), rel=1e-15)
    assert binary_cross_entropy.backward(1.0, cache) == pytest.approx(np.exp(-40.0), rel=1e-15)


def test_squared_error_of_several_outputs_is_the_mean_over_all():
    loss, cache = squared_error.forward(np.array([[1.0, 2.0], [0.0, 4.0]]), np.array([[0.0, 2.0], [3.0, 1.0]]))
    exactly(loss, (1 + 0 + 9 + 9) / 4)
    exactly(squared_error.backward(1.0, cache), [[0.5, 0.0], [-1.5, 1.5]])


def test_squared_error():
    loss, cache = squared_error.forward(np.array([1.0, 4.0]), np.array([3.0, 4.5]))
    exactly(loss, 0.5 * (4.0 + 0.25))
    exactly(squared_error.backward(1.0, cache), [-2.0, -0.5])


def test_squared_error_refuses_targets_that_would_broadcast():
    with pytest.raises(Error, match=r"targets: expected shape \(3,\), got \(3, 1\)"):
        squared_error.forward(np.ones(3), np.ones((3, 1)))


def test_squared_error_keeps_the_type_of_the_prediction():
    loss, cache = squared_error.forward(np.ones(3, np.float32), np.arange(3))
    assert loss.dtype == np.float32
    assert squared_error.backward(loss, cache).dtype == np.float32


def test_next_sentence_counts_0_as_follows():
    assert (next_sentence.FOLLOWS, next_sentence.RANDOM) == (0, 1)


def test_question_answering_takes_the_mean_of_start_and_end():
    """Zero weights: every token is as likely, and both losses are log T."""
    encoded = bert.Output(np.ones((2, 5, 3)), None)
    params = question_answering.Params(linear.Params(np.zeros((2, 3)), np.zeros(2)))
    labels = question_answering.Labels(np.array([0, 4]), np.array([1, 4]))
    loss, _ = question_answering.loss(encoded, labels, params, samples.LAYER)
    exactly(loss, log(5.0))


def test_sentence_embedding():
    h = np.array([[[1.0, 5.0], [3.0, 1.0], [100.0, 100.0]]])
    mask = np.array([[True, True, False]])
    exactly(sentence_embedding.forward(h, mask, "mean", False)[0], [[2.0, 3.0]])
    exactly(sentence_embedding.forward(h, mask, "cls", False)[0], [[1.0, 5.0]])
    exactly(sentence_embedding.forward(h, mask, "max", False)[0], [[3.0, 5.0]])
    exactly(sentence_embedding.forward(h, mask, "mean_sqrt_len_tokens", False)[0], [[4.0 / sqrt(2), 6.0 / sqrt(2)]])
    exactly(sentence_embedding.forward(h, mask, "weightedmean", False)[0], [[7.0 / 3.0, 7.0 / 3.0]])
    exactly(sentence_embedding.forward(h, mask, "lasttoken", False)[0], [[3.0, 1.0]])
    exactly(sentence_embedding.forward(h, mask, "cls+max", False)[0], [[1.0, 5.0, 3.0, 5.0]])
    exactly(sentence_embedding.forward(3.0 * np.array([[[3.0, 4.0]]]), None, "cls", True)[0], [[0.6, 0.8]])


def test_both_forms_of_gelu_differ_by_less_than_5e_4_and_more_than_4e_4():
    """What makes the form a setting that cannot be guessed."""
    x = np.linspace(-6.0, 6.0, 10_001)
    largest = np.abs(gelu.forward(x, "erf")[0] - gelu.forward(x, "tanh")[0]).max()
    assert 4e-4 < largest < 5e-4
    model = tiny_bert(dtype="float64")
    inputs = samples.inputs(model.config, 2, 5, np.random.default_rng(0))
    erf_form, tanh_form = (
        bert.forward(inputs, model.params.bert, replace(model.config, gelu=form))[0].hidden for form in ("erf", "tanh")
    )
    assert np.abs(erf_form - tanh_form).max() > 1e-5
