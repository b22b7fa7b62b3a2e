"""Names of the hub, with the real client library against a server on the loopback address."""

import builtins
import json
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from support import onnx_files
from support.hub_server import COMMIT, serving
from support.spellings import arrays_of, assert_same
from support.tiny import tiny_bert

import numpy_bert
from numpy_bert import Error, load
from numpy_bert.checkpoints import hub, locate, saving, sentence_pooling
from numpy_bert.checkpoints.formats import safetensors
from numpy_bert.checkpoints.formats.tensorflow import bundle
from numpy_bert.checkpoints.sentence_steps import Normalize

pytest.importorskip("huggingface_hub")

NAME = "someone/tiny-bert"


def write_model(place, form="hf"):
    bert = tiny_bert(("masked_lm",))
    pooling = sentence_pooling.SentencePooling("cls", (Normalize(),), 16)
    saving.write_folder(place, bert.config, bert.params, bert.tokenizer, pooling, form=form)
    return bert


@pytest.fixture
def model(tmp_path):
    """A model with much beside it that nobody asked for."""
    place = tmp_path / "model"
    bert = write_model(place)
    bundle.write(place / "bert_model.ckpt", arrays_of(bert))
    for name in ("pytorch_model.bin", "README.md", "onnx/model.onnx", ".gitattributes"):
        (place / name).parent.mkdir(exist_ok=True)
        (place / name).write_bytes(b"x" * 5000)
    return place


@pytest.fixture
def server(tmp_path, model, monkeypatch):
    """The library keeps what the environment said when it was imported; here it is told anew."""
    from huggingface_hub import constants

    with serving({NAME: model, "tiny": model}) as running:
        monkeypatch.setattr(constants, "ENDPOINT", running.url)
        template = running.url + "/{repo_id}/resolve/{revision}/{filename}"
        monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
        monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
        monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
        monkeypatch.setattr(time, "sleep", lambda seconds: None)  # between attempts
        monkeypatch.chdir(tmp_path)
        yield running


def fetched(server):
    """The names of the files whose contents were asked for."""
    result = [re.search(r"GET .*?(?:/resolve/[^/]+|/-)/(.+)", line) for line in server.requests]
    return [match[1] for match in result if match]


@pytest.mark.parametrize("name", [NAME, "tiny"])
def test_a_model_of_the_hub(server, name):
    bert = load(name)
    assert_same(bert.params, tiny_bert(("masked_lm",)).params)
    assert bert.pooling == sentence_pooling.SentencePooling("cls", (Normalize(),), 16)
    assert bert.path.name == COMMIT
    assert fetched(server) == [
        "model.safetensors", "vocab.txt", "tokenizer_config.json", "modules.json", "1_Pooling/config.json",
        "sentence_bert_config.json", "config.json",
    ]  # fmt: skip
    server.requests.clear()
    load(name)
    assert fetched(server) == []


def test_a_path_that_is_there_wins(server, model):
    os.makedirs("someone")
    write_model(Path(NAME))
    assert load(NAME).path == Path(NAME)
    assert load(Path(NAME)).path == Path(NAME)
    assert not server.requests


def test_only_text_is_a_name(server):
    with pytest.raises(Error, match="expected a folder or a file, got nothing of this name"):
        load(Path(NAME))
    assert not server.requests


@pytest.mark.parametrize(
    ("text", "is_one"),
    [
        ("google-bert/bert-base-uncased", True),
        ("bert-base-uncased", True),
        ("sentence-transformers/all-MiniLM-L6-v2", True),
        ("a/b_c.d", True),
        ("", False),
        ("/a/b", False),
        ("./a", False),
        ("../a", False),
        ("a/b/c", False),
        ("a/", False),
        ("a//b", False),
        ("~/a", False),
        ("a b", False),
        ("a\\b", False),
        ("C:a", False),
        ("a--b", False),
        ("a..b", False),
        ("model.safetensors", False),
        ("a/pytorch_model.bin", False),
        ("bert_config.json", False),
        ("a/b.git", False),
        ("a\n", False),
        ("ä", False),
        ("a" * 97, False),
    ],
)
def test_what_may_be_a_name(text, is_one):
    assert hub.is_name(text) == is_one


def test_weights_in_shards_and_in_tensorflows_form(server, model):
    arrays = safetensors.read(model / "model.safetensors")
    (model / "model.safetensors").unlink()
    halves = [dict(list(arrays.items())[i::2]) for i in range(2)]
    names = [f"model-0000{i + 1}-of-00002.safetensors" for i in range(2)]
    for name, half in zip(names, halves, strict=True):
        safetensors.write(model / name, half)
    mapped = {tensor: name for name, half in zip(names, halves, strict=True) for tensor in half}
    mapped_json = ", ".join(f'"{tensor}": "{name}"' for tensor, name in mapped.items())
    (model / "model.safetensors.index.json").write_text('{"weight_map": {' + mapped_json + "}}")
    assert_same(load(NAME).params, tiny_bert(("masked_lm",)).params)
    assert fetched(server)[:3] == ["model.safetensors.index.json", *names]

    (model / "model.safetensors.index.json").unlink()
    (model / "pytorch_model.bin").unlink()
    server.requests.clear()
    with pytest.warns(UserWarning, match="passed over bert_model"):  # beside what was fetched before
        load(NAME)
    assert fetched(server)[:2] == ["bert_model.ckpt.index", "bert_model.ckpt.data-00000-of-00001"]


def test_an_index_that_names_files_elsewhere_fetches_nothing_there(server, model):
    (model / "model.safetensors").unlink()
    (model / "model.safetensors.index.json").write_text('{"weight_map": {"a": "../../x", "b": 3, "c": "README.md"}}')
    with pytest.raises(Error, match=r"index.json.*expected a plain file name, got '../../x'"):
        load(NAME)
    assert "../../x" not in " ".join(server.requests)


def test_a_model_without_weights(server, model):
    for name in ("model.safetensors", "pytorch_model.bin", "bert_model.ckpt.index", "onnx/model.onnx"):
        (model / name).unlink()
    with pytest.raises(Error, match=f"{NAME}: expected a file with weights such as model.safetensors"):
        load(NAME)
    assert fetched(server) == []


def test_a_name_that_is_none(server):
    with pytest.raises(Error, match="nobody/nothing: expected a folder, a file or a model of the hub, got a name that"):
        load("nobody/nothing")


# Connections that fail.


def test_a_connection_that_is_cut_goes_on_where_it_was(server):
    server.cut["model.safetensors"] = 3
    assert_same(load(NAME).params, tiny_bert(("masked_lm",)).params)
    assert fetched(server).count("model.safetensors") == 4


def test_a_connection_that_is_cut_for_good(server, model, monkeypatch):
    """It never gets past the middle, and says so; nothing half is left in the place of the file."""
    size = (model / "model.safetensors").stat().st_size
    server.cut["model.safetensors"] = 1000
    with pytest.raises(Error, match=rf"{NAME}: model.safetensors: expected the file from the hub, got \w+") as raised:
        load(NAME)
    assert str(raised.value).isprintable()
    assert "\n" not in str(raised.value)
    left = [path for path in Path("cache").rglob("*") if path.name == "model.safetensors"]
    assert not left
    server.cut.clear()
    assert load(NAME).path
    assert size == os.path.getsize(Path("cache").rglob("model.safetensors").__next__())


def test_other_bytes_than_announced(server, model):
    """Of the announced size, so only the hash can tell; the damaged file is not kept."""
    data = bytearray((model / "model.safetensors").read_bytes())
    data[-1] ^= 1
    server.altered["model.safetensors"] = bytes(data)
    with pytest.raises(Error, match=r"model.safetensors: expected sha256 \w+, got \w+; the download was damaged"):
        load(NAME)
    server.altered.clear()
    assert_same(load(NAME).params, tiny_bert(("masked_lm",)).params)


def test_other_bytes_of_a_small_file(server, model):
    """Small files are known by git's hash of them."""
    server.altered["vocab.txt"] = (model / "vocab.txt").read_bytes().replace(b"movie", b"moive")
    with pytest.raises(Error, match=r"vocab.txt: expected git sha1 \w{40}, got \w{40}; the download was damaged"):
        load(NAME)
    server.altered.clear()
    assert "movie" in load(NAME).tokenizer.tokens


@pytest.mark.parametrize("file", ["model.safetensors", "config.json"])
@pytest.mark.parametrize("change", [lambda data: data[:-1], lambda data: data + b" "])
def test_another_size_than_announced(server, model, file, change):
    server.altered[file] = change((model / file).read_bytes())
    with pytest.raises(Error, match=rf"{NAME}: {file}: expected"):
        load(NAME)
    server.altered.clear()
    assert load(NAME).path


# Without the hub.


def test_the_offline_switch(server, monkeypatch):
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(Error, match="got none in its cache, and HF_HUB_OFFLINE is set"):
        load(NAME)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    load(NAME)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    server.requests.clear()
    assert_same(load(NAME).params, tiny_bert(("masked_lm",)).params)
    assert not server.requests


@pytest.mark.parametrize("how", ["errors", "nobody"])
def test_a_hub_that_cannot_be_reached(server, monkeypatch, how):
    from huggingface_hub import constants

    load(NAME)
    if how == "errors":
        server.down = True
    else:
        monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")
    with pytest.warns(UserWarning, match=r"the hub cannot be reached \(.*\); read from the cache"):
        bert = load(NAME)
    assert_same(bert.params, tiny_bert(("masked_lm",)).params)
    with pytest.raises(Error, match="tiny: expected a folder, a file or a model of the hub, got none in its cache"):
        load("tiny")


def test_without_the_library(tmp_path, monkeypatch):
    real = builtins.__import__

    def without(name, *arguments, **options):
        if name.split(".")[0] == "huggingface_hub":
            raise ImportError(name)
        return real(name, *arguments, **options)

    monkeypatch.setattr(builtins, "__import__", without)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(Error, match=r"expected a folder or a file, got neither; .* pip install 'numpy-bert\[hub\]'"):
        locate.locate(NAME)


def test_the_environment_is_what_counts(tmp_path, model):
    """A process of its own: HF_ENDPOINT and HF_HOME as a user sets them, once with the hub and once without."""
    code = "import sys, numpy_bert; print(numpy_bert.load(sys.argv[1]).forward([[2, 5, 3]]).hidden.sum())"
    environment = {
        **os.environ,
        "HF_HOME": str(tmp_path / "home"),
        "HF_HUB_DISABLE_PROGRESS_BARS": "1",
        "PYTHONPATH": str(Path(numpy_bert.__file__).parent.parent),
    }
    environment.pop("HF_HUB_CACHE", None)

    def run():
        command = [sys.executable, "-c", code, NAME]
        done = subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stderr
        return done.stdout

    with serving({NAME: model}) as running:
        environment["HF_ENDPOINT"] = running.url
        first = run()
    expected = tiny_bert(("masked_lm",)).forward([[2, 5, 3]]).hidden.sum()
    np.testing.assert_allclose(float(first), expected, rtol=1e-5, atol=1e-5)
    environment["HF_HUB_OFFLINE"] = "1"
    assert run() == first


# Revisions, subfolders, and names as people type them.


@pytest.fixture
def other(tmp_path, server):
    """The model at the tag v1, with other weights."""
    place = tmp_path / "v1"
    bert = tiny_bert(("next_sentence",), seed=1)
    saving.write_folder(place, bert.config, bert.params, bert.tokenizer, bert.pooling)
    server.revisions["v1"] = place
    return bert


def test_a_revision_of_a_model(server, other, monkeypatch):
    from huggingface_hub import constants

    for bert in (load(NAME, revision="v1"), load(f"{NAME}@v1")):
        assert_same(bert.params, other.params)
    assert_same(load(NAME).params, tiny_bert(("masked_lm",)).params)
    commit = load(NAME, revision="v1").path.name
    assert load(f"{NAME}@{commit}").heads == ("next_sentence",)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    server.requests.clear()
    assert load(NAME, revision="v1").heads == ("next_sentence",)
    assert load(NAME).heads == ("masked_lm",)
    with pytest.raises(Error, match=f"{NAME}@v2: expected a folder, .* got none in its cache"):
        load(NAME, revision="v2")
    assert not server.requests


def test_revisions_that_are_none(server, model):
    with pytest.raises(Error, match=f"{NAME}: expected a revision of the model, got 'v2'"):
        load(NAME, revision="v2")
    with pytest.raises(Error, match="revision: expected one name of a branch, a tag or a commit, got 'v1'"):
        load(f"{NAME}@v2", revision="v1")
    with pytest.raises(Error, match="model: revision: expected a name of the hub, got a path"):
        load(model, revision="v1")
    for text in ("a/b@", "a/b@../x", "a/b@v 1", "@v1"):
        assert not hub.is_name(text)
    assert hub.is_name("a/b@refs/pr/1")


@pytest.mark.parametrize("owner", hub.OWNERS)
def test_a_name_without_its_owner(server, model, monkeypatch, owner):
    from huggingface_hub import constants

    server.models[f"{owner}/short-name"] = model
    assert load("short-name").path.parents[1].name == f"models--{owner}--short-name"
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    assert load("short-name").heads == ("masked_lm",)


def inside(model, name):
    """The files of the model moved into a folder of it."""
    files = list(model.iterdir())
    (model / name).mkdir()
    for file in files:
        file.rename(model / name / file.name)


def test_files_in_the_only_subfolder_that_has_a_model(server, model):
    inside(model, "checkpoint-500")
    (model / "2_Dense").mkdir()
    (model / "2_Dense" / "model.safetensors").write_bytes(b"x" * 5000)
    (model / "2_Dense" / "config.json").write_text("{}")
    bert = load(NAME)
    assert bert.path.name == "checkpoint-500"
    assert_same(bert.params, tiny_bert(("masked_lm",)).params)
    assert bert.pooling == sentence_pooling.SentencePooling("cls", (Normalize(),), 16)
    assert all(file.startswith("checkpoint-500/") for file in fetched(server))
    assert not any("README" in file or "onnx" in file or "pytorch" in file for file in fetched(server))


@pytest.mark.filterwarnings("ignore:.*passed over")
def test_a_subfolder_that_is_named(server, model, tmp_path, monkeypatch):
    from huggingface_hub import constants

    inside(model, "a")
    shutil.copytree(model / "a", model / "b")
    with pytest.raises(Error, match=f"{NAME}: expected one folder with a model, got a, b; name one with subfolder="):
        load(NAME)
    assert fetched(server) == []
    assert load(NAME, subfolder="b").path.name == "b"
    with pytest.raises(Error, match=f"{NAME}: expected a file with weights .* got none in 'c'"):
        load(NAME, subfolder="c")
    assert load(model, subfolder="a").path == model / "a"
    for name in ("../a", "/a", "a/../..", "", 3):
        with pytest.raises(Error, match="subfolder: expected the name of a folder inside, got"):
            load(NAME, subfolder=name)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    assert load(NAME, subfolder="b").path.name == "b"


@pytest.mark.filterwarnings("ignore:.*passed over")
def test_a_sentence_model_of_the_first_releases(server, model):
    """The encoder in a folder of its own, the pooling beside it; from the hub and from a folder."""
    inside(model, "0_Transformer")
    for name in ("modules.json", "1_Pooling", "config_sentence_transformers.json"):
        if (model / "0_Transformer" / name).exists():
            (model / "0_Transformer" / name).rename(model / name)
    modules = (model / "modules.json").read_text().replace('"path": ""', '"path": "0_Transformer"', 1)
    (model / "modules.json").write_text(modules)
    for place in (NAME, model, model / "0_Transformer"):
        bert = load(place)
        assert bert.path.name == "0_Transformer"
        assert bert.pooling == sentence_pooling.SentencePooling("cls", (Normalize(),), 16)
    assert "1_Pooling/config.json" in fetched(server)


def test_the_files_of_the_modules_come_along(server, model):
    modules = json.loads((model / "modules.json").read_text())
    modules.append({"idx": 3, "name": "3", "path": "3_Dense", "type": "sentence_transformers.models.Dense"})
    (model / "modules.json").write_text(json.dumps(modules))
    (model / "3_Dense").mkdir()
    for name in ("config.json", "model.safetensors", "pytorch_model.bin", "README.md"):
        (model / "3_Dense" / name).write_text("{}" if name == "config.json" else name)
    load(NAME)
    assert {file for file in fetched(server) if "Dense" in file} == {"3_Dense/config.json", "3_Dense/model.safetensors"}


def test_a_folder_with_its_model_further_down_is_told(tmp_path):
    (tmp_path / "run").mkdir()
    write_model(tmp_path / "run" / "checkpoint-9")
    with pytest.raises(Error, match="got none; the folder 'checkpoint-9' in it has one"):
        load(tmp_path / "run")


# Where there are no weights but those of an exported graph, or GGUF.


@pytest.fixture
def tiny():
    return tiny_bert(heads=(), has_pooler=False)


def exported(model, tiny, name):
    """The model with a graph in the place of its weights."""
    for file in ("model.safetensors", "pytorch_model.bin", "bert_model.ckpt.index", "onnx/model.onnx"):
        (model / file).unlink()
    (model / name).write_bytes(onnx_files.model(*onnx_files.bert(tiny.params, tiny.config)))


@pytest.mark.parametrize("name", ["onnx/model.onnx", "model_optimized.onnx", "onnx/model_quantized.onnx"])
def test_an_exported_graph(server, model, tiny, monkeypatch, name):
    from huggingface_hub import constants

    exported(model, tiny, name)
    (model / f"{name}_data").write_bytes(b"x" * 10)
    (model / "onnx" / "model_q4.onnx").write_bytes(b"x" * 5000)
    bert = load(NAME)
    assert bert.pooling == sentence_pooling.SentencePooling("cls", (Normalize(),), 16)
    np.testing.assert_array_equal(bert("not bad"), tiny("not bad"))
    assert fetched(server) == [
        name, f"{name}_data", "vocab.txt", "tokenizer_config.json", "modules.json", "1_Pooling/config.json",
        "sentence_bert_config.json", "config.json",
    ]  # fmt: skip
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    np.testing.assert_array_equal(load(NAME)("not bad"), tiny("not bad"))


def test_an_exported_graph_with_its_vocabulary_beside_it(server, model, tiny, monkeypatch):
    from huggingface_hub import constants

    exported(model, tiny, "onnx/model.onnx")
    for name in ("vocab.txt", "config.json", "tokenizer_config.json"):
        (model / name).rename(model / "onnx" / name)
    assert load(NAME).path.name == "onnx"
    assert fetched(server)[1:] == ["onnx/vocab.txt", "onnx/tokenizer_config.json", "onnx/config.json"]
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    assert load(NAME).path.name == "onnx"


def test_a_model_in_gguf_is_one_file(server, model, monkeypatch):
    from huggingface_hub import constants

    for file in model.rglob("*"):
        if file.is_file() and file.name != "README.md":
            file.unlink()
    for kind in ("q8_0", "F16", "Q4_K_M"):
        (model / f"tiny.{kind}.gguf").write_bytes(b"GGUF" + b"x" * 5000)
    located = locate.locate(NAME)
    assert (located.path.name, located.form) == ("tiny.F16.gguf", "gguf")
    assert fetched(server) == ["tiny.F16.gguf"]
    server.requests.clear()
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    assert locate.locate(NAME) == located
    assert not server.requests
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    (model / "tiny.F16.gguf").rename(model / "tiny.Q6_K.gguf")
    (model / "tiny.q8_0.gguf").unlink()
    with pytest.raises(Error, match=r"expected one GGUF file, or names with f32, .*, got tiny.Q4_K_M.gguf, tiny.Q6_K"):
        locate.locate(NAME)
