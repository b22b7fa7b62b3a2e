"""SentenceVectors: texts to vectors with the methods of a scikit-learn transformer, for pipelines and grid searches.

    make_pipeline(SentenceVectors("path/to/model"), LogisticRegression())

It has scikit-learn's interface without inheriting from it, so that scikit-learn is imported only where it asks for its
tags. Nothing is learned in `fit`: a text's vector depends on the text and the model alone.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Any

import numpy as np

from ..errors import Error, show
from ..model import Bert, load
from ..numerics.memory import Array


class SentenceVectors:
    """Texts (n) -> sentence vectors (n, H), as `Bert.embed` makes them.

    model: what numpy_bert.load takes, or a Bert. A path is the better choice: it is opened at the first use and its
    pages are shared with other processes (the files must not change meanwhile), and copies for a grid search cost
    nothing, whereas a Bert is loaded again in each of them. Error: the model cannot be used, or X is no list of texts.
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

    def fit_transform(self, X: Iterable[str], y: Any = None) -> Array:
        """`transform`, since there is nothing to fit."""
        return self.fit(X, y).transform(X)

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """What the constructor was given."""
        return {"model": self.model}

    def set_params(self, **params: Any) -> SentenceVectors:
        """Take another model, which is opened at the next use."""
        for name in params:
            if name != "model":
                raise Error(f"{show(name)}: expected the parameter model, got one that SentenceVectors has not")
        self.model = params.get("model", self.model)
        return self

    def get_feature_names_out(self, input_features: Any = None) -> Array:
        """Names for the columns: sentencevectors0, sentencevectors1, ..."""
        H = self._opened().config.hidden_size
        return np.array([f"sentencevectors{i}" for i in range(H)], dtype=object)

    def _opened(self) -> Bert:
        """The model, opened once; again if it is another one now."""
        if isinstance(self.model, Bert):
            return self.model
        of, bert = vars(self).get("_last", (None, None))
        if bert is None or of != self.model:
            bert = load(self.model, mmap=True)
            self._last = (self.model, bert)
        return bert  # type: ignore[no-any-return]

    def __repr__(self) -> str:
        return f"SentenceVectors(model={self.model!r})"

    def __sklearn_is_fitted__(self) -> bool:
        return True

    def __sklearn_tags__(self) -> Any:
        """Takes a column of texts, needs no fit and no target."""
        from sklearn.utils import InputTags, Tags, TargetTags, TransformerTags

        return Tags(
            estimator_type="transformer",
            target_tags=TargetTags(required=False),
            transformer_tags=TransformerTags(preserves_dtype=[]),
            input_tags=InputTags(one_d_array=True, two_d_array=False, string=True),
            requires_fit=False,
        )


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
