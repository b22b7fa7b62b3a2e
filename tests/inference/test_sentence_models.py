"""Folders as sentence-transformers saves them give its vectors, scores and ranks.

The reference is tests/data/sentence_transformers.npz; the script beside it made it.
"""

import importlib
import inspect
import json
import operator
import pickle
import re
from pathlib import Path

import numpy as np
import pytest
from support import sentence_folders as folders
from support.tiny import tiny_bert

import numpy_bert
from numpy_bert import Error
from numpy_bert.checkpoints import conversion
from numpy_bert.checkpoints.sentence_settings import SentenceSettings
from numpy_bert.corpus import embed_file
from numpy_bert.inference import other_names

DATA = Path(__file__).parents[1] / "data"
TEXTS, PAIRS = list(folders.TEXTS), list(folders.PAIRS)
TOLERANCE = 1e-6  # of the largest number of the vectors
OPTIONS = {
    "embed": {},
    "query": {"prompt_name": "query"},
    "prompt": {"prompt": "very good "},
    "no prompt": {"prompt": ""},
    "truncated": {"truncate_dim": 3},
    "truncated and normalized": {"truncate_dim": 3, "normalize_embeddings": True},
}


@pytest.fixture(scope="module")
def reference():
    with np.load(DATA / "sentence_transformers.npz") as file:
        return dict(file)


def load(write, name, folder):
    write(folder, name)
    return numpy_bert.load(folder)


def assert_close(found, expected):
    assert found.shape == expected.shape
    np.testing.assert_allclose(found, expected, rtol=0, atol=TOLERANCE * max(1, np.abs(expected).max()))


@pytest.mark.filterwarnings("ignore:.* longer than 24 tokens")
@pytest.mark.parametrize("name", folders.EMBEDDING)
def test_vectors(reference, tmp_path, name):
    bert = load(folders.write_embedding, name, tmp_path / "model")
    keys = [key for key in OPTIONS if f"{name}/{key}" in reference]
    assert len(keys) == 5 + ("prompt" in name)
    for key in keys:
        assert_close(bert.embed(TEXTS, **OPTIONS[key]), reference[f"{name}/{key}"])
    vectors = reference[f"{name}/embed"]  # a distance adds up the rounding of all numbers
    assert_close(bert.similarity(vectors, vectors), reference[f"{name}/similarity"])


@pytest.mark.filterwarnings("ignore:.* longer than 24 tokens")
@pytest.mark.parametrize(
    "name",
    [
        "two dense",
        "residual",
        "residual of another size",
        "layer norm",
        "in another order",
        "prompt left out of mean",
        "truncated",
    ],
)
def test_what_is_saved_or_converted_computes_the_same(tmp_path, name):
    bert = load(folders.write_embedding, name, tmp_path / "model")
    bert.save(tmp_path / "saved")
    conversion.convert(tmp_path / "model", tmp_path / "converted", "npz")
    expected = bert.embed(TEXTS, prompt="very ")
    for copy in (numpy_bert.load(tmp_path / "saved"), numpy_bert.load(tmp_path / "converted")):
        np.testing.assert_array_equal(copy.embed(TEXTS, prompt="very "), expected)
        assert copy.settings == bert.settings
    assert (tmp_path / "saved" / "modules.json").exists()  # without it sentence-transformers reads no settings


@pytest.mark.filterwarnings("ignore:.* longer than 24 tokens")
@pytest.mark.parametrize("name", folders.SCORING)
def test_scores_of_a_cross_encoder(reference, tmp_path, name):
    bert = load(folders.write_scoring, name, tmp_path / "model")
    scores = [answer.scores["value"] for answer in bert.classify(PAIRS)]
    assert_close(np.array(scores), reference[f"{name}/scores"].astype(float))
    ranks = bert.rank(TEXTS[0], TEXTS)
    assert [rank["corpus_id"] for rank in ranks] == reference[f"{name}/rank"][:, 0].tolist()
    assert_close(np.array([rank["score"] for rank in ranks]), reference[f"{name}/rank"][:, 1])
    bert.save(tmp_path / "saved")
    assert numpy_bert.load(tmp_path / "saved").rank(TEXTS[0], TEXTS) == ranks
    config = json.loads((tmp_path / "saved" / "config.json").read_text())  # which sentence-transformers reads
    assert config["sentence_transformers"] == {"activation_fn": bert.settings.activation_fn}


@pytest.mark.filterwarnings("ignore:.* longer than 24 tokens")
@pytest.mark.parametrize("name", folders.SPARSE)
def test_sparse_vectors(reference, tmp_path, name):
    bert = load(folders.write_sparse, name, tmp_path / "model")
    matrix = bert.sparse(TEXTS)
    assert matrix.format == "csr"
    assert_close(matrix.toarray(), reference[f"{name}/sparse"])
    assert matrix.nnz == np.count_nonzero(reference[f"{name}/sparse"])
    with pytest.raises(Error, match=r"got one of sparse vectors; use sparse\(\)"):
        bert.embed(TEXTS)
    bert.save(tmp_path / "saved")
    assert (numpy_bert.load(tmp_path / "saved").sparse(TEXTS) != matrix).nnz == 0


def test_rank_has_the_form_of_sentence_transformers(tmp_path):
    bert = load(folders.write_scoring, "sigmoid", tmp_path / "model")
    ranks = bert.rank("it rains", ("a film", "it rains"), top_k=1, return_documents=True)
    assert [set(rank) for rank in ranks] == [{"corpus_id", "score", "text"}]
    assert ranks[0]["text"] == ("a film", "it rains")[ranks[0]["corpus_id"]]
    assert bert.rank("it rains", []) == []
    with pytest.raises(Error, match=r"row 1: expected a text \(str\), got a missing value"):
        bert.rank("it rains", ["a", None])
    with pytest.raises(Error, match="top_k: expected an integer of at least 1, got 0"):
        bert.rank("it rains", ["a"], top_k=0)


def test_rank_of_an_embedding_model_is_by_similarity(tmp_path):
    bert = load(folders.write_embedding, "prompts", tmp_path / "model")
    texts = ["it rains", "a dull film", "the film was good"]
    query = bert.embed(["good film"], prompt_name="query")
    cosines = bert.similarity(query, bert.embed(texts, prompt_name="document"))[0]
    ranks = bert.rank("good film", texts)
    assert [rank["corpus_id"] for rank in ranks] == np.argsort(-cosines).tolist()
    np.testing.assert_allclose([rank["score"] for rank in ranks], np.sort(cosines)[::-1], rtol=1e-6)


def test_a_cross_encoder_of_several_labels_does_not_rank():
    bert = tiny_bert(("sequence_classification",), num_labels=3)
    assert bert.rank("it rains", ["a film"])[0]["corpus_id"] == 0  # an ordinary classifier: by its vectors
    bert._settings = SentenceSettings(kind="CrossEncoder")
    with pytest.raises(Error, match=r"rank: expected a cross-encoder with one label, got 3; classify\(\)"):
        bert.rank("it rains", ["a film"])


def test_the_names_of_prompts_that_every_model_has():
    bert = tiny_bert(())
    np.testing.assert_array_equal(bert.embed("it rains", prompt_name="query"), bert.embed("it rains"))
    np.testing.assert_array_equal(bert.embed("it rains", prompt_name="document"), bert.embed("it rains"))


def test_an_ablated_model_keeps_the_settings(tmp_path):
    bert = load(folders.write_embedding, "prompts", tmp_path / "model")
    assert bert.ablate(heads=[(0, 0)]).settings == bert.settings


def test_both_prompts_is_one_too_many(tmp_path):
    bert = load(folders.write_embedding, "prompts", tmp_path / "model")
    with pytest.warns(UserWarning, match="got both; the prompt counts"):
        vector = bert.embed("it rains", prompt_name="query", prompt="")
    np.testing.assert_array_equal(vector, bert.embed("it rains"))
    with pytest.raises(
        Error, match=r"prompt_name: expected one of the checkpoint \('query', 'document', 'passage'\), got 'x'"
    ):
        bert.embed("it rains", prompt_name="x")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"default_prompt_name": "q"}, "default_prompt_name: expected the name of a prompt or null, got 'q'"),
        ({"prompts": ["a"]}, "prompts: expected an object of texts, got an array"),
        ({"prompts": {"a": 1}}, "prompts: expected an object of texts"),
        ({"truncate_dim": 0}, "truncate_dim: expected a number above 0 or null, got 0"),
    ],
)
def test_what_the_settings_may_not_say_closes_vectors_alone(tmp_path, settings, message):
    folders.write_embedding(tmp_path, "mean")
    (tmp_path / "config_sentence_transformers.json").write_text(json.dumps(settings))
    bert = numpy_bert.load(tmp_path)
    assert bert("it rains").shape == (4, 12)
    with pytest.raises(Error, match=message):
        bert.embed("it rains")


def test_an_unknown_similarity_closes_what_needs_it(tmp_path):
    folders.write_embedding(tmp_path, "mean")
    (tmp_path / "config_sentence_transformers.json").write_text('{"similarity_fn_name": "hamming"}')
    bert = numpy_bert.load(tmp_path)
    assert bert.embed("it rains").shape == (12,)
    with pytest.raises(Error, match="similarity_fn_name: expected one of cosine, dot, euclidean, manhattan, got 'ham"):
        bert.similarity(["a"], ["b"])


def test_an_unknown_activation_closes_the_scores(tmp_path):
    folders.write_scoring(tmp_path, "sigmoid")
    (tmp_path / "config_sentence_transformers.json").write_text('{"activation_fn": "torch.nn.modules.x.Softsign"}')
    bert = numpy_bert.load(tmp_path)
    for ask in (lambda: bert.classify("it rains"), lambda: bert.rank("a", ["b"])):
        with pytest.raises(
            Error, match=r"activation_fn: expected one of Identity, Tanh, .* of torch.nn, got 'torch.nn.m"
        ):
            ask()
    assert bert.embed("it rains").shape == (12,)


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"in_features": 11}, "in_features: expected 12, the numbers of a vector before it, got 11"),
        ({"out_features": "5"}, "out_features: expected a number above 0, got '5'"),
        ({"activation_function": "os.system"}, "activation_function: expected one of .*, got 'os.system'"),
        ({"use_residual": 1}, "use_residual: expected true or false, got 1"),
        ({"use_residual": True}, r"residual.weight: expected the shape \(5, 12\), got no such tensor"),
        ({"module_input_name": "token_embeddings"}, "module_input_name: expected sentence_embedding"),
        ({"out_features": 6}, r"linear.weight: expected the shape \(6, 12\), got \(5, 12\)"),
    ],
)
def test_a_dense_step_that_is_not_known_closes_vectors_alone(tmp_path, config, message):
    folders.write_embedding(tmp_path, "dense")
    path = tmp_path / "2_Dense" / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | config))
    bert = numpy_bert.load(tmp_path)
    assert bert("it rains").shape == (4, 12)
    with pytest.raises(Error, match=message):
        bert.embed("it rains")


def test_a_pickle_keeps_them(tmp_path):
    bert = load(folders.write_embedding, "prompt by default", tmp_path / "model")
    bert.params.bert.embedding.word[0] += 1  # so that the weights are in the pickle
    copy = pickle.loads(pickle.dumps(bert))
    np.testing.assert_array_equal(copy.embed("it rains"), bert.embed("it rains"))
    assert copy.settings == bert.settings != SentenceSettings()


def test_a_file_of_texts_obeys_them_too(tmp_path):
    bert = load(folders.write_embedding, "two dense", tmp_path / "model")
    (tmp_path / "texts.csv").write_text('id,text\n1,it rains\n2,"a film,\ngood"\n')
    done = embed_file(bert, tmp_path / "texts.csv", tmp_path / "out.npy", prompt="very ", truncate_dim=3)
    assert done.shape == (2, 3)
    expected = bert.embed(["it rains", "a film,\ngood"], prompt="very ", truncate_dim=3)
    np.testing.assert_allclose(np.load(done.output), expected, atol=1e-6)


def test_names_of_others_are_answered():
    bert = tiny_bert(())
    for name, ours in (
        ("encode", "embed(texts)"),
        ("encode_query", 'embed(texts, prompt_name="query")'),
        ("passage_embed", 'embed(texts, prompt_name="document")'),
        ("predict", "classify(pairs), or rank(query, documents)"),
        ("similarity_pairwise", "similarity(a, b).diagonal()"),
        ("get_sentence_embedding_dimension", "pooling.size(config.hidden_size)"),
    ):
        with pytest.raises(AttributeError) as raised:
            getattr(bert, name)
        assert str(raised.value) == f"Bert has no {name}; here it is {ours}"
        assert not hasattr(bert, name)
    with pytest.raises(AttributeError, match="'Bert' object has no attribute 'absent'"):
        bert.absent  # noqa: B018


@pytest.mark.parametrize("name", other_names.METHODS)
def test_what_is_here_in_the_place_of_others_is_there(name):
    """Each name in the answer can be reached from a Bert, or is one that can be imported."""
    bert = tiny_bert(())
    assert not hasattr(type(bert), name)
    call = re.split(r"[;,] ", other_names.METHODS[name])[0].partition("(")[0]
    if call.startswith("numpy_bert."):
        module, _, function = call.rpartition(".")
        assert callable(getattr(importlib.import_module(module), function))
    else:
        assert operator.attrgetter(call)(bert) is not bert


@pytest.mark.parametrize("name", other_names.ARGUMENTS)
def test_arguments_of_others_are_answered(name):
    bert = tiny_bert(())
    with pytest.raises(TypeError) as raised:
        bert.embed(["it rains"], **{name: None})
    assert str(raised.value) == f"embed() has no argument {name}; here it is {other_names.ARGUMENTS[name]}"
    for method in (bert.search, bert.rank, bert.sparse):
        assert not {name} & set(inspect.signature(method).parameters)
        with pytest.raises(TypeError, match=f"has no argument {name}"):
            method("a", ["b"], **{name: None})
    assert bert.rank("it rains", ["a film"], return_documents=True)[0]["text"] == "a film"


def test_the_page_lists_the_names_of_others():
    page = (Path(__file__).parents[2] / "docs" / "faq.md").read_text("utf-8")
    missing = [name for name in (*other_names.METHODS, *other_names.ARGUMENTS) if not re.search(rf"\b{name}\b", page)]
    assert missing == []
