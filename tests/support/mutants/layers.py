"""Wrong backwards of feed-forward, encoder layer, encoder, pooler and bert."""

import numpy as np

from numpy_bert.blocks import (
    bert,
    dropout,
    embedding,
    encoder,
    encoder_layer,
    feed_forward,
    layer_norm,
    linear,
    multi_head_attention,
    pooler,
    tanh,
)
from numpy_bert.numerics import tree
from support.mutants.catalog import exercise, mutant, where_all_rows_are_read

# FFN(x) = gelu(x W_1ᵀ + b_1) W_2ᵀ + b_2


slope_at_the_result = exercise("slope_at_the_result")


@mutant(
    "feed_forward",
    wrong="The activation is skipped on the way back, as if it were linear.",
    hint="The outer layer is right, the inner one wrong.",
)
def activation_skipped(dy, cache):
    da, dcontract = linear.backward(dy, cache.contract)
    dx, dexpand = linear.backward(da, cache.expand)
    return dx, feed_forward.Params(dexpand, dcontract)


# z = LayerNorm(x + dropout(MultiHead(x))),   y = LayerNorm(z + dropout(FFN(z)))


residual_around_attention_forgotten = exercise("residual_around_attention_forgotten")


@mutant(
    "encoder_layer",
    wrong="z reaches the sum on two ways, but only the one through the feed-forward network is followed back.",
    hint="The feed-forward parameters are right, everything before them wrong.",
)
@where_all_rows_are_read(encoder_layer.backward)
def residual_around_feed_forward_forgotten(dy, cache):
    dresidual, dfeed_forward_norm = layer_norm.backward(dy, cache.feed_forward_norm)
    dz, dfeed_forward = feed_forward.backward(
        dropout.backward(dresidual, cache.feed_forward_dropout), cache.feed_forward
    )
    dresidual, dattention_norm = layer_norm.backward(dz, cache.attention_norm)
    dx, dattention = multi_head_attention.backward(
        dropout.backward(dresidual, cache.attention_dropout), cache.attention
    )
    return dx + dresidual, encoder_layer.Params(dattention, dattention_norm, dfeed_forward, dfeed_forward_norm)


residual_through_the_dropout = exercise("residual_through_the_dropout")


@mutant(
    "encoder_layer",
    wrong="The residual path goes around the norm, as in a pre-norm layer: dy is added as it came.",
    hint="BERT norms after the sum. What does the residual path go through?",
    seen="GPT-2 and most later models, which are pre-norm",
)
@where_all_rows_are_read(encoder_layer.backward)
def residual_of_a_pre_norm_layer(dy, cache):
    dresidual, dfeed_forward_norm = layer_norm.backward(dy, cache.feed_forward_norm)
    dz, dfeed_forward = feed_forward.backward(
        dropout.backward(dresidual, cache.feed_forward_dropout), cache.feed_forward
    )
    dz = dz + dy
    dresidual, dattention_norm = layer_norm.backward(dz, cache.attention_norm)
    dx, dattention = multi_head_attention.backward(
        dropout.backward(dresidual, cache.attention_dropout), cache.attention
    )
    return dx + dz, encoder_layer.Params(dattention, dattention_norm, dfeed_forward, dfeed_forward_norm)


@mutant(
    "encoder_layer",
    wrong="The gradients of the two norms are returned in each other's place; their shapes are the same.",
    hint="x is right, and so are all parameters but four.",
)
def norms_exchanged(dy, cache):
    dx, gradients = encoder_layer.backward(dy, cache)
    return dx, gradients._replace(
        attention_norm=gradients.feed_forward_norm, feed_forward_norm=gradients.attention_norm
    )


@mutant(
    "encoder_layer",
    wrong="The residual's gradient is added to the first rows of dx in place of the rows that were read.",
    hint="Only the cases with rows fail.",
)
def residual_to_the_first_rows(dy, cache):
    if cache.rows is None:
        return encoder_layer.backward(dy, cache)
    order = np.arange(cache.rows.shape[1]) % cache.attention.qkv.x.shape[1]
    return encoder_layer.backward(dy, cache._replace(rows=np.tile(order, (len(dy), 1))))


@mutant(
    "encoder_layer",
    wrong="dy is turned into the residual's gradient in place: the caller's array is lost.",
    hint="Look at dy after the call.",
    seen="in-place optimisations; `x += ...` on a caller's array in clippie's transformer is their forward twin",
)
def upstream_gradient_overwritten(dy, cache):
    gradients = encoder_layer.backward(dy, cache)
    dy -= dy.mean(axis=-1, keepdims=True)
    return gradients


# h_l = EncoderLayer_l(h_{l-1})


@mutant(
    "encoder",
    wrong="The layers are gone through from the first to the last.",
    hint="Right for L = 1.",
)
def layers_not_reversed(dy, cache):
    layer, dlayers = encoder._layer_module(cache.keep), []
    for layer_cache in cache.layers:
        dy, dlayer = layer.backward(dy, layer_cache)
        dlayers.append(dlayer)
    return dy, encoder.Params(tuple(dlayers))


gradients_in_reverse_order = exercise("gradients_in_reverse_order")


# y = EncoderLayer(x), computed twice


layer_computed_twice_with_another_mask = exercise(
    "layer_computed_twice_with_another_mask", seen="activation checkpointing without preserve_rng_state"
)


# y = tanh(h_[CLS] Wᵀ + b)


gradient_to_the_wrong_row = exercise("gradient_to_the_wrong_row")


@mutant(
    "pooler",
    wrong="The gradient is spread over all tokens, as if the forward took their mean.",
    hint="How many tokens does this pooler read?",
)
def gradient_spread_over_the_tokens(dy, cache):
    dcls, ddense = linear.backward(tanh.backward(dy, cache.tanh), cache.dense)
    dh = np.repeat(dcls[:, None, :], cache.T, axis=1) / cache.T
    return dh, pooler.Params(ddense)


@mutant(
    "pooler",
    wrong="dW is transposed. W is square, so no shape gives it away.",
    hint="Write dW_oi with indices. Which index belongs to dy?",
)
def square_weights_transposed(dy, cache):
    dh, (ddense,) = pooler.backward(dy, cache)
    return dh, pooler.Params(linear.Params(ddense.W.T.copy(), ddense.b))


@mutant(
    "pooler",
    wrong="tanh is skipped on the way back.",
    hint="Right for weights near zero, where tanh(u) = u.",
)
def pooler_without_its_tanh(dy, cache):
    dcls, ddense = linear.backward(dy, cache.dense)
    dh = np.zeros((len(dcls), cache.T, dcls.shape[1]))
    dh[:, 0] = dcls
    return dh, pooler.Params(ddense)


# hidden = Encoder(Embedding(ids)),   pooled = Pooler(hidden)


@mutant(
    "bert",
    wrong="The pooler's part of the gradient of the hidden states replaces that of the other heads; both add up.",
    hint="Each output alone is right, both together are wrong.",
)
def pooled_overwrites_hidden(dy, cache):
    dhidden = np.zeros_like(cache.hidden) if dy.hidden is None else dy.hidden
    dpooler = None if cache.pooler_params is None else tree.map(np.zeros_like, cache.pooler_params)
    if cache.pooler is not None and dy.pooled is not None:
        dhidden, dpooler = pooler.backward(dy.pooled, cache.pooler)
    dx, dencoder = encoder.backward(dhidden, cache.encoder)
    return bert.Params(embedding.backward(dx, cache.embedding), dencoder, dpooler)


nothing_below_the_pooler_learns = exercise("nothing_below_the_pooler_learns")


@mutant(
    "bert",
    wrong="A pooler that nobody read gets None for a gradient, on which an optimizer's map over the parameters fails.",
    hint="Is the type of the gradient that of the parameters?",
)
def no_gradient_for_a_pooler_not_read(dy, cache):
    gradients = bert.backward(dy, cache)
    return gradients if dy.pooled is not None else gradients._replace(pooler=None)
