"""A part that is off contributes nothing, everything else is as it was: against the same done by hand on the arrays."""

import numpy as np
import pytest
from support.tiny import tiny_bert

from numpy_bert.blocks import feed_forward, layer_norm, linear, multi_head_attention
from numpy_bert.errors import Error
from numpy_bert.explain.interventions import ablation
from numpy_bert.numerics import tree

TEXT = "I liked this movie."


@pytest.fixture(scope="module")
def bert():
    return tiny_bert(dtype="float64")


def layer_by_hand(x, params, config, head=None, attention=True, network=True):
    """An encoder layer with the output of a head, of attention or of the network set to 0 on the arrays."""
    A, eps = config.num_attention_heads, config.layer_norm_eps
    _, cache = multi_head_attention.forward(x, params.attention, A)
    concat = cache.output.x.copy()
    if head is not None:
        D = concat.shape[-1] // A
        concat[..., head * D : (head + 1) * D] = 0.0
    attended, _ = linear.forward(concat, params.attention.output)
    z, _ = layer_norm.forward(x + attended * attention, params.attention_norm, eps)
    fed, _ = feed_forward.forward(z, params.feed_forward, config.gelu)
    y, _ = layer_norm.forward(z + fed * network, params.feed_forward_norm, eps)
    return y


@pytest.mark.parametrize(
    ("part", "by_hand"),
    [
        ({"heads": [(0, 2)]}, {"head": 2}),
        ({"heads": [(0, 0)]}, {"head": 0}),
        ({"attention": [0]}, {"attention": False}),
        ({"feed_forward": [0]}, {"network": False}),
        ({"layers": [0]}, {"attention": False, "network": False}),
    ],
)
def test_a_part_that_is_off_equals_its_output_set_to_zero(bert, part, by_hand):
    ids = bert.tokenizer.encode(TEXT).ids
    before = bert.forward([ids], everything=True)
    x = before.layers[0]
    expected = layer_by_hand(x, bert.params.bert.encoder.layers[0], bert.config, **by_hand)
    got = bert.ablate(**part).forward([ids], everything=True)
    np.testing.assert_array_equal(got.layers[0], x)
    np.testing.assert_allclose(got.layers[1], expected, rtol=0, atol=1e-12)
    assert np.abs(got.layers[1] - before.layers[1]).max() > 1e-3


def test_what_is_not_off_is_shared_and_nothing_is_written(bert):
    before = tree.map(np.copy, bert.params)
    ablated = bert.ablate(heads=[(1, 1)], feed_forward=[0])
    assert tree.equal(bert.params, before)
    own = dict(tree.items(bert.params))
    assert [name for name, array in tree.items(ablated.params) if array is not own[name]] == [
        "bert.encoder.layers.0.feed_forward.contract.W",
        "bert.encoder.layers.0.feed_forward.contract.b",
        "bert.encoder.layers.1.attention.output.W",
    ]


def test_nothing_off_is_the_same_model(bert):
    assert tree.equal(bert.ablate().params, bert.params)
    np.testing.assert_array_equal(bert.ablate()(TEXT), bert(TEXT))


def test_all_heads_off_leave_the_bias_of_attention(bert):
    heads = [(0, a) for a in range(bert.config.num_attention_heads)]
    x = bert.forward([bert.tokenizer.encode(TEXT).ids], everything=True).layers[0]
    params = bert.ablate(heads=heads).params.bert.encoder.layers[0].attention
    y, _ = multi_head_attention.forward(x, params, bert.config.num_attention_heads)
    np.testing.assert_allclose(y, np.broadcast_to(params.output.b, y.shape), atol=1e-15)


def test_effects_are_the_losses_of_the_ablated_models(bert):
    effects = ablation.effects(bert, TEXT, "sequence_classification", 1)
    config = bert.config
    assert effects.heads.shape == (config.num_hidden_layers, config.num_attention_heads)
    batch = {"token_ids": [bert.tokenizer.encode(TEXT).ids], "labels": [1]}

    def loss(**part):
        return bert.ablate(**part).loss_and_gradients("sequence_classification", batch)[0]

    assert effects.loss == pytest.approx(loss(), abs=1e-12)
    assert effects.heads[1, 2] == pytest.approx(loss(heads=[(1, 2)]) - loss(), abs=1e-12)
    assert effects.attention[0] == pytest.approx(loss(attention=[0]) - loss(), abs=1e-12)
    assert effects.feed_forward[1] == pytest.approx(loss(feed_forward=[1]) - loss(), abs=1e-12)


def test_an_ablated_model_can_be_traced_and_saved(bert, tmp_path):
    ablated = bert.ablate(layers=[1])
    trace = ablated.trace(TEXT, "sequence_classification")
    assert not trace["bert.encoder.layers.1.attention.output.forward.y"].any()
    assert ablated.source is None
    assert (ablated.save(tmp_path / "model") / "config.json").exists()


@pytest.mark.parametrize(
    ("part", "message"),
    [
        ({"heads": [(2, 0)]}, "heads: layer: expected an integer from 0 to 1, got 2"),
        ({"heads": [(0, 3)]}, "heads: head: expected an integer from 0 to 2, got 3"),
        ({"heads": [0]}, "heads: expected pairs"),
        ({"layers": [-1]}, "layers: expected an integer from 0 to 1, got -1"),
        ({"attention": [True]}, "attention: expected an integer"),
        ({"feed_forward": [0.0]}, "feed_forward: expected an integer"),
    ],
)
def test_parts_that_are_not_there(bert, part, message):
    with pytest.raises(Error, match=message):
        bert.ablate(**part)
