"""a_t = Σ_i (x_ti - x'_ti) ∂F/∂x_ti

Gradient times input (Shrikumar et al., arXiv:1605.01713, section 3), with the input counted from the baseline x' of
output_gradient.py: what F would lose, if it were linear, with [PAD] in the place of the token. It costs one backward
pass. Where F is not linear between baseline and text, integrated gradients are right and this is not.

Counted from zero every score would be zero: x is followed by a layer norm, which does not depend on the norm of x, so F
does not change along x and Σ_i x_ti ∂F/∂x_ti = 0 (except for epsilon).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import targets
from ..targets import ModelWithHeads
from .output_gradient import baseline, embedded, predictions, value_and_gradient
from .result import Attribution

NAME = "gradient-times-input"


def attribute(
    model: ModelWithHeads, text: str | tuple[str, str], task: str | None = None, target: Any = None
) -> Attribution:
    """A score for each token. Error: as targets.choose."""
    chosen = targets.choose(model, text, task, target)
    x = embedded(chosen.batch.ids, model.params.bert)
    value, dx = value_and_gradient(x[None], chosen, model)
    scores = ((x - baseline(chosen, model)) * dx[0]).sum(axis=1, dtype=np.float64)
    return Attribution(NAME, chosen, predictions(chosen, model), tuple(map(float, scores)), value, None)
