"""The nearest vectors of a corpus for each query, exactly: block after block of the corpus is scored and forgotten.

    float vectors        the similarity of the checkpoint
    int8, uint8 vectors  the same, of the numbers that their steps stand for
    bits                 the k · rescore_multiplier of the smallest Hamming distance, then by q · bits
    sparse vectors       q · c

Letters: q queries, n vectors of the corpus, S numbers in each, k results.
Source: util/retrieval.py (semantic_search) and util/quantization.py of sentence-transformers 6.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..errors import Error
from ..numerics.arrays import Array
from ..numerics.threads import ordered_map
from . import quantization, similarity
from .best import Best, Candidates

ROWS = 8192  # of the corpus at a time
QUERIES = 512  # at a time: so many scores for each of these rows

Hits = list[list[dict[str, Any]]]  # for each query {"corpus_id": int, "score": float}, the best first


def dense(
    queries: Array, corpus: Array, k: int, name: str, ranges: Array | None = None, rescore_multiplier: int = 2
) -> Hits:
    """queries (q, S) floats; corpus (n, S) floats, int8 or uint8, or (n, ⌈S/8⌉) bits as int8 or uint8.

    name: of the similarity. ranges (2, S): of int8 and uint8 vectors. Error: shapes or types that do not fit.
    """
    are_codes = corpus.dtype in (np.int8, np.uint8)
    size = queries.shape[1]
    if are_codes and corpus.shape[1] == -(-size // 8) != size:
        return _by_bits(queries, corpus, k, rescore_multiplier)
    similarity.check_sizes(queries, corpus, "corpus", "as the queries have")
    if are_codes and ranges is None:
        raise Error(f"ranges: expected those that the {corpus.dtype} vectors were made with (2, {size}), got none")

    def floats(block: Array) -> Array:
        if are_codes:
            assert ranges is not None
            return quantization.dequantize(block, ranges)
        return block.astype(np.result_type(block.dtype, np.float32), copy=False)

    if name == "cosine":
        queries = queries / similarity.lengths(queries)[:, None]

    def scores(part: Array, block: Array, first: int) -> Array:
        lengths = similarity.lengths(block)
        if not np.isfinite(lengths).all():
            row = first + int(np.flatnonzero(~np.isfinite(lengths))[0])
            raise Error(f"corpus: row {row}: expected finite numbers, got NaN, infinity or beyond the type")
        if name != "cosine":
            return similarity.matrix(name, part, block)
        products: Array = part @ block.T
        products /= lengths
        return products

    return _hits(_best(queries, corpus, k, floats, scores))


def sparse(queries: Any, corpus: Any, k: int, name: str) -> Hits:
    """queries (q, V) and corpus (n, V), both CSR."""
    if queries.shape[1] != corpus.shape[1]:
        raise Error(f"corpus: expected rows of {queries.shape[1]} numbers, as the queries have, got {corpus.shape[1]}")

    def scores(part: Any, block: Any, first: int) -> Array:
        return similarity.sparse_matrix(name, part, block)

    return _hits(_best(queries, corpus, k, lambda block: block, scores))


def _best(
    queries: Any, corpus: Any, k: int, opened: Callable[[Any], Any], scores: Callable[[Any, Any, int], Array]
) -> list[Best]:
    """The best k of each chunk of queries. opened: a block of the corpus as it is scored.

    Each core has blocks of its own, with one BLAS thread: then nothing waits while scores are compared.
    """
    parts = [queries[start : start + QUERIES] for start in range(0, queries.shape[0], QUERIES)]
    best = [Best(part.shape[0], k) for part in parts]

    def candidates(first: int) -> list[Candidates]:
        block = opened(corpus[first : first + ROWS])
        return [nearest.candidates(scores(part, block, first)) for part, nearest in zip(parts, best, strict=True)]

    def merge(first: int, of_parts: list[Candidates]) -> None:
        for nearest, of_part in zip(best, of_parts, strict=True):
            nearest.merge(first, of_part)

    starts = range(0, corpus.shape[0], ROWS)
    for first in starts[:1]:  # alone: the others are compared with it
        merge(first, candidates(first))
    if len(starts) > 1:
        for first, of_parts in zip(starts[1:], ordered_map(candidates, starts[1:]), strict=True):
            merge(first, of_parts)
    return best


def _by_bits(queries: Array, corpus: Array, k: int, multiplier: int) -> Hits:
    """As semantic_search_faiss and _usearch rescore: candidates by distance, their order by q · bits."""
    size = queries.shape[1]
    codes = quantization.quantize(queries, "binary" if corpus.dtype == np.int8 else "ubinary")
    candidates = np.concatenate([part.columns for part in _hamming(codes, corpus, k * multiplier, size)])
    hits: Hits = []
    for query, columns in zip(queries, candidates, strict=True):
        ids = np.sort(columns)
        scores = quantization.bits(corpus[ids], size) @ query
        order = np.argsort(-scores, kind="stable")[:k]
        hits.append([{"corpus_id": int(ids[i]), "score": float(scores[i])} for i in order])
    return hits


def _hamming(queries: Array, corpus: Array, k: int, size: int) -> list[Best]:
    """By the number of differing bits. With bits as -1 and 1 it is (S - a · b) / 2, a matrix product."""

    def signs(codes: Array) -> Array:
        return 2 * quantization.bits(codes, size) - 1

    return _best(signs(queries), corpus, k, signs, lambda part, block, first: (part @ block.T - size) / 2)


def _hits(best: list[Best]) -> Hits:
    return [
        [{"corpus_id": int(column), "score": float(score)} for column, score in zip(columns, scores, strict=True)]
        for part in best
        for columns, scores in zip(part.columns, part.scores, strict=True)
    ]
