"""Another exercise about an encoder layer."""

from __future__ import annotations

from ...blocks import dropout, feed_forward, layer_norm, multi_head_attention
from ...blocks.encoder_layer import Cache, Params
from ...numerics.arrays import Array
from ...numerics.scatter import add_rows
from ..definition import Exercise


def backward(dy: Array, cache: Cache) -> tuple[Array, Params]:
    """dy (B, T, H), or (B, M, H) with rows -> dx (B, T, H), dparams"""
    # y = LayerNorm(z + dropout(FFN(z))): z is reached along two ways, the sum and the FFN
    dresidual, dfeed_forward_norm = layer_norm.backward(dy, cache.feed_forward_norm)
    dfed = dropout.backward(dresidual, cache.feed_forward_dropout)
    dz, dfeed_forward = feed_forward.backward(dfed, cache.feed_forward)
    dz += dfed
    # z = LayerNorm(x + dropout(MultiHead(x))): x likewise
    dresidual, dattention_norm = layer_norm.backward(dz, cache.attention_norm)
    dattended = dropout.backward(dresidual, cache.attention_dropout)
    dx, dattention = multi_head_attention.backward(dattended, cache.attention)
    dx = add_rows(dx, cache.rows, dattended)
    return dx, Params(dattention, dattention_norm, dfeed_forward, dfeed_forward_norm)


EXERCISE = Exercise(
    title="Both paths are there",
    block="encoder_layer",
    level="hard",
    hints=(
        "Only the case with dropout fails.",
        "In z + dropout(FFN(z)), does the first summand go through the dropout?",
    ),
    wrong="Dropout is applied to the residual path as well: it belongs to the sublayer's result alone.",
    why="The sum hands its gradient to both summands unchanged: dresidual goes to z as it is, and through dropout "
    "only on the way into the sublayer. Here the residual path loses a tenth of its entries, in each half of "
    "each layer another tenth. With dropout off the names dfed and dresidual stand for the same array.",
    backward=backward,
)
