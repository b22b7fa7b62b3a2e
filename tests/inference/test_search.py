"""Search against plain sorting, in every kind of vectors, and quantization against sentence-transformers."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse import csr_matrix
from support.tiny import tiny_bert

from numpy_bert import Error
from numpy_bert.corpus import quantized
from numpy_bert.inference import quantization, search
from numpy_bert.inference.best import Best

DATA = Path(__file__).parents[1] / "data"


def sorted_hits(scores, k):
    """The k best of each row, at equal scores the lower column."""
    return [[int(i) for i in np.argsort(-row, kind="stable")[:k]] for row in scores]


def ids(hits):
    return [[hit["corpus_id"] for hit in of_query] for of_query in hits]


@given(st.integers(0, 2**32 - 1), st.integers(1, 12), st.sampled_from([1, 3, 7, 50]), st.integers(1, 5))
def test_the_best_are_those_of_a_stable_sort(seed, k, block, values):
    """Few different values, so that most are ties."""
    scores = np.random.default_rng(seed).integers(0, values, (3, 40)).astype(np.float32)
    best = Best(3, k)
    for first in range(0, 40, block):
        best.add(first, scores[:, first : first + block])
    assert best.columns.tolist() == sorted_hits(scores, k)
    np.testing.assert_array_equal(best.scores, np.take_along_axis(scores, best.columns, axis=1))


def test_rising_scores_are_the_hardest():
    scores = np.arange(5000, dtype=np.float32)[None].repeat(2, axis=0)
    best = Best(2, 3)
    for first in range(0, 5000, 500):
        best.add(first, scores[:, first : first + 500])
    assert best.columns.tolist() == [[4999, 4998, 4997]] * 2


@pytest.mark.parametrize("name", ["cosine", "dot", "euclidean", "manhattan"])
def test_dense_search(rng, monkeypatch, name):
    monkeypatch.setattr(search, "ROWS", 64)
    monkeypatch.setattr(search, "QUERIES", 2)
    queries, corpus = rng.normal(size=(5, 20)), rng.normal(size=(300, 20)) * rng.uniform(0.5, 2, (300, 1))
    if name == "cosine":
        scores = queries @ corpus.T / np.linalg.norm(queries, axis=1)[:, None] / np.linalg.norm(corpus, axis=1)
    elif name == "dot":
        scores = queries @ corpus.T
    else:
        scores = -np.linalg.norm(queries[:, None] - corpus, ord=2 if name == "euclidean" else 1, axis=-1)
    hits = search.dense(queries, corpus, 7, name)
    assert ids(hits) == sorted_hits(scores, 7)
    np.testing.assert_allclose([[h["score"] for h in hit] for hit in hits], -np.sort(-scores)[:, :7], rtol=1e-9)
    assert all(type(h["corpus_id"]) is int and type(h["score"]) is float for hit in hits for h in hit)


def test_equal_scores_in_many_blocks_keep_their_order(rng, monkeypatch):
    """Blocks are compared by several threads and merged in their order."""
    monkeypatch.setattr(search, "ROWS", 8)
    queries = rng.integers(-1, 2, (6, 4)).astype(np.float32)
    corpus = rng.integers(-1, 2, (2000, 4)).astype(np.float32)
    expected = sorted_hits(queries @ corpus.T, 25)
    for _ in range(5):
        assert ids(search.dense(queries, corpus, 25, "dot")) == expected


def test_the_first_bad_row_is_named(rng, monkeypatch):
    monkeypatch.setattr(search, "ROWS", 8)
    corpus = rng.normal(size=(400, 4))
    corpus[[90, 250]] = np.nan
    for _ in range(5):
        with pytest.raises(Error, match=r"^corpus: row 90: expected finite numbers"):
            search.dense(corpus[:2], corpus, 3, "dot")


def test_search_of_texts_is_search_of_their_vectors(rng, tmp_path):
    bert = tiny_bert(())
    texts = ["it rains", "a dull film", "the film was good", "i liked this movie", "it rains"]
    vectors = bert.embed(texts)
    expected = sorted_hits(bert.similarity(texts[:2], texts), 3)
    np.save(tmp_path / "v.npy", vectors)
    for queries in (texts[:2], vectors[:2]):
        for corpus in (texts, tuple(texts), vectors, tmp_path / "v.npy", str(tmp_path / "v.npy")):
            assert ids(bert.search(queries, corpus, top_k=3)) == expected
    assert ids(bert.search("it rains", texts, 1)) == [[0]]
    assert ids(bert.search(vectors[0], texts, 99)) == [sorted_hits(bert.similarity(texts[:1], texts), 99)[0]]
    assert bert.search(["it rains"], []) == [[]]
    assert bert.search([], texts) == []


def test_what_search_refuses(tmp_path):
    bert = tiny_bert(())
    vectors = bert.embed(["it rains", "a film"])
    bad = vectors.copy()
    bad[1, 3] = np.nan
    (tmp_path / "x.npy").write_text("no array")
    for queries, corpus, message in (
        (["a"], bad, "corpus: row 1: expected finite numbers"),
        (bad, vectors, "queries: expected texts or finite numbers"),
        (["a"], vectors[:, :5], "corpus: expected vectors of 12 numbers, as the queries have, got 5"),
        (["a"], "it rains", "corpus: expected texts, vectors or the name of an .npy or .npz file, got .it rains."),
        (["a"], tmp_path / "x.npy", "x.npy: expected an .npy file of numbers, got another"),
        (["a"], tmp_path / "none.npy", "none.npy: expected a readable file, got no such file"),
        (["a"], np.zeros((3, 12), np.int8), r"ranges: expected those that the int8 vectors were made with \(2, 12\)"),
        (np.zeros((1, 12), np.int8), vectors, "queries: expected floats, got int8; only the corpus may be quantized"),
        (vectors, csr_matrix(np.eye(12)), "queries: expected a sparse matrix, as the other side is"),
        (["a", None], vectors, r"row 1: expected a text \(str\), got a missing value"),
    ):
        with pytest.raises(Error, match=message):
            bert.search(queries, corpus)
    with pytest.raises(Error, match="top_k: expected an integer of at least 1, got 0"):
        bert.search(["a"], vectors, 0)


# Quantized vectors.


@pytest.mark.parametrize("precision", ["int8", "uint8", "binary", "ubinary"])
def test_codes_are_those_of_sentence_transformers(precision):
    vectors = np.random.default_rng(0).normal(size=(120, 21)).astype(np.float32)
    with np.load(DATA / "sentence_transformers.npz") as reference:
        codes = quantization.quantize(vectors, precision)
        expected = reference[f"quantized/{precision}"]
        assert codes.dtype == expected.dtype
        np.testing.assert_array_equal(codes, expected)
        if "int" in precision:
            ranges = quantization.ranges_of(vectors[:100])
            expected = reference[f"quantized with ranges/{precision}"]
            np.testing.assert_array_equal(quantization.quantize(vectors, precision, ranges), expected)


@pytest.mark.parametrize("precision", ["int8", "uint8"])
def test_search_in_steps_is_search_of_what_they_stand_for(rng, precision):
    bert, corpus, queries = tiny_bert(()), rng.normal(size=(400, 12)).astype(np.float32), rng.normal(size=(4, 12))
    ranges = quantization.ranges_of(corpus)
    codes = quantization.quantize(corpus, precision, ranges)
    floats = quantization.dequantize(codes, ranges)
    assert np.all((corpus - floats >= -1e-5) & (corpus - floats <= (ranges[1] - ranges[0]) / 255 + 1e-5))
    assert bert.search(queries, codes, 5, ranges=ranges) == bert.search(queries, floats, 5)


@pytest.mark.parametrize("precision", ["binary", "ubinary"])
def test_search_in_bits_is_by_hamming_distance_and_rescored(rng, monkeypatch, precision):
    monkeypatch.setattr(search, "ROWS", 50)
    corpus, queries = rng.normal(size=(300, 21)), rng.normal(size=(4, 21))
    codes = quantization.quantize(corpus, precision)
    assert codes.shape == (300, 3)
    found = search.dense(queries, codes, 5, "cosine", rescore_multiplier=3)
    distances = ((queries > 0)[:, None] != (corpus > 0)).sum(axis=-1)
    for query, hits, distance in zip(queries, found, distances, strict=True):
        candidates = np.sort(np.argsort(distance, kind="stable")[:15])
        scores = (corpus[candidates] > 0) @ query
        order = np.argsort(-scores, kind="stable")[:5]
        assert [hit["corpus_id"] for hit in hits] == candidates[order].tolist()
        np.testing.assert_allclose([hit["score"] for hit in hits], scores[order], rtol=1e-6)


def test_embed_in_a_precision():
    bert = tiny_bert(())
    texts = ["it rains", "a dull film", "the film was good"]
    for precision in ("int8", "uint8", "binary", "ubinary"):
        np.testing.assert_array_equal(
            bert.embed(texts, precision=precision), quantization.quantize(bert.embed(texts), precision)
        )
    with pytest.raises(Error, match="ranges: expected at least two vectors"):
        bert.embed("it rains", precision="int8")
    with pytest.raises(Error, match="precision: expected one of float32, int8, uint8, binary, ubinary, got 'int4'"):
        bert.embed("it rains", precision="int4")


@pytest.mark.parametrize("precision", ["int8", "uint8", "binary", "ubinary"])
def test_a_file_is_quantized_block_by_block(rng, tmp_path, monkeypatch, precision):
    monkeypatch.setattr(quantized, "ROWS", 10)
    vectors = rng.normal(size=(31, 12)).astype(np.float32)
    np.save(tmp_path / "v.npy", vectors)
    out = tmp_path / "q.npy"
    assert quantized.quantize_file(tmp_path / "v.npy", out, precision) == np.load(out).shape
    np.testing.assert_array_equal(np.load(out), quantization.quantize(vectors, precision))
    ranges = quantized.ranges_beside(out)
    if "int" in precision:
        np.testing.assert_array_equal(ranges, quantization.ranges_of(vectors))
    else:
        assert ranges is None


# Sparse vectors.


def test_sparse_search(rng, monkeypatch):
    monkeypatch.setattr(search, "ROWS", 16)
    bert = tiny_bert(("masked_lm",))
    dense = np.maximum(rng.normal(size=(60, bert.config.vocab_size)) - 0.5, 0)
    assert ids(bert.search(csr_matrix(dense[:3]), csr_matrix(dense), 5)) == sorted_hits(dense[:3] @ dense.T, 5)
    matrix = bert.sparse(["it rains", "a dull film"])
    assert ids(bert.search(["it rains"], matrix)) == sorted_hits((matrix[:1] @ matrix.T).toarray(), 10)


def test_sparse_weights_are_the_equation():
    bert = tiny_bert(("masked_lm",))
    ids = bert.tokenizer.encode("it rains").ids
    scores = bert.logits("masked_lm", [ids])[0]
    expected = np.log1p(np.maximum(scores, 0)).max(axis=0)
    np.testing.assert_allclose(bert.sparse("it rains").toarray()[0], expected, atol=1e-6)
    together = bert.sparse(["it rains", "the film was good and not dull", ""]).toarray()
    np.testing.assert_allclose(together[0], expected, atol=1e-6)
    assert bert.sparse([]).shape == (0, bert.config.vocab_size)
