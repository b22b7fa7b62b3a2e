"""An embedding job on a real Dask cluster: two worker processes on this machine, one of which is killed midway."""

import json
import os
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
from support.tiny import PLAIN, tiny_bert

import numpy_bert
from numpy_bert.corpus import chunk, cluster, embed_file, texts_file
from numpy_bert.corpus.texts_file import Chunk
from numpy_bert.errors import Error

ROOT = Path(__file__).parents[2]
LINES = 1000


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tiny_bert().save(tmp_path_factory.mktemp("models") / "tiny")


def model_of(bert):
    return cluster.Model(bert.source, chunk.model_sha256(bert))


def test_a_worker_killed_midway_costs_nothing(folder, tmp_path, monkeypatch):
    rng = np.random.default_rng(0)
    lines = [" ".join(rng.choice(PLAIN.split(), rng.integers(0, 12))) for _ in range(LINES)]
    texts = tmp_path / "texts.txt"
    texts.write_text("\n".join(lines) + "\n", encoding="utf-8")
    paths = os.pathsep.join([str(ROOT), str(ROOT / "tests")])
    environment = os.environ | {"PYTHONPATH": paths, "OPENBLAS_NUM_THREADS": "1"}
    command = [sys.executable, str(ROOT / "tests/support/cluster_child.py"), str(folder), str(texts), str(tmp_path)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    seen = json.loads(done.stdout.splitlines()[-1])

    assert seen["interrupted"] == 10
    assert seen["written"] == list(range(0, LINES, 10))  # in order, none twice, none missing
    (killed, _), (survivor, models) = seen["workers"]
    assert models == 1
    after = dict(seen["after"])
    assert killed not in after
    assert after[survivor] == 1
    assert len(after) == 2  # Dask began another in the place of the one that was killed

    monkeypatch.setattr(texts_file, "ROWS", 10)
    embed_file(numpy_bert.load(folder), texts, tmp_path / "here.npy")
    there, here = np.load(tmp_path / "cluster.npy"), np.load(tmp_path / "here.npy")
    assert (there.dtype, there.shape) == (here.dtype, here.shape)
    np.testing.assert_allclose(there, here, rtol=0, atol=1e-6)
    assert f"{folder}" in seen["another model"]
    assert "expected the client's model (sha256 000000000000...), got another (" in seen["another model"]
    assert not list(tmp_path.glob("*.partial"))


def test_a_process_loads_the_model_once_and_maps_no_file(folder, monkeypatch):
    bert = numpy_bert.load(folder)
    loaded = []

    def load(*args, **kwargs):
        loaded.append(kwargs["mmap"])
        return numpy_bert.load(*args, **kwargs)

    monkeypatch.setattr(cluster, "load", load)
    monkeypatch.setattr(cluster, "_opened", cluster.Opened())
    results = {}

    def work(number):
        results[number] = cluster.embed_on_worker(model_of(bert), Chunk(number, ["good", "it rains"]), "float32")

    threads = [threading.Thread(target=work, args=[number]) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert loaded == [False]
    for number in range(8):
        assert results[number].row == number
        np.testing.assert_allclose(results[number].vectors, bert.embed(["good", "it rains"]), atol=1e-6)
    assert cluster._opened.bert.params.bert.embedding.word.flags.writeable


def test_another_model_takes_the_place_of_the_last(folder, tmp_path, monkeypatch):
    monkeypatch.setattr(cluster, "_opened", cluster.Opened())
    second = numpy_bert.load(tiny_bert(seed=1).save(tmp_path / "second"))
    for bert in (numpy_bert.load(folder), second):
        result = cluster.embed_on_worker(model_of(bert), Chunk(0, ["good"]), "float32").vectors
        np.testing.assert_allclose(result, bert.embed(["good"]), atol=1e-6)
        assert cluster._opened.model == model_of(bert)


def test_a_model_that_was_not_loaded_cannot_be_sent(tmp_path):
    (tmp_path / "texts.txt").write_text("good\n")
    with pytest.raises(Error, match="model: expected one loaded from a path, which workers can load too"):
        embed_file(tiny_bert(), tmp_path / "texts.txt", tmp_path / "out.npy", dask="tcp://127.0.0.1:1")


@pytest.mark.parametrize("address", ["tcp://127.0.0.1:1", "nonsense:", "", "tcp://", "nothing://x:1"])
def test_no_scheduler_there(folder, tmp_path, monkeypatch, address):
    monkeypatch.setattr(cluster, "PATIENCE", 0.2)
    (tmp_path / "texts.txt").write_text("good\n")
    with pytest.raises(Error, match=r"scheduler '.*': expected one that answers, with workers, got") as caught:
        embed_file(numpy_bert.load(folder), tmp_path / "texts.txt", tmp_path / "out.npy", dask=address)
    assert "\n" not in str(caught.value)
    assert [path.name for path in tmp_path.iterdir()] == ["texts.txt"]


def test_without_the_extra_the_error_says_what_to_install(folder, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    (tmp_path / "texts.txt").write_text("good\n")
    with pytest.raises(Error, match=r"pip install 'numpy-bert\[scale\]'"):
        embed_file(numpy_bert.load(folder), tmp_path / "texts.txt", tmp_path / "out.npy", dask="tcp://127.0.0.1:1")
