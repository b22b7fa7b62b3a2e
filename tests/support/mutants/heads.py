"""Wrong backwards of the losses, the heads and the whole model."""

import numpy as np

from numpy_bert.blocks import bert, binary_cross_entropy, cross_entropy, dropout, gelu, layer_norm, linear, softmax
from numpy_bert.blocks.bert import Output
from numpy_bert.numerics.sigmoid import sigmoid
from numpy_bert.tasks import (
    masked_lm,
    multiple_choice,
    next_sentence,
    objective,
    pretraining,
    question_answering,
    token_classification,
)
from support.mutants.catalog import exercise, mutant

# loss = - 1/n Σ_i log softmax(x_i)[label_i]


@mutant(
    "cross_entropy",
    wrong="The forward is a mean, the backward that of a sum.",
    hint="Wrong by a whole number. Which?",
)
def mean_in_forward_sum_in_backward(dloss, cache):
    return cross_entropy.backward(dloss, cache) * max(1, len(cache.labels))


divided_by_all_rows = exercise("divided_by_all_rows")


@mutant(
    "cross_entropy",
    wrong="Rows to be ignored are taken for class 0 in the backward.",
    hint="Which rows of dx must be exactly zero?",
)
def ignored_label_counted(dloss, cache):
    dx = cross_entropy.backward(dloss, cache)
    n, C = cache.log_p.y.shape
    dx[~cache.kept] = (1.0 / C - np.eye(C)[0]) * dloss / max(n, 1)
    return dx


@mutant(
    "cross_entropy",
    wrong="The derivative by the log-probability of the label alone: the softmax below it is left out.",
    hint="Raise the score of a wrong class: does the loss change?",
)
def softmax_left_out(dloss, cache):
    n, C = cache.log_p.y.shape
    dx = np.zeros((len(cache.kept), C))
    dx[cache.kept] = -np.eye(C)[cache.labels] * dloss / max(n, 1)
    return dx


@mutant(
    "cross_entropy",
    wrong="The mean divides by n + 1e-5, as Google's loss does to avoid 0/0, but the forward here does not.",
    hint="The error is 1e-5 / n.",
    seen="google-research/bert, run_pretraining.py (there in the forward as well, hence right)",
)
def denominator_with_an_epsilon(dloss, cache):
    n = len(cache.labels)
    return cross_entropy.backward(dloss, cache) * n / (n + 1e-5)


@mutant(
    "cross_entropy",
    wrong="The sign is that of a gain, not of a loss.",
    hint="Which way would a step against the gradient move the score of the label?",
)
def sign_turned(dloss, cache):
    return -cross_entropy.backward(dloss, cache)


@mutant(
    "cross_entropy",
    wrong="dloss is taken for 1: right as long as the loss is the last step, wrong in a weighted sum of losses.",
    hint="Which argument is never read?",
)
def upstream_gradient_not_read(dloss, cache):
    return cross_entropy.backward(1.0, cache)


# loss = 1/n Σ_i max(x_i, 0) - target_i x_i + log(1 + exp(-|x_i|))


mean_over_texts = exercise("mean_over_texts")


@mutant(
    "binary_cross_entropy",
    wrong="The probabilities of a text are made to sum to 1: a softmax, where each class stands by itself.",
    hint="Raise one logit. Which entries of dx move with it?",
)
def softmax_in_place_of_the_sigmoid(dloss, cache):
    return (softmax.forward(cache.x)[0] - cache.targets) * dloss / max(cache.x.size, 1)


@mutant(
    "binary_cross_entropy",
    wrong="The error is multiplied by σ (1 - σ), as for a squared error of probabilities.",
    hint="Which entries are smallest? Those that should be largest.",
)
def slope_of_the_sigmoid_left_in(dloss, cache):
    p = sigmoid(cache.x)
    return binary_cross_entropy.backward(dloss, cache) * p * (1.0 - p)


@mutant(
    "binary_cross_entropy",
    wrong="Targets are rounded: the same for 0 and 1, wrong for probabilities.",
    hint="Which of the cases pass?",
)
def targets_rounded(dloss, cache):
    return binary_cross_entropy.backward(dloss, cache._replace(targets=np.round(cache.targets)))


@mutant(
    "binary_cross_entropy",
    wrong="Only the classes that a text has are told of in the backward; that it has no others is not learned.",
    hint="Look at the entries whose target is 0.",
)
def negatives_left_out(dloss, cache):
    return np.where(cache.targets > 0, binary_cross_entropy.backward(dloss, cache), 0.0)


# loss = 1/n Σ_i (x_i - target_i)²


factor_2_forgotten = exercise("factor_2_forgotten")


# logits = LayerNorm(gelu(h W_tᵀ + b_t)) Eᵀ + b_V


@mutant(
    "masked_lm",
    wrong="dh[positions] = dasked: of a position that was asked twice one gradient is lost.",
    hint="Compare with a lookup in a table.",
)
def position_asked_twice_counted_once(dlogits, cache):
    dn, (dE, dbias) = linear.backward(dlogits, cache.decoder)
    da, dnorm = layer_norm.backward(dn, cache.norm)
    dasked, dtransform = linear.backward(gelu.backward(da, cache.gelu), cache.transform)
    B, T = cache.BT
    dh = np.zeros((B * T, dasked.shape[-1]))
    dh[cache.positions] = dasked
    return Output(dh.reshape(B, T, -1), None), masked_lm.Params(dtransform, dnorm, dE, dbias)


@mutant(
    "masked_lm",
    wrong="The norm of the transform is skipped on the way back.",
    hint="The decoder is right, the transform wrong.",
)
def norm_of_the_transform_skipped(dlogits, cache):
    dn, (dE, dbias) = linear.backward(dlogits, cache.decoder)
    _, dnorm = layer_norm.backward(dn, cache.norm)
    dasked, dtransform = linear.backward(gelu.backward(dn, cache.gelu), cache.transform)
    B, T = cache.BT
    dh = np.zeros((B * T, dasked.shape[-1]))
    np.add.at(dh, cache.positions, dasked)
    return Output(dh.reshape(B, T, -1), None), masked_lm.Params(dtransform, dnorm, dE, dbias)


@mutant(
    "masked_lm",
    wrong="Positions are taken as (token, text) where they count (text, token): the gradients land at other tokens.",
    hint="Right for B = 1.",
)
def texts_and_tokens_exchanged(dlogits, cache):
    dencoded, dparams = masked_lm.backward(dlogits, cache)
    B, T = cache.BT
    dh = dencoded.hidden.reshape(T, B, -1).transpose(1, 0, 2)
    return Output(np.ascontiguousarray(dh), None), dparams


# the other heads


dropout_before_the_head_forgotten = exercise("dropout_before_the_head_forgotten")


@mutant(
    "token_classification",
    wrong="The gradient reaches the first token of each text only, as if a text had one class.",
    hint="Which rows of dhidden are zero?",
)
def only_the_first_token_learns(dlogits, cache):
    dhidden, ddense = linear.backward(dlogits, cache.dense)
    dhidden = dropout.backward(dhidden, cache.dropout)
    dhidden[:, 1:] = 0.0
    return Output(dhidden, None), token_classification.Params(ddense)


@mutant(
    "question_answering",
    wrong="The loss is the mean of two cross-entropies, its gradient that of their sum.",
    hint="Wrong by a factor. Which?",
    loss=True,
)
def half_forgotten(dloss, cache):
    dfirst, dlast = dloss if isinstance(dloss, question_answering.Labels) else (dloss, dloss)
    dstart, dend = cross_entropy.backward(dfirst, cache.start), cross_entropy.backward(dlast, cache.end)
    return question_answering.backward(np.stack([dstart, dend], axis=-1), cache.head)


start_and_end_exchanged = exercise("start_and_end_exchanged")


@mutant(
    "multiple_choice",
    wrong="The gradients are shifted by one place: each choice gets that of its neighbor.",
    hint="One of the K scores must rise, the others fall. Which rises?",
    loss=True,
)
def choices_shifted_by_one(dloss, cache):
    dscores = cross_entropy.backward(dloss, cache.loss)
    return multiple_choice.backward(np.roll(dscores.reshape(-1), 1), cache.head)


@mutant(
    "pretraining",
    wrong="Both losses are added in the forward, only that of the masked tokens is followed back.",
    hint="Which outputs of BERT does each of the two heads read?",
    loss=True,
)
def second_loss_forgotten(dloss, cache):
    dmasked, _ = dloss if isinstance(dloss, pretraining.Labels) else (dloss, dloss)
    from_masked, dmasked_lm = masked_lm.loss_backward(dmasked, cache.masked_lm)
    from_next, dnext_sentence = next_sentence.loss_backward(0.0, cache.next_sentence)
    return Output(from_masked.hidden, from_next.pooled), pretraining.Params(dmasked_lm, dnext_sentence)


# v_k = Σ_t share_tk h_t,   normalized v / |v|


length_held_constant = exercise("length_held_constant")


@mutant(
    "sentence_embedding",
    wrong="Every place gets the same share, padding too, whatever the forward took.",
    hint="Right for the mean, if there is no padding.",
)
def same_share_for_every_place(dy, cache):
    share, v, norm = cache
    dv = dy
    if norm is not None:
        u = v / norm
        dv = (dy - u * (u * dy).sum(axis=-1, keepdims=True)) / norm
    B, T, K, _ = share.shape
    return np.repeat(dv.reshape(B, 1, K, -1).sum(axis=2), T, axis=1) / T


# loss = task(BERT(inputs))


tied_decoder_overwrites = exercise("tied_decoder_overwrites")


@mutant(
    "objective",
    wrong="The tied embedding gets its gradient as an input only; that as a decoder is lost.",
    hint="Rows of tokens that are in no text: must they be zero?",
)
def tied_decoder_does_not_learn(dloss, cache):
    gradients = objective.backward(dloss, cache)
    dencoded, _ = objective.TASKS[cache.task].loss_backward(dloss, cache.head)
    word = bert.backward(dencoded, cache.bert).embedding.word
    return gradients._replace(bert=gradients.bert._replace(embedding=gradients.bert.embedding._replace(word=word)))


@mutant(
    "objective",
    wrong="A head that took no part gets None for a gradient.",
    hint="Is the type of the gradient that of the parameters?",
)
def no_gradient_for_the_other_heads(dloss, cache):
    gradients = objective.backward(dloss, cache)
    touched = objective.TASKS[cache.task].heads
    return gradients._replace(**{head: None for head in objective.HEADS if head not in touched})


@mutant(
    "objective",
    wrong="Only the hidden states are followed back; what a head read from the pooler is lost.",
    hint="Losses of whole texts train their head and nothing else.",
)
def pooled_not_followed_back(dloss, cache):
    gradients = objective.backward(dloss, cache)
    dencoded, _ = objective.TASKS[cache.task].loss_backward(dloss, cache.head)
    return gradients._replace(bert=bert.backward(dencoded._replace(pooled=None), cache.bert))
