"""g ← g · min(1, c / (|g| + 1e-6)),   |g| = √(Σ over all parameters g_i²)

Clipping by the global norm (Pascanu, Mikolov and Bengio, arXiv:1211.5063, algorithm 1): a step that would be too long
is shortened, its direction kept. The 1e-6 is that of torch.nn.utils.clip_grad_norm_.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np

from ...numerics.arrays import Array

SMALLEST = 1e-6


def norm(gradients: Iterable[Array]) -> float:
    """√(Σ g_i²) over all of them. The squares of one array are summed in its precision, the sums in double."""
    return math.sqrt(sum(float(np.dot(g.reshape(-1), g.reshape(-1))) for g in gradients))


def factor(norm: float, longest: float | None) -> float:
    """What the gradients are to be multiplied with so that their norm is at most `longest`; None: no limit."""
    return 1.0 if longest is None else min(1.0, longest / (norm + SMALLEST))
