"""The measures of sequence classification, against SciPy and by hand."""

import numpy as np
import pytest
from scipy import stats

from numpy_bert.training.data import classification_scores as scores


def test_a_class():
    logits = np.log([[0.5, 0.25, 0.25], [0.25, 0.25, 0.5]])
    figures = scores.of_classes(logits, np.array([0, 1]))
    assert figures == pytest.approx({"loss": 1.5 * np.log(2.0), "accuracy": 0.5})


def test_several_classes():
    """Of class 0 one is right, one too many; class 1 is missed; class 2 neither occurs nor is predicted."""
    logits = np.array([[2.0, -1.0, -1.0], [2.0, -1.0, -1.0], [-1.0, -1.0, -1.0]])
    targets = np.array([[1, 0, 0], [0, 1, 0], [0, 0, 0]])
    figures = scores.of_several_classes(logits, targets)
    assert figures["f1_micro"] == 2 * 1 / (2 + 2)
    assert figures["f1_macro"] == pytest.approx((2 / 3 + 0 + 0) / 3)
    assert figures["exact_match"] == pytest.approx(2 / 3)
    none = scores.of_several_classes(-np.ones((2, 2)), np.zeros((2, 2)))
    assert (none["f1_micro"], none["f1_macro"], none["exact_match"]) == (0.0, 0.0, 1.0)


def test_values():
    rng = np.random.default_rng(0)
    targets = rng.integers(0, 5, (30, 2)) + rng.integers(0, 2, (30, 2)) / 2  # with ties
    values = targets + rng.normal(size=(30, 2))
    figures = scores.of_values(values, targets, ("valence", "arousal"))
    for name, of in (("pearson", stats.pearsonr), ("spearman", stats.spearmanr)):
        each = [of(values[:, c], targets[:, c]).statistic for c in range(2)]
        assert [figures[f"{name}_valence"], figures[f"{name}_arousal"]] == pytest.approx(each, rel=1e-12)
        assert figures[name] == pytest.approx(np.mean(each), rel=1e-12)
    assert figures["mean_squared_error"] == pytest.approx(((values - targets) ** 2).mean())
    single = scores.of_values(values[:, :1].astype(np.float32), targets[:, :1], ("value",))
    assert set(single) == {"mean_squared_error", "pearson", "spearman"}
    assert single["pearson"] == pytest.approx(figures["pearson_valence"], rel=1e-6)


def test_equal_values_have_no_correlation():
    figures = scores.of_values(np.ones((3, 1)), np.array([[1.0], [2.0], [3.0]]), ("value",))
    assert (figures["pearson"], figures["spearman"]) == (0.0, 0.0)
