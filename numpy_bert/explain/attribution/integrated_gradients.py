"""a_t = Σ_i (x_ti - x'_ti) ∫_0^1 ∂F/∂x_ti (x' + α (x - x')) dα

Integrated gradients (Sundararajan, Taly and Yan, arXiv:1703.01365, equation 1): the gradient is averaged on the
straight way from a baseline x', a text that says nothing, to the text x. The scores sum to exactly F(x) - F(x'), the
completeness of the paper's section 3; how far a computed sum is from that tells what the steps have missed.

The baseline is that of attribution.py. Zeros would be none: the layer norm that follows x does not see how long x is,
so on the way from zero F would not move until x is as small as the root of epsilon, and no number of steps is enough.

The integral is a sum at the nodes of Gauss and Legendre, which takes fewer steps than equal ones.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ...inference import encoding
from ...inference.batching import PIECES
from .. import targets
from ..targets import Model
from .attribution import Attribution, Progress, baseline, embedded, value_and_gradient

NAME = "integrated-gradients"
STEPS = 256
MOST_STEPS = 2048  # more only take time: the nodes alone would take minutes


def integrated_gradients(
    model: Model,
    text: str | tuple[str, str],
    task: str | None = None,
    target: Any = None,
    steps: int = STEPS,
    progress: Progress = lambda done: None,
) -> Attribution:
    """A score for each piece; `progress` is told of the steps done. Error: as aims.aim."""
    steps = encoding.count("steps", steps, MOST_STEPS)
    aim = targets.aim(model, text, task, target)
    x = embedded(aim.batch.ids, model.params.bert)
    start = baseline(aim, model)
    nodes, weights = np.polynomial.legendre.leggauss(steps)
    alpha = (0.5 * (nodes + 1.0)).astype(x.dtype)  # from (-1, 1) to (0, 1), where the weights sum to 1
    mean = np.zeros(x.shape)
    together = max(1, PIECES // len(x))
    for first in range(0, steps, together):
        chosen = slice(first, first + together)
        points = start + alpha[chosen, None, None] * (x - start)
        _, dpoints = value_and_gradient(points, aim, model)
        mean += np.tensordot(0.5 * weights[chosen], dpoints, axes=1)
        progress(len(points))
    scores = ((x - start) * mean).sum(axis=1)
    (value, _), (value_there, _) = (value_and_gradient(point[None], aim, model) for point in (x, start))
    tokens = tuple(aim.encoding.tokens)
    return Attribution(NAME, aim.task, aim.target, tokens, tuple(map(float, scores)), value, value_there)
