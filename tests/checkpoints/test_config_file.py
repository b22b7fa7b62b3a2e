"""config.json: real files are understood, its own come back, and every bad value is named."""

import dataclasses
import json
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.checkpoints import published
from support.limits import assert_refused, run_limited

from numpy_bert.checkpoints.config_file import read_config, write_config
from numpy_bert.config import PROBLEM_TYPES, BertConfig
from numpy_bert.errors import Error

SIZES = {
    "vocab_size": 30522,
    "hidden_size": 768,
    "num_hidden_layers": 12,
    "num_attention_heads": 12,
    "intermediate_size": 3072,
    "max_position_embeddings": 512,
    "type_vocab_size": 2,
}
# Google's uncased_L-12_H-768_A-12, whole.
GOOGLE = SIZES | {
    "attention_probs_dropout_prob": 0.1,
    "hidden_act": "gelu",
    "hidden_dropout_prob": 0.1,
    "initializer_range": 0.02,
}


def written(folder, settings, name="config.json"):
    path = folder / name
    path.write_bytes(settings if isinstance(settings, bytes) else json.dumps(settings).encode())
    return path


def refusal(folder, settings, name="config.json"):
    """What follows the path in the message."""
    path = written(folder, settings, name)
    with pytest.raises(Error) as caught:
        read_config(path)
    message = str(caught.value)
    start, _, rest = message.partition(f"{name}: ")
    assert rest, message
    assert message.isprintable()
    assert str(path).endswith(start.removeprefix("...") + name)
    return rest


# Real files.


@pytest.mark.parametrize(
    ("name", "folder", "sizes", "more"),
    [
        ("minilm", "", (30522, 384, 6, 12, 1536), {"architectures": ("BertModel",)}),
        ("splade", "", (30522, 128, 2, 2, 512), {"architectures": ("BertForMaskedLM",)}),
        ("rxnfp", "bert_pretrained", (591, 256, 12, 4, 512), {}),
        ("rxnfp", "bert_ft", (591, 256, 12, 4, 512), {}),
        (
            "rxnfp",
            "bert_ft_10k_25s",  # says 50 classes and names two: its weights have 50
            (591, 256, 12, 4, 512),
            {"architectures": ("BertForSequenceClassification",), "num_labels": 50, "labels": ()},
        ),
    ],
)
def test_published(name, folder, sizes, more):
    config = read_config(published(name) / folder)
    assert config == BertConfig(*sizes, **more)
    assert (config.gelu, config.layer_norm_eps, config.tie_word_embeddings) == ("erf", 1e-12, True)


def test_published_albert_is_refused():
    folder = published("rxnmapper") / "albert_heads_8_uspto_all_1310k"
    with pytest.raises(Error, match=r"config\.json: model_type: expected 'bert', got 'albert'"):
        read_config(folder)


# The two forms.


@pytest.mark.parametrize(
    ("name", "more", "gelu"),
    [
        ("bert_config.json", {}, "tanh"),
        ("config.json", {}, "erf"),
        ("bert_config.json", {"model_type": "bert"}, "erf"),
        ("bert_config.json", {"layer_norm_eps": 1e-12}, "erf"),
        ("bert_config.json", {"directionality": "bidi", "pooler_type": "first_token_transform"}, "tanh"),
        ("config.json", {"hidden_act": "gelu_python"}, "erf"),
        ("config.json", {"hidden_act": "gelu_new"}, "tanh"),
        ("config.json", {"hidden_act": "gelu_pytorch_tanh"}, "tanh"),
        ("config.json", {"hidden_act": "gelu_fast"}, "tanh"),
    ],
)
def test_gelu_means_what_the_writer_of_the_file_means(tmp_path, name, more, gelu):
    assert read_config(written(tmp_path, GOOGLE | more, name)).gelu == gelu


def test_a_folder_is_read_by_its_config_json_first(tmp_path):
    with pytest.raises(Error, match=r"expected config\.json or bert_config\.json in the folder, got neither"):
        read_config(tmp_path)
    written(tmp_path, GOOGLE, "bert_config.json")
    assert read_config(tmp_path) == BertConfig(**SIZES, gelu="tanh")
    written(tmp_path, GOOGLE | {"type_vocab_size": 3})
    assert read_config(str(tmp_path)) == BertConfig(**SIZES | {"type_vocab_size": 3})


def test_what_is_left_out_has_the_value_of_the_library(tmp_path):
    """A wrong size shows in the shapes of the weights, but for the number of heads."""
    assert read_config(written(tmp_path, SIZES)) == BertConfig(**SIZES)
    for key in SIZES.keys() - {"num_attention_heads"}:
        less = {other: value for other, value in SIZES.items() if other != key}
        assert read_config(written(tmp_path, less)) == BertConfig(**SIZES)
        google = BertConfig(**SIZES | ({"type_vocab_size": 16} if key == "type_vocab_size" else {}), gelu="tanh")
        assert read_config(written(tmp_path, less, "bert_config.json")) == google
    with pytest.warns(UserWarning, match=r"config.json: num_attention_heads: expected it in the file"):
        assert read_config(written(tmp_path, {"model_type": "bert"})) == BertConfig(**SIZES)


@pytest.mark.parametrize(
    ("key", "value", "heads"),
    [
        ("problem_type", "ranking", {"sequence_classification"}),
        ("num_labels", "3", {"sequence_classification", "token_classification"}),
        ("id2label", {"a": "b"}, {"sequence_classification", "token_classification"}),
        ("tie_word_embeddings", 1, {"masked_lm"}),
    ],
)
def test_a_key_of_a_head_closes_the_head(tmp_path, key, value, heads):
    closed = {}
    assert read_config(written(tmp_path, SIZES | {key: value}), closed) == BertConfig(**SIZES)
    assert closed.keys() == heads
    assert f"config.json: {key}: expected " in str(closed[min(heads)])
    assert refusal(tmp_path, SIZES | {key: value}).startswith(f"{key}: expected ")


# Writing.


CONFIGS = st.builds(
    BertConfig,
    vocab_size=st.integers(1, 10_000_000),
    hidden_size=st.sampled_from([12, 768, 1024 * 12]),
    num_attention_heads=st.sampled_from([1, 2, 3, 4, 6, 12]),
    num_hidden_layers=st.integers(1, 1000),
    gelu=st.sampled_from(["erf", "tanh"]),
    layer_norm_eps=st.floats(0, 1, exclude_min=True),
    hidden_dropout=st.floats(0, 1, exclude_max=True),
    classifier_dropout=st.none() | st.floats(0, 1, exclude_max=True),
    problem_type=st.sampled_from([None, *PROBLEM_TYPES]),
    architectures=st.sampled_from([(), ("BertModel",), ("BertForMaskedLM", "BertForPreTraining")]),
    tie_word_embeddings=st.booleans(),
)
LABELS = st.lists(st.text(st.characters(exclude_categories=["Cs"])), min_size=1, max_size=9, unique=True).map(tuple)


@given(CONFIGS, LABELS | st.integers(1, 99))
def test_what_is_written_comes_back(tmp_path_factory, config, labels):
    if isinstance(labels, int):
        config = dataclasses.replace(config, num_labels=labels)
    else:
        config = dataclasses.replace(config, num_labels=len(labels), labels=labels)
    folder = tmp_path_factory.getbasetemp()
    assert write_config(config, folder) == folder / "config.json"
    assert read_config(folder) == config


def test_written_file_is_hugging_faces(tmp_path):
    config = BertConfig(**SIZES, gelu="tanh", num_labels=2, labels=("no", "yes"))
    settings = json.loads(write_config(config, tmp_path, "BertForSequenceClassification").read_bytes())
    assert settings["architectures"] == ["BertForSequenceClassification"]
    assert settings["model_type"] == "bert"
    assert settings["hidden_act"] == "gelu_new"
    assert settings["id2label"] == {"0": "no", "1": "yes"}
    assert settings["label2id"] == {"no": 0, "yes": 1}
    assert os.listdir(tmp_path) == ["config.json"]


def test_writing_into_nowhere_is_told(tmp_path):
    with pytest.raises(Error, match=r"config\.json: cannot write: its folder does not exist"):
        write_config(BertConfig(10), tmp_path / "absent")


# Bad values.

NOT_INTEGERS = [768.0, "768", True, None, [768], {}]
BAD_INTEGERS = {
    "vocab_size": [*NOT_INTEGERS, 0, -1, 2**40, 10**39],
    "hidden_size": [*NOT_INTEGERS, 0, -1, 10**9],
    "num_hidden_layers": [*NOT_INTEGERS, 0, -1, 10**9],
    "num_attention_heads": [*NOT_INTEGERS, 0, -1, 10**9],
    "intermediate_size": [*NOT_INTEGERS, 0, -1, 2**40],
    "max_position_embeddings": [*NOT_INTEGERS, 0, -1, 10**12],
    "type_vocab_size": [*NOT_INTEGERS, 0, -1, 2**31],
    "num_labels": [*NOT_INTEGERS, 0, -1, 10**9],
    "pad_token_id": [0.0, "0", False, -1, 30522, 10**12],
}
BAD_NUMBERS = {
    "layer_norm_eps": [0, -1e-12, "1e-12", None, True, []],
    "initializer_range": [0, -0.02, "0.02", None, True],
    "hidden_dropout_prob": [1.0, 1, -0.1, "0.1", None, True],
    "attention_probs_dropout_prob": [1.0, 1.5, -0.1, "0.1", None, False],
    "classifier_dropout": [1.0, -0.1, "0.1", True, {}],
}
BAD_WORDS = {
    "hidden_act": ["relu", "silu", "gelu_10", "quick_gelu", "GELU", None, 1, ["gelu"]],
    "problem_type": ["other", 1],
    "tie_word_embeddings": ["true", 1, None],
    "model_type": ["roberta", "albert", "electra", "distilbert", "xlm-roberta", "bert-generation", "BERT", None, 1],
    "architectures": [["AlbertForMaskedLM"], ["RobertaModel"], ["BertGenerationEncoder"], "BertModel", [1], {"0": "x"}],
    "position_embedding_type": ["relative_key", "relative_key_query", "alibi", "rotary", 1],
    "is_decoder": [True, 1, "false"],
    "is_encoder_decoder": [True],
    "add_cross_attention": [True, 0],
    "pruned_heads": [{"0": [1]}, [1], 1],
    "embedding_size": [128],
    "num_hidden_groups": [1],
    "inner_group_num": [1],
    "quantization_config": [{"bits": 8}],
    "alibi_starting_size": [512],
    "id2label": [{}, {"0": None}, {"0": ["a"]}, {"-1": "a"}, ["a"], {"x": "a"}, "a"],
}
BAD = [(key, value) for group in (BAD_INTEGERS, BAD_NUMBERS, BAD_WORDS) for key in group for value in group[key]]


@pytest.mark.parametrize(("key", "value"), BAD, ids=repr)
def test_bad_value_is_named(tmp_path, key, value):
    message = refusal(tmp_path, SIZES | {key: value})
    assert message.startswith(f"{key}: expected "), message
    assert ", got " in message


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"hidden_size": 770}, "hidden_size: expected a multiple of num_attention_heads=12, got 770"),
        ({"hidden_size": "768"}, "hidden_size: expected an integer from 1 to 65536, got '768' (string)"),
        ({"hidden_size": True}, "hidden_size: expected an integer from 1 to 65536, got True (boolean)"),
        ({"layer_norm_eps": "1e-12"}, "layer_norm_eps: expected a finite number > 0, got '1e-12' (string)"),
        ({"pad_token_id": 30522}, "pad_token_id: expected an id below vocab_size=30522, got 30522"),
        ({"model_type": "roberta"}, "model_type: expected 'bert', got 'roberta' (string)"),
        ({"is_decoder": True}, "is_decoder: expected false, got True (boolean)"),
        ({"embedding_size": 128}, "embedding_size: expected a key of BERT, got one of ALBERT, ELECTRA or MobileBERT"),
        ({"hidden_act": "relu\x1b[31m"}, None),
    ],
)
def test_message(tmp_path, settings, message):
    result = refusal(tmp_path, SIZES | settings)
    assert message is None or result == message


def test_googles_code_knows_one_gelu(tmp_path):
    message = refusal(tmp_path, GOOGLE | {"hidden_act": "gelu_new"}, "bert_config.json")
    assert message == "hidden_act: expected gelu, got 'gelu_new' (string)"


@pytest.mark.parametrize("key", ["pad_token_id", "classifier_dropout", "problem_type", "id2label", "is_decoder"])
def test_null_stands_for_absent_where_published_files_have_it(tmp_path, key):
    assert read_config(written(tmp_path, SIZES | {key: None})) == BertConfig(**SIZES)


@pytest.mark.parametrize(
    ("settings", "count", "labels"),
    [
        ({}, 2, ()),
        ({"num_labels": 5}, 5, ()),
        ({"id2label": {"1": "b", "0": "a", "2": "c"}}, 3, ("a", "b", "c")),
        ({"id2label": {str(i): str(i) for i in range(11)}}, 11, tuple(map(str, range(11)))),
        ({"id2label": {"0": "a", "1": "b"}, "num_labels": 2}, 2, ("a", "b")),
        ({"id2label": {"0": "LABEL_0", "1": "LABEL_1"}, "num_labels": 50}, 50, ()),
        ({"id2label": {"0": 1, "1": 0.5}}, 2, ("1", "0.5")),
    ],
)
def test_labels(tmp_path, settings, count, labels):
    config = read_config(written(tmp_path, SIZES | settings))
    assert (config.num_labels, config.labels) == (count, labels)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b'{"hidden_size": 1, "hidden_size": 1}', "expected every key once, got duplicate key 'hidden_size'"),
        (b'{"hidden_size": NaN}', "expected numbers that JSON has, got NaN"),
        (b"\xef\xbb\xbf{}", "expected UTF-8 without a byte-order mark, got a byte-order mark"),
        ("{}".encode("utf-16"), "expected UTF-8 without a byte-order mark, got UTF-16"),
        (b"[]", "expected an object, got an array"),
        (b'"bert"', "expected an object, got 'bert' (string)"),
        (b" " * 50_000_000, "expected at most 1048576 bytes of JSON, got 50000000"),
    ],
    ids=["duplicate", "NaN", "BOM", "UTF-16", "array", "string", "50 MB"],
)
def test_bad_file(tmp_path, data, message):
    assert refusal(tmp_path, data) == message


def test_hostile_configs_in_a_fenced_process(tmp_path):
    """One line, nothing allocated, nothing run; many files in one process."""
    hostile = [written(tmp_path, SIZES | {key: value}, f"{i}.json") for i, (key, value) in enumerate(BAD)]
    hostile.append(written(tmp_path, b"[" * (1 << 20), "deep.json"))
    hostile.append(written(tmp_path, b"[" + b"[]," * 340_000 + b"[]]", "wide.json"))
    code = """
from numpy_bert.checkpoints.config_file import read_config
from numpy_bert.errors import Error
for path in sys.argv[1:]:
    try:
        read_config(path)
    except Error as error:
        assert str(error).isprintable()
    else:
        raise SystemExit(f"{path} was read")
"""
    result = run_limited(code, args=hostile)
    assert (result.returncode, result.stderr) == (0, "")
    assert sorted(result.opened) == sorted(map(str, hostile))
    assert result.seconds < 2


def test_a_pipe_is_refused_at_once(tmp_path):
    os.mkfifo(tmp_path / "config.json")
    code = "from numpy_bert.checkpoints.config_file import read_config; read_config(sys.argv[1])"
    assert_refused(run_limited(code, args=[tmp_path]), "config.json: expected a regular file, got a named pipe")
