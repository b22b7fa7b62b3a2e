"""Wrong backwards of softmax, log-softmax and layer norm."""

import numpy as np

from numpy_bert.blocks.layer_norm import Params
from support.mutants.catalog import exercise, mutant

# p_i = exp(x_i) / Σ_j exp(x_j)


missing_softmax_sum = exercise("missing_softmax_sum")


@mutant(
    "softmax",
    wrong="The sum runs over the rows, not along each of them.",
    hint="Which axis do the probabilities of one softmax lie on?",
)
def sum_over_the_wrong_axis(dp, cache):
    p = cache.p
    return p * (dp - (dp * p).sum(axis=-2, keepdims=True))


@mutant(
    "softmax",
    wrong="One sum for the whole array, where each row has its own.",
    hint="Check a single row, then two.",
)
def one_sum_for_all_rows(dp, cache):
    p = cache.p
    return p * (dp - (dp * p).sum())


@mutant(
    "softmax",
    wrong="The mean of dp is subtracted with equal weights, not with the weights p.",
    hint="It is right where all probabilities are equal: did you check at zeros?",
)
def unweighted_mean_subtracted(dp, cache):
    p = cache.p
    return p * (dp - dp.mean(axis=-1, keepdims=True))


# y_i = x_i - log Σ_j exp(x_j)


@mutant(
    "log_softmax",
    wrong="The backward of softmax is used for its logarithm.",
    hint="∂ log p_i / ∂ x_j = δ_ij - p_j, without a factor p_i.",
)
def backward_of_softmax(dy, cache):
    p = np.exp(cache.y)
    return p * (dy - (dy * p).sum(axis=-1, keepdims=True))


sum_of_the_upstream_forgotten = exercise("sum_of_the_upstream_forgotten")


# y = γ x̂ + β,   x̂ = (x - μ) r


gamma_outside_the_sums = exercise("gamma_outside_the_sums")


@mutant(
    "layer_norm",
    wrong="The term of the mean is missing: μ is held constant.",
    hint="Each x_j moves μ, and μ moves every x̂_i.",
)
def mean_held_constant(dy, cache):
    x_hat, rstd, gamma = cache
    rows = tuple(range(dy.ndim - 1))
    g = dy * gamma
    dx = rstd * (g - x_hat * (g * x_hat).mean(axis=-1, keepdims=True))
    return dx, Params((dy * x_hat).sum(axis=rows), dy.sum(axis=rows))


@mutant(
    "layer_norm",
    wrong="The term of the variance is missing: σ is held constant.",
    hint="Stretch x by 2: does y change? Then dx must be orthogonal to x̂.",
)
def variance_held_constant(dy, cache):
    x_hat, rstd, gamma = cache
    rows = tuple(range(dy.ndim - 1))
    g = dy * gamma
    dx = rstd * (g - g.mean(axis=-1, keepdims=True))
    return dx, Params((dy * x_hat).sum(axis=rows), dy.sum(axis=rows))


@mutant(
    "layer_norm",
    wrong="The variance's term divides by H - 1, the unbiased variance, where the forward divides by H.",
    hint="ddof: which default has NumPy, which PyTorch?",
    seen="The Annotated Transformer (its norm uses torch.std)",
)
def unbiased_variance(dy, cache):
    x_hat, rstd, gamma = cache
    rows = tuple(range(dy.ndim - 1))
    H = x_hat.shape[-1]
    g = dy * gamma
    projection = x_hat * (g * x_hat).sum(axis=-1, keepdims=True) / max(1, H - 1)
    dx = rstd * (g - g.mean(axis=-1, keepdims=True) - projection)
    return dx, Params((dy * x_hat).sum(axis=rows), dy.sum(axis=rows))


@mutant(
    "layer_norm",
    wrong="The backward has ε = 1e-5, PyTorch's default, where BERT's forward has 1e-12.",
    hint="The error is about 1e-5 / σ². What has that size?",
)
def epsilon_of_another_framework(dy, cache):
    x_hat, rstd, gamma = cache
    rows = tuple(range(dy.ndim - 1))
    rstd = 1.0 / np.sqrt(1.0 / (rstd * rstd) + 1e-5)
    g = dy * gamma
    dx = rstd * (g - g.mean(axis=-1, keepdims=True) - x_hat * (g * x_hat).mean(axis=-1, keepdims=True))
    return dx, Params((dy * x_hat).sum(axis=rows), dy.sum(axis=rows))


gamma_updated_before_its_use = exercise("gamma_updated_before_its_use")


@mutant(
    "layer_norm",
    wrong="The means run over the rows, as in batch norm.",
    hint="Which numbers were averaged in the forward?",
    seen="AkiRusProd/numpy-transformer, where the formula of batch norm stood in for that of layer norm",
)
def backward_of_batch_norm(dy, cache):
    x_hat, rstd, gamma = cache
    rows = tuple(range(dy.ndim - 1))
    g = dy * gamma
    dx = rstd * (g - g.mean(axis=rows, keepdims=True) - x_hat * (g * x_hat).mean(axis=rows, keepdims=True))
    return dx, Params((dy * x_hat).sum(axis=rows), dy.sum(axis=rows))


@mutant(
    "layer_norm",
    wrong="γ multiplies x̂, not x: its gradient is taken with x̂ √(σ²+ε), which is x - μ.",
    hint="What stands beside γ in the forward?",
)
def gamma_learns_from_x_before_the_norm(dy, cache):
    x_hat, rstd, gamma = cache
    rows = tuple(range(dy.ndim - 1))
    g = dy * gamma
    dx = rstd * (g - g.mean(axis=-1, keepdims=True) - x_hat * (g * x_hat).mean(axis=-1, keepdims=True))
    return dx, Params((dy * x_hat / rstd).sum(axis=rows), dy.sum(axis=rows))


@mutant(
    "layer_norm",
    wrong="mean(axis) divides by the number of all elements where it should divide by those along the axis.",
    hint="Check one row, then three.",
    seen="AlkiGit/BERT-NumPy, the mean of its tensor",
)
def mean_divides_by_the_total_size(dy, cache):
    x_hat, rstd, gamma = cache
    rows = tuple(range(dy.ndim - 1))
    g = dy * gamma

    def mean(x):
        return x.sum(axis=-1, keepdims=True) / x.size

    dx = rstd * (g - mean(g) - x_hat * mean(g * x_hat))
    return dx, Params((dy * x_hat).sum(axis=rows), dy.sum(axis=rows))


gradient_of_a_product_given_to_the_wrong_factor = exercise("gradient_of_a_product_given_to_the_wrong_factor")
