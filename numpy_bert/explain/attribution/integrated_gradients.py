"""a_t = Σ_i (x_ti - x'_ti) ∫_0^1 ∂F/∂x_ti (x' + α (x - x')) dα

Integrated gradients (Sundararajan, Taly and Yan, arXiv:1703.01365, equation 1): the gradient is averaged along the
straight line from the baseline x' to the text x. The scores sum to exactly F(x) - F(x'), the completeness of the
paper's section 3; the difference from a computed sum is the error of the numerical integration.

The baseline is that of output_gradient.py. Zeros would not do: the layer norm that follows x does not depend on the
norm of x, so on the line from zero F would not change until x is as small as the root of epsilon, and no number of
steps is enough.

The integral is computed with Gauss-Legendre quadrature, which needs fewer steps than equal ones.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ...inference.batching import TOKENS
from ...rules import as_integer
from .. import targets
from ..targets import ModelWithHeads
from .output_gradient import baseline, embedded, predictions, value_and_gradient
from .result import Attribution

NAME = "integrated-gradients"
STEPS = 256
MOST_STEPS = 2048  # more would only take time: the nodes alone would take minutes


def attribute(
    model: ModelWithHeads,
    text: str | tuple[str, str],
    task: str | None = None,
    target: Any = None,
    steps: int = STEPS,
    progress: Callable[[int], object] = lambda done: None,
) -> Attribution:
    """A score for each token; `progress` is called with the number of steps done. Error: as targets.choose."""
    steps = as_integer("steps", steps, 1, MOST_STEPS)
    chosen = targets.choose(model, text, task, target)
    x = embedded(chosen.batch.ids, model.params.bert)
    start = baseline(chosen, model)
    nodes, weights = np.polynomial.legendre.leggauss(steps)
    alpha = (0.5 * (nodes + 1.0)).astype(x.dtype)  # from (-1, 1) to (0, 1), where the weights sum to 1
    mean = np.zeros(x.shape)
    batch_size = max(1, TOKENS // len(x))
    for first in range(0, steps, batch_size):
        batch = slice(first, first + batch_size)
        points = start + alpha[batch, None, None] * (x - start)
        _, dpoints = value_and_gradient(points, chosen, model)
        mean += np.tensordot(0.5 * weights[batch], dpoints, axes=1)
        progress(len(points))
    scores = tuple(map(float, ((x - start) * mean).sum(axis=1)))
    (value, _), (value_at_start, _) = (value_and_gradient(point[None], chosen, model) for point in (x, start))
    return Attribution(NAME, chosen, predictions(chosen, model), scores, value, value_at_start)
