"""The sides of the speed benchmark that need no other library: what they compute, and the process they run in."""

import importlib
import os
import sys
from pathlib import Path

import numpy as np
import pytest
from support.tiny import tiny_bert

import numpy_bert
from numpy_bert.blocks.cross_entropy import IGNORED
from numpy_bert.profiling import costs
from numpy_bert.profiling.costs import Sizes

FOLDER = Path(__file__).parents[2] / "benchmarks/speed"
TEXTS = ["i liked this movie", "it rains", "the plot was not funny", "good", "a film"] * 3


@pytest.fixture
def speed(monkeypatch):
    """The modules of the benchmark, which are found while a test runs and forgotten afterwards."""
    names = ("jobs", "ours", "products", "products_blas", "products_workers", "sides", "batching")
    monkeypatch.syspath_prepend(str(FOLDER))
    yield importlib.import_module
    for name in names:
        sys.modules.pop(name, None)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tiny_bert(("masked_lm",)).save(tmp_path_factory.mktemp("models") / "tiny")


@pytest.fixture(scope="module")
def bert(folder):
    return numpy_bert.load(folder)


def tokens(bert):
    return bert.tokenizer.encode_ids(TEXTS)


def test_a_job_comes_back_from_its_folder(speed, tmp_path):
    jobs = speed("jobs")
    labels = np.array([[1, IGNORED], [3, 4]])
    job = jobs.Job(jobs.Settings("step", "model", dropout=0.5), [[5, 6], [7, 8]], labels, ("ein Text",))
    read_back = jobs.read(jobs.write(tmp_path / "job", job))
    assert (read_back.settings, read_back.texts, read_back.lines) == (job.settings, job.texts, job.lines)
    np.testing.assert_array_equal(read_back.labels, labels)
    assert jobs.read(jobs.write(tmp_path / "none", jobs.Job(job.settings, []))).labels is None


def test_our_vectors_and_hidden_states(speed, folder, bert):
    jobs, ours = speed("jobs"), speed("ours")
    vectors = ours.prepare(jobs.Job(jobs.Settings("embed", str(folder)), tokens(bert))).answer()
    np.testing.assert_allclose(vectors, bert.embed(TEXTS), atol=1e-6)
    ids = [[2, 5, 6, 3], [2, 9, 8, 3]]
    hidden = ours.prepare(jobs.Job(jobs.Settings("hidden", str(folder)), ids)).answer()
    np.testing.assert_allclose(hidden, bert.forward(ids).hidden, atol=1e-6)


def test_our_steps_learn(speed, folder):
    jobs, ours = speed("jobs"), speed("ours")
    labels = np.full((4, 6), IGNORED)
    labels[:, 2] = 7
    settings = jobs.Settings("step", str(folder), dropout=0.1, learning_rate=1e-2)
    training = ours.prepare(jobs.Job(settings, [[2, 5, 4, 6, 8, 3]] * 4, labels))
    losses = training.answer()
    assert losses[2] < losses[1] < losses[0]
    np.testing.assert_array_equal(training.answer(), losses)  # each answer begins anew
    assert np.isfinite(training.run())


def test_the_bare_products_are_those_of_the_model(speed, folder, bert):
    jobs = speed("jobs")
    ids = [[2, *range(5, 15), 3]] * 4
    due = sum(cost.flops for cost in costs.forward(bert.config, Sizes(4, 12)).values())
    for name in ("products_blas", "products_workers"):
        assert speed(name).prepare(jobs.Job(jobs.Settings("hidden", str(folder)), ids)).answer() == due
    labels = np.full((4, 12), IGNORED)
    labels[:, 3] = 6
    step = speed("products_blas").prepare(jobs.Job(jobs.Settings("step", str(folder)), ids, labels)).answer()
    assert 2.9 * due < step < 4 * due  # both passes, and the head


def test_a_side_in_a_process_of_its_own(speed, folder, bert, tmp_path):
    jobs, sides = speed("jobs"), speed("sides")
    job = jobs.write(tmp_path / "job", jobs.Job(jobs.Settings("embed", str(folder), threads=1), tokens(bert)))
    with sides.Side("ours", 1) as side:
        assert side.ask(prepare=str(job))["versions"]["numpy_bert"] == numpy_bert.__version__
        assert side.ask(answer=str(tmp_path / "answer.npy")) == {"done": True}
        assert side.ask(run=2)["seconds"] > 0
    np.testing.assert_allclose(np.load(tmp_path / "answer.npy"), bert.embed(TEXTS), atol=1e-6)
    assert side.process.returncode == 0


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="this system tells no process its cores")
def test_a_side_has_its_cores_from_the_beginning(speed):
    before = os.sched_getaffinity(0)
    with speed("sides").Side("ours", 1) as side:
        assert os.sched_getaffinity(side.process.pid) == {min(before)}
        assert os.sched_getaffinity(0) == before


def test_turns(speed):
    rotated = speed("sides").rotated
    assert [rotated("abc", i) for i in (-1, 0, 1, 4)] == ["cab", "abc", "bca", "bca"]
