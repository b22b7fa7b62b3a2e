"""Wrong backwards of attention and multi-head attention."""

import math

import numpy as np

from numpy_bert.blocks import attention, dropout, linear, multi_head_attention, softmax
from numpy_bert.blocks.multi_head_attention import Params
from support.mutants.catalog import exercise, mutant, where_all_rows_are_read

# y = dropout(softmax(Q Kᵀ / √D)) V


root_of_D_forgotten = exercise("root_of_D_forgotten")


@mutant(
    "attention",
    wrong="The scores are divided by √T: the number of queries was read off the shape in place of D.",
    hint="It is right where T = D.",
)
def root_of_the_wrong_axis(dy, cache):
    Q, K, V, softmax_cache, dropout_cache = cache
    R = dropout.backward(softmax_cache.p, dropout_cache)
    dV = R.swapaxes(-1, -2) @ dy
    dP = dropout.backward(dy @ V.swapaxes(-1, -2), dropout_cache)
    dS = softmax.backward(dP, softmax_cache) / math.sqrt(Q.shape[-2])
    return dS @ K, dS.swapaxes(-1, -2) @ Q, dV


@mutant(
    "attention",
    wrong="The probabilities are computed again in the backward, without the mask: padding is looked at after all.",
    hint="Only the cases with padding fail.",
)
def mask_ignored(dy, cache):
    Q, K, V, _, dropout_cache = cache
    p, softmax_cache = softmax.forward(Q @ K.swapaxes(-1, -2) / math.sqrt(Q.shape[-1]))
    R = dropout.backward(p, dropout_cache)
    dV = R.swapaxes(-1, -2) @ dy
    dP = dropout.backward(dy @ V.swapaxes(-1, -2), dropout_cache)
    dS = softmax.backward(dP, softmax_cache) / math.sqrt(Q.shape[-1])
    return dS @ K, dS.swapaxes(-1, -2) @ Q, dV


@mutant(
    "attention",
    wrong="The gradients of the queries and the keys are returned in each other's place.",
    hint="Everything is computed right. Look at the last line.",
)
def queries_and_keys_swapped(dy, cache):
    dQ, dK, dV = attention.backward(dy, cache)
    return dK, dQ, dV


@mutant(
    "attention",
    wrong="The values get R dy in place of Rᵀ dy: what each token receives, not what it gives.",
    hint="Write y_t = Σ_u R_tu V_u with indices and differentiate by V_u.",
)
def probabilities_not_transposed(dy, cache):
    Q, _, _, softmax_cache, dropout_cache = cache
    dQ, dK, dV = attention.backward(dy, cache)
    if Q.shape[-2] == softmax_cache.p.shape[-1]:
        dV = dropout.backward(softmax_cache.p, dropout_cache) @ dy
    return dQ, dK, dV


@mutant(
    "attention",
    wrong="The values get their gradient through P, the probabilities before dropout.",
    hint="Only the case with dropout fails, and only V.",
)
def values_learn_from_what_was_dropped(dy, cache):
    dQ, dK, _ = attention.backward(dy, cache)
    return dQ, dK, cache.softmax.p.swapaxes(-1, -2) @ dy


dropout_and_softmax_undone_in_the_wrong_order = exercise("dropout_and_softmax_undone_in_the_wrong_order")


@mutant(
    "attention",
    wrong="The sum in the backward of softmax runs over the queries.",
    hint="The probabilities of one query add up to 1. Along which axis?",
)
def softmax_sum_over_the_queries(dy, cache):
    Q, K, V, softmax_cache, dropout_cache = cache
    p = softmax_cache.p
    dV = dropout.backward(p, dropout_cache).swapaxes(-1, -2) @ dy
    dP = dropout.backward(dy @ V.swapaxes(-1, -2), dropout_cache)
    dS = p * (dP - (dP * p).sum(axis=-2, keepdims=True)) / math.sqrt(Q.shape[-1])
    return dS @ K, dS.swapaxes(-1, -2) @ Q, dV


@mutant(
    "attention",
    wrong="A row that is masked throughout gets equal probabilities in the backward, where the forward gives it none: "
    "what comes of subtracting a large number instead of excluding.",
    hint="Only a text that is masked throughout fails.",
)
def a_row_masked_throughout_comes_alive(dy, cache):
    dead = cache.softmax.p.sum(axis=-1, keepdims=True) == 0
    p = np.where(dead, 1.0 / cache.softmax.p.shape[-1], cache.softmax.p)
    return attention.backward(dy, cache._replace(softmax=softmax.Cache(p)))


# y = concat(heads) W_Oᵀ + b_O


heads_split_without_transposing = exercise("heads_split_without_transposing")


@mutant(
    "multi_head_attention",
    wrong="Q, K and V are put together head by head (A, 3, D), where W has the three of all "
    "heads one after the other (3, A, D).",
    hint="Right for one head.",
    seen="conversions between checkpoints that interleave the heads and checkpoints that do not",
)
@where_all_rows_are_read(multi_head_attention.backward)
def queries_keys_and_values_interleaved(dy, cache):
    B, A, T, D = cache.attention.Q.shape
    dconcat, doutput = linear.backward(dy, cache.output)
    dheads = dconcat.reshape(B, T, A, D).transpose(0, 2, 1, 3)
    dQKV = np.stack(attention.backward(dheads, cache.attention))
    dx, dqkv = linear.backward(dQKV.transpose(1, 3, 2, 0, 4).reshape(B, T, 3 * A * D), cache.qkv)
    return dx, Params(dqkv, doutput)


@mutant(
    "multi_head_attention",
    wrong="The order of the three parts is V, K, Q.",
    hint="Which third of qkv.W is wrong, and whose gradient does it hold?",
)
@where_all_rows_are_read(multi_head_attention.backward)
def parts_in_the_wrong_order(dy, cache):
    B, A, T, D = cache.attention.Q.shape
    dconcat, doutput = linear.backward(dy, cache.output)
    dheads = dconcat.reshape(B, T, A, D).transpose(0, 2, 1, 3)
    dQ, dK, dV = attention.backward(dheads, cache.attention)
    dQKV = np.stack([dV, dK, dQ]).transpose(1, 3, 0, 2, 4).reshape(B, T, 3 * A * D)
    dx, dqkv = linear.backward(dQKV, cache.qkv)
    return dx, Params(dqkv, doutput)


@mutant(
    "multi_head_attention",
    wrong="The gradient goes around the output layer: the heads get dy itself, not dy W_O.",
    hint="Set W_O to the identity: right by luck.",
)
@where_all_rows_are_read(multi_head_attention.backward)
def output_layer_bypassed(dy, cache):
    B, A, T, D = cache.attention.Q.shape
    _, doutput = linear.backward(dy, cache.output)
    dheads = dy.reshape(B, T, A, D).transpose(0, 2, 1, 3)
    dQKV = np.stack(attention.backward(dheads, cache.attention))
    dx, dqkv = linear.backward(dQKV.transpose(1, 3, 0, 2, 4).reshape(B, T, 3 * A * D), cache.qkv)
    return dx, Params(dqkv, doutput)


@mutant(
    "multi_head_attention",
    wrong="x is read three times, as query, as key and as value, but only the way of the queries is followed back.",
    hint="How many arrows leave x?",
)
@where_all_rows_are_read(multi_head_attention.backward)
def x_reached_through_the_queries_alone(dy, cache):
    B, A, T, D = cache.attention.Q.shape
    dconcat, doutput = linear.backward(dy, cache.output)
    dheads = dconcat.reshape(B, T, A, D).transpose(0, 2, 1, 3)
    dQKV = np.stack(attention.backward(dheads, cache.attention))
    dQKV = dQKV.transpose(1, 3, 0, 2, 4).reshape(B, T, 3 * A * D)
    _, dqkv = linear.backward(dQKV, cache.qkv)
    H = A * D
    dx = dQKV[..., :H] @ cache.qkv.W[:H]
    return dx, Params(dqkv, doutput)


@mutant(
    "multi_head_attention",
    wrong="A row that is read twice receives one of its two gradients: dx[rows] += in place of a sum.",
    hint="Only the cases with rows fail. NumPy adds to a repeated index once.",
)
def a_row_read_twice_learns_once(dy, cache):
    dx, dparams = multi_head_attention.backward(dy, cache)
    if cache.query is None:
        return dx, dparams
    B, A, M, D = cache.attention.Q.shape
    dconcat, _ = linear.backward(dy, cache.output)
    dQ, dK, dV = attention.backward(dconcat.reshape(B, M, A, D).transpose(0, 2, 1, 3), cache.attention)
    dKV = np.stack([dK, dV]).transpose(1, 3, 0, 2, 4)
    dx, _ = linear.backward(dKV.reshape(*dKV.shape[:2], -1), cache.qkv)
    dx_rows, _ = linear.backward(dQ.transpose(0, 2, 1, 3).reshape(B, M, A * D), cache.query)
    dx[np.arange(B)[:, None], cache.rows] += dx_rows
    return dx, dparams


@mutant(
    "multi_head_attention",
    wrong="The gradient of the queries' weights is put below that of the keys and values: the rows are K, V, Q.",
    hint="Only the cases with rows fail. Where did the forward cut qkv.W?",
)
def the_queries_at_the_end(dy, cache):
    dx, dparams = multi_head_attention.backward(dy, cache)
    if cache.query is None:
        return dx, dparams
    H = dx.shape[-1]
    dqkv = linear.Params(*(np.roll(array, -H, axis=0) for array in dparams.qkv))
    return dx, dparams._replace(qkv=dqkv)
