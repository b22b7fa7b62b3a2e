"""a_t = Σ_i (x_ti - x'_ti) ∂F/∂x_ti

Gradient times input (Shrikumar et al., arXiv:1605.01713, section 3), the input counted from the baseline x' of
attribution.py: what F would lose, if it were linear, with [PAD] in the place of the piece. It costs one backward; where
F bends on the way, integrated gradients are right and this is not.

Counted from zero every score would be zero: x is followed by a layer norm, which does not see how long x is, so F does
not change along x and Σ_i x_ti ∂F/∂x_ti = 0 (but for epsilon).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import targets
from ..targets import Model
from .attribution import Attribution, baseline, embedded, value_and_gradient

NAME = "gradient-times-input"


def gradient_times_input(
    model: Model, text: str | tuple[str, str], task: str | None = None, target: Any = None
) -> Attribution:
    """A score for each piece. Error: as aims.aim."""
    aim = targets.aim(model, text, task, target)
    x = embedded(aim.batch.ids, model.params.bert)
    value, dx = value_and_gradient(x[None], aim, model)
    scores = ((x - baseline(aim, model)) * dx[0]).sum(axis=1, dtype=np.float64)
    return Attribution(NAME, aim.task, aim.target, tuple(aim.encoding.tokens), tuple(map(float, scores)), value, None)
