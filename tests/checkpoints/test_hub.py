"""Names of the hub, with the real client library against a server on the loopback address."""

import builtins
import os
import re
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
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
    saving.FORMS[form](place, bert.config, bert.params, bert.tokenizer, pooling)
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
    for name in ("model.safetensors", "pytorch_model.bin", "bert_model.ckpt.index"):
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
