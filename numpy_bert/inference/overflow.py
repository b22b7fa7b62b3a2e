"""Where in BERT a number became larger than its type can hold.

Layer normalization hides an overflow: the variance of a row near 1e20 is infinite in float32, its x̂ is 0, and every
such row becomes β. What follows is finite, and the same for every text. So a model is run under `watched`, which costs
nothing until it happens, and then finds the layer.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

from ..blocks import bert, embedding, encoder_layer
from ..blocks.dropout import Dropout
from ..config import BertConfig
from ..errors import Error


@contextmanager
def watched(
    inputs: bert.Inputs, params: bert.Params, config: BertConfig, remedy: str = 'dtype="float64" may help'
) -> Iterator[None]:
    """Error: an overflow meanwhile, with the layer in which it happens, and this remedy."""
    try:
        with np.errstate(over="raise"):
            yield
    except FloatingPointError:
        expected = f"expected numbers that {params.embedding.word.dtype} can hold"
        raise Error(f"{_place(inputs, params, config)}: {expected}, got an overflow; {remedy}") from None


def _place(inputs: bert.Inputs, params: bert.Params, config: BertConfig) -> str:
    """The name of the first layer that overflows without dropout."""
    place = "embedding"
    try:
        with np.errstate(over="raise"):
            x, _ = embedding.forward(inputs.ids, params.embedding, config.layer_norm_eps, Dropout(0.0, None))
            for i, layer in enumerate(params.encoder.layers):
                place = f"encoder layer {i}"
                x, _ = encoder_layer.forward(x, layer, inputs.mask, config)
    except FloatingPointError:
        return place
    return "head"
