"""u ← μ u + g + λ p,   p ← p - η u

Stochastic gradient descent with momentum (Polyak 1964), the decay a part of the gradient, as torch.optim.SGD has it
with dampening 0.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ...numerics.arrays import Array


class SGDSettings(NamedTuple):
    momentum: float = 0.9


DEFAULTS = SGDSettings()
MOMENTS = ("u",)


def update(
    p: Array, g: Array, moments: tuple[Array, ...], t: int, rates: tuple[float, float], settings: SGDSettings
) -> None:
    """One step of a chunk of a parameter: p, g and u (n,), changed in place; g is used up.

    t plays no part here; rates: η and λ.
    """
    (u,) = moments
    learning_rate, decay = rates
    # u ← μ u + g + λ p
    u *= settings.momentum
    u += g
    if decay:
        u += np.multiply(p, decay, out=g)
    # p ← p - η u
    p -= np.multiply(u, learning_rate, out=g)
