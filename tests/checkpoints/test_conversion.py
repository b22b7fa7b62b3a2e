"""convert and compare: the same weights through every form come out to the same bits."""

import dataclasses
import itertools
import json
import math
import os
from pathlib import Path

import numpy as np
import pytest
from support.checkpoints import published
from support.spellings import SPELLINGS, arrays_of, assert_same
from support.tiny import tiny_bert

from numpy_bert import Error, load
from numpy_bert.checkpoints import comparison, conversion, names, saving, weights
from numpy_bert.checkpoints.comparison import compare
from numpy_bert.checkpoints.config_file import read_config, write_config
from numpy_bert.checkpoints.conversion import convert
from numpy_bert.checkpoints.formats import safetensors
from numpy_bert.cli.inspect import format_comparison
from numpy_bert.errors import UsageError

TF_FILES = Path(__file__).parents[1] / "data" / "tf_files"
PRETRAINED = ("masked_lm", "next_sentence")


@pytest.fixture
def model(tmp_path):
    bert = tiny_bert((*PRETRAINED, "sequence_classification"), labels=("no", "maybe", "yes"))
    saving.write_folder(tmp_path / "model", bert.config, bert.params, bert.tokenizer, bert.pooling)
    return tmp_path / "model"


@pytest.mark.parametrize("way", list(itertools.permutations(saving.FORMS)))
def test_round_and_round(model, tmp_path, way):
    """hf to npz to tf1 and so on, and back to hf: the last folder has the bytes of the first."""
    before = load(model)
    place = model
    for number, form in enumerate((*way, "hf")):
        place = convert(place, tmp_path / str(number), form)
        assert_same(load(place).params, before.params)
        assert compare(model, place).equal
    for path in model.iterdir():
        assert (place / path.name).read_bytes() == path.read_bytes()


@pytest.mark.parametrize(
    ("name", "tensors"),
    [("minilm", 103), ("splade", 43), ("rxnfp/bert_pretrained", 207), ("rxnfp/bert_ft_10k_25s", 201)],
)
def test_published_checkpoints_keep_every_bit(tmp_path, name, tensors):
    package, _, inside = name.partition("/")
    source = published(package) / inside
    first = convert(source, tmp_path / "tf1", "tf1")
    last = convert(first, tmp_path / "hf", "hf")
    result = compare(source, last)
    assert result.equal
    assert len(result.differences) == tensors
    assert load(last).pooling == load(source).pooling


@pytest.mark.parametrize("name", ["keras", "flax"])
def test_files_of_transformers_become_a_folder(tmp_path, name):
    pytest.importorskip("h5py")
    place = convert(TF_FILES / name, tmp_path / "hf")
    result = compare(TF_FILES / name, place)
    assert result.equal
    assert len(result.differences) == 31  # 30 arrays, and the decoder that is tied on both sides
    assert json.loads((place / "config.json").read_text())["architectures"] == ["BertForPreTraining"]


def test_progress_reaches_its_end(model, tmp_path):
    seen = []
    convert(model, tmp_path / "copy", "npz", progress=lambda done, total: seen.append((done, total)))
    sizes = sum(array.nbytes for array in saving.hugging_face(load(model).params, ()).values())
    assert {total for _, total in seen} == {2 * sizes}
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)
    assert seen[-1] == (2 * sizes, 2 * sizes)
    assert len(seen) > 20


def test_what_convert_refuses(model, tmp_path):
    with pytest.raises(UsageError, match=r"to: expected one of hf, tf1, npz, got 'h5'"):
        convert(model, tmp_path / "copy", "h5")
    with pytest.raises(Error, match="model: expected a new name or an empty folder"):
        convert(model, model)
    with pytest.raises(Error, match="model: expected a new name or an empty folder"):
        convert(model / "model.safetensors", model)
    with pytest.raises(Error, match="expected a folder or a file, got nothing of this name"):
        convert(tmp_path / "none", tmp_path / "copy")
    assert sorted(os.listdir(tmp_path)) == ["model"]


def test_the_target_is_looked_at_before_the_weights_are_read(model, monkeypatch):
    monkeypatch.setattr(weights, "load", lambda *_, **__: pytest.fail("read for nothing"))
    with pytest.raises(Error, match="model: expected a new name or an empty folder"):
        convert(model, model)


def test_what_only_the_weights_know_is_written_into_the_config(tmp_path):
    """A number of labels that Google's config does not have, and a decoder that the config calls tied and is not."""
    bert = tiny_bert(("masked_lm", "sequence_classification"), num_labels=5, tie_word_embeddings=False)
    saving.write_folder(tmp_path / "tf1", bert.config, bert.params, bert.tokenizer, bert.pooling, form="tf1")
    (tmp_path / "tf1" / "config.json").unlink()
    google = dataclasses.replace(bert.config, gelu="tanh", tie_word_embeddings=True)
    (tmp_path / "tf1" / "bert_config.json").write_text(saving.google_config(google))
    with pytest.warns(UserWarning, match="weights|labels") as warned:
        place = convert(tmp_path / "tf1", tmp_path / "hf")
    assert {str(warning.message).split(": ")[-1].split(",")[0] for warning in warned} == {
        "expected a config with the number of labels", "expected the word embedding",
    }  # fmt: skip
    config = read_config(place)
    assert (config.num_labels, config.tie_word_embeddings) == (5, False)
    assert_same(load(place).params, bert.params)


def test_the_source_may_hold_the_target(model):
    convert(model, model / "copy")
    assert compare(model, model / "copy").equal


def test_a_tensor_that_means_nothing_is_told(model, tmp_path):
    arrays = safetensors.read(model / "model.safetensors") | {"extra.weight": np.zeros(3, "f4")}
    safetensors.write(model / "model.safetensors", arrays)
    with pytest.warns(UserWarning, match="'extra.weight'"):
        convert(model, tmp_path / "copy")
    result = compare(model, tmp_path / "copy")
    assert result.only == (("extra.weight",), ())
    assert not result.equal


# compare


def test_the_largest_difference_of_each_tensor(model, tmp_path):
    arrays = safetensors.read(model / "model.safetensors")
    arrays["bert.pooler.dense.weight"][3, 4] += 0.25
    arrays["bert.embeddings.word_embeddings.weight"][7, 2] = np.nan
    scale = float(np.abs(safetensors.read(model / "model.safetensors")["bert.pooler.dense.weight"]).max())
    safetensors.write(tmp_path / "b.safetensors", arrays)
    result = compare(model, tmp_path / "b.safetensors")
    unequal = {d.name: d for d in result.differences if not d.equal}
    # The decoder is tied on both sides, so what happens to the one happens to the other.
    assert set(unequal) == {
        "bert.pooler.dense.weight", "bert.embeddings.word_embeddings.weight", "cls.predictions.decoder.weight",
    }  # fmt: skip
    assert unequal["bert.pooler.dense.weight"].largest == pytest.approx(0.25, rel=1e-6)
    assert unequal["bert.pooler.dense.weight"].relative == pytest.approx(0.25 / scale, rel=1e-6)
    assert unequal["bert.embeddings.word_embeddings.weight"].largest == math.inf
    assert not result.equal
    text = format_comparison(result)
    assert text.index("word_embeddings") < text.index("pooler.dense.weight")
    assert f"{len(result.differences)} tensors in both, {len(result.differences) - 3} equal" in text
    json.dumps(comparison.to_json(result), allow_nan=False)
    same = compare(tmp_path / "b.safetensors", tmp_path / "b.safetensors")
    assert same.equal  # NaN beside NaN


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_names_are_matched_across_spellings(model, tmp_path, spelling):
    bert = tiny_bert((*PRETRAINED, "sequence_classification"), labels=("no", "maybe", "yes"))
    arrays = dict(SPELLINGS[spelling](name, array) for name, array in arrays_of(bert).items())
    safetensors.write(tmp_path / "b.safetensors", {name: array.copy() for name, array in arrays.items()})
    result = compare(model, tmp_path / "b.safetensors")
    assert result.equal, format_comparison(result)


def test_heads_apart_and_optimizer_slots_do_not_count(model, tmp_path):
    bert = tiny_bert((*PRETRAINED, "sequence_classification"))
    arrays = {}
    for name, array in arrays_of(bert).items():
        foreign, array = SPELLINGS["keras"](name, array)
        if "/attention/self/" in foreign:
            array = array.reshape((12, 3, 4) if "kernel" in foreign else (3, 4))
        elif "/attention/output/dense/kernel" in foreign:
            array = array.reshape(3, 4, 12)
        arrays[foreign] = np.ascontiguousarray(array)
    arrays["bert/pooler/dense/kernel/adam_m"] = np.ones((12, 12), "f4")
    safetensors.write(tmp_path / "b.safetensors", arrays)
    result = compare(model, tmp_path / "b.safetensors")
    assert result.equal, format_comparison(result)


def test_other_shapes_and_missing_tensors(model, tmp_path):
    bert = tiny_bert(("masked_lm",), vocab_size=40, hidden_size=6)
    write_config(bert.config, tmp_path)
    safetensors.write(tmp_path / "model.safetensors", arrays_of(bert))
    result = compare(model, tmp_path / "model.safetensors")
    word = next(d for d in result.differences if d.name == "bert.embeddings.word_embeddings.weight")
    assert word == ("bert.embeddings.word_embeddings.weight", ((35, 12), (40, 6)), None, None, False)
    assert set(result.only[0]) == {
        "classifier.weight", "classifier.bias", "cls.seq_relationship.weight", "cls.seq_relationship.bias",
    }  # fmt: skip
    assert result.only[1] == ()
    text = format_comparison(result)
    assert "35x12 and 40x6" in text
    assert "other shape" in text
    assert "only in a:\n  classifier.bias" in text


def test_foreign_names_cannot_touch_the_terminal(model, tmp_path):
    arrays = safetensors.read(model / "model.safetensors") | {"\x1b[31m\u202e": np.zeros(3, "f4")}
    safetensors.write(tmp_path / "b.safetensors", arrays)
    text = format_comparison(compare(model, tmp_path / "b.safetensors"))
    assert text.replace("\n", "").isprintable()


def test_a_second_bias_that_says_something_else_is_seen(tmp_path):
    """The decoder's bias counts where a file has both, in comparing as in loading."""
    arrays = safetensors.read(tiny_bert(heads=("masked_lm",)).save(tmp_path / "tiny") / "model.safetensors")
    bias = arrays[names.BIAS]
    for name, second in (("same", bias), ("other", bias + 1)):
        safetensors.write(tmp_path / f"{name}.safetensors", arrays | {names.DECODER_BIAS: second})
    same, other = tmp_path / "same.safetensors", tmp_path / "other.safetensors"
    assert comparison.compare(same, tmp_path / "tiny").equal
    assert not comparison.compare(same, other).equal
    assert not comparison.compare(other, tmp_path / "tiny").equal


@pytest.mark.parametrize("shape", [(), (4, 4), (0, 4), (4, 4, 0)])
def test_what_cannot_be_cut_is_compared_whole(tmp_path, shape):
    name = "bert.encoder.layers.0.attention.qkv.W"
    a = np.zeros(shape, np.float32)
    b = a.copy()
    b[(-1,) * b.ndim if b.size else ...] = 1.0
    for file, array in (("a", a), ("b", b)):
        safetensors.write(tmp_path / f"{file}.safetensors", {name: array})
    assert comparison.compare(tmp_path / "a.safetensors", tmp_path / "a.safetensors").equal
    assert comparison.compare(tmp_path / "a.safetensors", tmp_path / "b.safetensors").equal == (a.size == 0)


def test_integers_are_compared_as_they_are(tmp_path):
    for file, value in (("a", 2**53), ("b", 2**53 + 1)):
        safetensors.write(tmp_path / f"{file}.safetensors", {"steps": np.array([value])})
    assert not comparison.compare(tmp_path / "a.safetensors", tmp_path / "b.safetensors").equal


def test_targets_that_are_no_new_folder(tmp_path, monkeypatch):
    source = tiny_bert(heads=()).save(tmp_path / "tiny")
    empty = tmp_path / "empty"
    empty.mkdir(mode=0o700)
    assert conversion.convert(source, empty).stat().st_mode & 0o777 == 0o700
    monkeypatch.chdir(tmp_path)
    for target in ("", "x/no/such"):
        with pytest.raises(Error, match=r"empty name|does not exist"):
            conversion.convert(source, target)
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    with pytest.raises(Error, match="the current folder"):
        conversion.convert(source, ".")
