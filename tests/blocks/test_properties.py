"""What is true of BERT whatever its sizes, weights and texts: properties that its usual bugs break."""

import math
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from numpy_bert.blocks import (
    attention,
    bert,
    cross_entropy,
    dropout,
    encoder_layer,
    gelu,
    layer_norm,
    linear,
    log_softmax,
    lookup,
    multi_head_attention,
    softmax,
)
from numpy_bert.blocks.dropout import Dropout
from numpy_bert.config import BertConfig
from numpy_bert.gradcheck import cases as pairs
from numpy_bert.gradcheck.cases import samples
from numpy_bert.numerics import tree
from numpy_bert.tasks import objective

ROUNDING = 1e-12  # of float64, through a few layers, where numbers are near 1

seeds = st.integers(0, 2**32 - 1)
small_floats = st.floats(-1e3, 1e3, width=64)
nasty = st.sampled_from([0.0, -0.0, 5e-324, -1e-310, 1e4, -1e4, 1.0, 0.1])


def rows(max_side=6, elements=small_floats | nasty):
    """Matrices, with equal rows and equal numbers among them."""
    return arrays(np.float64, array_shapes(min_dims=1, max_dims=3, min_side=1, max_side=max_side), elements=elements)


class Model(NamedTuple):
    config: BertConfig
    params: objective.Params
    inputs: bert.Inputs
    rng: np.random.Generator

    def forward(self, inputs=None, params=None):
        return bert.forward(inputs or self.inputs, (params or self.params).bert, self.config)[0]

    def loss(self, task, labels, inputs=None, params=None):
        batch = objective.Batch(inputs or self.inputs, labels)
        return objective.forward(task, batch, params or self.params, self.config)

    def gradients(self, task, labels, inputs=None):
        return objective.backward(1.0, self.loss(task, labels, inputs)[1])

    def labels(self, task):
        return samples.labels(task, self.config, *self.inputs.ids.token.shape, self.rng)


@st.composite
def models(draw, heads=(), min_B=1, min_T=1):
    """A BERT of any small sizes and a batch padded on the right. Weights come from a seeded generator, so that a
    failing example is made simpler in its sizes, not in its thousand numbers.
    """
    A = draw(st.integers(1, 4))
    config = BertConfig(
        vocab_size=draw(st.integers(8, 40)),
        hidden_size=A * draw(st.integers(1, 8)),
        num_hidden_layers=draw(st.integers(1, 3)),
        num_attention_heads=A,
        intermediate_size=draw(st.integers(1, 16)),
        max_position_embeddings=16,
        gelu=draw(st.sampled_from(["erf", "tanh"])),
        # With 1e-12 two sums that nearly cancel would be blown up to any size, and rounding with them.
        layer_norm_eps=draw(st.sampled_from([1e-5, 1e-2])),
        num_labels=draw(st.integers(2, 4)),
    )
    B, T = draw(st.integers(min_B, 4)), draw(st.integers(min_T, 12))
    lengths = draw(st.lists(st.integers(1, T), min_size=B, max_size=B))
    rng = np.random.default_rng(draw(seeds))
    params = samples.params(objective.shapes(config, heads), rng)
    token = rng.integers(0, config.vocab_size, (B, T))
    segment = rng.integers(0, 2, (B, T))
    position = np.tile(np.arange(T), (B, 1))
    mask = np.arange(T) < np.array(lengths, int).reshape(B, 1)
    return Model(config, params, bert.Inputs(bert.embedding.Ids(token, position, segment), mask), rng)


def chosen(inputs, where):
    """The inputs at these texts and tokens."""
    return tree.map(lambda array: array[where], inputs)


def close(actual, expected, tolerance=ROUNDING):
    assert actual.shape == expected.shape
    scale = max(1.0, float(np.abs(expected).max(initial=0.0)))
    assert np.abs(actual - expected).max(initial=0.0) <= tolerance * scale


def trees_close(actual, expected, tolerance=10 * ROUNDING):
    """Gradients: equal but for the rounding of the largest of them."""
    largest = max([1.0] + [float(np.abs(leaf).max(initial=0.0)) for leaf in tree.leaves(expected)])
    for (name, a), b in zip(tree.items(actual), tree.leaves(expected), strict=True):
        assert np.abs(a - b).max(initial=0.0) <= tolerance * largest, name


# Batches.


@given(models(min_B=2))
def test_the_order_of_the_texts_does_not_matter(model):
    order = model.rng.permutation(len(model.inputs.mask))
    whole, moved = model.forward(), model.forward(chosen(model.inputs, order))
    close(moved.hidden, whole.hidden[order])
    close(moved.pooled, whole.pooled[order])


@given(models(min_B=0))
def test_a_batch_in_two_parts_gives_the_same(model):
    B = len(model.inputs.mask)
    cut = B // 2
    parts = [model.forward(chosen(model.inputs, part)) for part in (slice(cut), slice(cut, B))]
    whole = model.forward()
    close(np.concatenate([part.hidden for part in parts]), whole.hidden)
    close(np.concatenate([part.pooled for part in parts]), whole.pooled)


@given(models(), st.integers(1, 4))
def test_more_padding_changes_nothing(model, k):
    """Catches a missing mask, a norm over tokens, a pooler that reads the last token."""
    longer = tree.map(lambda array: np.pad(array, ((0, 0), (0, k)), mode="edge"), model.inputs)
    longer = longer._replace(mask=np.pad(model.inputs.mask, ((0, 0), (0, k))))
    short, long = model.forward(), model.forward(longer)
    mask = model.inputs.mask
    close(long.hidden[:, : mask.shape[1]][mask], short.hidden[mask])
    close(long.pooled, short.pooled)


@given(models(heads=("token_classification",), min_T=2))
def test_what_stands_under_the_padding_does_not_matter(model):
    mask, rng = model.inputs.mask, model.rng
    other = tree.map(lambda ids: np.where(mask, ids, rng.integers(0, 2, ids.shape)), model.inputs.ids)
    other = bert.Inputs(other, mask)
    before, after = model.forward(), model.forward(other)
    assert np.array_equal(before.hidden[mask], after.hidden[mask])
    assert np.array_equal(before.pooled, after.pooled)

    labels = np.where(mask, model.labels("token_classification"), cross_entropy.IGNORED)
    before, after = (model.gradients("token_classification", labels, inputs) for inputs in (model.inputs, other))
    trees_close(after, before)
    only_padding = np.setdiff1d(other.ids.token[~mask], other.ids.token[mask])
    assert not after.bert.embedding.word[only_padding].any()
    assert after.bert.embedding.word[other.ids.token[mask]].any() or model.config.hidden_size <= 2


@given(models())
def test_padding_may_stand_anywhere_when_positions_are_given(model):
    """On the left, or between the tokens: each token keeps its position, and the first its place for the pooler."""
    B, T = model.inputs.mask.shape
    places = np.sort(model.rng.permutation(T + 3)[:T])
    places[0] = 0
    spread = tree.map(lambda array: np.zeros((B, T + 3), array.dtype), model.inputs)
    for array, whole in zip(tree.leaves(spread), tree.leaves(model.inputs), strict=True):
        array[:, places] = whole
    short, wide = model.forward(), model.forward(spread)
    mask = model.inputs.mask
    close(wide.hidden[:, places][mask], short.hidden[mask])
    close(wide.pooled, short.pooled)


@given(models(min_T=3))
def test_without_positions_the_order_of_the_tokens_does_not_matter_and_with_them_it_does(model):
    model = model._replace(inputs=model.inputs._replace(mask=None))
    T = model.inputs.ids.token.shape[1]
    order = np.roll(np.arange(T), 1)
    ids = model.inputs.ids
    moved = bert.Inputs(ids._replace(token=ids.token[:, order], segment=ids.segment[:, order]), None)
    zero = np.zeros_like(model.params.bert.embedding.position)
    nowhere = tree.replace(model.params, "bert.embedding.position", zero)
    close(model.forward(moved, nowhere).hidden, model.forward(params=nowhere).hidden[:, order])
    if model.config.hidden_size > 2:
        assert np.abs(model.forward(moved).hidden - model.forward().hidden[:, order]).max() > 1e-6


# Attention.


@st.composite
def attentions(draw):
    """x, params, A, mask of a multi-head attention."""
    A, D = draw(st.integers(1, 4)), draw(st.integers(1, 8))
    B, T = draw(st.integers(1, 3)), draw(st.integers(1, 7))
    rng = np.random.default_rng(draw(seeds))
    params = samples.params(multi_head_attention.shapes(A * D), rng)
    mask = rng.random((B, T)) < draw(st.sampled_from([0.3, 0.7, 1.0]))
    return 2.0 * rng.standard_normal((B, T, A * D)), params, A, mask


@given(attentions())
def test_values_of_zero_leave_the_output_bias(drawn):
    x, params, A, mask = drawn
    H = x.shape[-1]
    W, b = params.qkv.W.copy(), params.qkv.b.copy()
    W[2 * H :], b[2 * H :] = 0.0, 0.0
    y, _ = multi_head_attention.forward(x, params._replace(qkv=linear.Params(W, b)), A, mask)
    assert np.array_equal(y, np.broadcast_to(params.output.b, y.shape))


@given(attentions())
def test_equal_keys_give_the_mean_of_the_values(drawn):
    x, _, _, mask = drawn
    Q, K = x, np.ones_like(x)
    y, _ = attention.forward(Q, K, x, mask[:, None, :])
    for text, present, mean in zip(x, mask, y, strict=True):
        expected = text[present].mean(axis=0) if present.any() else np.zeros(x.shape[-1])
        close(mean, np.broadcast_to(expected, mean.shape))


@given(attentions(), st.sampled_from([np.float32, np.float64]))
def test_attention_is_a_distribution_over_what_is_not_masked(drawn, dtype):
    x, params, A, mask = drawn
    params = tree.map(lambda array: array.astype(dtype), params)
    _, cache = multi_head_attention.forward((10.0 * x).astype(dtype), params, A, mask)
    P = cache.attention.softmax.p
    rounding = {np.float32: 3e-7, np.float64: 1e-15}[dtype] * max(2, P.shape[-1])
    present = np.broadcast_to(mask[:, None, None, :], P.shape)
    assert not np.isnan(P).any()
    assert (P >= 0).all()
    assert not P[~present].any()
    assert np.abs(P.sum(axis=-1) - present.any(axis=-1)).max() <= rounding


@given(attentions())
def test_heads_may_be_reordered(drawn):
    x, params, A, mask = drawn
    H = x.shape[-1]
    order = np.arange(H).reshape(A, -1)[::-1].reshape(-1)
    qkv = tree.map(lambda array: array.reshape(3, H, -1)[:, order].reshape(array.shape), params.qkv)
    output = params.output._replace(W=params.output.W[:, order])
    moved, _ = multi_head_attention.forward(x, multi_head_attention.Params(qkv, output), A, mask)
    close(moved, multi_head_attention.forward(x, params, A, mask)[0])


@given(attentions())
def test_twice_the_head_size_with_zeros_and_the_root_of_2_gives_the_same(drawn):
    """Catches a 1/√D that is missing, or is 1/D, or 1/√H."""
    x, _, _, mask = drawn
    wide = [np.concatenate([part, np.zeros_like(part)], axis=-1) for part in (x * math.sqrt(2.0), x)]
    y, _ = attention.forward(*wide, x, mask[:, None, :])
    close(y, attention.forward(x, x, x, mask[:, None, :])[0])


# Softmax, layer norm, GELU, cross-entropy.


@given(rows(), st.floats(-1e4, 1e4))
@example(np.array([[0.0, 0.0]]), 1e4)
def test_softmax_does_not_see_a_shift(x, c):
    p, moved = softmax.forward(x)[0], softmax.forward(x + c)[0]
    assert np.abs(moved - p).max() <= 1e-12 * (1.0 + abs(c))


@given(rows())
def test_softmax_keeps_the_order(x):
    p = softmax.forward(x)[0]
    order = np.argsort(x, axis=-1, kind="stable")
    assert (np.diff(np.take_along_axis(p, order, axis=-1), axis=-1) >= 0).all()
    assert (np.take_along_axis(p, x.argmax(axis=-1, keepdims=True), axis=-1) == p.max(axis=-1, keepdims=True)).all()
    assert np.abs(p.sum(axis=-1) - 1.0).max() <= 1e-15 * max(2, x.shape[-1])


@given(rows())
def test_log_softmax_is_the_logarithm_of_softmax(x):
    y, p = log_softmax.forward(x)[0], softmax.forward(x)[0]
    assert np.isfinite(y).all()
    assert (y <= 0).all()
    safe = p > 1e-300
    assert np.abs(y[safe] - np.log(p[safe])).max() <= 1e-12 * np.abs(y).max(initial=1.0)


@given(seeds, st.integers(2, 12), st.floats(0.01, 100.0), st.floats(-100.0, 100.0))
def test_layer_norm_sees_neither_scale_nor_shift(seed, H, a, b):
    rng = np.random.default_rng(seed)
    params = samples.params(layer_norm.shapes(H), rng)
    x = rng.standard_normal((3, H))
    assume(x.std(axis=-1).min() > 0.05)
    y, _ = layer_norm.forward(x, params, 1e-300)
    close(layer_norm.forward(a * x + b, params, 1e-300)[0], y, 1e-11 * (1.0 + abs(b) / a))
    close(layer_norm.forward(-a * x, params._replace(gamma=-params.gamma), 1e-300)[0], y)


@given(seeds, st.integers(2, 12))
def test_layer_norm_has_mean_0_and_variance_1_before_gamma_and_beta(seed, H):
    x = 3.0 + 2.0 * np.random.default_rng(seed).standard_normal((4, H))
    assume(x.std(axis=-1).min() > 0.05)
    y, _ = layer_norm.forward(x, layer_norm.Params(np.ones(H), np.zeros(H)), 0.0)
    close(y.mean(axis=-1), np.zeros(4))
    close(y.var(axis=-1), np.ones(4))


@given(seeds, st.integers(2, 12))
def test_layer_norm_gradient_is_orthogonal_to_1_and_to_x_hat(seed, H):
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((4, H))
    assume(x.std(axis=-1).min() > 0.05)
    _, cache = layer_norm.forward(x, samples.params(layer_norm.shapes(H), rng), 0.0)
    dx, _ = layer_norm.backward(rng.standard_normal((4, H)), cache)
    assert np.abs(dx.sum(axis=-1)).max() <= ROUNDING
    assert np.abs((dx * cache.x_hat).sum(axis=-1)).max() <= ROUNDING


@given(rows(elements=st.floats(-1e3, 1e3) | nasty), st.sampled_from(["erf", "tanh"]))
def test_gelu_of_x_minus_gelu_of_minus_x_is_x(x, form):
    y, cache = gelu.forward(x, form)
    mirrored, mirrored_cache = gelu.forward(-x, form)
    assert np.abs(y - mirrored - x).max() <= 4e-16 * np.abs(x).max() + 1e-323
    ones = np.ones_like(x)
    assert np.abs(gelu.backward(ones, cache) + gelu.backward(ones, mirrored_cache) - 1.0).max() <= 1e-15
    assert np.isfinite(y).all()


@given(models())
def test_zero_sublayers_leave_two_norms(model):
    layer = model.params.bert.encoder.layers[0]
    zero = tree.map(np.zeros_like, layer)
    layer = zero._replace(attention_norm=layer.attention_norm, feed_forward_norm=layer.feed_forward_norm)
    x = model.forward().hidden
    y, _ = encoder_layer.forward(x, layer, model.inputs.mask, model.config)
    once, _ = layer_norm.forward(x, layer.attention_norm, model.config.layer_norm_eps)
    twice, _ = layer_norm.forward(once, layer.feed_forward_norm, model.config.layer_norm_eps)
    assert np.array_equal(y, twice)


@st.composite
def labeled(draw):
    """Scores (N, C), and labels of which some are ignored."""
    N, C = draw(st.integers(1, 6)), draw(st.integers(2, 6))
    x = draw(arrays(np.float64, (N, C), elements=st.floats(-50, 50)))
    labels = draw(arrays(np.int64, N, elements=st.sampled_from([*range(C), cross_entropy.IGNORED])))
    return x, labels


@given(labeled())
def test_cross_entropy(drawn):
    x, labels = drawn
    loss, cache = cross_entropy.forward(x, labels)
    dx = cross_entropy.backward(1.0, cache)
    kept = labels != cross_entropy.IGNORED
    assert loss >= 0.0
    assert np.abs(dx.sum(axis=-1)).max() <= 1e-15 * x.shape[1]
    assert not dx[~kept].any()

    flat, _ = cross_entropy.forward(np.zeros_like(x), labels)
    assert flat == pytest.approx(math.log(x.shape[1]) if kept.any() else 0.0, abs=1e-15)

    other = np.where(kept[:, None], x, 7.0)
    assert cross_entropy.forward(other, labels)[0] == loss
    each = [cross_entropy.forward(x[i : i + 1], labels[i : i + 1])[0] for i in np.flatnonzero(kept)]
    assert loss == pytest.approx(np.mean(each) if each else 0.0, rel=1e-12, abs=1e-15)


# Gradients.

CASES = [(name, case) for name in pairs.names() for case in pairs.cases(name)]


@pytest.mark.parametrize(("name", "case"), CASES)
def test_a_backward_is_linear_in_its_upstream_gradient(name, case, rng):
    pair = pairs.cases(name)[case]
    y, cache = pair.forward(*pair.arguments.values())

    def draw(leaf):
        dy = rng.standard_normal(np.shape(leaf))
        return dy if np.ndim(leaf) else np.float64(dy)

    first, second = tree.map(draw, y), tree.map(draw, y)
    both = tree.map(lambda a, b: 0.7 * a - 1.9 * b, first, second)
    parts = [pair.backward(dy, cache) for dy in (first, second)]
    trees_close(pair.backward(both, cache), tree.map(lambda a, b: 0.7 * a - 1.9 * b, *parts))
    for gradient in tree.leaves(pair.backward(tree.map(np.zeros_like, y), cache)):
        assert not np.any(gradient)


@given(models(heads=tuple(objective.HEADS)), st.sampled_from(["hidden", "pooled"]))
def test_the_backward_is_the_adjoint_of_the_derivative(model, output):
    """⟨J v, u⟩ = ⟨v, Jᵀ u⟩ for a step v of all parameters at once; J v by complex step."""
    params, rng, h = model.params.bert, model.rng, 1e-30
    v = tree.map(lambda array: rng.standard_normal(array.shape), params)
    stepped = tree.map(lambda array, direction: array + 1j * h * direction, params, v)
    Jv = getattr(bert.forward(model.inputs, stepped, model.config)[0], output).imag / h
    _, cache = bert.forward(model.inputs, params, model.config)
    u = rng.standard_normal(Jv.shape)
    dparams = bert.backward(bert.Output(**{"hidden": None, "pooled": None, output: u}), cache)
    terms = [(a * b).sum() for a, b in zip(tree.leaves(v), tree.leaves(dparams), strict=True)]
    size = np.abs(terms).sum() + np.abs(Jv * u).sum()
    assert abs(sum(terms) - (Jv * u).sum()) <= 1e-12 * size


@given(models(heads=("sequence_classification",)))
def test_the_gradient_of_a_batch_is_the_mean_of_its_texts(model):
    labels, B = model.labels("sequence_classification"), len(model.inputs.mask)
    each = [
        model.gradients("sequence_classification", labels[i : i + 1], chosen(model.inputs, slice(i, i + 1)))
        for i in range(B)
    ]
    mean = tree.map(lambda *leaves: sum(leaves) / B, *each)
    trees_close(model.gradients("sequence_classification", labels), mean)


@given(models(heads=("masked_lm", "next_sentence")), st.integers(2, 3))
def test_a_batch_repeated_has_the_same_loss_and_gradient(model, k):
    labels = model.labels("pretraining")
    repeated, repeated_labels = (
        tree.map(lambda array: np.concatenate([array] * k), part) for part in (model.inputs, labels)
    )
    loss, _ = model.loss("pretraining", labels)
    assert model.loss("pretraining", repeated_labels, repeated)[0] == pytest.approx(float(loss), rel=1e-12)
    trees_close(model.gradients("pretraining", repeated_labels, repeated), model.gradients("pretraining", labels))


@given(models(heads=("masked_lm", "next_sentence")))
def test_the_remainder_of_the_first_order_is_of_the_second(model):
    """|f(x + hv) - f(x) - h⟨g, v⟩| is a fourth of itself for half of h."""
    labels = model.labels("pretraining")
    v = tree.map(lambda array: model.rng.standard_normal(array.shape), model.params)
    loss, g = float(model.loss("pretraining", labels)[0]), model.gradients("pretraining", labels)
    slope = sum(float((a * b).sum()) for a, b in zip(tree.leaves(g), tree.leaves(v), strict=True))

    def remainder(h):
        stepped = tree.map(lambda array, direction: array + h * direction, model.params, v)
        return float(model.loss("pretraining", labels, params=stepped)[0]) - loss - h * slope

    large, half = remainder(2e-5), remainder(1e-5)
    assert abs(half - large / 4.0) <= 0.05 * abs(large) + 1e-12 * (abs(loss) + abs(slope))


@given(seeds, st.integers(1, 6), st.lists(st.integers(0, 5), min_size=0, max_size=20))
def test_a_token_that_occurs_often_gets_the_sum(seed, H, ids):
    rng, ids = np.random.default_rng(seed), np.array(ids, np.int64)
    dy = rng.standard_normal((len(ids), H))
    loop = np.zeros((6, H))
    for i, row in zip(ids, dy, strict=True):
        loop[i] += row
    gradients = lookup.backward(dy, lookup.forward(ids, loop)[1])
    assert np.array_equal(gradients, loop)


@given(models(heads=("masked_lm",)))
def test_a_tied_decoder_is_the_embedding_and_not_a_copy(model):
    word = model.params.bert.embedding.word
    assert objective.head_params("masked_lm", model.params).decoder is word
    untied = replace(model.config, tie_word_embeddings=False)
    head = model.params.masked_lm._replace(decoder=word)
    labels = model.labels("masked_lm")
    tied = model.gradients("masked_lm", labels)
    apart = model._replace(config=untied, params=model.params._replace(masked_lm=head)).gradients("masked_lm", labels)
    assert np.array_equal(tied.bert.embedding.word, apart.bert.embedding.word + apart.masked_lm.decoder)


# Dropout.


@given(rows(), seeds, st.floats(0.05, 0.95))
def test_dropout(x, seed, p):
    y, cache = dropout.forward(x, Dropout(p, np.random.default_rng(seed)))
    assert np.array_equal(y, np.where(cache.kept, x * (1.0 / (1.0 - p)), 0.0))
    again, _ = dropout.forward(x, Dropout(p, np.random.default_rng(seed)))
    assert np.array_equal(y, again)
    assert np.array_equal(dropout.backward(x, cache), y)  # the same mask, the same scale
    for nothing in (Dropout(0.0, np.random.default_rng(seed)), Dropout(p, None), dropout.NONE):
        assert dropout.forward(x, nothing)[0] is x


@given(seeds, st.floats(0.05, 0.95))
def test_the_mean_of_dropout_is_what_went_in(seed, p):
    n = 100_000
    y, _ = dropout.forward(np.ones(n), Dropout(p, np.random.default_rng(seed)))
    assert abs(y.mean() - 1.0) <= 5.0 * math.sqrt(p / (1.0 - p) / n)


@given(models(heads=("sequence_classification",)))
def test_no_generator_no_dropout(model):
    dry = replace(model.config, hidden_dropout=0.0, attention_dropout=0.0, classifier_dropout=0.0)
    labels = model.labels("sequence_classification")
    batch = objective.Batch(model.inputs, labels)
    plain, _ = model.loss("sequence_classification", labels)
    seeded, _ = objective.forward("sequence_classification", batch, model.params, dry, np.random.default_rng(0))
    wet, _ = objective.forward("sequence_classification", batch, model.params, model.config, np.random.default_rng(0))
    assert plain == seeded
    assert np.isfinite(wet)


# Purity.


def digests(*trees):
    return [leaf.tobytes() for part in trees for leaf in tree.leaves(part) if isinstance(leaf, np.ndarray)]


@given(models(heads=tuple(objective.HEADS)), st.sampled_from(sorted(objective.TASKS)))
def test_nothing_is_written_to_and_nothing_is_a_view_of_a_weight(model, task):
    labels = model.labels(task)
    before = digests(model.inputs, model.params, labels)
    first = model.forward()
    loss, dparams = model.loss(task, labels)[0], model.gradients(task, labels)
    assert digests(model.inputs, model.params, labels) == before

    again = model.forward()
    assert digests(first) == digests(again)
    assert loss == model.loss(task, labels)[0]
    assert digests(dparams) == digests(model.gradients(task, labels))

    weights = tree.leaves(model.params)
    for result in [first.hidden, first.pooled, *tree.leaves(dparams)]:
        assert not any(np.shares_memory(result, weight) for weight in weights)


@pytest.mark.parametrize("task", sorted(set(objective.TASKS) - {"multiple_choice"}))  # which needs a question
@pytest.mark.parametrize("T", [1, 3])
def test_a_batch_without_texts(task, T, rng):
    """B = 0: loss and gradient are zero, and have their shapes."""
    config = samples.WHOLE
    params = samples.params(objective.shapes(config, tuple(objective.HEADS)), rng)
    inputs = chosen(samples.inputs(config, 1, T, rng), slice(0))
    labels = tree.map(lambda array: array[:0], samples.labels(task, config, 1, T, rng))
    loss, cache = objective.forward(task, objective.Batch(inputs, labels), params, config)
    dparams = objective.backward(1.0, cache)
    assert loss == 0.0
    for array, gradient in zip(tree.leaves(params), tree.leaves(dparams), strict=True):
        assert gradient.shape == array.shape
        assert not gradient.any()
