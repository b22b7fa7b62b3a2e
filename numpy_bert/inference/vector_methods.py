"""The methods of `Bert` that make vectors of texts and compare them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from ..errors import Error
from ..numerics.memory import Array
from . import encoding, similarity, vectors
from .run import Options, Progress
from .text_methods import TextMethods


class VectorMethods(TextMethods):
    """What can be asked of a model in vectors. Arguments have the names they have in sentence-transformers."""

    def embed(
        self,
        text: str | Iterable[str],
        progress: Progress = None,
        threads: int | None = None,
        *,
        prompt_name: str | None = None,
        prompt: str | None = None,
        truncate_dim: int | None = None,
        normalize_embeddings: bool = False,
    ) -> Array:
        """Sentence vectors (n, H), pooled and normalized as the checkpoint says; (H,) for a single text.

        progress: True counts the texts on stderr; a function is called with how many texts were done since its last
        call. threads: how many batches are computed at once; None is one for each core this process may use.
        prompt_name, prompt: what stands before each text, by its name in the checkpoint or as it is; None is the
        default of the checkpoint, "" is nothing. truncate_dim: keep the first numbers of each vector, so many.
        normalize_embeddings: to length 1 after that, whatever the checkpoint says.
        """
        texts, single = encoding.listed(text)
        form = vectors.form(self, prompt_name, prompt, truncate_dim, normalize_embeddings)
        array = vectors.embed(self, texts, form, Options(progress, threads))
        return array[0] if single else array

    def similarity(self, a: Any, b: Any) -> Array:
        """(n, m): how alike each of a and each of b are, texts or vectors (n, H), by the checkpoint's similarity.

        It is the cosine of the angle unless the checkpoint names another: dot, euclidean or manhattan (distances, with
        a minus sign).
        """
        name = self.settings.similarity()
        return similarity.matrix(name, self._vectors(a, "a"), self._vectors(b, "b"))

    def _vectors(self, value: Any, name: str) -> Array:
        """Texts as their vectors; an array of numbers as it is, checked and with two axes."""
        if isinstance(value, np.ndarray) and value.dtype.kind in "fiu":
            array = np.atleast_2d(value)
            if array.ndim != 2 or not np.isfinite(array).all():
                raise Error(f"{name}: expected texts or finite vectors (n, H), got an array of shape {value.shape}")
            return array.astype(np.result_type(array.dtype, np.float32), copy=False)
        return np.atleast_2d(self.embed(value))
