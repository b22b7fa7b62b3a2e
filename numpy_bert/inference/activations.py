"""y = activation(x), by the names of sentence_steps.ACTIVATIONS: what follows a Dense step or the score of a pair."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.special import expit

from ..blocks import gelu
from ..numerics.arrays import Array

FUNCTIONS: dict[str, Callable[[Array], Array]] = {
    "identity": lambda x: x,
    "tanh": np.tanh,
    "sigmoid": expit,
    "relu": lambda x: np.maximum(x, 0),
    "gelu": lambda x: gelu.forward(x, "erf")[0],
    "silu": lambda x: x * expit(x),
}
