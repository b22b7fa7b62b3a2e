"""How a checkpoint makes one vector of a text, as sentence-transformers writes it, and what is refused."""

import json

import pytest
from support.checkpoints import published

from numpy_bert import Error
from numpy_bert.checkpoints import sentence_pooling, sentence_settings
from numpy_bert.checkpoints.sentence_pooling import DEFAULT, FLAGS, SentencePooling, Splade, read
from numpy_bert.checkpoints.sentence_steps import Normalize

OLD = "sentence_transformers.models."
NEW = {
    "Transformer": "sentence_transformers.base.modules.transformer.Transformer",
    "Pooling": "sentence_transformers.sentence_transformer.modules.pooling.Pooling",
    "Normalize": "sentence_transformers.base.modules.normalize.Normalize",
    "SpladePooling": "sentence_transformers.sparse_encoder.modules.splade_pooling.SpladePooling",
}
PATHS = {"Transformer": "", "Pooling": "1_Pooling", "Normalize": "2_Normalize"}
OLD_MEAN = {
    "word_embedding_dimension": 12,
    "pooling_mode_cls_token": False,
    "pooling_mode_mean_tokens": True,
    "pooling_mode_max_tokens": False,
    "pooling_mode_mean_sqrt_len_tokens": False,
}


def write(folder, kinds=("Transformer", "Pooling"), pooling=None, new=False, **files):
    """A folder with modules.json, the pooling's config, and other files by their names without .json."""
    modules = [
        {"idx": i, "name": str(i), "path": PATHS.get(kind, ""), "type": NEW[kind] if new else OLD + kind}
        for i, kind in enumerate(kinds)
    ]
    (folder / "1_Pooling").mkdir(exist_ok=True)
    for name, value in ({"modules": modules, "1_Pooling/config": pooling or OLD_MEAN} | files).items():
        (folder / f"{name}.json").write_text(json.dumps(value))


def test_the_published_one():
    assert read(published("minilm")) == SentencePooling("mean", (Normalize(),), 256)


def test_a_plain_bert(tmp_path):
    assert read(tmp_path) == DEFAULT == SentencePooling("mean", (), None)


@pytest.mark.parametrize("mode", FLAGS.values())
@pytest.mark.parametrize("normalize", [False, True])
def test_every_known_pooling_in_old_and_new_words(tmp_path, mode, normalize):
    kinds = ("Transformer", "Pooling", "Normalize")[: 2 + normalize]
    old = {key: flag == mode for key, flag in FLAGS.items()} | {"word_embedding_dimension": 12}
    write(tmp_path, kinds, old, sentence_bert_config={"max_seq_length": 128, "do_lower_case": False})
    steps = (Normalize(),) * normalize
    assert read(tmp_path) == SentencePooling(mode, steps, 128)
    new = {"embedding_dimension": 12, "pooling_mode": mode, "include_prompt": True}
    settings = {"transformer_task": "feature-extraction"}
    write(tmp_path, kinds, new, new=True, sentence_bert_config=settings, tokenizer_config={"model_max_length": 128})
    assert read(tmp_path) == SentencePooling(mode, steps, 128)


@pytest.mark.parametrize(
    ("limit", "length"), [(512, 512), (3, 3), (2, None), (10**30, None), ("512", None), (None, None), (True, None)]
)
def test_the_limit_of_the_tokenizer_counts_where_no_other_is(tmp_path, limit, length):
    write(tmp_path, tokenizer_config={"model_max_length": limit})
    assert read(tmp_path).max_length == length
    write(tmp_path, sentence_bert_config={"max_seq_length": 100})
    assert read(tmp_path).max_length == 100
    for settings in ({"max_seq_length": None}, {"do_lower_case": False}):
        write(tmp_path, sentence_bert_config=settings)
        assert read(tmp_path).max_length == length
    (tmp_path / "modules.json").unlink()
    assert read(tmp_path) == DEFAULT._replace(max_length=length)


def test_the_limit_has_had_other_names(tmp_path):
    write(tmp_path, tokenizer_config={"max_len": 40})
    assert read(tmp_path).max_length == 40
    write(tmp_path, **{"sentence_distilbert_config": {"max_seq_length": 20}})
    assert read(tmp_path).max_length == 20
    write(tmp_path, sentence_bert_config={"max_seq_length": 30})
    assert read(tmp_path).max_length == 30


@pytest.mark.parametrize(
    "pooling",
    [
        SentencePooling("cls", (Normalize(),), 64),
        SentencePooling("max", (), None),
        SentencePooling("cls+mean", (), None, include_prompt=False),
        SentencePooling("mean+cls", (Normalize(),), None),
        SentencePooling(sparse=Splade("sum", "log1p_relu")),
    ],
)
def test_what_is_written_reads_back(tmp_path, pooling):
    documents, arrays = sentence_pooling.to_files(pooling, 12)
    assert not arrays
    for name, value in documents.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(json.dumps(value))
    assert read(tmp_path) == pooling
    if pooling.sparse is None:
        written = json.loads((tmp_path / "1_Pooling" / "config.json").read_text())
        assert written["word_embedding_dimension"] == 12


def test_flags_stand_side_by_side_in_the_order_of_sentence_transformers(tmp_path):
    write(tmp_path, pooling=dict.fromkeys(FLAGS, True) | {"word_embedding_dimension": 12})
    assert read(tmp_path).pooling == "cls+max+mean+mean_sqrt_len_tokens+weightedmean+lasttoken"
    write(tmp_path, pooling={"pooling_mode": ["mean", "cls"], "embedding_dimension": 12})
    assert read(tmp_path).pooling == "mean+cls"
    assert read(tmp_path).size(12) == 24


def test_a_cross_encoder_has_a_transformer_alone(tmp_path):
    write(tmp_path, ("Transformer",), sentence_bert_config={"max_seq_length": 30})
    assert read(tmp_path) == SentencePooling(max_length=30)


def test_the_prompt_may_be_left_out_of_the_pooling(tmp_path):
    write(tmp_path, pooling=OLD_MEAN | {"include_prompt": False})
    assert read(tmp_path) == SentencePooling(include_prompt=False)


def test_sparse_vectors(tmp_path):
    config = {"pooling_strategy": "sum", "activation_function": "log1p_relu", "embedding_dimension": None}
    write(tmp_path, ("Transformer", "SpladePooling"), **{"1_Pooling/config": config})
    modules = json.loads((tmp_path / "modules.json").read_text())
    modules[1]["path"] = "1_Pooling"
    (tmp_path / "modules.json").write_text(json.dumps(modules))
    assert read(tmp_path).sparse == Splade("sum", "log1p_relu")
    (tmp_path / "1_Pooling" / "config.json").write_text(json.dumps(config | {"pooling_strategy": "mean"}))
    with pytest.raises(Error, match="expected pooling_strategy max or sum"):
        read(tmp_path)


@pytest.mark.parametrize(
    ("kinds", "got"),
    [
        ((), "none"),
        (("Pooling",), "Pooling"),
        (("Transformer", "Pooling", "LSTM"), "Transformer, Pooling, LSTM"),
        (("Transformer", "Pooling", "Transformer"), "Transformer, Pooling, Transformer"),
        (("Transformer", "SpladePooling", "Normalize"), "Transformer, SpladePooling, Normalize"),
        (("Transformer", "Normalize", "Pooling"), "Transformer, Normalize, Pooling"),
        (("Transformer", "Pooling", "Pooling"), "Transformer, Pooling, Pooling"),
        (("CLIPModel", "Pooling"), "CLIPModel, Pooling"),
        (("Transformer", "WordWeights\x1b[2J", "Pooling"), r"WordWeights\x1b"),
    ],
)
def test_other_steps_are_named(tmp_path, kinds, got):
    write(tmp_path, kinds)
    with pytest.raises(Error) as raised:
        read(tmp_path)
    assert "expected the steps Transformer, Pooling and perhaps Dense, LayerNorm, Normalize, got" in str(raised.value)
    assert got in str(raised.value)
    assert str(raised.value).isprintable()


@pytest.mark.parametrize(
    ("pooling", "got"),
    [
        ({"pooling_mode": "first"}, "first"),
        ({"pooling_mode": ["cls", "first"]}, "cls, first"),
        ({"pooling_mode": []}, "no pooling_mode"),
        ({"pooling_mode": None}, "None"),
        (OLD_MEAN | {"pooling_mode_other": True}, "mean, pooling_mode_other"),
    ],
)
def test_other_poolings_are_named(tmp_path, pooling, got):
    write(tmp_path, pooling=pooling)
    with pytest.raises(Error, match=r"expected a pooling of mean, cls, max, .*, got") as raised:
        read(tmp_path)
    assert got in str(raised.value)


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"modules": {"0": "Transformer"}}, "modules.json: expected an array of modules, got an object"),
        ({"modules": ["Transformer"]}, "modules.json: expected an array of modules"),
        ({"1_Pooling/config": [1]}, "1_Pooling/config.json: expected an object, got an array"),
        ({"1_Pooling/config": {"pooling_mode_mean_tokens": 1}}, "pooling_mode_mean_tokens: expected true or false"),
        ({"sentence_bert_config": {"max_seq_length": 2}}, "expected an integer of at least 3 or null"),
        (
            {"sentence_bert_config": {"max_seq_length": "256"}},
            "max_seq_length: expected an integer of at least 3 or null",
        ),
        (
            {"sentence_bert_config": {"max_seq_length": True}},
            "max_seq_length: expected an integer of at least 3 or null",
        ),
        (
            {"sentence_bert_config": {"do_lower_case": True}, "tokenizer_config": {"do_lower_case": False}},
            "do_lower_case: expected false, as in tokenizer_config.json",
        ),
        ({"1_Pooling/config": OLD_MEAN | {"include_prompt": 1}}, "include_prompt: expected true or false, got 1"),
        (
            {"1_Pooling/config": OLD_MEAN | {"word_embedding_dimension": 0}},
            "word_embedding_dimension: expected",
        ),
    ],
)
def test_refused_settings(tmp_path, files, message):
    write(tmp_path, **files)
    with pytest.raises(Error, match=message):
        read(tmp_path)


@pytest.mark.parametrize(
    "files",
    [
        {"config_sentence_transformers": {"prompts": {"q": "query: "}, "default_prompt_name": None}},
        {"config_sentence_transformers": {"prompts": {"document": ""}, "default_prompt_name": "document"}},
        {"sentence_bert_config": {"do_lower_case": True}, "tokenizer_config": {"do_lower_case": True}},
    ],
)
def test_settings_that_change_nothing(tmp_path, files):
    write(tmp_path, **files)
    assert read(tmp_path).pooling == "mean"


@pytest.mark.parametrize("path", ["../x", "/etc", "1_Pooling/../..", "", ".", "..", "a\\b", "C:x", "a\0b", 1, None])
def test_nothing_outside_the_folder_is_opened(tmp_path, path):
    write(tmp_path)
    modules = json.loads((tmp_path / "modules.json").read_text())
    modules[1]["path"] = path
    (tmp_path / "modules.json").write_text(json.dumps(modules))
    with pytest.raises(Error, match=r"modules.json: path: expected the plain name of a folder, got") as raised:
        read(tmp_path)
    assert str(raised.value).isprintable()


def test_the_transformer_in_a_folder_of_its_own_is_told(tmp_path):
    """As the first releases wrote it."""
    write(tmp_path)
    modules = json.loads((tmp_path / "modules.json").read_text())
    modules[0]["path"] = "0_BERT"
    (tmp_path / "modules.json").write_text(json.dumps(modules))
    with pytest.raises(Error, match="got it in '0_BERT'; name that folder"):
        read(tmp_path)


def test_a_missing_config_is_named(tmp_path):
    write(tmp_path)
    (tmp_path / "1_Pooling" / "config.json").unlink()
    with pytest.raises(Error, match=r"1_Pooling/config.json: expected a readable file, got no such file"):
        read(tmp_path)


@pytest.mark.parametrize("config", [OLD_MEAN | {"pooling_mode_mean_tokens": False}, {"word_embedding_dimension": 12}])
def test_the_mean_where_a_file_names_no_pooling(tmp_path, config):
    """As in sentence-transformers 6."""
    write(tmp_path, pooling=config)
    assert read(tmp_path).pooling == "mean"


def test_the_settings_of_the_first_releases_lie_beside_the_modules(tmp_path):
    encoder = tmp_path / "0_BERT"
    encoder.mkdir()
    write(tmp_path, config_sentence_transformers={"prompts": {"query": "q: "}, "default_prompt_name": "query"})
    modules = json.loads((tmp_path / "modules.json").read_text())
    modules[0]["path"] = "0_BERT"
    (tmp_path / "modules.json").write_text(json.dumps(modules))
    assert read(encoder).pooling == "mean"
    assert sentence_settings.read(encoder).prompt() == "q: "
