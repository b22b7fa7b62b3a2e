"""m ← β₁ m + (1 - β₁) g,   v ← β₂ v + (1 - β₂) g²,   p ← p - η (m̂ / (√v̂ + ε) + λ p)
m̂ = m / (1 - β₁ᵗ),   v̂ = v / (1 - β₂ᵗ)

AdamW (Kingma and Ba, arXiv:1412.6980, algorithm 1, with the decoupled weight decay of Loshchilov and Hutter,
arXiv:1711.05101, algorithm 2), as torch.optim.AdamW has it. m and v begin at 0 and would for a while be too small by
the factors 1 - βᵗ; m̂ and v̂ are free of that. λ p is not part of g: it is neither averaged nor divided by √v̂.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from ...numerics.arrays import Array


class AdamWSettings(NamedTuple):
    beta1: float = 0.9
    beta2: float = 0.999
    eps: float = 1e-8


DEFAULTS = AdamWSettings()
MOMENTS = ("m", "v")


def update(
    p: Array, g: Array, moments: tuple[Array, ...], t: int, rates: tuple[float, float], settings: AdamWSettings
) -> None:
    """One step of a chunk of a parameter: p, g, m and v (n,), changed in place; g is used up.

    t is 1 in the first step; rates: η and λ.
    """
    m, v = moments
    beta1, beta2, eps = settings
    learning_rate, decay = rates
    p *= 1.0 - learning_rate * decay
    # m ← β₁ m + (1 - β₁) g
    m *= beta1
    scaled = g * (1.0 - beta1)
    m += scaled
    # v ← β₂ v + (1 - β₂) g²
    np.multiply(g, g, out=g)
    g *= 1.0 - beta2
    v *= beta2
    v += g
    # p ← p - η m̂ / (√v̂ + ε)
    root = np.sqrt(v, out=g)
    root *= 1.0 / math.sqrt(1.0 - beta2**t)
    root += eps
    np.divide(m, root, out=scaled)
    scaled *= learning_rate / (1.0 - beta1**t)
    p -= scaled
