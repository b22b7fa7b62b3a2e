"""m ← β₁ m + (1 - β₁) g,   v ← β₂ v + (1 - β₂) g²,   p ← p - η (m / (√v + ε) + λ p)

The Adam that BERT was pretrained with (`AdamWeightDecayOptimizer` in Google's optimization.py): the means of gradient
and squared gradient are used as they are, without the correction of their bias towards 0, and the decay is added to
the update. ε is 1e-6.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ...numerics.arrays import Array


class BertAdamSettings(NamedTuple):
    beta1: float = 0.9
    beta2: float = 0.999
    eps: float = 1e-6


DEFAULTS = BertAdamSettings()
MOMENTS = ("m", "v")


def update(
    p: Array, g: Array, moments: tuple[Array, ...], t: int, rates: tuple[float, float], settings: BertAdamSettings
) -> None:
    """One step of a chunk of a parameter: p, g, m and v (n,), changed in place; g is used up.

    t plays no part here; rates: η and λ.
    """
    m, v = moments
    beta1, beta2, eps = settings
    learning_rate, decay = rates
    # m ← β₁ m + (1 - β₁) g
    m *= beta1
    step = g * (1.0 - beta1)
    m += step
    # v ← β₂ v + (1 - β₂) g²
    np.multiply(g, g, out=g)
    g *= 1.0 - beta2
    v *= beta2
    v += g
    # p ← p - η (m / (√v + ε) + λ p)
    root = np.sqrt(v, out=g)
    root += eps
    np.divide(m, root, out=step)
    if decay:
        step += np.multiply(p, decay, out=root)
    step *= learning_rate
    p -= step
