"""A model pickles as the path it came from; one that came from none, with its weights."""

import copy
import pickle
import subprocess
import sys

import numpy as np
import pytest
from support.tiny import tiny_bert

import numpy_bert
from numpy_bert.errors import Error
from numpy_bert.numerics import tree

TEXTS = ["i liked this movie", "", "it rains"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tiny_bert().save(tmp_path_factory.mktemp("models") / "tiny")


def same(first, other):
    return np.array_equal(first.embed(TEXTS), other.embed(TEXTS)) and first.dtype == other.dtype


def test_as_a_path(folder):
    bert = numpy_bert.load(folder)
    data = pickle.dumps(bert)
    assert len(data) < 500
    assert same(pickle.loads(data), bert)
    assert pickle.dumps(pickle.loads(data)) == data
    assert same(copy.deepcopy(bert), bert)
    assert copy.deepcopy(bert).params.bert.embedding.word is not bert.params.bert.embedding.word


def test_what_load_was_told_goes_along(folder):
    bert = numpy_bert.load(folder, dtype="float64", mmap=True)
    assert pickle.loads(pickle.dumps(bert)).dtype == np.float64
    mapped = pickle.loads(pickle.dumps(numpy_bert.load(folder, mmap=True)))
    assert not mapped.params.bert.embedding.word.flags.writeable
    with pytest.warns(UserWarning, match="random"):
        bert = numpy_bert.load(folder, new_head="sequence_classification", num_labels=5, seed=3)
    with pytest.warns(UserWarning, match="random"):
        again = pickle.loads(pickle.dumps(bert))
    assert again.classify(TEXTS) == bert.classify(TEXTS)


def test_the_path_holds_in_another_folder_and_in_another_process(folder, tmp_path, monkeypatch):
    monkeypatch.chdir(folder.parent)
    data = pickle.dumps(numpy_bert.load(folder.name))
    monkeypatch.chdir(tmp_path)
    wanted = pickle.loads(data).embed(TEXTS)
    (tmp_path / "bert.pickle").write_bytes(data)
    code = "import pickle, sys; print(pickle.load(open(sys.argv[1], 'rb')).embed('it rains').tolist())"
    done = subprocess.run(
        [sys.executable, "-c", code, "bert.pickle"], capture_output=True, text=True, check=True,
        env={"PYTHONPATH": str(next(iter(numpy_bert.__path__)).removesuffix("numpy_bert"))},
    )  # fmt: skip
    np.testing.assert_allclose(eval(done.stdout), wanted[2], atol=1e-6)


def test_a_file_among_several_with_weights(folder, tmp_path):
    tiny_bert(seed=1).save(tmp_path / "model")
    (tmp_path / "model/second.safetensors").write_bytes((folder / "model.safetensors").read_bytes())
    bert = numpy_bert.load(tmp_path / "model/second.safetensors")
    assert same(pickle.loads(pickle.dumps(bert)), numpy_bert.load(folder))


def test_a_path_that_is_gone_is_one_line(folder, tmp_path):
    bert = numpy_bert.load(tiny_bert().save(tmp_path / "gone"))
    data = pickle.dumps(bert)
    (tmp_path / "gone").rename(tmp_path / "elsewhere")
    with pytest.raises(Error, match=r"gone/model.safetensors: expected a folder or a file, got nothing of this name"):
        pickle.loads(data)


def test_with_its_weights(folder):
    made = tiny_bert()
    made.embed(TEXTS)
    again = pickle.loads(pickle.dumps(made))
    assert same(again, made)
    assert again.heads == made.heads
    assert again.fill_mask("the [MASK]") == made.fill_mask("the [MASK]")


def test_changed_parameters_are_not_lost(folder):
    bert = numpy_bert.load(folder)
    bert.params = tree.map(lambda array: array * 2, bert.params)
    assert bert.source is None
    assert same(pickle.loads(pickle.dumps(bert)), bert)


def test_a_pooling_that_is_an_error_stays_one():
    bert = tiny_bert()
    bert._pooling = Error("pooling: expected another")
    with pytest.raises(Error, match="pooling: expected another"):
        pickle.loads(pickle.dumps(bert)).embed("good")


def changed_in_place(folder, **arguments):
    bert = numpy_bert.load(folder, **arguments)
    bert.params.bert.encoder.layers[0].attention_norm.gamma[:] *= 3
    return bert


@pytest.mark.parametrize("again", [lambda bert: pickle.loads(pickle.dumps(bert)), copy.copy, copy.deepcopy])
def test_weights_that_were_changed_in_place_are_not_lost(folder, again):
    bert = changed_in_place(folder)
    assert not same(bert, numpy_bert.load(folder))
    assert same(again(bert), bert)
    assert same(again(changed_in_place(folder, dtype="float64")), changed_in_place(folder, dtype="float64"))


def test_a_copy_shares_the_arrays_and_a_deep_copy_does_not(folder):
    bert = numpy_bert.load(folder)
    word = bert.params.bert.embedding.word
    assert copy.copy(bert).params.bert.embedding.word is word
    assert not np.shares_memory(copy.deepcopy(bert).params.bert.embedding.word, word)
    for again in (copy.copy(bert), copy.deepcopy(bert)):
        assert again.source == bert.source
        assert len(pickle.dumps(again)) < 500


@pytest.mark.filterwarnings("ignore:.*random")
def test_a_file_that_changed_or_is_gone_does_not_matter(tmp_path):
    first = tiny_bert().save(tmp_path / "first")
    bert = numpy_bert.load(first)
    data = (first / "model.safetensors").read_bytes()
    (first / "model.safetensors").write_bytes(data[:-4] + b"\0\0\x80\x3f")
    assert same(pickle.loads(pickle.dumps(bert)), bert)
    (first / "model.safetensors").unlink()
    assert same(pickle.loads(pickle.dumps(bert)), bert)
