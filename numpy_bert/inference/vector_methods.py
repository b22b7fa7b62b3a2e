"""The methods of `Bert` that make vectors of texts and compare them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.sparse import csr_matrix

from ..errors import Error
from ..numerics.arrays import Array
from ..rules import as_integer
from . import encoding, quantization, similarity, vectors
from .run import Options, Progress
from .text_methods import TextMethods

# Methods of sentence-transformers, and what does the same here.
ELSEWHERE = {
    "encode": "embed(texts)",
    "encode_query": 'embed(texts, prompt_name="query")',
    "encode_document": 'embed(texts, prompt_name="document")',
    "predict": "classify(pairs), or rank(query, documents)",
    "semantic_search": "search(queries, corpus)",
    "get_sentence_embedding_dimension": "pooling.size(config.hidden_size)",
    "save_pretrained": "save(folder)",
}


class VectorMethods(TextMethods):
    """What can be asked of a model in vectors. Arguments have the names they have in sentence-transformers."""

    if not TYPE_CHECKING:  # which would take any name for one that is there

        def __getattr__(self, name: str) -> Any:
            """A name of sentence-transformers is answered with ours."""
            if name in ELSEWHERE:
                raise AttributeError(f"Bert has no {name}; here it is {ELSEWHERE[name]}")
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

    def embed(
        self,
        text: str | Iterable[str],
        progress: Progress = None,
        threads: int | None = None,
        special: bool | None = None,
        *,
        prompt_name: str | None = None,
        prompt: str | None = None,
        truncate_dim: int | None = None,
        normalize_embeddings: bool = False,
        precision: str = "float32",
    ) -> Array:
        """Sentence vectors (n, H), pooled and normalized as the checkpoint says; (H,) for a single text.

        progress: True counts the texts on stderr; a function is called with how many texts were done since its last
        call. threads: how many batches are computed at once; None is one for each core this process may use.
        special: whether "[SEP]" and the like, typed in a text, are the special tokens; None is as transformers does
        for a folder with tokenizer.json, and as Google does (plain text) for others. False is for strangers' texts.
        prompt_name, prompt: what stands before each text, by its name in the checkpoint or as it is; None is the
        default of the checkpoint, "" is nothing. truncate_dim: keep the first numbers of each vector, so many.
        normalize_embeddings: to length 1 after that, whatever the checkpoint says. precision: "int8", "uint8", "binary"
        or "ubinary" quantizes the vectors, with the ranges of these very vectors; to search in them, embed floats and
        use inference.quantization, which keeps the ranges.
        """
        quantization.check_precision(precision)
        texts, single = encoding.listed(text)
        form = vectors.form(self, prompt_name, prompt, truncate_dim, normalize_embeddings)._replace(special=special)
        array = vectors.embed(self, texts, form, Options(progress, threads))
        if precision != "float32":
            array = quantization.quantize(array, precision)
        return array[0] if single else array

    def similarity(self, a: Any, b: Any) -> Array:
        """(n, m): how alike each of a and each of b are, texts or vectors (n, H), by the checkpoint's similarity.

        It is the cosine of the angle unless the checkpoint names another: dot, euclidean or manhattan (distances, with
        a minus sign).
        """
        name = self.settings.similarity()
        return similarity.matrix(name, self._vectors(a, "a"), self._vectors(b, "b"))

    def search(
        self,
        queries: Any,
        corpus: Any,
        top_k: int = 10,
        progress: Progress = None,
        threads: int | None = None,
        *,
        ranges: Array | None = None,
        rescore_multiplier: int = 2,
    ) -> list[list[dict[str, Any]]]:
        """For each query the top_k texts of the corpus most like it, exactly, as util.semantic_search returns them.

        queries, corpus: texts, vectors (n, S), or the sparse matrices that `sparse` makes; the corpus may also be the
        name of an .npy file, which is mapped and not read as a whole. Texts are embedded with the prompt "query" of the
        checkpoint, or "document" ("passage", "corpus"), as encode_query and encode_document do. A corpus of int8 or
        uint8 needs the ranges it was quantized with; one of bits is searched by Hamming distance, and the
        rescore_multiplier * top_k best are scored again with the floats of the query.

        Returns a list for each query (for a single one, too): {"corpus_id": row, "score": similarity}, the best first,
        at equal scores the first row.
        """
        from . import corpora, search

        top_k = as_integer("top_k", top_k, 1)
        rescore_multiplier = as_integer("rescore_multiplier", rescore_multiplier, 1)
        options = Options(progress, threads)
        opened = corpora.opened(self, corpus, "corpus", options)
        asked = corpora.opened(self, queries, "queries", Options(None, threads), opened)
        if corpora.is_sparse(opened) or corpora.is_sparse(asked):
            similar = self.settings.similarity() if self.settings.kind == "SparseEncoder" else "dot"
            return search.sparse(corpora.rows(asked, "queries"), corpora.rows(opened, "corpus"), top_k, similar)
        if asked.dtype.kind != "f":
            raise Error(f"queries: expected floats, got {asked.dtype}; only the corpus may be quantized")
        return search.dense(asked, opened, top_k, self.settings.similarity(), ranges, rescore_multiplier)

    def rank(
        self,
        query: str,
        documents: Iterable[str],
        top_k: int | None = None,
        return_documents: bool = False,
        progress: Progress = None,
        threads: int | None = None,
    ) -> list[dict[str, Any]]:
        """The documents in the order of their score for the query, as CrossEncoder.rank returns it, the best first.

        The score is that of the sequence-classification head where it has one output, with the activation that the
        checkpoint names (the sigmoid if none); of another model the similarity of the sentence vectors.

        Returns [{"corpus_id": place among the documents, "score": number, and "text" with return_documents}].
        """
        from . import ranking

        texts = encoding.rows(documents, "documents")
        ranks = ranking.rank(self, query, texts, top_k, Options(progress, threads))
        if return_documents:
            ranks = [hit | {"text": texts[hit["corpus_id"]]} for hit in ranks]
        return ranks

    def sparse(
        self,
        text: str | Iterable[str],
        progress: Progress = None,
        threads: int | None = None,
        *,
        prompt_name: str | None = None,
        prompt: str | None = None,
    ) -> csr_matrix:
        """Sparse vectors (n, V) by the masked-LM head (SPLADE): a weight for each token of the vocabulary, most 0.

        A scipy.sparse.csr_matrix; (1, V) for a single text. `search` takes it. Error: the model has no such head.
        """
        from . import sparse

        texts, _ = encoding.listed(text)
        prompt = vectors.form(self, prompt_name, prompt).prompt
        return sparse.embed(self, texts, prompt, Options(progress, threads))

    def _vectors(self, value: Any, name: str) -> Array:
        """Texts as their vectors; an array of numbers as it is, checked and with two axes."""
        if isinstance(value, np.ndarray) and value.dtype.kind in "fiu":
            array = np.atleast_2d(value)
            if array.ndim != 2 or not np.isfinite(array).all():
                raise Error(f"{name}: expected texts or finite vectors (n, H), got an array of shape {value.shape}")
            return array.astype(np.result_type(array.dtype, np.float32), copy=False)
        return np.atleast_2d(self.embed(value))
