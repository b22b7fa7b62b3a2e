"""The methods of `Bert` that make vectors of texts and compare them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import scipy

from ..errors import Error
from ..numerics.arrays import Array
from ..rules import as_integer
from . import encoding, quantization, similarity, vectors
from .other_names import OtherNames, answered
from .run import Options, Progress
from .text_methods import TextMethods


class VectorMethods(TextMethods, OtherNames):
    """What can be asked of a model in vectors. Arguments have the names they have in sentence-transformers."""

    @answered
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
        special: whether special tokens typed in a text, such as "[SEP]", count as such; None is as transformers does
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
        """(n, m): how alike each of a and each of b are, by the checkpoint's similarity.

        a, b: texts, vectors (n, H) as an array or as lists, or the sparse matrices of `sparse`. The similarity is the
        cosine of the angle unless the checkpoint names another: dot, euclidean or manhattan (distances, with a minus
        sign). Error: vectors of different sizes, or with NaN.
        """
        from . import corpora

        form, options = vectors.form(self), Options()
        second = corpora.opened(self, b, "b", form, options, a if corpora.is_sparse(a) else None)
        first = corpora.opened(self, a, "a", form, options, second)
        if corpora.is_sparse(first) or corpora.is_sparse(second):
            first, second = corpora.rows(first, "a"), corpora.rows(second, "b")
            return similarity.sparse_matrix(self._sparse_similarity(), first, second)
        similarity.check_sizes(first, second, "b", "as a has")
        return similarity.matrix(self.settings.similarity(), first, second)

    @answered
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
        prompt_name: str | None = None,
        prompt: str | None = None,
        truncate_dim: int | None = None,
        normalize_embeddings: bool = False,
    ) -> list[list[dict[str, Any]]]:
        """For each query the top_k texts of the corpus most like it, exactly, as util.semantic_search returns them.

        queries, corpus: texts, vectors (n, S), or the sparse matrices that `sparse` makes; the corpus may also be the
        name of an .npy file, which is mapped and not read as a whole, or of an .npz file of such a matrix. Texts are
        embedded with the prompt "query" of the checkpoint, or "document" ("passage", "corpus"), as encode_query and
        encode_document do. prompt_name, prompt: what stands before each query instead. truncate_dim and
        normalize_embeddings are those of `embed`, for the texts of both sides: as the vectors of the other side were
        made. A corpus of int8 or uint8 needs the ranges it was quantized with; one of bits is searched by Hamming
        distance, and the rescore_multiplier * top_k best are scored again with the floats of the query.

        Returns a list for each query (for a single one, too): {"corpus_id": row, "score": similarity}, the best first,
        at equal scores the first row.
        """
        from . import corpora, search

        top_k = as_integer("top_k", top_k, 1)
        rescore_multiplier = as_integer("rescore_multiplier", rescore_multiplier, 1)
        form = vectors.form(self, prompt_name, prompt, truncate_dim, normalize_embeddings)
        documents = form._replace(prompt=self.settings.document_prompt)
        if prompt_name is None and prompt is None:
            form = form._replace(prompt=self.settings.query_prompt)
        opened = corpora.opened(self, corpus, "corpus", documents, Options(progress, threads))
        asked = corpora.opened(self, queries, "queries", form, Options(None, threads), opened)
        if not opened.shape[0] or not asked.shape[0]:
            return [[] for _ in range(asked.shape[0])]
        if corpora.is_sparse(opened) or corpora.is_sparse(asked):
            asked, opened = corpora.rows(asked, "queries"), corpora.rows(opened, "corpus")
            return search.sparse(asked, opened, top_k, self._sparse_similarity())
        if asked.dtype.kind != "f":
            raise Error(f"queries: expected floats, got {asked.dtype}; only the corpus may be quantized")
        return search.dense(asked, opened, top_k, self.settings.similarity(), ranges, rescore_multiplier)

    @answered
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

    @answered
    def sparse(
        self,
        text: str | Iterable[str],
        progress: Progress = None,
        threads: int | None = None,
        *,
        prompt_name: str | None = None,
        prompt: str | None = None,
    ) -> scipy.sparse.csr_matrix:
        """Sparse vectors (n, V) by the masked-LM head (SPLADE): a weight for each token of the vocabulary, most 0.

        A scipy.sparse.csr_matrix; (1, V) for a single text. `search` takes it. Error: the model has no such head.
        """
        from . import sparse

        texts, _ = encoding.listed(text)
        prompt = vectors.form(self, prompt_name, prompt).prompt
        return sparse.embed(self, texts, prompt, Options(progress, threads))

    def _sparse_similarity(self) -> str:
        """That of a checkpoint of sparse vectors; of another one the dot product."""
        return self.settings.similarity() if self.settings.kind == "SparseEncoder" else "dot"
