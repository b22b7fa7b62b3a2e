"""Saves and the folder of a run: whole or not there, checked before they are believed, resumed to the bit."""

import dataclasses
import json
import os
import shutil
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest
from support.training_data import TOKENIZER, corpus_of, data_of
from support.training_models import HEADS, equal, small_model

from numpy_bert.checkpoints.formats import safetensors
from numpy_bert.errors import Error
from numpy_bert.numerics import tree
from numpy_bert.training import initialization, loop, step
from numpy_bert.training.data import classification
from numpy_bert.training.data.batches import Epochs
from numpy_bert.training.loop import Monitor, RunOptions
from numpy_bert.training.recipe import Recipe
from numpy_bert.training.run import checkpoint as saves
from numpy_bert.training.run import curve
from numpy_bert.training.run.folder import RunFolder

STEPS = 20
DROPOUT = {"hidden_dropout": 0.1, "attention_dropout": 0.1}
RECIPE = Recipe("pretraining", STEPS, learning_rate=1e-2, batch_size=4, warmup=3, max_tokens_per_microbatch=64, seed=3)


@pytest.fixture(autouse=True)
def _quickly(monkeypatch):
    """What is flushed to the disk matters where the power fails; other tests see to that, and to the picture."""
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)
    monkeypatch.setattr(curve, "plot", lambda *paths: True)


class Stopped(Exception):
    """Where a run is interrupted in a test."""


class Until:
    """A source that ends after so many steps."""

    def __init__(self, source, steps):
        self.source, self.left = source, steps
        self.seek, self.description = source.seek, source.description

    @property
    def position(self):
        return self.source.position

    def next(self):
        if self.left == 0:
            raise Stopped
        self.left -= 1
        return self.source.next()


class Pretraining:
    """A run on text, with dropout."""

    recipe = RECIPE

    def __init__(self, folder):
        self.corpus = corpus_of(folder, documents=5)
        self.params, self.config = small_model(dtype=np.float32, **DROPOUT)

    def source(self):
        return data_of(self.corpus)


class FineTuning:
    """A run on classes, in shuffled epochs, with the layers recomputed, in another rule."""

    recipe = Recipe(
        "sequence_classification", STEPS, 1e-2, batch_size=3, optimizer="bert_adam", decay="cosine", warmup=2,
        layer_decay=0.9, frozen=("bert.embedding.position",), recompute=True, max_tokens_per_microbatch=30, seed=1,
    )  # fmt: skip

    def __init__(self, folder):
        path = folder / "train.tsv"
        path.write_text("".join(f"{'a film ' * n}was {word}\t{n % 3}\n" for n in range(5) for word in ("good", "bad")))
        self.params, self.config = small_model(
            dtype=np.float32, heads=("sequence_classification",), labels=("0", "1", "2"), **DROPOUT
        )
        self.examples = classification.read(path, TOKENIZER, self.config, 20)

    def source(self):
        return Epochs(self.examples, 3, self.recipe.seed, self.recipe.max_tokens_per_microbatch)


def evaluated(params):
    return {"sum": float(sum(np.abs(p).sum() for p in params.bert.embedding[:3]))}


def trained(run, folder, stop=None, resume=False, every=1):
    source = run.source() if stop is None else Until(run.source(), stop)
    monitor = Monitor(evaluated, evaluate_every=4, save_every=every)
    return loop.train(run.params, source, run.recipe, run.config, monitor, RunOptions(folder, resume))[0]


def newest(folder):
    return max(path for path in folder.iterdir() if path.name.startswith("save-"))


def contents(save):
    return {path.name: path.read_bytes() for path in save.iterdir()}


@pytest.fixture(params=[Pretraining, FineTuning])
def run(request, tmp_path):
    return request.param(tmp_path)


def test_a_run_in_two_pieces_ends_with_the_same_bits(run, tmp_path):
    """N steps = k + resume + (N - k), for k at every tenth: weights, moments, generator, place and learning curve."""
    whole = trained(run, tmp_path / "whole", every=2)
    expected = contents(newest(tmp_path / "whole"))
    for k in range(0, STEPS + 1, STEPS // 10):
        folder = tmp_path / f"run-{k}"
        if k < STEPS:
            with pytest.raises(Stopped):
                trained(run, folder, stop=k, every=2)
        else:
            trained(run, folder, every=2)
        params = trained(run, folder, resume=True, every=2)
        assert equal(params, whole)
        assert contents(newest(folder)) == expected
        for name in ("steps.csv", "evaluations.csv"):
            assert (folder / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()


def test_saves_seldom_made_are_resumed_as_well(tmp_path):
    """What was done after the last save is done again, and the curve does not tell it twice."""
    run = Pretraining(tmp_path)
    whole = trained(run, tmp_path / "whole")
    with pytest.raises(Stopped):
        trained(run, tmp_path / "run", stop=13, every=5)
    assert newest(tmp_path / "run").name == "save-000010"
    assert len((tmp_path / "run" / "steps.csv").read_text().splitlines()) == 14
    assert equal(trained(run, tmp_path / "run", resume=True, every=5), whole)
    steps = (tmp_path / "run" / "steps.csv").read_text().splitlines()
    assert [line.split(",")[0] for line in steps] == ["step", *map(str, range(1, STEPS + 1))]


def test_the_run_differs_where_anything_is_not_restored(tmp_path, monkeypatch):
    """What the tests above must be able to see: a generator that begins anew after resuming."""
    run = Pretraining(tmp_path)
    whole = trained(run, tmp_path / "whole")
    with pytest.raises(Stopped):
        trained(run, tmp_path / "run", stop=10)
    restore = saves.restore

    def forgetful(path, state, *more):
        position = restore(path, state, *more)
        state.rng = np.random.default_rng(0)
        return position

    monkeypatch.setattr(saves, "restore", forgetful)
    assert not equal(trained(run, tmp_path / "run", resume=True), whole)


# A folder with saves, for what follows.


@pytest.fixture
def saved(tmp_path):
    """A run that was interrupted after its sixth step, with saves of the fifth and the sixth."""
    run = Pretraining(tmp_path)
    folder = tmp_path / "run"
    with pytest.raises(Stopped):
        trained(run, folder, stop=6)
    assert sorted(path.name for path in folder.iterdir()) == [
        "evaluations.csv", "lock", "save-000005", "save-000006", "steps.csv",
    ]  # fmt: skip
    return run, folder


def resumed(run, folder, **changes):
    """The state that a folder restores, and what it warned of."""
    recipe = changes.pop("recipe", run.recipe)
    source = changes.pop("source", run.source())
    state = step.begin(changes.pop("params", run.params), recipe)
    config, begun = changes.pop("config", run.config), changes.pop("begun", run.params)
    identity = loop.identity(recipe, config, source.description, begun)
    with warnings.catch_warnings(record=True) as warned, RunFolder(folder, identity) as opened:
        warnings.simplefilter("always")
        opened.resume(state, **changes)
    return state, [str(warning.message) for warning in warned]


def test_another_model_to_begin_with_is_another_run(saved):
    run, folder = saved
    other = tree.map(lambda p: p + 1, run.params)
    with pytest.raises(Error, match=r"expected the run that was saved \(or force\), got another: model: '[0-9a-f]+"):
        resumed(run, folder, begun=other)


def test_force_goes_on_where_the_moments_and_the_place_are_of_another_run(saved):
    """Another rule and another size of batches, as the warning says: moments from 0, data from their beginning."""
    run, folder = saved
    recipe = dataclasses.replace(run.recipe, optimizer="sgd")
    state, warned = resumed(run, folder, recipe=recipe, force=True)
    assert state.step == 6
    assert any("the moments begin at 0" in line for line in warned)
    assert all(not array.any() for array in saves.moments(state).values())
    source = run.source()
    with pytest.warns(UserWarning, match="the data are read from their beginning"):
        loop._seek(source, {"pass": 10**6, "document": 10**6, "step": 0}, True)
    with pytest.raises(Error):
        loop._seek(source, {"pass": 10**6, "document": 10**6, "step": 0}, False)


@pytest.mark.parametrize(("key", "value"), [("step", -7), ("step", 5), ("tokens", "9"), ("position", {"pass": 1.5})])
def test_a_sealed_state_that_makes_no_sense(saved, key, value):
    run, folder = saved
    path = folder / "save-000006" / saves.STATE
    path.write_text(json.dumps(json.loads(path.read_text()) | {key: value}))
    state = step.begin(run.params, run.recipe)
    with pytest.raises(Error, match="expected step, tokens, position and generator of this save, got others"):
        saves.restore(folder / "save-000006", state, 6)


def flip(path):
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def empty(save):
    for path in save.iterdir():
        path.unlink()


def replace_in(path, old, new):
    data = path.read_bytes()
    assert old in data
    path.write_bytes(data.replace(old, new))


def new_format(save, number):
    text = json.loads((save / "manifest.json").read_text())
    (save / "manifest.json").write_text(json.dumps({**text, "format": number}))


DAMAGE = {
    "a bit of the weights": lambda save: flip(save / "weights.safetensors"),
    "a bit of the moments": lambda save: flip(save / "moments.safetensors"),
    "a bit of the state": lambda save: flip(save / "state.json"),
    "a bit of the curve": lambda save: flip(save / "steps.csv"),
    "weights cut short": lambda save: os.truncate(save / "weights.safetensors", 100),
    "no moments": lambda save: (save / "moments.safetensors").unlink(),
    "no manifest": lambda save: (save / "manifest.json").unlink(),
    "an empty manifest": lambda save: (save / "manifest.json").write_bytes(b""),
    "a manifest of something else": lambda save: (save / "manifest.json").write_bytes(b"[1]"),
    "no format": lambda save: (save / "manifest.json").write_bytes(b"{}"),
    "a format that never was": lambda save: new_format(save, 0),
    "another number in the manifest": lambda save: replace_in(save / "manifest.json", b'_size": 12', b'_size": 13'),
    "an empty folder": empty,
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_save_is_named_and_the_one_before_it_taken(saved, damage):
    run, folder = saved
    DAMAGE[damage](folder / "save-000006")
    state, warned = resumed(run, folder)
    assert state.step == 5
    assert len(warned) == 1
    assert "save-000006" in warned[0]
    assert warned[0].endswith("; falling back to an older save")
    before = safetensors.read(folder / "save-000005" / "weights.safetensors")
    assert all(before[name].tobytes() == array.tobytes() for name, array in tree.items(state.params))


def test_a_run_that_fell_back_ends_with_the_same_bits(saved):
    run, folder = saved
    flip(folder / "save-000006" / "moments.safetensors")
    with pytest.warns(UserWarning, match="save-000006"):
        again = trained(run, folder, resume=True)
    assert equal(again, trained(run, folder.parent / "whole"))
    assert (folder / "save-000006").exists()  # a damaged save is not ours to delete


def test_every_file_of_a_save_is_under_the_seal_of_its_manifest(saved):
    _, folder = saved
    manifest = json.loads((folder / "save-000006" / "manifest.json").read_text())
    assert sorted([*manifest["files"], "manifest.json"]) == sorted(os.listdir(folder / "save-000006"))


def test_where_all_saves_are_damaged_nothing_begins_from_scratch(saved):
    run, folder = saved
    for name in ("save-000005", "save-000006"):
        flip(folder / name / "weights.safetensors")
    with pytest.raises(Error, match=r"run: expected a good save to resume from, got 2 damaged$"):
        resumed(run, folder)
    with pytest.raises(Error, match=r"expected a good save to resume from, got none$"):
        trained(run, folder.parent / "empty", resume=True)


def test_a_save_of_a_newer_version_is_refused(saved):
    run, folder = saved
    new_format(folder / "save-000006", 3)
    with pytest.raises(Error, match=r"manifest.json: format: expected at most 2, got 3: a newer version wrote it$"):
        resumed(run, folder)


def test_a_damaged_save_is_not_counted_among_those_that_are_kept(saved):
    run, folder = saved
    flip(folder / "save-000006" / "weights.safetensors")
    with pytest.warns(UserWarning, match="falling back"), pytest.raises(Stopped):
        trained(run, folder, stop=2, resume=True)
    assert sorted(path.name for path in folder.iterdir() if "save" in path.name) == [
        "save-000006", "save-000006.1", "save-000007",
    ]  # fmt: skip
    flip(folder / "save-000007" / "weights.safetensors")
    assert resumed(run, folder)[0].step == 6


def test_leftovers_of_an_interrupted_save_are_no_saves(saved):
    run, folder = saved
    leftover = folder / "save-000007.tmp-12345"
    shutil.copytree(folder / "save-000006", leftover)
    (leftover / "manifest.json").unlink()
    gone = folder / "save-000004.old-12345"
    shutil.copytree(folder / "save-000005", gone)
    state, warned = resumed(run, folder)
    assert state.step == 6
    assert warned == []
    assert not leftover.exists()
    assert not gone.exists()


# Another run than the one that was saved.


def test_changes_are_refused_and_listed(saved):
    run, folder = saved
    other = Recipe("pretraining", 30, learning_rate=1e-2, batch_size=8, warmup=3, max_tokens_per_microbatch=64, seed=4)
    with pytest.raises(Error) as caught:
        resumed(run, folder, recipe=other)
    message = str(caught.value)
    assert "save-000006: expected the run that was saved (or force), got another: " in message
    for line in ("recipe.batch_size: 8 now, 4 then", "recipe.seed: 4 now, 3 then", "recipe.steps: 30 now, 20 then"):
        assert line in message
    state, warned = resumed(run, folder, recipe=other, force=True)
    assert state.step == 6
    assert len(warned) == 1
    assert "recipe.seed: 4 now, 3 then" in warned[0]


def test_other_data_are_refused(saved):
    run, folder = saved
    with pytest.raises(Error, match=r"data.corpus: "):
        resumed(run, folder, source=data_of(corpus_of(folder.parent, seed=9, name="other.txt")))
    with pytest.raises(Error, match=r"data.max_length: 16 now, 24 then"):
        resumed(run, folder, source=data_of(run.corpus, max_length=16))


def test_another_model_is_refused_even_by_force(saved):
    run, folder = saved
    params, config = small_model(dtype=np.float32, intermediate_size=21, **DROPOUT)
    with pytest.raises(Error, match=r"config.intermediate_size: 21 now, 20 then"):
        resumed(run, folder, params=params, config=config)
    with pytest.raises(Error, match=r"weights.safetensors: .*: expected float32 \[.*21.*\], got float32 \[.*20"):
        resumed(run, folder, params=params, config=config, force=True)
    with pytest.raises(Error, match=r"expected float64 \[.*\], got float32"):
        resumed(run, folder, params=small_model(dtype=np.float64, **DROPOUT)[0])
    more = initialization.params(run.config, (*HEADS, "question_answering"), 0)
    with pytest.raises(Error, match=r"'question_answering.dense.W': expected it in this run, got none"):
        resumed(run, folder, params=more)
    fewer = initialization.params(run.config, ("masked_lm",), 0)
    with pytest.raises(Error, match="expected no such tensor in this run, got one"):
        resumed(run, folder, params=fewer)


def test_a_new_run_does_not_begin_in_the_folder_of_another(saved):
    run, folder = saved
    with pytest.raises(Error, match="expected a new folder, got one with saves; resume it or name another"):
        trained(run, folder)


# The lock.


def test_two_trainers_do_not_share_a_folder(saved):
    run, folder = saved
    locked = pytest.raises(
        Error, match=r"run: expected a folder that no other process trains in, got one that is locked$"
    )
    with RunFolder(folder, {}), locked:
        trained(run, folder, resume=True)
    resumed(run, folder)


def test_the_lock_of_a_process_that_died_locks_nothing(saved):
    run, folder = saved
    code = """
import os, sys
from numpy_bert.training.run.folder import RunFolder
folder = RunFolder(sys.argv[1], {})
os._exit(7)
"""
    environment = os.environ | {"PYTHONPATH": str(Path(saves.__file__).parents[2])}
    done = subprocess.run([sys.executable, "-c", code, str(folder)], env=environment, check=False)
    assert done.returncode == 7
    assert resumed(run, folder)[0].step == 6


# The disk.


@pytest.mark.parametrize("kind", ["a file", "no parent", "255 characters and more"])
def test_a_folder_that_cannot_be_is_told_before_the_first_step(tmp_path, kind):
    run = Pretraining(tmp_path)
    (tmp_path / "file").write_text("")
    path = {"a file": tmp_path / "file", "no parent": tmp_path / "absent" / "run"}.get(kind, tmp_path / ("x" * 300))
    with pytest.raises(Error, match=r"cannot write: |expected a folder, got a file"):
        trained(run, path, stop=0)  # stopped before the first step, unless the folder is refused first


def test_safetensors_of_a_save_are_everybodys(saved):
    """The weights of a save are a plain file of the format, read by the reference library as by ours."""
    reference = pytest.importorskip("safetensors.numpy")
    _, folder = saved
    path = folder / "save-000006" / "weights.safetensors"
    ours, theirs = safetensors.read(path), reference.load_file(path)
    assert ours.keys() == theirs.keys()
    assert all(np.array_equal(ours[name], theirs[name]) for name in ours)


def test_a_save_holds_what_it_should(saved):
    run, folder = saved
    manifest = json.loads((folder / "save-000006" / "manifest.json").read_text())
    assert (manifest["format"], manifest["step"]) == (2, 6)
    assert set(manifest["identity"]) == {"recipe", "config", "data", "model"}
    state = json.loads((folder / "save-000006" / "state.json").read_text())
    assert state["step"] == 6
    assert state["generator"]["bit_generator"] == "PCG64"
    assert set(state["position"]) == set(run.source().position)


def test_weights_alone_can_be_had_without_the_moments(saved):
    run, folder = saved
    state, _ = resumed(run, folder)
    save = folder / "save-000006"
    (save / "moments.safetensors").unlink()
    assert equal(saves.weights(save, run.params), state.params)
    flip(save / "weights.safetensors")
    with pytest.raises(Error, match=r"weights.safetensors: expected size and sha256 as in the manifest"):
        saves.weights(save, run.params)


def test_tied_weights_are_saved_once(saved):
    _, folder = saved
    names = list(safetensors.describe(folder / "save-000006" / "weights.safetensors"))
    assert "bert.embedding.word" in names
    assert "masked_lm.decoder" not in names
