"""A model written as a folder is read back to the same bits, by this project and by the reference library; a folder is
there whole or not at all, and never over another."""

import builtins
import errno
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file
from support.spellings import assert_same
from support.tiny import tiny_bert

from numpy_bert import Error, load
from numpy_bert.checkpoints import names, saving, sentence_pooling
from numpy_bert.checkpoints.config_file import read_config
from numpy_bert.checkpoints.formats import npz
from numpy_bert.checkpoints.formats.tensorflow import bundle
from numpy_bert.checkpoints.sentence_pooling import SentencePooling
from numpy_bert.checkpoints.sentence_steps import Normalize
from numpy_bert.numerics import tree
from numpy_bert.tasks import objective

PRETRAINED = ("masked_lm", "next_sentence")
CHOICES = [
    (),
    ("masked_lm",),
    PRETRAINED,
    ("sequence_classification",),
    ("token_classification",),
    ("multiple_choice",),
    ("question_answering", "next_sentence"),
    ("masked_lm", "sequence_classification", "token_classification"),
    tuple(objective.HEADS),
]


def written(bert, folder, form="hf"):
    return saving.write_folder(folder, bert.config, bert.params, bert.tokenizer, bert.pooling, form=form)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("heads", CHOICES)
@pytest.mark.parametrize("form", saving.FORMS)
def test_a_model_comes_back_as_it_was(tmp_path, form, heads, dtype):
    bert = tiny_bert(heads, dtype=dtype, labels=("no", "maybe", "yes"))
    assert written(bert, tmp_path / "model", form) == tmp_path / "model"
    back = load(tmp_path / "model")
    assert back.heads == bert.heads
    assert_same(back.params, bert.params)
    assert back.config == saving.stated(bert.config, bert.params)
    assert back.tokenizer.tokens == bert.tokenizer.tokens
    assert back.tokenizer.encode("I liked this movie!") == bert.tokenizer.encode("I liked this movie!")
    np.testing.assert_array_equal(back.embed("a good film"), bert.embed("a good film"))


@pytest.mark.parametrize(
    "changes",
    [
        {"gelu": "tanh"},
        {"gelu": "erf", "layer_norm_eps": 1e-5},
        {"gelu": "tanh", "layer_norm_eps": 1e-6},
        {"tie_word_embeddings": False},
        {"num_labels": 1, "problem_type": "regression"},
        {"classifier_dropout": 0.3, "pad_token_id": 1, "initializer_range": 0.05},
    ],
)
@pytest.mark.parametrize("form", saving.FORMS)
def test_every_setting_comes_back(tmp_path, form, changes):
    bert = tiny_bert(**changes)
    written(bert, tmp_path / "model", form)
    back = load(tmp_path / "model")
    assert back.config == saving.stated(bert.config, bert.params)
    assert_same(back.params, bert.params)


@pytest.mark.parametrize("has_pooler", [True, False])
def test_a_model_without_heads_is_a_bert_model(tmp_path, has_pooler):
    """Whose names have no prefix, as transformers writes them."""
    bert = tiny_bert((), has_pooler=has_pooler)
    written(bert, tmp_path / "model")
    assert json.loads((tmp_path / "model" / "config.json").read_text())["architectures"] == ["BertModel"]
    arrays = load_file(tmp_path / "model" / "model.safetensors")
    assert np.array_equal(arrays["embeddings.word_embeddings.weight"], bert.params.bert.embedding.word)
    assert ("pooler.dense.weight" in arrays) == has_pooler
    assert len(arrays) == 5 + 2 * 16 + 2 * has_pooler
    assert (load(tmp_path / "model").params.bert.pooler is not None) == has_pooler


def test_the_arrays_are_those_of_transformers(tmp_path):
    """Read with the reference library: its names, its layout, nothing else; Q, K and V three arrays."""
    bert = tiny_bert(PRETRAINED)
    written(bert, tmp_path / "model")
    arrays = load_file(tmp_path / "model" / "model.safetensors")
    params = bert.params
    layer = params.bert.encoder.layers[1]
    expected = {
        "bert.embeddings.LayerNorm.weight": params.bert.embedding.norm.gamma,
        "bert.embeddings.token_type_embeddings.weight": params.bert.embedding.segment,
        "bert.encoder.layer.1.attention.self.query.weight": layer.attention.qkv.W[:12],
        "bert.encoder.layer.1.attention.self.key.bias": layer.attention.qkv.b[12:24],
        "bert.encoder.layer.1.attention.self.value.weight": layer.attention.qkv.W[24:],
        "bert.encoder.layer.1.attention.output.dense.weight": layer.attention.output.W,
        "bert.encoder.layer.1.attention.output.LayerNorm.bias": layer.attention_norm.beta,
        "bert.encoder.layer.1.intermediate.dense.weight": layer.feed_forward.expand.W,
        "bert.encoder.layer.1.output.dense.weight": layer.feed_forward.contract.W,
        "bert.encoder.layer.1.output.LayerNorm.weight": layer.feed_forward_norm.gamma,
        "bert.pooler.dense.weight": params.bert.pooler.dense.W,
        "cls.predictions.bias": params.masked_lm.bias,
        "cls.predictions.transform.dense.weight": params.masked_lm.transform.W,
        "cls.predictions.transform.LayerNorm.weight": params.masked_lm.norm.gamma,
        "cls.seq_relationship.weight": params.next_sentence.dense.W,
    }
    for name, array in expected.items():
        assert np.array_equal(arrays[name], array), name
    assert len(arrays) == 5 + 2 * 16 + 2 + 5 + 2
    header = (tmp_path / "model" / "model.safetensors").read_bytes()[8:60]
    assert b'"__metadata__":{"format":"pt"}' in header


def test_two_classifiers_keep_apart(tmp_path):
    """One is called `classifier`, as the config says; the other keeps the name it has here."""
    bert = tiny_bert(("sequence_classification", "token_classification"))
    written(bert, tmp_path / "model")
    config = read_config(tmp_path / "model")
    assert config.architectures == ("BertForSequenceClassification", "BertForTokenClassification")
    arrays = load_file(tmp_path / "model" / "model.safetensors")
    assert np.array_equal(arrays["classifier.weight"], bert.params.sequence_classification.dense.W)
    assert np.array_equal(arrays["token_classification.dense.W"], bert.params.token_classification.dense.W)


def test_question_answering_has_two_outputs_for_transformers(tmp_path):
    """Which makes as many as the config has labels."""
    bert = tiny_bert(("question_answering",), labels=("no", "maybe", "yes"))
    written(bert, tmp_path / "model")
    config = read_config(tmp_path / "model")
    assert (config.num_labels, config.labels) == (2, ())
    assert_same(load(tmp_path / "model").params, bert.params)


@pytest.mark.parametrize(
    ("changes", "heads", "computes"),
    [
        ({"gelu": "tanh"}, PRETRAINED, True),
        ({"gelu": "tanh"}, ("question_answering",), True),
        ({"gelu": "erf"}, PRETRAINED, False),
        ({"gelu": "tanh", "layer_norm_eps": 1e-5}, PRETRAINED, False),
        ({"gelu": "tanh", "tie_word_embeddings": False}, PRETRAINED, False),
    ],
)
def test_googles_code_computes_the_same_or_nothing(tmp_path, changes, heads, computes):
    """Its get_activation knows linear, relu, gelu (the tanh form) and tanh, and raises for anything else."""
    bert = tiny_bert(heads, **changes)
    written(bert, tmp_path / "model", "tf1")
    settings = json.loads((tmp_path / "model" / "bert_config.json").read_text())
    assert (settings["hidden_act"] in ("linear", "relu", "gelu", "tanh")) == computes
    # Alone, as when only Google's three files are handed on, it still says what the model is.
    (tmp_path / "model" / "config.json").unlink()
    back = read_config(tmp_path / "model")
    assert (back.gelu, back.layer_norm_eps) == (bert.config.gelu, bert.config.layer_norm_eps)
    assert back.tie_word_embeddings == bert.config.tie_word_embeddings


def test_googles_names_and_layout(tmp_path):
    bert = tiny_bert(PRETRAINED, gelu="tanh")
    written(bert, tmp_path / "model", "tf1")
    arrays = bundle.read(tmp_path / "model" / "bert_model.ckpt")
    layer = bert.params.bert.encoder.layers[0]
    assert np.array_equal(arrays["bert/encoder/layer_0/attention/self/key/kernel"], layer.attention.qkv.W[12:24].T)
    assert np.array_equal(arrays["bert/encoder/layer_0/intermediate/dense/kernel"], layer.feed_forward.expand.W.T)
    assert np.array_equal(arrays["bert/embeddings/word_embeddings"], bert.params.bert.embedding.word)
    assert np.array_equal(arrays["cls/predictions/output_bias"], bert.params.masked_lm.bias)
    assert np.array_equal(arrays["cls/seq_relationship/output_weights"], bert.params.next_sentence.dense.W)
    assert len(arrays) == 5 + 2 * 16 + 2 + 5 + 2


def test_npz_has_the_names_of_the_parameters(tmp_path):
    bert = tiny_bert(PRETRAINED)
    written(bert, tmp_path / "model", "npz")
    with np.load(tmp_path / "model" / "model.npz") as file:
        arrays = dict(file)
    assert set(arrays) == {name for name, _ in tree.items(bert.params)}
    assert set(arrays) == set(npz.describe(tmp_path / "model" / "model.npz"))


@pytest.mark.parametrize(
    "pooling",
    [
        sentence_pooling.DEFAULT,
        SentencePooling("cls", (), None),
        SentencePooling("max", (Normalize(),), 16),
        SentencePooling("mean", (Normalize(),), 7),
    ],
)
def test_the_pooling_comes_back(tmp_path, pooling):
    bert = tiny_bert(())
    saving.write_folder(tmp_path / "model", bert.config, bert.params, bert.tokenizer, pooling)
    assert load(tmp_path / "model").pooling == pooling
    assert (tmp_path / "model" / "modules.json").exists() == (pooling != sentence_pooling.DEFAULT)


def test_a_pooling_that_is_not_known_is_not_dropped(tmp_path):
    """Without its files the copy would pool by the mean, and its vectors would be others."""
    bert = tiny_bert(())
    problem = Error("1_Pooling/config.json: expected one pooling of mean, cls and max, got 'lasttoken'")
    with pytest.raises(Error, match="one pooling of mean, cls and max"):
        saving.write_folder(tmp_path / "model", bert.config, bert.params, bert.tokenizer, problem)
    assert not list(tmp_path.iterdir())


def test_a_model_without_a_vocabulary(tmp_path):
    bert = tiny_bert(())
    saving.write_folder(tmp_path / "model", bert.config, bert.params, None, bert.pooling)
    assert not (tmp_path / "model" / "vocab.txt").exists()
    assert_same(load(tmp_path / "model").params, bert.params)


def test_equal_models_give_equal_bytes(tmp_path):
    for name in ("a", "b"):
        written(tiny_bert(), tmp_path / name)
    for path in (tmp_path / "a").iterdir():
        assert path.read_bytes() == (tmp_path / "b" / path.name).read_bytes()


# Only where nothing was before, and whole or not at all.


def test_an_empty_folder_may_be_there(tmp_path):
    (tmp_path / "model").mkdir()
    bert = tiny_bert(())
    written(bert, tmp_path / "model")
    assert_same(load(tmp_path / "model").params, bert.params)


@pytest.mark.parametrize("kind", ["file", "full", "link", "dangling"])
def test_nothing_is_written_over(tmp_path, kind):
    target = tmp_path / "model"
    if kind == "file":
        target.write_text("mine")
    elif kind == "full":
        target.mkdir()
        (target / "mine\x1b").write_text("mine")
    elif kind == "link":
        (tmp_path / "there").mkdir()
        target.symlink_to(tmp_path / "there")
    else:
        target.symlink_to(tmp_path / "nowhere")
    before = sorted(path.name for path in tmp_path.rglob("*"))
    with pytest.raises(Error, match=r"model: expected a new name or an empty folder, got") as raised:
        written(tiny_bert(()), target)
    assert str(raised.value).isprintable()
    assert sorted(path.name for path in tmp_path.rglob("*")) == before


def test_the_folder_around_it_must_be_there(tmp_path):
    with pytest.raises(Error, match="model: cannot write: its folder does not exist"):
        written(tiny_bert(()), tmp_path / "none" / "model")


@pytest.mark.parametrize("call", ["open", "fsync", "rename", "replace", "mkdir"])
@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EIO])
def test_a_disk_that_fails_leaves_nothing(tmp_path, monkeypatch, call, number):
    """The k-th use of each system call fails, for k = 1, 2, ... until the writing succeeds."""
    bert = tiny_bert(())
    module = builtins if call == "open" else os
    real = getattr(module, call)
    for k in range(1, 60):
        count = 0

        def failing(*arguments, **options):
            nonlocal count
            mine = call != "open" or "x" in str(arguments[1:])
            count += mine
            if mine and count == k:  # noqa: B023 - called within this turn of the loop
                raise OSError(number, os.strerror(number))
            return real(*arguments, **options)

        target = tmp_path / str(k) / "model"
        target.parent.mkdir()
        with monkeypatch.context() as patched:
            patched.setattr(module, call, failing)
            message = None
            try:
                written(bert, target)
            except Error as error:
                message = str(error)
        if target.exists():  # whole; a fault after the rename is still told
            assert_same(load(target).params, bert.params)
        else:
            assert not list(target.parent.iterdir()), k
            assert "cannot write" in message
        if message is None:
            break
    assert 1 < k < 59


def test_a_killed_process_leaves_no_half_folder(tmp_path):
    """Only a hidden folder of another name, however far it came."""
    code = f"""
import os, sys
from pathlib import Path
sys.path[:0] = {[str(Path(__file__).parents[1]), str(Path(__file__).parents[2])]!r}
from support.tiny import tiny_bert
from numpy_bert.checkpoints import saving
real, left = os.replace, int(sys.argv[1])
def replace(*names):
    global left
    left -= 1
    if left == 0:
        os._exit(9)
    return real(*names)
os.replace = replace
bert = tiny_bert(())
saving.write_folder(Path(sys.argv[2]), bert.config, bert.params, bert.tokenizer, bert.pooling)
"""
    for k in (1, 4):  # of the first file, and of the last
        done = subprocess.run([sys.executable, "-c", code, str(k), str(tmp_path / "model")], timeout=60)
        assert done.returncode == 9
        assert not (tmp_path / "model").exists()
        assert all(path.name.startswith(".numpy-bert-") for path in tmp_path.iterdir())
    written(tiny_bert(()), tmp_path / "model")
    assert_same(load(tmp_path / "model").params, tiny_bert(()).params)


def test_nothing_of_the_model_is_changed(tmp_path):
    bert = tiny_bert()
    before = tree.map(np.copy, bert.params)
    for form in saving.FORMS:
        written(bert, tmp_path / form, form)
    assert_same(bert.params, before)
    assert names.architectures_of(bert.heads, ()) != bert.config.architectures
