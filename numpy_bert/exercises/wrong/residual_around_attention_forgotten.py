"""An exercise about an encoder layer."""

from __future__ import annotations

from ...blocks import dropout, feed_forward, layer_norm, multi_head_attention
from ...blocks.encoder_layer import Cache, Params
from ...numerics.arrays import Array
from ..definition import Exercise


def backward(dy: Array, cache: Cache) -> tuple[Array, Params]:
    """dy (B, T, H), or (B, M, H) with rows -> dx (B, T, H), dparams"""
    # y = LayerNorm(z + dropout(FFN(z)))
    dresidual, dfeed_forward_norm = layer_norm.backward(dy, cache.feed_forward_norm)
    dfed = dropout.backward(dresidual, cache.feed_forward_dropout)
    dz, dfeed_forward = feed_forward.backward(dfed, cache.feed_forward)
    dz += dresidual
    # z = LayerNorm(x + dropout(MultiHead(x)))
    dresidual, dattention_norm = layer_norm.backward(dz, cache.attention_norm)
    dattended = dropout.backward(dresidual, cache.attention_dropout)
    dx, dattention = multi_head_attention.backward(dattended, cache.attention)
    return dx, Params(dattention, dattention_norm, dfeed_forward, dfeed_forward_norm)


EXERCISE = Exercise(
    title="All parameters are right",
    block="encoder_layer",
    level="easy",
    hints=("x + f(x): what is the derivative of the first summand?", "Compare the last lines of the two halves."),
    wrong="x reaches the sum on two ways, but only the one through attention is followed back.",
    why="A value that is used twice gets the sum of two gradients; for x those are the one through attention and "
    "the residual's, which passes unchanged. All parameters of this layer are right, so a check of parameters "
    "alone passes; it is the layers below that get a wrong dy, and the residual path, which is there so that "
    "gradients reach them, is shut.",
    backward=backward,
)
