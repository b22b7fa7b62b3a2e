"""Wrong backwards of linear, gelu, tanh and dropout."""

import math

import numpy as np
from scipy.special import erf

from numpy_bert.blocks.linear import Params
from support.mutants.catalog import exercise, mutant

ROOT = math.sqrt(2.0 / math.pi)


# y = x Wᵀ + b


@mutant(
    "linear",
    wrong="The bias serves every token of every text, but its gradient is summed over the texts alone.",
    hint="How often was each element of b used?",
)
def bias_summed_over_one_axis(dy, cache):
    x, W = cache
    dx = dy @ W
    dW = dy.reshape(-1, W.shape[0]).T @ x.reshape(-1, W.shape[1])
    db = dy.sum(axis=0)
    return dx, Params(dW, db)


@mutant(
    "linear",
    wrong="The bias gets the mean over the rows where it should get the sum.",
    hint="Double the batch by repeating it, with a dy of the same size. What should db do?",
)
def bias_averaged(dy, cache):
    x, W = cache
    dx = dy @ W
    dW = dy.reshape(-1, W.shape[0]).T @ x.reshape(-1, W.shape[1])
    db = dy.reshape(-1, W.shape[0]).sum(axis=0) / max(1, dy.size // W.shape[0])
    return dx, Params(dW, db)


@mutant(
    "linear",
    wrong="The loop over the texts assigns where it should add, so the weights learn from the last text only.",
    hint="What is dW after the second turn of the loop?",
)
def weights_learn_from_the_last_text(dy, cache):
    x, W = cache
    dW, db = np.zeros_like(W), np.zeros(W.shape[0])
    for x_text, dy_text in zip(x, dy, strict=True):
        dW = dy_text.reshape(-1, W.shape[0]).T @ x_text.reshape(-1, W.shape[1])
        db = dy_text.reshape(-1, W.shape[0]).sum(axis=0)
    return dy @ W, Params(dW, db)


gradient_in_the_other_layout = exercise("gradient_in_the_other_layout")


@mutant(
    "linear",
    wrong="dx is too large by one part in a thousand million: training would never show it, a port's tests might not.",
    hint="No formula is wrong. How many digits does your checker see?",
    seen="planted: what a checker has to see to be called exact",
)
def a_hair_too_large(dy, cache):
    x, W = cache
    dy_rows, x_rows = dy.reshape(-1, W.shape[0]), x.reshape(-1, W.shape[1])
    return dy @ W * (1.0 + 1e-9), Params(dy_rows.T @ x_rows, dy_rows.sum(axis=0))


@mutant(
    "linear",
    wrong="One product runs in float32 and is converted back: the type looks right, half of the digits are gone.",
    hint="The error is about 1e-8. What has that size?",
)
def float32_leak(dy, cache):
    x, W = cache
    dy_rows, x_rows = dy.reshape(-1, W.shape[0]), x.reshape(-1, W.shape[1])
    dW = dy_rows.astype(np.float32).T @ x_rows.astype(np.float32)
    return dy @ W, Params(dW.astype(np.float64), dy_rows.sum(axis=0))


class _Accumulator:
    """What a layer object keeps between calls."""

    def __init__(self):
        self.dW = {}

    def add(self, W, dW):
        self.dW[W.shape] = self.dW.get(W.shape, 0.0) + dW
        return self.dW[W.shape]


_accumulator = _Accumulator()


@mutant(
    "linear",
    wrong="The gradient is added to that of the call before, which nobody set to zero.",
    hint="Call backward twice with the same arguments.",
    seen="any framework whose gradients accumulate, when zero_grad is forgotten",
)
def gradients_accumulate_from_call_to_call(dy, cache):
    x, W = cache
    dy_rows, x_rows = dy.reshape(-1, W.shape[0]), x.reshape(-1, W.shape[1])
    return dy @ W, Params(_accumulator.add(W, dy_rows.T @ x_rows), dy_rows.sum(axis=0))


# y = x Φ(x)


relu_backward = exercise("relu_backward")


@mutant(
    "gelu",
    wrong="The backward is that of the tanh form, whatever the form of the forward.",
    hint="The error is below 1e-3, and only one of the two forms fails.",
    seen="ports that mix Google's code (tanh) with Hugging Face's weights (erf)",
)
def tanh_backward_under_erf_forward(dy, cache):
    return dy * _tanh_slope(cache.x)


def _tanh_slope(x):
    t = np.tanh(ROOT * (x + 0.044715 * x**3))
    return 0.5 * (1.0 + t) + 0.5 * x * (1.0 - t * t) * ROOT * (1.0 + 3.0 * 0.044715 * x * x)


def _erf_slope(x):
    return 0.5 * (1.0 + erf(x / math.sqrt(2.0))) + x * np.exp(-0.5 * x * x) / math.sqrt(2.0 * math.pi)


@mutant(
    "gelu",
    wrong="Φ(x) is held constant: the product rule's second half, x φ(x), is missing.",
    hint="x stands in two places of x Φ(x).",
)
def half_of_the_product_rule(dy, cache):
    x, form = cache
    if form == "tanh":
        return dy * _tanh_slope(x)
    return dy * 0.5 * (1.0 + erf(x / math.sqrt(2.0)))


@mutant(
    "gelu",
    wrong="The density is that of erf, exp(-x²) 2/√π, without the inner derivative of x/√2.",
    hint="erf'(u) = 2/√π exp(-u²). What is u here, and what is du/dx?",
)
def density_of_erf(dy, cache):
    x, form = cache
    if form == "tanh":
        return dy * _tanh_slope(x)
    return dy * (0.5 * (1.0 + erf(x / math.sqrt(2.0))) + 0.5 * x * np.exp(-x * x) * 2.0 / math.sqrt(math.pi))


@mutant(
    "gelu",
    wrong="In the tanh form the derivative of the inner cubic is forgotten.",
    hint="d tanh(u)/dx = (1 - tanh²(u)) du/dx.",
)
def inner_derivative_forgotten(dy, cache):
    x, form = cache
    if form == "erf":
        return dy * _erf_slope(x)
    t = np.tanh(ROOT * (x + 0.044715 * x**3))
    return dy * (0.5 * (1.0 + t) + 0.5 * x * (1.0 - t * t))


cubic_without_its_3 = exercise("cubic_without_its_3")


@mutant(
    "gelu",
    wrong="The derivative is that of the third approximation in the GELU paper, x σ(1.702 x).",
    hint="Which of the paper's three formulas does the forward have?",
)
def slope_of_the_sigmoid_form(dy, cache):
    gate = 1.0 / (1.0 + np.exp(-1.702 * cache.x))
    return dy * (gate + 1.702 * cache.x * gate * (1.0 - gate))


@mutant(
    "gelu",
    wrong="The slope is right, but it is computed in the memory of the cached input: whoever reads the cache next "
    "(a second backward, a trace, another head) finds something else there.",
    hint="Call backward twice. Which line writes to an array it did not make?",
    seen="in-place optimisations of cached activations",
)
def cached_input_overwritten(dy, cache):
    x, form = cache
    slope = _erf_slope(x) if form == "erf" else _tanh_slope(x)
    np.multiply(slope, dy, out=x)
    return x.copy()


# y = tanh(x)


tanh_of_tanh = exercise("tanh_of_tanh")


@mutant("tanh", wrong="1 - y in place of 1 - y².", hint="What is the slope at x = 0, and at a large x of either sign?")
def square_forgotten(dy, cache):
    return dy * (1.0 - cache.y)


# y = m x / (1 - p)


@mutant(
    "dropout",
    wrong="The backward draws a mask of its own, so gradients pass where nothing passed, and the other way round.",
    hint="Which places of x had an influence on y?",
)
def mask_redrawn_in_backward(dy, cache):
    if cache.kept is None:
        return dy
    kept = np.random.default_rng(1).random(dy.shape) >= 1.0 - 1.0 / cache.scale
    return dy * kept * cache.scale


scale_forgotten = exercise("scale_forgotten")


@mutant(
    "dropout",
    wrong="The backward scales but drops nothing.",
    hint="What is dy/dx where x was dropped?",
)
def mask_forgotten(dy, cache):
    return dy * cache.scale


@mutant(
    "dropout",
    wrong="The gradient is multiplied by 1 - p, as if dropout were not inverted, where it is divided by it.",
    hint="Which of the two forms of dropout scales at inference?",
)
def scaled_down_instead_of_up(dy, cache):
    return dy if cache.kept is None else dy * cache.kept / cache.scale
