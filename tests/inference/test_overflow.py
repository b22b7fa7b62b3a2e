"""A number that float32 cannot hold is an error that names the layer, wherever a model runs."""

import numpy as np
import pytest
from support.tiny import tiny_bert

from numpy_bert.errors import Error
from numpy_bert.numerics.rows import row_mean_of_product

HUGE = 1e25  # its square is beyond float32


def spoiled(place, heads=("sequence_classification",)):
    """A tiny model with weights so large that the rows of one layer norm overflow."""
    bert = tiny_bert(heads, dtype=np.float32)
    if place == "embedding":
        bert.params.bert.embedding.word[:] *= HUGE
    else:
        bert.params.bert.encoder.layers[place].feed_forward.contract.W[:] *= HUGE
    return bert


@pytest.mark.parametrize(
    ("place", "name"), [("embedding", "embedding"), (0, "encoder layer 0"), (1, "encoder layer 1")]
)
def test_an_overflow_names_its_layer(place, name):
    bert = spoiled(place)
    message = f"{name}: expected numbers that float32 can hold, got an overflow"
    batch = {"token_ids": [[2, 5, 3]], "labels": [1]}
    for call in (
        lambda: bert.embed("good"),
        lambda: bert.embed(["good", "it rains"], threads=2),
        lambda: bert.classify("good"),
        lambda: bert.forward([[2, 5, 3]]),
        lambda: bert.forward([[2, 5, 3]], everything=True),
        lambda: bert.logits("sequence_classification", [[2, 5, 3]]),
        lambda: bert.loss_and_gradients("sequence_classification", batch),
    ):
        with pytest.raises(Error, match=message):
            call()


def test_the_same_weights_in_float64_are_no_error():
    bert = spoiled(1)
    wide = type(bert)(bert.config, cast(bert.params), bert._tokenizer)
    assert not np.allclose(wide.embed("good"), wide.embed("it rains"))


def cast(params):
    from numpy_bert.numerics import tree

    return tree.map(lambda array: array.astype(np.float64), params)


def test_the_mean_of_a_product_tells_of_an_overflow_as_the_plain_expression_does():
    x = np.full((2, 3), 1e30, np.float32)
    with pytest.warns(RuntimeWarning, match="overflow"):
        assert np.isinf(row_mean_of_product(x, x)).all()
    with np.errstate(over="ignore"):
        assert np.isinf(row_mean_of_product(x, x)).all()
