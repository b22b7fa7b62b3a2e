"""The measures of sequence classification, by what the head predicts: a class, several classes, or numbers.

F1 of several classes: of each class 2 right / (predicted + actual), with 0 where it neither occurs nor is predicted;
macro is the mean over the classes, micro counts all classes together. A class is predicted where its probability is
above a half. Pearson is the correlation of the values, Spearman that of their ranks, as GLUE reports for STS-B (Wang et
al., arXiv:1804.07461); 0 where all values are equal, which has no correlation.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ...blocks import binary_cross_entropy, cross_entropy, squared_error
from ...numerics.arrays import Array


def of_classes(logits: Array, labels: Array) -> dict[str, float]:
    """logits (n, C), labels (n,) -> loss and accuracy"""
    loss, _ = cross_entropy.forward(logits, labels)
    return {"loss": float(loss), "accuracy": float((logits.argmax(axis=1) == labels).mean())}


def of_several_classes(logits: Array, targets: Array) -> dict[str, float]:
    """logits and targets (n, C) -> loss, F1, and the share of texts with exactly the right classes"""
    loss, _ = binary_cross_entropy.forward(logits, targets)
    predicted, actual = logits > 0, targets > 0.5
    right, counted = (predicted & actual).sum(axis=0), predicted.sum(axis=0) + actual.sum(axis=0)  # (C,)
    return {
        "loss": float(loss),
        "f1_micro": 2.0 * float(right.sum()) / max(1, int(counted.sum())),
        "f1_macro": float((2.0 * right / np.maximum(1, counted)).mean()),
        "exact_match": float((predicted == actual).all(axis=1).mean()),
    }


def of_values(values: Array, targets: Array, names: Sequence[str]) -> dict[str, float]:
    """values and targets (n, C) -> mean squared error, and the mean over the outputs of each correlation; with several
    outputs also those of each, by its name
    """
    error, _ = squared_error.forward(values, targets)
    figures = {"mean_squared_error": float(error)}
    correlations = {
        kind: [_correlation(of(values[:, c]), of(targets[:, c])) for c in range(len(names))]
        for kind, of in (("pearson", np.asarray), ("spearman", _ranks))
    }
    for kind, each in correlations.items():
        figures[kind] = float(np.mean(each))
    if len(names) > 1:
        figures |= {f"{kind}_{name}": each[c] for c, name in enumerate(names) for kind, each in correlations.items()}
    return figures


def _correlation(x: Array, y: Array) -> float:
    """x and y (n,) -> from -1 to 1"""
    x, y = (values - values.mean(dtype=np.float64) for values in (x, y))
    length = np.sqrt((x * x).sum() * (y * y).sum())
    return float((x * y).sum() / length) if length > 0 else 0.0


def _ranks(x: Array) -> Array:
    """x (n,) -> the rank of each, from 1; equal ones share the mean of theirs"""
    _, group, counts = np.unique(x, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    ranks: Array = (last - (counts - 1) / 2.0)[group]
    return ranks
