"""A fault of one file closes what needs it and nothing else: the rest of the folder is used, and `inspect` says why."""

import copy
import json
import pickle
import warnings

import numpy as np
import pytest
from support.tiny import WORDS, tiny_bert

from numpy_bert import Error, load
from numpy_bert.checkpoints import inspection
from numpy_bert.checkpoints.conversion import convert
from numpy_bert.checkpoints.formats import safetensors
from numpy_bert.cli.inspect import format_inspection

TEXT = "the film was good"


def folder(path, heads=("sequence_classification",), change=lambda arrays: arrays, config=None, **changes):
    """A folder with its arrays and the keys of its config changed; a value of None takes a key away."""
    bert = tiny_bert(heads, **changes)
    bert.save(path)
    arrays = change(safetensors.read(path / "model.safetensors"))
    (path / "model.safetensors").unlink()
    safetensors.write(path / "model.safetensors", arrays)
    settings = json.loads((path / "config.json").read_text()) | (config or {})
    settings = {key: value for key, value in settings.items() if value is not None}
    (path / "config.json").write_text(json.dumps(settings))
    return bert


def without(*names):
    return lambda arrays: {name: array for name, array in arrays.items() if name not in names}


def with_shape(name, shape):
    return lambda arrays: arrays | {name: np.zeros(shape, np.float32)}


HEADS = {  # what is wrong -> the head that is closed, the words of its error
    "lacks a tensor": (
        "sequence_classification",
        {"change": without("classifier.bias")},
        "expected every tensor of sequence_classification, got none called classifier.bias",
    ),
    "has another number of classes than the config": (
        "sequence_classification",
        {"change": with_shape("classifier.weight", (5, 12))},
        r"classifier.weight.*expected shape \[3, 12\] by the config, got \[5, 12\]",
    ),
    "holds integers": (
        "sequence_classification",
        {"change": lambda arrays: arrays | {"classifier.bias": np.zeros(3, np.int64)}},
        "expected floating point, got",
    ),
    "has a problem of no known type": (
        "sequence_classification",
        {"config": {"problem_type": "ranking"}},
        "config.json: problem_type: expected 'regression' or",
    ),
    "names its classes by no numbers": (
        "token_classification",
        {"heads": ("token_classification",), "config": {"id2label": {"a": "b"}}},
        "config.json: id2label: expected the keys 0 to 0, got",
    ),
    "has names that are none": (
        "sequence_classification",
        {"config": {"id2label": {"0": ["a"], "1": "b", "2": "c"}}},
        "config.json: id2label: expected an object of names",
    ),
    "lacks a part of the pooler": (
        "sequence_classification",
        {"change": without("bert.pooler.dense.bias")},
        "expected every tensor of bert.pooler, got none called bert.pooler.dense.bias",
    ),
    "lacks a norm": (
        "masked_lm",
        {"heads": ("masked_lm",), "change": without("cls.predictions.transform.LayerNorm.weight")},
        "got none called cls.predictions.transform.LayerNorm.weight",
    ),
}


@pytest.mark.parametrize("what", HEADS)
def test_a_head_that_cannot_be_used_closes_nothing_else(tmp_path, what):
    head, options, message = HEADS[what]
    expected = folder(tmp_path / "model", **options)
    bert = load(tmp_path / "model")
    np.testing.assert_array_equal(bert.embed(TEXT), expected.embed(TEXT))
    assert bert.forward([[2, 5, 3]]).hidden.shape == (1, 3, 12)
    assert head not in bert.heads
    with pytest.raises(Error, match=message) as told:
        bert.logits(head, [[2, 5, 3]])
    assert str(told.value).isprintable()
    for twin in (copy.copy(bert), copy.deepcopy(bert), pickle.loads(pickle.dumps(bert))):
        assert twin.closed.keys() == bert.closed.keys()
    report = inspection.inspect(tmp_path / "model")
    assert report.tasks == ("embeddings", "sentence_embedding")
    assert any(str(told.value)[:200] in problem for problem in report.problems)
    assert f"the {head.replace('_', ' ')} cannot be used" in " ".join(format_inspection(report).split())
    for copied in (lambda: convert(tmp_path / "model", tmp_path / "copy"), lambda: bert.save(tmp_path / "saved")):
        with pytest.warns(UserWarning, match="cannot be used and is left out"):
            copied()
    np.testing.assert_array_equal(load(tmp_path / "copy").embed(TEXT), expected.embed(TEXT))


def test_a_new_head_takes_the_place_of_one_that_cannot_be_used(tmp_path):
    folder(tmp_path / "model", change=with_shape("classifier.weight", (5, 12)))
    with pytest.warns(UserWarning, match="head of random numbers"):
        bert = load(tmp_path / "model", new_head="sequence_classification", num_labels=4)
    assert len(bert.classify(TEXT).scores) == 4


def test_an_encoder_that_lacks_a_tensor_is_refused(tmp_path):
    folder(tmp_path / "model", change=without("bert.encoder.layer.1.output.dense.bias"))
    with pytest.raises(Error, match=r"expected every tensor of the config, got 1 \('bert.encoder.layer.1.output.dense"):
        load(tmp_path / "model")


def test_weights_under_another_prefix_are_told(tmp_path):
    folder(tmp_path / "model", change=lambda arrays: {f"tower.{name}": array for name, array in arrays.items()})
    with pytest.raises(Error, match=r"missing; the file has them under the prefix 'tower\.bert\.', which must go"):
        load(tmp_path / "model")
    problems = " ".join(inspection.inspect(tmp_path / "model").problems)
    assert "under the prefix 'tower.bert.'" in problems
    folder(tmp_path / "other", change=lambda arrays: {f"x{i}": array for i, array in enumerate(arrays.values())})
    with pytest.raises(Error, match=r"missing; the file has \d+ \('x\d+', 'x\d+', 'x\d+', \.\.\.\) instead"):
        load(tmp_path / "other")


TOKENIZERS = {
    "vocab.txt": (b"\xff\n", "expected UTF-8"),
    "tokenizer.json": (b"{", "tokenizer.json"),
    "tokenizer_config.json": (b'{"do_lower_case": "yes"}', "do_lower_case: expected true or false"),
}


@pytest.mark.parametrize("name", TOKENIZERS)
def test_a_tokenizer_that_cannot_be_used_closes_nothing_else(tmp_path, name):
    data, message = TOKENIZERS[name]
    expected = folder(tmp_path / "model")
    (tmp_path / "model" / name).write_bytes(data)
    bert = load(tmp_path / "model")
    np.testing.assert_array_equal(bert.forward([[2, 5, 3]]).hidden, expected.forward([[2, 5, 3]]).hidden)
    assert bert.logits("sequence_classification", [[2, 5, 3]]).shape == (1, 3)
    for use in (lambda: bert.tokenizer, lambda: bert.embed(TEXT), lambda: bert.classify(TEXT)):
        with pytest.raises(Error, match=message):
            use()
    assert any(message in problem for problem in inspection.inspect(tmp_path / "model").problems)
    with pytest.warns(UserWarning, match="the tokenizer is left out"):
        convert(tmp_path / "model", tmp_path / "copy")
    assert load(tmp_path / "copy").forward([[2, 5, 3]]).hidden.shape == (1, 3, 12)


def test_a_pooling_that_cannot_be_used_is_kept_by_a_copy(tmp_path):
    """Left out, it would be mean pooling, and the vectors of the copy others."""
    folder(tmp_path / "model")
    modules = [{"type": "sentence_transformers.models.CNN", "path": "1_CNN"}]
    (tmp_path / "model" / "modules.json").write_text(json.dumps(modules))
    (tmp_path / "model" / "1_CNN").mkdir()
    (tmp_path / "model" / "1_CNN" / "cnn_config.json").write_text("{}")
    for place in (tmp_path / "model", convert(tmp_path / "model", tmp_path / "copy")):
        bert = load(place)
        assert bert.classify(TEXT).label
        with pytest.raises(Error, match=r"modules.json: expected the steps"):
            bert.embed(TEXT)
    bert.save(tmp_path / "again")
    assert (tmp_path / "again" / "1_CNN" / "cnn_config.json").read_text() == "{}"


# What transformers opens.


def test_sizes_that_the_file_leaves_out_are_those_of_transformers(tmp_path):
    expected = folder(tmp_path / "model", config={"type_vocab_size": None, "layer_norm_eps": None})
    assert load(tmp_path / "model").config.type_vocab_size == 2
    np.testing.assert_array_equal(load(tmp_path / "model").embed(TEXT), expected.embed(TEXT))
    folder(tmp_path / "other", config={"num_attention_heads": None}, num_attention_heads=12)
    with pytest.warns(UserWarning, match="num_attention_heads: expected it in the file, which no shape shows; 12"):
        assert load(tmp_path / "other").config.num_attention_heads == 12


@pytest.mark.parametrize(
    ("settings", "warning", "labels"),
    [
        ({"id2label": {"0": 1, "1": 2.5, "2": True}}, None, ("1", "2.5", "True")),
        ({"id2label": {"0": "a", "1": "b", "2": "a"}}, "'a' is the name of several classes", ("a", "b", "a (2)")),
        (
            {"id2label": {"0": "a", "1": "b", "3": "c"}},
            "got none for 2, which is called LABEL_2",
            ("a", "b", "LABEL_2"),
        ),
        (
            {"id2label": {"0": "a"}, "num_labels": 3},
            "id2label: expected a name for each of num_labels=3, got 1 names, which are left",
            ("LABEL_0", "LABEL_1", "LABEL_2"),
        ),
        ({"id2label": {"0": "LABEL_0"}, "num_labels": 3}, None, ("LABEL_0", "LABEL_1", "LABEL_2")),
        ({"architectures": ["ProteinBert"]}, None, ("LABEL_0", "LABEL_1", "LABEL_2")),
        ({"architectures": ["MyForSequenceClassification"]}, None, ("LABEL_0", "LABEL_1", "LABEL_2")),
        ({"embedding_size": 12}, None, ("LABEL_0", "LABEL_1", "LABEL_2")),
        ({"pad_token_id": -1}, "pad_token_id: expected an integer", ("LABEL_0", "LABEL_1", "LABEL_2")),
        ({"pad_token_id": 5000}, "pad_token_id: expected an id below", ("LABEL_0", "LABEL_1", "LABEL_2")),
        ({"hidden_dropout_prob": "0.1"}, "hidden_dropout_prob: expected a number", ("LABEL_0", "LABEL_1", "LABEL_2")),
    ],
    ids=repr,
)
def test_configs_that_transformers_opens(tmp_path, settings, warning, labels):
    expected = folder(tmp_path / "model", config=settings)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        bert = load(tmp_path / "model")
    assert [warning in str(told.message) for told in caught] == [True] * (warning is not None)
    found, scores = bert.classify(TEXT), expected.classify(TEXT)
    assert tuple(found.scores) == labels
    assert list(found.scores.values()) == list(scores.scores.values())


def test_an_architecture_without_a_model_type_must_be_berts(tmp_path):
    folder(tmp_path / "model", config={"architectures": ["ProteinBert"], "model_type": None})
    with pytest.raises(Error, match="architectures: expected those of BERT"):
        load(tmp_path / "model")


# Ids and tokens are two sizes.


def test_a_row_without_a_token_is_no_candidate(tmp_path):
    """A vocabulary padded to a multiple of 64 has more rows than tokens."""

    def likeliest_is_beyond(arrays):
        bias = arrays["cls.predictions.bias"].copy()
        bias[len(WORDS) :] = 100.0
        return arrays | {"cls.predictions.bias": bias, "cls.predictions.decoder.bias": bias}

    folder(tmp_path / "model", ("masked_lm",), likeliest_is_beyond, vocab_size=64)
    bert = load(tmp_path / "model")
    (predictions,) = bert.fill_mask("the [MASK] was good", top_k=len(WORDS))
    assert sorted(p.id for p in predictions) == list(range(len(WORDS)))
    assert sum(p.probability for p in predictions) < 1e-6  # of all rows, as in transformers
    with pytest.raises(Error, match=f"top_k: expected an integer from 1 to {len(WORDS)}, got 64"):
        bert.fill_mask("the [MASK] was good", top_k=64)
    from numpy_bert.explain import predictions as explained
    from numpy_bert.explain import targets

    target = targets.choose(bert, "the [MASK] was good", "masked_lm", None)
    logits = bert.logits("masked_lm", [target.encoding.ids])[0, [row for row, _ in target.outputs]]
    assert {p.answer for p in explained.likeliest(bert, target, logits)} <= set(WORDS)


def test_a_token_that_the_model_has_no_row_for_is_told_when_a_text_has_it(tmp_path):
    folder(tmp_path / "model")
    lines = [*WORDS, "extra"]
    (tmp_path / "model" / "vocab.txt").write_text("".join(f"{token}\n" for token in lines))
    bert = load(tmp_path / "model")
    assert bert.classify("the film").label
    expected = f"row 1: expected tokens with an id below vocab_size={len(WORDS)}, got 'extra' with {len(WORDS)}"
    with pytest.raises(Error, match=expected):
        bert.classify(["the film", "the extra film"])


def test_a_pair_needs_two_segments(tmp_path):
    folder(tmp_path / "model", type_vocab_size=1)
    bert = load(tmp_path / "model")
    assert bert.classify("the film").label
    with pytest.raises(Error, match=r"text: expected a single text, .* one segment \(type_vocab_size=1\), got a pair"):
        bert.classify(("the film", "was good"))
