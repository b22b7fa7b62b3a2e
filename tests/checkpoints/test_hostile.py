"""Hostile and unlucky checkpoints through the front door: one line, status 1, nothing run, nothing written, no hang.

The readers have tests of their own for every kind of damage; here whole folders go through `numpy-bert` in a child
with limits on memory and time and a hook that ends it for any forbidden act (limits.py).
"""

import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from support.hostile_files import torch_zip
from support.limits import assert_refused, run_limited
from support.tiny import tiny_bert

CANARY = "numpy_bert_canary"


@pytest.fixture(scope="module")
def good(tmp_path_factory):
    return tiny_bert(heads=("masked_lm",)).save(tmp_path_factory.mktemp("good") / "model")


def config(**changes):
    def change(folder):
        path = folder / "config.json"
        path.write_text(json.dumps(json.loads(path.read_text()) | changes))

    return change


def put(name, data, remove=()):
    def change(folder):
        for other in remove:
            (folder / other).unlink()
        (folder / name).write_bytes(data)

    return change


def cut(name, by):
    def change(folder):
        data = (folder / name).read_bytes()
        (folder / name).write_bytes(data[:-by])

    return change


def vocabulary(edit):
    def change(folder):
        tokens = (folder / "vocab.txt").read_bytes().split(b"\n")
        (folder / "vocab.txt").write_bytes(b"\n".join(edit(tokens)))

    return change


def fifo(folder):
    (folder / "model.safetensors").unlink()
    os.mkfifo(folder / "model.safetensors")


def loop(folder):
    (folder / "model.safetensors").unlink()
    (folder / "model.safetensors").symlink_to("model.safetensors")


WEIGHTS = ("model.safetensors",)
COMMAND = f"touch {CANARY}".encode()
RUNS_A_COMMAND = b"\x80\x02cos\nsystem\nX" + len(COMMAND).to_bytes(4, "little") + COMMAND + b"\x85R."

CASES = {
    "no weights at all": (lambda folder: (folder / "model.safetensors").unlink(), "file with weights"),
    "empty weights": (put("model.safetensors", b""), "empty file"),
    "weights cut short": (cut("model.safetensors", 1), "model.safetensors"),
    "git lfs pointer": (
        put("model.safetensors", b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 440473133\n"),
        "git lfs pull",
    ),
    "html page": (put("model.safetensors", b"<!DOCTYPE html><html>Not found</html>"), "HTML"),
    "named pipe": (fifo, "named pipe"),
    "loop of links": (loop, "loop"),
    "pickle that runs a command": (put("pytorch_model.bin", RUNS_A_COMMAND, WEIGHTS), "pickle"),
    "the same in a zip": (put("pytorch_model.bin", torch_zip(RUNS_A_COMMAND), WEIGHTS), "os.system"),
    "no config": (lambda folder: (folder / "config.json").unlink(), "config"),
    "config in UTF-16": (lambda f: (f / "config.json").write_bytes("{}".encode("utf-16")), "UTF-16"),
    "config with a key twice": (put("config.json", b'{"hidden_size": 1, "hidden_size": 2}'), "duplicate key"),
    "config that is a list": (put("config.json", b"[]"), "object"),
    "half a head": (config(num_attention_heads=5), "hidden_size"),
    "a text for a number": (config(hidden_size="12"), "hidden_size"),
    "a billion layers": (config(num_hidden_layers=10**9), "num_hidden_layers"),
    "another vocabulary size": (config(vocab_size=99), "99"),
    "epsilon as text": (config(layer_norm_eps="1e-12"), "layer_norm_eps"),
    "another architecture": (config(model_type="roberta"), "roberta"),
    "relative positions": (config(position_embedding_type="relative_key"), "relative_key"),
    "a decoder": (config(is_decoder=True), "is_decoder"),
    "empty vocabulary": (put("vocab.txt", b""), "vocab.txt"),
    "vocabulary without [UNK]": (vocabulary(lambda tokens: [t for t in tokens if t != b"[UNK]"]), "[UNK]"),
    "vocabulary not in UTF-8": (vocabulary(lambda tokens: [*tokens[:11], b"\xff\xfe", *tokens[12:]]), "line 12"),
}


@pytest.mark.parametrize("case", CASES)
def test_refused(case, good, tmp_path):
    change, fragment = CASES[case]
    folder = Path(shutil.copytree(good, tmp_path / "evil\x1b[31m\nname"))
    change(folder)
    before = sorted(os.listdir(tmp_path)), sorted(os.listdir(folder))
    result = run_limited(["embed", "text", "--model", folder], cwd=tmp_path, cpu_seconds=5, wall_seconds=30)
    assert_refused(result, fragment)
    assert (sorted(os.listdir(tmp_path)), sorted(os.listdir(folder))) == before
    assert result.seconds < 2


def test_a_good_model_passes_the_same_fence(good, tmp_path):
    result = run_limited(["embed", "good", "--model", good, "--json"], cwd=tmp_path, cpu_seconds=5)
    assert result.returncode == 0, result.stderr
    assert np.isfinite(json.loads(result.stdout)["vector"]).all()


def test_damaged_weights_load_with_a_warning_that_names_them(good, tmp_path):
    folder = Path(shutil.copytree(good, tmp_path / "model"))
    data = bytearray((folder / "model.safetensors").read_bytes())
    data[-4:] = np.float32(np.nan).tobytes()
    (folder / "model.safetensors").write_bytes(data)
    result = run_limited(["tokenize", "good", "--model", folder], cwd=tmp_path)
    assert result.returncode == 0
    result = run_limited(["embed", "good", "--model", folder], cwd=tmp_path)
    assert "expected finite weights, got 1 NaN or infinite" in result.stderr
