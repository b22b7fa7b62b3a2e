"""The formulas of the costs against the products that the blocks make, counted one by one."""

import dataclasses

import numpy as np
import pytest
from support.tiny import tiny_bert

from numpy_bert.blocks import bert, embedding
from numpy_bert.blocks.cross_entropy import IGNORED
from numpy_bert.config import BertConfig
from numpy_bert.numerics import tree
from numpy_bert.profiling import costs, timer
from numpy_bert.profiling.costs import Product, Sizes
from numpy_bert.tasks import objective

B, T = 3, 7


class Counting(np.ndarray):
    """An array that counts the FLOPs of each matrix product it takes part in, and whose results count as well."""

    flops = 0

    def __array_ufunc__(self, ufunc, method, *inputs, out=None, **kwargs):
        plain = [np.asarray(x) if isinstance(x, Counting) else x for x in inputs]
        if out is not None:
            kwargs["out"] = tuple(np.asarray(x) for x in out)
        result = getattr(ufunc, method)(*plain, **kwargs)
        if ufunc is np.matmul:
            a, b = plain
            Counting.flops += 2 * np.asarray(result).size * a.shape[-1]
            assert a.shape[-1] == b.shape[-2]
        if out is not None:
            return out[0]
        return np.asarray(result).view(Counting)


def counted():
    return float(Counting.flops)


def counting(params):
    return tree.map(lambda array: array.view(Counting), params)


def inputs():
    token = np.arange(B * T).reshape(B, T) % 20
    return bert.Inputs(embedding.Ids(token, np.tile(np.arange(T), (B, 1)), np.zeros_like(token)), None)


def flops(costs):
    """The rows that make products."""
    return {row: cost.flops for row, cost in costs.items() if cost.flops}


def made(costs):
    return {row: amount for row, amount in costs.items() if amount}


@pytest.mark.parametrize(
    "changes", [{}, {"num_hidden_layers": 1, "num_attention_heads": 2}, {"intermediate_size": 12}, {"dtype": "float64"}]
)
def test_products_of_a_training_step(changes):
    """Row by row, the products that a masked-LM step makes: the counter of FLOPs takes the place of the clock."""
    model = tiny_bert(("masked_lm",), **changes)
    labels = np.full((B, T), IGNORED)
    labels[0, 2] = labels[2, 1] = labels[2, 6] = labels[1, 0] = 5
    batch = objective.Batch(inputs(), labels)
    with timer.timed(counted) as forward:
        _, cache = objective.forward("masked_lm", batch, counting(model.params), model.config)
    with timer.timed(counted) as backward:
        objective.backward(1.0, cache)
    sizes = Sizes(B, T, 4)
    assert made(forward) == flops(costs.forward(model.config, sizes, has_pooler=True))
    assert made(backward) == flops(costs.backward(model.config, sizes, has_pooler=True))


def test_products_at_inference():
    model = tiny_bert((), has_pooler=False)
    with timer.timed(counted) as forward:
        bert.forward(inputs(), counting(model.params.bert), model.config)
    assert made(forward) == flops(costs.forward(model.config, Sizes(B, T)))
    assert costs.DECODER not in costs.forward(model.config, Sizes(B, T))


def test_the_numbers_of_bert_base():
    """The known sizes: 110 million parameters, and 2 FLOPs for each weight of the layers and token, and attention."""
    config = BertConfig(vocab_size=30522)
    assert costs.parameters(config) == 110_104_890
    H, N = 768, 128
    linear = 2 * N * 12 * H * H  # 4 H² of attention, 8 H² of the feed-forward part
    attention = 2 * 2 * N * N * H
    forward = costs.forward(config, Sizes(1, N))
    assert sum(cost.flops for cost in forward.values()) == 12 * (linear + attention)
    assert forward[costs.SCORES].flops == 12 * attention
    backward = costs.backward(config, Sizes(1, N))
    assert sum(cost.flops for cost in backward.values()) == 2 * 12 * (linear + attention)


def test_parameters_are_counted():
    model = tiny_bert(("masked_lm",))
    assert costs.parameters(model.config) == sum(leaf.size for leaf in tree.leaves(model.params))


def test_numbers_and_operations_by_hand():
    """x (2, 3) by W (5, 3): 6 + 15 + 5 numbers are read and 10 written, 10 biases added."""
    assert costs.linear_forward(2, 3, 5) == ((Product(1, 2, 3, 5),), 10, 36)
    # dy (2, 5), x (2, 3) and W (5, 3) are read, dx, dW and db written
    assert costs.linear_backward(2, 3, 5).numbers == 10 + 6 + 15 + 6 + 15 + 5
    config = dataclasses.replace(tiny_bert(()).config, num_hidden_layers=2)
    # the embedding, and twice: its two outputs and its scores
    assert costs.dropped(config, Sizes(2, 5)) == 2 * 5 * 12 + 2 * (2 * 2 * 5 * 12 + 2 * 3 * 5 * 5)
    assert costs.forward(config, Sizes(2, 5))[costs.SOFTMAX] == ((), 2 * 5 * 2 * 3 * 25, 2 * 2 * 2 * 3 * 25)


def test_the_memory_that_is_asked_for_covers_what_is_needed():
    """The estimate that refuses a batch is not below what the caches alone hold."""
    model = tiny_bert(("masked_lm",), num_hidden_layers=4)
    labels = np.full((B, T), 5)
    _, cache = objective.forward("masked_lm", objective.Batch(inputs(), labels), model.params, model.config)
    parameters = {id(leaf) for leaf in tree.leaves(model.params)}
    held = {}
    for leaf in tree.leaves((cache.bert, cache.head)):
        while isinstance(leaf, np.ndarray) and leaf.base is not None:
            leaf = leaf.base
        if isinstance(leaf, np.ndarray) and leaf.dtype == np.float32 and id(leaf) not in parameters:
            held[id(leaf)] = leaf.size
    needed = costs.kept_numbers(model.config, Sizes(B, T, B * T))
    assert sum(held.values()) < needed < 3 * sum(held.values()) + 3 * costs.parameters(model.config)
