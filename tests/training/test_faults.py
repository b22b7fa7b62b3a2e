"""Saving on a disk that fails: whichever call fails, the folder loads the old save or the new one."""

import errno
import os
import shutil
import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from support.faulty_disk import Disk
from support.training_models import Repeated, equal, pretraining_batch, small_model

from numpy_bert.errors import Error
from numpy_bert.files import atomic, new_folder
from numpy_bert.numerics import tree
from numpy_bert.training import loop, step
from numpy_bert.training.optim.layer_decay import multipliers
from numpy_bert.training.recipe import Recipe
from numpy_bert.training.run import checkpoint as saves
from numpy_bert.training.run import curve
from numpy_bert.training.run.folder import RunFolder

SIZES = {"num_hidden_layers": 1, "hidden_size": 4, "num_attention_heads": 1, "intermediate_size": 4}
LAST = 40
RECIPE = Recipe("pretraining", LAST, learning_rate=1e-2, seed=1)
PARAMS, CONFIG = small_model(dtype=np.float32, **SIZES, hidden_dropout=0.1)
FACTORS = multipliers(PARAMS)


def source():
    return Repeated([[pretraining_batch([5, 4], seed)] for seed in range(3)])


IDENTITY = loop.identity(RECIPE, CONFIG, source().description, PARAMS)


class Trainer:
    """A state and its data in an opened folder, driven by hand."""

    def __init__(self, path, resume):
        self.state, self.source = step.begin(PARAMS, RECIPE), source()
        self.folder = RunFolder(path, IDENTITY)
        try:
            if resume:
                self.source.seek(self.folder.resume(self.state))
            else:
                self.folder.begin()
        except BaseException:
            self.folder.close()
            raise

    def take(self):
        report = step.take(self.state, self.source.next(), RECIPE, CONFIG, FACTORS)
        self.folder.steps.add(report._fields, report)

    def save(self):
        return self.folder.save(self.state, self.source.position)


@pytest.fixture(scope="module")
def right():
    """Parameters and moments after each step of a run that nothing disturbs."""
    state, data = step.begin(PARAMS, RECIPE), source()
    results = []
    for _ in range(LAST):
        results.append(tree.map(np.copy, (state.params, state.optimizer.moments)))
        step.take(state, data.next(), RECIPE, CONFIG, FACTORS)
    return results


@pytest.fixture(scope="module")
def two_saves(tmp_path_factory):
    """A folder with saves of the first and the second step."""
    path = tmp_path_factory.mktemp("faults") / "run"
    trainer = Trainer(path, resume=False)
    for _ in range(2):
        trainer.take()
        trainer.save()
    trainer.folder.close()
    return path


@pytest.fixture(autouse=True)
def _quickly(monkeypatch):
    """Outside of the faulty disk nothing waits for the real one."""
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)


KINDS = {"EIO": (errno.EIO, False), "ENOSPC": (errno.ENOSPC, True)}


@pytest.mark.parametrize("kind", KINDS)
def test_whichever_call_fails_a_good_save_is_there(two_saves, right, tmp_path, kind):
    code, full = KINDS[kind]
    k, failures, message = 0, 0, set()
    while True:
        k += 1
        path = tmp_path / f"run-{k}"
        shutil.copytree(two_saves, path)
        trainer = Trainer(path, resume=True)
        trainer.take()
        announced = 2
        with Disk(pytest.MonkeyPatch(), k, code, full) as disk:
            try:
                trainer.save()
                announced = 3
            except Error as error:
                failures += 1
                message.add(str(error))
        trainer.folder.close()
        again = Trainer(path, resume=True)  # a warning would be an error here: what is there is whole
        assert announced <= again.state.step <= 3
        assert equal((again.state.params, again.state.optimizer.moments), right[again.state.step])
        assert len(again.folder.saves()) >= 2
        if k % 10 == 0:
            again.take()
            again.save()
        again.folder.close()
        shutil.rmtree(path)
        if disk.calls < k:
            break
    assert failures > 50
    assert any(("Input/output error" if kind == "EIO" else "No space left on device") in text for text in message)


def test_at_the_rename_everything_is_on_the_disk(two_saves, tmp_path):
    """A power cut takes whatever was not flushed: at the rename nothing of the save is left to lose, and after it
    the rename itself is flushed before the save is announced or an older one deleted.
    """
    path = tmp_path / "run"
    shutil.copytree(two_saves, path)
    trainer = Trainer(path, resume=True)
    trainer.take()
    removed = []
    with Disk(pytest.MonkeyPatch()) as disk, pytest.MonkeyPatch.context() as patch:
        patch.setattr(saves, "remove", lambda old: removed.append((old, set(disk.unflushed))))
        trainer.save()
    trainer.folder.close()
    assert disk.renamed_with == [set()]
    assert not {name for name in disk.unflushed if name.startswith(str(path))}
    ((old, unflushed),) = removed
    assert old.name == "save-000001"
    assert not {name for name in unflushed if name.startswith(str(path))}


def write_and_forget(path, text):
    with atomic.open(path, "wb") as stream:
        stream.write(text.encode())


@pytest.mark.parametrize("forgotten", ["a file", "the folder"])
def test_a_flush_that_is_forgotten_would_be_seen(two_saves, tmp_path, monkeypatch, forgotten):
    path = tmp_path / "run"
    shutil.copytree(two_saves, path)
    trainer = Trainer(path, resume=True)
    trainer.take()
    if forgotten == "the folder":
        monkeypatch.setattr(new_folder, "flush_folder", lambda folder: None)
    else:
        monkeypatch.setattr(saves, "write_text", write_and_forget)
    with Disk(pytest.MonkeyPatch()) as disk:
        trainer.save()
    trainer.folder.close()
    if forgotten == "the folder":
        assert str(path) in disk.unflushed
    else:
        assert [Path(name).name for name in sorted(disk.renamed_with[0])][-1] == "steps.csv"


def test_a_full_disk_stops_the_curve_with_one_line(two_saves, tmp_path, monkeypatch):
    path = tmp_path / "run"
    shutil.copytree(two_saves, path)
    trainer = Trainer(path, resume=True)

    def full(*_, **__):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(curve, "open", full, raising=False)
    with pytest.raises(Error, match=r"steps.csv: cannot write: No space left on device: [\d,]+ bytes free$"):
        trainer.take()
    trainer.folder.close()


# Anything in any order.


class Runs(RuleBasedStateMachine):
    """Train, save, crash, damage, resume, delete: announced steps are never lost but by damage, and resuming is exact.

    `good` has the steps of the saves that were announced, are there and are not damaged.
    """

    @initialize()
    def begin(self):
        self.place = tempfile.TemporaryDirectory()
        self.path = Path(self.place.name) / "run"
        self.trainer = Trainer(self.path, resume=False)
        self.good, self.damaged = {}, set()
        self.save()

    def teardown(self):
        if self.trainer is not None:
            self.trainer.folder.close()
        self.place.cleanup()

    def running(self):
        return self.trainer is not None

    @precondition(running)
    @rule(steps=st.integers(1, 3))
    def train(self, steps):
        for _ in range(steps):
            if self.trainer.state.step < LAST - 1:
                self.trainer.take()

    @precondition(running)
    @rule()
    def save(self):
        path = self.trainer.save()
        self.good[path] = self.trainer.state.step
        self.good = {path: step for path, step in self.good.items() if path.exists()}

    @precondition(running)
    @rule(call=st.integers(1, 130), code=st.sampled_from([errno.EIO, errno.ENOSPC]))
    def save_and_die(self, call, code):
        """The process ends at a call: nothing after it happens, not even cleaning up."""
        before = set(self.trainer.folder.saves())
        with Disk(pytest.MonkeyPatch(), call, code) as disk:
            disk.patch.setattr(saves.shutil, "rmtree", lambda *_, **__: None)
            try:
                path = self.trainer.save()
                self.good[path] = self.trainer.state.step
            except Error:
                pass
        for path in set(self.trainer.folder.saves()) - before:  # it may be there although it was not announced
            self.good[path] = self.trainer.state.step
        self.good = {path: step for path, step in self.good.items() if path.exists()}
        self.crash()

    @precondition(running)
    @rule()
    def crash(self):
        self.trainer.folder.close()
        self.trainer = None

    @precondition(lambda self: not self.running() and len(self.good) > 1)
    @rule(data=st.data(), how=st.sampled_from(["flip", "cut", "delete"]))
    def damage(self, data, how):
        save = data.draw(st.sampled_from(sorted(self.good)))
        file = data.draw(st.sampled_from(sorted(path for path in save.iterdir() if path.stat().st_size)))
        content = file.read_bytes()
        if how == "delete":
            file.unlink()
        elif how == "cut":
            file.write_bytes(content[: len(content) // 2])
        else:
            middle = len(content) // 2
            file.write_bytes(content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :])
        self.damaged.add(save)
        del self.good[save]

    @precondition(lambda self: not self.running() and len(self.good) > 1)
    @rule()
    def delete_a_save(self):
        oldest = min(self.good, key=self.order)
        shutil.rmtree(oldest)
        del self.good[oldest]

    @staticmethod
    def order(path):
        number, _, again = path.name.removeprefix("save-").partition(".")
        return int(number), int(again or 0)

    @precondition(lambda self: not self.running())
    @rule()
    def resume(self):
        newest = max(self.good, key=self.order)
        newer = [path for path in self.damaged if path.exists() and self.order(path) > self.order(newest)]
        if newer:
            with pytest.warns(UserWarning, match="falling back to an older save"):
                self.trainer = Trainer(self.path, resume=True)
        else:
            self.trainer = Trainer(self.path, resume=True)
        assert self.trainer.folder.last == newest
        assert self.trainer.state.step == self.good[newest]
        self.look()

    @invariant()
    def look(self):
        """Whatever came before, the state is that of a run that nothing disturbed."""
        if getattr(self, "trainer", None) is not None:
            state = self.trainer.state
            assert equal((state.params, state.optimizer.moments), RIGHT[state.step])

    @invariant()
    def something_is_there(self):
        assert not hasattr(self, "good") or self.good


RIGHT = []


def test_anything_in_any_order(right, monkeypatch):
    monkeypatch.setattr(RunFolder, "_curves", light_curves)
    RIGHT[:] = right
    phases = (Phase.explicit, Phase.generate)  # to find the shortest failing story takes minutes
    Runs.TestCase.settings = settings(max_examples=20, stateful_step_count=30, phases=phases)
    Runs.TestCase().runTest()


def light_curves(self, steps, evaluations):
    """The learning curve in memory alone."""
    self.steps, self.evaluations = curve.CurveTable(None, steps), curve.CurveTable(None, evaluations)
