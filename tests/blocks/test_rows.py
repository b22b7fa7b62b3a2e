"""The last layer on given rows: the numbers of the whole layer, and zeros where nothing is read."""

from functools import partial

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from numpy_bert.blocks import dropout, encoder, encoder_layer, multi_head_attention, recompute
from numpy_bert.blocks.dropout import Dropout
from numpy_bert.gradcheck.cases import samples
from numpy_bert.numerics import tree
from numpy_bert.numerics.scatter import add_rows, take_rows
from numpy_bert.tasks import objective, rows

B, T, H = 3, 5, 6
CLOSE = {np.float32: 1e-6, np.float64: 1e-14}  # of the largest entry
ROWS = {
    "[CLS]": np.zeros((B, 1), np.int64),
    "one each": np.array([[4], [0], [2]]),
    "some": np.array([[0, 3], [2, 1], [1, 4]]),
    "one of them twice": np.array([[3, 3, 0], [1, 4, 4], [2, 2, 2]]),
    "more than there are": np.arange(B * 7).reshape(B, 7) * 2 % T,
    "none": np.zeros((B, 0), np.int64),
}


def heads(x, params, mask, rng, given):
    drop = Dropout(samples.LAYER.attention_dropout, rng, given, T)
    return multi_head_attention.forward(x, params, 3, mask, drop, given)


def layer(module, x, params, mask, rng, given):
    return module.forward(x, params, mask, samples.LAYER, rng, given)


def layers(keep, x, params, mask, rng, given):
    return encoder.forward(x, params, encoder.Tokens(mask, given), samples.LAYER, rng, keep)


BLOCKS = {
    "multi_head_attention": (heads, multi_head_attention.backward, multi_head_attention.shapes(H)),
    "encoder_layer": (partial(layer, encoder_layer), encoder_layer.backward, encoder_layer.shapes(samples.LAYER)),
    "recompute": (partial(layer, recompute), recompute.backward, encoder_layer.shapes(samples.LAYER)),
    "encoder": (partial(layers, "caches"), encoder.backward, encoder.shapes(samples.LAYER)),
    "encoder, computed twice": (partial(layers, "inputs"), encoder.backward, encoder.shapes(samples.LAYER)),
}


def assert_close(ours, theirs, of):
    """Of the largest of all arrays: the gradient with respect to the key bias is 0 but for rounding."""
    for a, b in zip(ours, theirs, strict=True):
        assert a.dtype == b.dtype
        assert a.shape == b.shape
        assert np.abs(a - b).max(initial=0) <= CLOSE[a.dtype.type] * of


@pytest.mark.parametrize("dtype", CLOSE)
@pytest.mark.parametrize("seed", [None, 5], ids=["no dropout", "dropout"])
@pytest.mark.parametrize("given", ROWS.values(), ids=ROWS)
@pytest.mark.parametrize("block", BLOCKS)
def test_the_rows_of_the_whole(block, given, seed, dtype):
    """Output and gradients, also with dropout: the rows that are left draw what they drew."""
    (forward, backward, shapes), rng = BLOCKS[block], np.random.default_rng(0)
    params = tree.map(lambda array: array.astype(dtype), samples.params(shapes, rng))
    x = rng.standard_normal((B, T, H)).astype(dtype)
    mask = samples.padding(B, T)

    def run(some):
        return forward(x, params, mask, None if seed is None else np.random.default_rng(seed), some)

    (whole, whole_cache), (y, cache) = run(None), run(given)
    assert_close([y], [take_rows(whole, given)], np.abs(whole).max())
    dy = rng.standard_normal(y.shape).astype(dtype)
    wanted = tree.leaves(backward(add_rows(np.zeros_like(whole), given, dy), whole_cache))
    assert_close(tree.leaves(backward(dy, cache)), wanted, max(np.abs(array).max() for array in wanted))


def test_a_token_that_is_neither_read_nor_looked_at_has_no_gradient(rng):
    """Its query is not made, and its key and value have probability 0 in every row."""
    mask, given = np.array([[True, True, False, True, False]]), np.array([[0, 4]])
    x = rng.standard_normal((1, T, H))
    for block in ("multi_head_attention", "encoder_layer", "recompute"):
        forward, backward, shapes = BLOCKS[block]
        y, cache = forward(x, samples.params(shapes, rng), mask, None, given)
        dx, _ = backward(rng.standard_normal(y.shape), cache)
        assert [bool(row.any()) for row in dx[0]] == [True, True, False, True, True]


def test_dK_and_dV_of_a_key_that_nobody_may_look_at_are_zero(rng):
    """Whatever stands in such a token, the weights learn nothing from it, to the bit."""
    mask, given = np.array([[True, False, True, True, False]] * B), np.array([[0, 3], [2, 0], [0, 2]])
    params = samples.params(multi_head_attention.shapes(H), rng)
    x, dy = rng.standard_normal((B, T, H)), rng.standard_normal((B, 2, H))
    dparams = []
    for array in (x, np.where(mask[:, :, None], x, -2.0 * x)):
        _, cache = multi_head_attention.forward(array, params, 3, mask, rows=given)
        dparams.append(tree.leaves(multi_head_attention.backward(dy, cache)[1]))
    for a, b in zip(*dparams, strict=True):
        assert_array_equal(a, b)


def test_dropout_draws_for_all_rows(rng):
    """And leaves the generator where the whole leaves it."""
    x, given = rng.standard_normal((B, 2, T, 4)), ROWS["some"]
    one, other = np.random.default_rng(3), np.random.default_rng(3)
    whole, _ = dropout.forward(x, Dropout(0.4, one))
    y, cache = dropout.forward(take_rows(x, given), Dropout(0.4, other, given, T))
    assert_array_equal(y, take_rows(whole, given))
    assert_array_equal(cache.kept, y != 0)
    assert one.random() == other.random()


@pytest.mark.parametrize("keep", ["caches", "inputs"])
@pytest.mark.parametrize("task", objective.TASKS)
def test_a_task_on_the_rows_it_reads(task, keep, rng):
    """Its loss and its gradients are those of the whole, and so is the state of the generator."""
    params = samples.params(objective.shapes(samples.LAYER, objective.TASKS[task].heads), rng)
    batch = objective.Batch(samples.inputs(samples.LAYER, 4, T, rng), samples.labels(task, samples.LAYER, 4, T, rng))
    generators = [np.random.default_rng(1) for _ in range(2)]
    results = []
    for one, generator in zip((batch, objective.only_read(task, batch)), generators, strict=True):
        loss, cache = objective.forward(task, one, params, samples.LAYER, generator, keep)
        results.append([loss, *tree.leaves(objective.backward(1.0, cache))])
    whole, read = results
    assert_close(read, whole, max(np.abs(array).max() for array in whole))
    assert generators[0].random() == generators[1].random()


def test_which_rows_are_read():
    """[CLS], then the chosen ones in order, M of the text with most; whoever has fewer gets others, none twice."""
    chosen = np.array([[0, 0, 1, 0, 1], [1, 0, 0, 1, 0], [0, 0, 0, 0, 0]], bool)
    assert rows.cls_and(chosen).tolist() == [[0, 2, 4], [0, 3, 1], [0, 1, 2]]
    assert rows.cls_and(np.zeros((2, 4), bool)).tolist() == rows.cls(2).tolist() == [[0], [0]]
    assert rows.cls_and(np.ones((1, 3), bool)).tolist() == [[0, 1, 2]]
    assert not chosen[0, 0]  # the argument is as it was
    labels = np.array([[-100, 7, -100, -100], [-100, -100, 8, 9]])
    assert rows.of_labeled(labels, (2, 4))[1].tolist() == [[-100, 7, -100], [-100, 8, 9]]
