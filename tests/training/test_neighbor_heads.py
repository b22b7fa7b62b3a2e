"""First weights with heads that look at a neighbor."""

import numpy as np
import pytest

from numpy_bert.blocks import bert
from numpy_bert.config import BertConfig
from numpy_bert.errors import Error
from numpy_bert.inference.inputs import checked
from numpy_bert.numerics import tree
from numpy_bert.training import initialization, neighbor_heads

HEADS = ("masked_lm", "next_sentence")
CONFIG = BertConfig(
    vocab_size=40,
    hidden_size=192,
    num_hidden_layers=1,
    num_attention_heads=6,
    intermediate_size=32,
    max_position_embeddings=64,
    hidden_dropout=0.0,
    attention_dropout=0.0,
    initializer_range=0.04,
)


def attention_of_first_layer(params, T):
    """What each head of layer 0 looks at in random texts, on average: (A, T, T)"""
    ids = np.random.default_rng(0).integers(5, CONFIG.vocab_size, size=(200, T))
    _, cache = bert.forward(checked(ids, None, None, None, CONFIG), params.bert, CONFIG)
    return cache.encoder.layers[0].attention.attention.softmax.p.mean(axis=0)


@pytest.mark.parametrize("seed", [0, 1])
def test_each_head_looks_most_at_its_neighbor(seed):
    T = 16
    P = attention_of_first_layer(neighbor_heads.params(CONFIG, HEADS, seed), T)
    for head, k in enumerate(neighbor_heads.OFFSETS):
        inside = np.arange(max(0, -k), min(T, T - k))
        assert np.array_equal(P[head, inside].argmax(axis=1), inside + k), f"offset {k}"
    assert P[len(neighbor_heads.OFFSETS) :].max() < 0.3  # the others look everywhere


def test_the_score_is_a_sum_of_cosines():
    T, H, D = 12, 48, 8
    omega = neighbor_heads.frequencies(H, D)
    p = neighbor_heads.sinusoids(T, omega)
    for k in neighbor_heads.OFFSETS:
        Q = p @ neighbor_heads.rotation(omega[: D // 2] * k, H).T
        K = p @ neighbor_heads.rotation(np.zeros(D // 2), H).T
        t, u = np.indices((T, T))
        cosines = np.cos((t + k - u)[..., None] * omega[: D // 2]).sum(axis=-1)
        assert np.allclose(Q @ K.T, cosines, rtol=0, atol=1e-12)


def test_all_else_is_drawn_as_usual():
    usual = dict(tree.items(initialization.params(CONFIG, HEADS, 3)))
    changed = {
        name for name, array in tree.items(neighbor_heads.params(CONFIG, HEADS, 3)) if (array != usual[name]).any()
    }
    tables = {f"bert.embedding.{table}" for table in ("word", "position", "segment")}
    assert changed == tables | {"bert.encoder.layers.0.attention.qkv.W"}
    params = neighbor_heads.params(CONFIG, HEADS, 3, np.float64)
    assert {array.dtype.name for array in tree.leaves(params)} == {"float64"}


def test_words_and_positions_are_equally_strong():
    embedding = neighbor_heads.params(CONFIG, HEADS, 0).bert.embedding
    D = CONFIG.hidden_size // CONFIG.num_attention_heads
    assert 0.8 < embedding.position.std() / embedding.word[:, D:].std() < 1.25
    assert np.abs(embedding.position.mean(axis=1)).max() < 0.15 * embedding.position.std()


def test_odd_heads_are_refused():
    config = BertConfig(vocab_size=40, hidden_size=9, num_attention_heads=3, num_hidden_layers=1, intermediate_size=9)
    with pytest.raises(Error, match="num_attention_heads: expected heads of an even size"):
        neighbor_heads.params(config, HEADS, 0)
