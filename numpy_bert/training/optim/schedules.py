"""η_s = η · f(s),   s = 0, 1, ..., S - 1 the steps done before this one,   w the steps of warm-up

    s < w:     f(s) = s / max(1, w)
    constant:  f(s) = 1
    linear:    f(s) = (S - s) / max(1, S - w)
    cosine:    f(s) = ½ (1 + cos(π (s - w) / max(1, S - w)))

Both decays begin at 1 where the warm-up ends and reach 0 at s = S, the step after the last; behind it they stay 0. The
count of steps is that of transformers' `get_linear_schedule_with_warmup`: the first step of a run with warm-up has the
learning rate 0. (Google's optimization.py counts alike, but its decay starts at s = 0 and takes over at s = w, which
makes the rate jump there.)
"""

from __future__ import annotations

import math

DECAYS = ("linear", "cosine", "constant")


def factor(step: int, warmup: int, total: int, decay: str = "linear") -> float:
    """f(s), from 0 to 1: what the learning rate is multiplied with in the step that `step` steps precede."""
    if step < warmup:
        return step / max(1, warmup)
    if decay == "constant":
        return 1.0
    left = max(0.0, (total - step) / max(1, total - warmup))
    return left if decay == "linear" else 0.5 * (1.0 + math.cos(math.pi * (1.0 - left)))
