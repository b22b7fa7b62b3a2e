"""Wrong values for the methods of Bert: one line that names what, what was expected, what was found, and the remedy."""

import numpy as np
import pytest
from scipy.sparse import csr_matrix
from support.tiny import tiny_bert

from numpy_bert import Error, load
from numpy_bert.inference import quantization

TEXTS = ["it rains", "a dull film"]


class Table:
    """As little of a DataFrame as it takes."""

    columns = ("text", "label")

    def __iter__(self):
        return iter(self.columns)


Table.__name__ = "DataFrame"


@pytest.fixture(scope="module")
def bert():
    return tiny_bert()


@pytest.mark.parametrize("method", ["__call__", "embed", "sparse", "fill_mask", "classify", "tag"])
@pytest.mark.parametrize(
    ("value", "message"),
    [
        (None, r"texts: expected a list of texts \(str\), got a missing value \(None\)"),
        (3, r"texts: expected a list of texts \(str\), got int"),
        (b"it rains", r"texts: expected a list of texts \(str\), got bytes; decode it"),
        ({"text": "a"}, r"texts: expected a list of texts \(str\), got dict"),
        ({"a", "b"}, r"texts: expected a list of texts \(str\), got set"),
        (Table(), r"texts: expected a list of texts \(str\), got DataFrame; pass one of its columns"),
        (np.array("it rains"), r"texts: expected a list of texts \(str\), got ndarray"),
        (
            ["[MASK]", None],
            r"row 1: expected a text \(str\), got a missing value \(None\); leave such rows out or fill",
        ),
        (["[MASK]", float("nan")], r"row 1: expected a text \(str\), got a missing value \(nan\)"),
        (["[MASK]", 5], r"row 1: expected a text \(str\), got int"),
        (["[MASK]", b"a"], r"row 1: expected a text \(str\), got bytes; decode it"),
        ([["a", "b", "c"]], r"text: expected a text \(str\), got a list of 3"),
        (np.zeros((2, 12)), r"row 0: expected a text \(str\), got ndarray"),
    ],
)
def test_what_is_no_text(bert, method, value, message):
    with pytest.raises(Error, match=f"^{message}"):
        getattr(bert, method)(value)


@pytest.mark.parametrize(("method", "names"), [("next_sentence", ("a", "b")), ("answer", ("question", "context"))])
def test_what_is_no_pair(bert, method, names):
    ask, (first, second) = getattr(bert, method), names
    for arguments, message in (
        (("it rains",), f"{second}: expected it beside {first}, got None"),
        (("it rains", None), f"{second}: expected it beside {first}, got None"),
        ((None, "it rains"), rf"{first}: expected a list of texts \(str\), got a missing value"),
        ((["it rains"], "good"), rf"{second}: expected a list of texts \(str\), got str"),
        ((["it rains", "a"], ["good"]), rf"{second}: expected one for each {first} \(2\), got 1"),
        (([("it rains", "good"), None],), f"row 1: expected a pair, {first} and {second}, got a missing value"),
        (([("it rains",)],), f"row 0: expected a pair, {first} and {second}, got a tuple of 1"),
        ((["it rains", "a"], ["good", None]), r"row 1.*: expected a text \(str\), got a missing value"),
    ):
        with pytest.raises(Error, match=f"^{message}"):
            ask(*arguments)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("it rains", None), "choices: expected it beside prompt, got None"),
        (("it rains", "good"), "text: choices: expected a list of at least two texts, got 'good'"),
        (("it rains", ["good"]), "text: choices: expected at least two texts to choose from, got 1"),
        (("it rains", ["good", None]), r"text: choices, choice 1: expected a text \(str\), got a missing value"),
        ((None, ["a", "b"]), r"prompt: expected a list of texts \(str\), got a missing value"),
    ],
)
def test_what_are_no_choices(bert, arguments, message):
    with pytest.raises(Error, match=f"^{message}"):
        bert.choose(*arguments)


# Vectors.


def test_lists_of_numbers_are_vectors(bert):
    vectors = bert.embed(TEXTS)
    expected, hits = bert.similarity(vectors, vectors), bert.search(vectors, vectors)
    for value in (vectors.tolist(), list(vectors), tuple(map(tuple, vectors.tolist()))):
        np.testing.assert_allclose(bert.similarity(value, vectors), expected, atol=1e-6)
        found = bert.search(value, value)
        assert [[hit["corpus_id"] for hit in row] for row in found] == [[h["corpus_id"] for h in row] for row in hits]
    assert bert.similarity(vectors[0].tolist(), vectors).shape == (1, 2)
    assert bert.search([[1] + [0] * 11], [[1] + [0] * 11])[0][0] == {"corpus_id": 0, "score": 1.0}


@pytest.mark.parametrize(
    ("a", "b", "message"),
    [
        (
            np.zeros((1, 12)),
            np.zeros((2, 5)),
            "b: expected vectors of 12 numbers, as a has, got 5; .*truncate_dim=5 cuts",
        ),
        (TEXTS, np.zeros((2, 5)), "b: expected vectors of 12 numbers, as a has, got 5"),
        (np.zeros((1, 5)), TEXTS, "b: expected vectors of 5 numbers, as a has, got 12"),
        ([[1.0, 2.0], [1.0]], TEXTS, "a: row 1: expected 2 numbers, as row 0 has, got 1 of them"),
        ([[1.0, 2.0], "a"], TEXTS, "a: row 1: expected 2 numbers, as row 0 has, got str"),
        ([[1.0, None]], TEXTS, "a: expected an array of numbers, got list|a: row 0: expected a text"),
        (TEXTS, [np.nan] * 12, "b: expected texts or finite numbers, got NaN or infinity"),
        (np.zeros((1, 2, 3)), TEXTS, r"a: expected numbers of shape \(n, S\), got float64 of shape \(1, 2, 3\)"),
        (["it rains", None], TEXTS, r"a: row 1: expected a text \(str\), got a missing value"),
        (None, TEXTS, r"a: expected a list of texts \(str\), got a missing value"),
        (csr_matrix(np.eye(3)), np.zeros((1, 3)), "b: expected a sparse matrix, as the other side is, got an array"),
    ],
)
def test_what_cannot_be_compared(bert, a, b, message):
    with pytest.raises(Error, match=f"^{message}"):
        bert.similarity(a, b)


def test_sparse_vectors_are_compared(bert):
    matrix = bert.sparse(TEXTS)
    expected = (matrix @ matrix.T).toarray()
    np.testing.assert_allclose(bert.similarity(matrix, matrix), expected, rtol=1e-6)
    np.testing.assert_allclose(bert.similarity(TEXTS, matrix), expected, rtol=1e-5)
    np.testing.assert_allclose(bert.similarity(matrix, TEXTS), expected, rtol=1e-5)


@pytest.mark.parametrize("corpus", [[], np.zeros((0, 12)), np.zeros(0), np.zeros((0, 2), np.uint8), csr_matrix((0, 9))])
def test_an_empty_corpus_has_no_hits(bert, corpus):
    assert bert.search(TEXTS, corpus) == [[], []]
    assert bert.search([], corpus) == []


@pytest.mark.parametrize("precision", ["float32", "int8", "binary"])
def test_no_queries_have_no_hits(bert, precision):
    assert bert.search([], bert.embed(TEXTS, precision=precision)) == []
    assert bert.search(np.zeros((0, 12)), bert.embed(TEXTS, precision=precision)) == []


def test_the_side_of_a_bad_row_is_named(bert):
    for queries, corpus, name in ((["a", None], TEXTS, "queries"), (TEXTS, ["a", None], "corpus")):
        with pytest.raises(Error, match=rf"^{name}: row 1: expected a text \(str\), got a missing value"):
            bert.search(queries, corpus)
    with pytest.raises(Error, match=r"^documents: row 0: expected a text \(str\), got a missing value"):
        bert.rank("a", [None])
    with pytest.raises(Error, match=r"^query: expected a text \(str\), got a missing value"):
        bert.rank(None, TEXTS)
    with pytest.raises(Error, match=r"^documents: expected a list of texts \(str\), got str"):
        bert.rank("a", "it rains")


def test_texts_are_cut_like_the_vectors(bert):
    vectors = bert.embed(TEXTS)[:, :5]
    with pytest.raises(Error, match="got 5; if they were cut, truncate_dim=5 cuts those of texts too"):
        bert.search("it rains", vectors)
    assert bert.search("it rains", vectors, truncate_dim=5) == bert.search(vectors[:1], vectors)
    assert bert.search("it rains", TEXTS, truncate_dim=5) == bert.search(vectors[:1], vectors)


# Tokenizers.


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (lambda text: None, "tokenizer: expected a list of ids or strings from the function, got None"),
        (lambda text: 7, "tokenizer: expected a list of ids or strings from the function, got int"),
        (str.lower, "tokenizer: expected a list of ids or strings from the function, got str"),
        (lambda text: {"input_ids": [2, 3]}, "tokenizer: .* from the function, got dict; return its input_ids"),
        (lambda text: [[2, 3]], "tokenizer: expected ids or strings from the function, got an array"),
        (lambda text: [np.zeros((9, 9))], r"tokenizer: expected ids or strings .*, got array\(\[\[0., 0., "),
        (lambda text: [2, 999], "text: expected tokens with an id below vocab_size=35, got 999"),
    ],
)
def test_functions_that_are_no_tokenizer(bert, tmp_path, function, message):
    folder = bert.save(tmp_path / "model")
    with pytest.raises(Error, match=f"^{message}") as raised:
        load(folder, tokenizer=function).embed("it rains")
    assert "\n" not in str(raised.value)


def test_strings_that_no_vocabulary_knows(bert, tmp_path):
    folder = bert.save(tmp_path / "model")
    words = [word for word in (folder / "vocab.txt").read_text().splitlines() if word != "[UNK]"]
    (folder / "vocab.txt").write_text("".join(f"{word}\n" for word in words))
    (folder / "tokenizer_config.json").unlink()
    with pytest.raises(Error, match="tokenizer: expected tokens of the vocabulary, got 'xyz'"):
        load(folder, tokenizer=lambda text: ["good", "xyz"]).embed("it rains")


def test_fill_mask_without_a_vocabulary(bert, tmp_path):
    folder = bert.save(tmp_path / "model")
    (folder / "vocab.txt").unlink()
    with pytest.raises(Error, match="fill_mask: expected a tokenizer with a vocabulary, got ids alone"):
        load(folder, tokenizer=lambda text: [2, 4, 3]).fill_mask("[MASK]")
    with pytest.raises(Error, match=r"expected vocab.txt or tokenizer.json beside the weights, got neither"):
        load(folder).fill_mask("[MASK]")


# Options.


@pytest.mark.parametrize(
    ("ask", "message"),
    [
        (
            lambda bert: bert.embed("a", prompt_name=["query"]),
            r"prompt_name: expected one of the checkpoint .*, got \['q",
        ),
        (lambda bert: bert.embed("a", prompt=3), r"prompt: expected a text \(str\), got int"),
        (lambda bert: bert.embed("a", truncate_dim="5"), "truncate_dim: expected an integer of at least 1, got '5'"),
        (lambda bert: bert.embed("a", precision=np.array(["int8", "x"])), "precision: expected one of float32, "),
        (lambda bert: bert.embed("a", threads=0), "threads: expected an integer of at least 1, got 0"),
        (lambda bert: bert.embed("a", progress="yes"), "progress: expected True, False or a function, got 'yes'"),
        (lambda bert: bert.search("a", TEXTS, top_k=None), "top_k: expected an integer of at least 1, got null"),
        (lambda bert: bert.search("a", TEXTS, rescore_multiplier=0), "rescore_multiplier: expected an integer of at"),
        (
            lambda bert: bert.search("a", np.zeros((2, 12), np.int8), ranges=[[1.0], [1.0, 2.0]]),
            r"ranges: expected finite numbers of shape \(2, 12\), got rows of different lengths",
        ),
        (
            lambda bert: bert.search("a", np.zeros((2, 12), np.int8), ranges=[[1.0], [1.0]]),
            r"ranges: expected finite numbers of shape \(2, 12\), got float64 of shape \(2, 1\)",
        ),
        (lambda bert: bert.search(np.eye(12, dtype=np.int8), TEXTS), "queries: expected floats, got int8"),
        (lambda bert: bert.rank("a", TEXTS, top_k="1"), "top_k: expected an integer of at least 1, got '1'"),
        (lambda bert: bert.fill_mask("[MASK]", top_k=0), "top_k: expected an integer from 1 to"),
        (lambda bert: bert.fill_mask("no mask"), r"text: expected at least one \[MASK\], got none within 4 tokens"),
        (
            lambda bert: bert.tag("a", aggregation_strategy=["max"]),
            "aggregation_strategy: expected one of none, simple",
        ),
        (lambda bert: bert.answer("a", "a film", stride=0), "stride: expected an integer of at least 1, got 0"),
        (lambda bert: bert.answer("a", "a film", threshold="1"), "threshold: expected a number, got '1'"),
        (lambda bert: bert.answer("a", ""), "text: context: expected a text with at least one word, got none"),
        (lambda bert: bert.choose("a", {"b", "c"}), "text: choices: expected a list of at least two texts, got"),
        (lambda bert: quantization.ranges_of([[1.0], [1.0, 2.0]]), "vectors: expected floats of .* different lengths"),
        (
            lambda bert: quantization.quantize([[1, 2]], "int8"),
            r"vectors: expected floats of shape \(n, S\), got int64",
        ),
    ],
)
def test_what_is_no_option(bert, ask, message):
    with pytest.raises(Error, match=f"^{message}"):
        ask(bert)


def test_ranges_of_lists():
    assert quantization.ranges_of([[1.0, 2.0], [3.0, 0.0]]).tolist() == [[1, 0], [3, 2]]
