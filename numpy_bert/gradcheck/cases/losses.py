"""The pairs of the losses in numpy_bert.blocks and of the logarithm of a softmax, which they need."""

from __future__ import annotations

import numpy as np

from ...blocks import binary_cross_entropy, cross_entropy, log_softmax, squared_error
from ...numerics.arrays import Array
from .samples import Block, Pair

Cases = dict[str, Pair]
Rng = np.random.Generator


def _log_softmax(rng: Rng) -> Cases:
    x = rng.standard_normal((3, 5))
    return {
        "rows": Pair(log_softmax.forward, log_softmax.backward, {"x": x}),
        "large scores": Pair(log_softmax.forward, log_softmax.backward, {"x": 3.0 * x - 30.0}),
    }


def _cross_entropy(rng: Rng) -> Cases:
    def pair(C: int, labels: list[int]) -> Pair:
        x = 2.0 * rng.standard_normal((len(labels), C))
        return Pair(lambda x: cross_entropy.forward(x, np.array(labels)), cross_entropy.backward, {"x": x})

    return {
        "ignored labels": pair(5, [3, -100, 0, 3, -100]),
        "two classes": pair(2, [1, 0, 1]),
        "one row": pair(4, [2]),
        "nothing to learn": pair(3, [-100, -100]),
    }


def _binary_cross_entropy(rng: Rng) -> Cases:
    def pair(x: Array, targets: Array) -> Pair:
        return Pair(lambda x: binary_cross_entropy.forward(x, targets), binary_cross_entropy.backward, {"x": x})

    x = 2.0 * rng.standard_normal((4, 3))
    sure = np.array([[30.0, -30.0], [-700.0, 700.0]])  # where exp of the wrong sign overflows
    return {
        "several classes": pair(x, rng.integers(0, 2, x.shape)),
        "probabilities": pair(x, rng.random(x.shape)),
        "large scores": pair(sure + rng.standard_normal(sure.shape), np.array([[0, 1], [0, 1]])),
        "one number": pair(x[:1, :1], np.array([[1]])),
        "no rows": pair(np.zeros((0, 3)), np.zeros((0, 3), np.int64)),
    }


def _squared_error(rng: Rng) -> Cases:
    def pair(*shape: int) -> Pair:
        x, targets = rng.standard_normal((2, *shape))
        return Pair(lambda x: squared_error.forward(x, targets), squared_error.backward, {"x": x})

    return {"rows": pair(5), "several outputs": pair(3, 2), "one row": pair(1), "no rows": pair(0)}


LOSSES = {
    "log_softmax": Block(_log_softmax, 1e-14),
    "cross_entropy": Block(_cross_entropy, 1e-14),
    "binary_cross_entropy": Block(_binary_cross_entropy, 1e-14),
    "squared_error": Block(_squared_error, 1e-14),
}
