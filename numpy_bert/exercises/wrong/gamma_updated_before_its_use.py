"""A third exercise about layer norm."""

from __future__ import annotations

from ...blocks.layer_norm import Cache, Params
from ...numerics.arrays import Array
from ...numerics.rows import row_mean, row_mean_of_product
from ..definition import Exercise


def backward(dy: Array, cache: Cache) -> tuple[Array, Params]:
    """dy (..., H) -> dx (..., H), dparams"""
    x_hat, rstd, gamma = cache
    rows = tuple(range(dy.ndim - 1))  # all axes but the last: γ and β serve every row
    # y = γ x̂ + β
    dbeta = dy.sum(axis=rows)
    dgamma = (dy * x_hat).sum(axis=rows)
    gamma -= 0.01 * dgamma
    dx_hat = dy * gamma
    # x̂ = (x - μ) r
    dx = rstd * (dx_hat - row_mean(dx_hat) - x_hat * row_mean_of_product(dx_hat, x_hat))
    return dx, Params(dgamma, dbeta)


EXERCISE = Exercise(
    title="A report without a number",
    block="layer_norm",
    level="hard",
    hints=(
        "In which order do the two lines belong? Better: should a backward change a parameter?",
        "The report is about side effects, not about numbers: look for a line that writes to an array it did not make.",
    ),
    wrong="γ takes its optimizer step first, and the new γ is used for dx.",
    why="dx is a derivative at the γ of the forward; with another γ it is that of another function. The error has "
    "the size of the learning rate, so a check with a small rate and a wide tolerance passes, and one with rate "
    "0 always. Whoever keeps the step out of backward cannot make this mistake: gradients first, all of them, "
    "then the optimizer.",
    backward=backward,
    met="bert-from-scratch",
)
