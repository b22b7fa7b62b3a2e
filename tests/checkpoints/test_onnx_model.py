"""An ONNX file through the doors: load, inspect, convert, compare, its config from the graph or from config.json."""

import dataclasses
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from support import exported
from support.checkpoints import published
from support.limits import assert_refused, run_limited
from support.onnx_files import bert, model
from support.tiny import tiny_bert

from numpy_bert import Error, load
from numpy_bert.checkpoints import onnx_model
from numpy_bert.checkpoints.comparison import compare
from numpy_bert.checkpoints.conversion import convert
from numpy_bert.checkpoints.inspection import inspect
from numpy_bert.checkpoints.locate import locate
from numpy_bert.numerics import tree

FILES = Path(__file__).parents[1] / "data" / "onnx_files"


@pytest.fixture(scope="module")
def tiny():
    return tiny_bert(heads=(), has_pooler=False)


@pytest.fixture
def path(tmp_path, tiny):
    (tmp_path / "model").mkdir()
    path = tmp_path / "model" / "model.onnx"
    path.write_bytes(model(*bert(tiny.params, tiny.config)))
    return path


def assert_equal(a, b):
    for (name, array), (other, expected) in zip(tree.items(a), tree.items(b), strict=True):
        assert name == other
        np.testing.assert_array_equal(array, expected, strict=True)


def test_a_single_file_with_the_config_of_its_graph(path, tiny):
    read = load(path)
    assert_equal(read.params, tiny.params)
    ours = dataclasses.replace(tiny.config, num_labels=read.config.num_labels)
    assert read.config == ours
    ids = np.array([[2, 5, 6, 3]])
    np.testing.assert_array_equal(read.forward(ids).hidden, tiny.forward(ids).hidden)


def test_a_folder_with_config_and_vocabulary(path, tiny):
    tiny.save(path.parent.parent / "saved")
    for name in ("config.json", "vocab.txt", "tokenizer_config.json"):
        shutil.copy(path.parent.parent / "saved" / name, path.parent)
    read = load(path.parent)
    assert read.tokenizer.tokens == tiny.tokenizer.tokens
    np.testing.assert_array_equal(read.embed(["not bad"]), tiny.embed(["not bad"]))
    (path.parent / "onnx").mkdir()
    path.rename(path.parent / "onnx" / "model.onnx")
    assert locate(path.parent / "onnx" / "model.onnx").folder == path.parent
    np.testing.assert_array_equal(load(path.parent / "onnx" / "model.onnx").embed(["not bad"]), tiny.embed(["not bad"]))


def moved(folder, names, place):
    """Files of a folder, in a folder of it or back."""
    for name in names:
        (folder / name).rename(folder / place / name)


BESIDE = ("config.json", "vocab.txt", "tokenizer_config.json")


def test_a_graph_in_a_folder_called_onnx(path, tiny, monkeypatch):
    """As the hub has it: MODEL/config.json, MODEL/vocab.txt, MODEL/onnx/model.onnx, by any of its names."""
    tiny.save(path.parent.parent / "saved")
    (path.parent.parent / "saved" / "model.safetensors").unlink()
    top = path.parent.parent / "saved"
    (top / "onnx").mkdir()
    path.rename(top / "onnx" / "model.onnx")
    shutil.copy(top / "onnx" / "model.onnx", top / "onnx" / "model_quantized.onnx")
    for name in (top, top / "onnx", top / "onnx" / "model.onnx"):
        located = locate(name)
        assert (located.path, located.folder, located.passed_over) == (top / "onnx" / "model.onnx", top, ())
        np.testing.assert_array_equal(load(name).embed(["not bad"]), tiny.embed(["not bad"]))
    monkeypatch.chdir(top / "onnx")
    for name in (".", "model.onnx", "../onnx"):
        assert load(name).tokenizer.tokens == tiny.tokenizer.tokens
        assert inspect(name).problems == ()
    monkeypatch.chdir(top)
    assert load("onnx").tokenizer.tokens == tiny.tokenizer.tokens
    moved(top, BESIDE, "onnx")
    assert locate("onnx").folder == Path("onnx")
    (top / "onnx" / "config.json").unlink()
    assert load("onnx").tokenizer.tokens == tiny.tokenizer.tokens  # its config is that of the graph


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"num_attention_heads": 2}, "num_attention_heads: 2 is used, although the graph of model.onnx has 3"),
        ({"hidden_act": "gelu_new"}, "hidden_act: tanh is used, although the graph of model.onnx has erf"),
        ({"layer_norm_eps": 1e-5}, "layer_norm_eps: 1e-05 is used, although the graph of model.onnx has 1e-12"),
    ],
)
def test_a_config_that_the_graph_contradicts(change, words, path, tiny):
    settings = json.loads(tiny.config.to_json()) | change
    (path.parent / "config.json").write_text(json.dumps(settings))
    with pytest.warns(UserWarning, match=words):
        load(path)


def test_sizes_that_the_graph_contradicts(path, tiny):
    (path.parent / "config.json").write_text(dataclasses.replace(tiny.config, intermediate_size=24).to_json())
    with pytest.raises(Error, match=r"intermediate.dense.weight': expected shape \[24, 12\] by the config"):
        load(path)


def test_inspect_convert_and_compare(path, tmp_path, tiny):
    report = inspect(path)
    assert (report.form, report.missing, report.unexpected) == ("onnx", (), ())
    assert {tensor.status for tensor in report.tensors} == {"used"}
    assert report.tasks[0] == "embeddings"
    folder = convert(path, tmp_path / "folder")
    assert compare(path, folder).equal
    assert_equal(load(folder).params, tiny.params)


@pytest.mark.parametrize("name", sorted(path.name for path in FILES.glob("*.onnx")))
def test_exported_files_are_compared_with_what_they_were_made_from(name):
    comparison = compare(FILES / name, FILES / f"{name.split('-')[0]}.safetensors")
    quantized = "uint8" in name or "per_channel" in name
    assert comparison.only == ((), ())
    assert comparison.equal is not quantized
    assert max(difference.relative or 0.0 for difference in comparison.differences) < (0.02 if quantized else 1e-30)
    assert load(FILES / name).config.num_attention_heads == 4


def test_hostile_graphs_under_limits(tmp_path):
    """A graph of fields without end, through the front door."""
    (tmp_path / "model.onnx").write_bytes(b"\x08\x08\x12\x00" + b"\x7a\x00" * 2_000_000)
    code = "from numpy_bert.cli.main import main; raise SystemExit(main(['inspect', sys.argv[1]]))"
    result = run_limited(code, args=[tmp_path / "model.onnx"], memory_mib=512)
    assert_refused(result, "model.onnx", "expected at most 262144 fields")


# The published model, as the exporters of PyTorch and ONNX Runtime's quantization write it.


@pytest.mark.parametrize("exporter", ["old", "new"])
def test_minilm_to_the_bit(exporter):
    path = exported.onnx("minilm", exporter)
    assert compare(path, published("minilm")).equal
    config = onnx_model.config(path, path.parent)
    stated = load(published("minilm")).config
    assert dataclasses.replace(stated, architectures=()) == config


def test_minilm_quantized():
    """Every number is one of the stored integers, scaled, so a matrix has at most 256 values."""
    read = load(exported.onnx("minilm", "old-QInt8"))
    layer = read.params.bert.encoder.layers[3]
    assert len(np.unique(layer.feed_forward.expand.W)) <= 256
    assert len(np.unique(layer.feed_forward.expand.b)) > 256
