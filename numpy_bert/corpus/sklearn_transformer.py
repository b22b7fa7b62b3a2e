"""SentenceVectors: texts to vectors, as a scikit-learn transformer for pipelines and grid searches (extra `sklearn`).

    make_pipeline(SentenceVectors("path/to/model"), LogisticRegression())

Nothing is learned in `fit`: the vector of a text depends on the text and the model alone.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Any

import numpy as np

from ..errors import Error
from ..model import Bert, load
from ..numerics.arrays import Array

try:
    from sklearn.base import BaseEstimator, TransformerMixin
except ImportError:
    raise Error("SentenceVectors needs scikit-learn; run: pip install 'numpy-bert[sklearn]'") from None


class SentenceVectors(TransformerMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """Texts (n) -> sentence vectors (n, H), as `Bert.embed` makes them.

    model: what numpy_bert.load takes, or a Bert. Prefer a path: it is opened at the first use, its pages are shared
    with other processes (the files must not change meanwhile), and copies for a grid search cost nothing, whereas each
    of them copies a Bert. Error: the model cannot be used, or X is not a list of texts.
    """

    def __init__(self, model: str | os.PathLike[str] | Bert | None = None) -> None:
        self.model = model

    def fit(self, X: Iterable[str], y: Any = None) -> SentenceVectors:
        """Open the model. X and y are not looked at."""
        self._opened()
        return self

    def transform(self, X: Iterable[str]) -> Array:
        """A list, array or column of n texts -> (n, H), float32 for most models."""
        return self._opened().embed(_column(X))

    def get_feature_names_out(self, input_features: Any = None) -> Array:
        """Names for the columns: sentencevectors0, sentencevectors1, ..."""
        H = self._opened().config.hidden_size
        return np.array([f"sentencevectors{i}" for i in range(H)], dtype=object)

    def _opened(self) -> Bert:
        """The model, loaded once; again if `model` is another one by now."""
        if isinstance(self.model, Bert):
            return self.model
        path, bert = vars(self).get("_last", (None, None))
        if bert is None or path != self.model:
            bert = load(self.model)
            self._last = (self.model, bert)
        return bert  # type: ignore[no-any-return]

    def __sklearn_is_fitted__(self) -> bool:
        return True

    def __sklearn_tags__(self) -> Any:
        """Takes a column of texts and needs no fit."""
        tags = super().__sklearn_tags__()
        tags.requires_fit = False
        tags.input_tags.string = tags.input_tags.one_d_array = True
        tags.input_tags.two_d_array = False
        tags.transformer_tags.preserves_dtype = []
        return tags


def _column(X: Any) -> list[str]:
    """The texts, each checked to be one. A table is refused: iterated, it would give the names of its columns."""
    if isinstance(X, (str, bytes)) or not isinstance(X, Iterable) or getattr(X, "ndim", 1) != 1:
        shape = f" of shape {np.shape(X)}" if getattr(X, "ndim", 1) != 1 else ""
        raise Error(f"X: expected a list or column of texts, got {type(X).__name__}{shape}")
    texts = list(X)
    for i, text in enumerate(texts):
        if not isinstance(text, str):
            raise Error(f"X[{i}]: expected a text, got {type(text).__name__}")
    return texts
