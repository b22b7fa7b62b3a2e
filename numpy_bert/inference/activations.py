"""y = activation(x), by the names of sentence_steps.ACTIVATIONS: what follows a Dense step or the score of a pair."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ..blocks import gelu
from ..numerics.arrays import Array
from ..numerics.sigmoid import sigmoid

FUNCTIONS: dict[str, Callable[[Array], Array]] = {
    "identity": lambda x: x,
    "tanh": np.tanh,
    "sigmoid": sigmoid,
    "relu": lambda x: np.maximum(x, 0),
    "gelu": lambda x: gelu.forward(x, "erf")[0],
    "silu": lambda x: x * sigmoid(x),
}
