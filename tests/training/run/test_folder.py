"""The folder of a run: which folders may become one, what is left of one that did not, and its picture."""

import csv
import sys
import types
import warnings

import pytest
from support.training_models import small_model

from numpy_bert.errors import Error
from numpy_bert.numerics import tree
from numpy_bert.training import step
from numpy_bert.training.recipe import Recipe
from numpy_bert.training.run import checkpoint, curve
from numpy_bert.training.run.folder import RunFolder, require_usable
from numpy_bert.training.step import StepReport


def begun(path, names=("a",), values=(0.5,), rate=1e-3):
    """A run of two steps with one evaluation."""
    folder = RunFolder(path, {})
    folder.begin()
    for number in (1, 2):
        folder.steps.add(StepReport._fields, StepReport(number, 0.5, rate, 1.0, 10))
    folder.evaluations.add(("step", *names), (2, *values))
    return folder


# Which folders.


def test_a_folder_of_somebody_else_is_left_alone(tmp_path):
    theirs = tmp_path / "theirs"
    for name in ("notes.txt", "steps.csv", "curve.png", "lock"):
        theirs.mkdir(exist_ok=True)
        (theirs / name).write_text("precious")
        with pytest.raises(Error, match=rf"theirs: expected a new folder, .* got one with '{name}' in it$"):
            RunFolder(theirs, {})
        assert [(path.name, path.read_text()) for path in theirs.iterdir()] == [(name, "precious")]
        (theirs / name).unlink()


def test_no_folder(tmp_path):
    (tmp_path / "run").write_text("precious")
    with pytest.raises(Error, match=r"run: expected a folder, got a file$"):
        RunFolder(tmp_path / "run", {})
    assert (tmp_path / "run").read_text() == "precious"


def test_a_run_that_was_killed_before_its_first_save_begins_again(tmp_path):
    path = tmp_path / "run"
    begun(path).close()
    (path / ".numpy-bert-0123456789abcdef.tmp").write_bytes(b"half of a curve")
    (path / "save-000000.tmp-17").mkdir()
    begun(path).close()
    (path / "save-000000").mkdir()
    (path / "notes.txt").write_text("in a run with saves its owner may keep what they like")
    require_usable(path, resume=True)
    RunFolder(path, {}).close()
    (tmp_path / "empty").mkdir()
    begun(tmp_path / "empty").close()


def test_nothing_is_left_where_there_was_nothing_to_resume(tmp_path):
    for path in (tmp_path / "absent", tmp_path / "empty"):
        with pytest.raises(Error, match="expected a good save to resume from, got none"):
            require_usable(path, resume=True)
    (tmp_path / "empty").mkdir()
    for name in ("absent", "empty"):
        with RunFolder(tmp_path / name, {}) as folder, pytest.raises(Error, match="expected a good save to resume"):
            folder.resume(None)
    assert not (tmp_path / "absent").exists()


# The picture.


def test_types_of_entities_may_have_any_name(tmp_path):
    pytest.importorskip("matplotlib")
    kinds = ("$", "$x_{$", "$\\frac$", "\x1b[31m\u202e", "\U0001f600中", "\\$")
    with begun(tmp_path / "run", tuple(f"f1_{kind}" for kind in kinds), (0.5,) * len(kinds)) as folder:
        folder.draw()
    assert (tmp_path / "run" / "curve.png").read_bytes().startswith(b"\x89PNG")


def test_no_number_ends_the_run(tmp_path):
    """What a library that draws makes of them is its own affair."""
    pytest.importorskip("matplotlib")
    with begun(tmp_path / "run", rate=1.7e308) as folder, warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        folder.draw()
    assert all(str(warning.message).startswith("curve.png is not drawn: ") for warning in warned)
    assert len(warned) + (tmp_path / "run" / "curve.png").exists() == 1


@pytest.mark.parametrize("error", [RuntimeError("two\nlines \x1b"), MemoryError(), csv.Error("x"), OSError(28, "full")])
def test_whatever_hinders_the_drawing_is_one_line(tmp_path, monkeypatch, error):
    def plot(*paths):
        warnings.warn("a sign that no font has", stacklevel=1)
        raise error

    monkeypatch.setattr(curve, "plot", plot)
    with begun(tmp_path / "run") as folder, pytest.warns(UserWarning, match="not drawn") as warned:
        folder.draw()
    [warning] = warned
    assert str(warning.message).startswith(f"curve.png is not drawn: {type(error).__name__}: ")
    assert str(warning.message).isprintable()


def test_a_broken_library_is_no_end_either(tmp_path, monkeypatch):
    broken = types.ModuleType("matplotlib.figure")  # lacks what is asked of it: an ImportError
    monkeypatch.setitem(sys.modules, "matplotlib.figure", broken)
    with begun(tmp_path / "run") as folder, pytest.warns(UserWarning, match=r"^curve.png is not drawn: that takes"):
        folder.draw()


def test_what_a_kill_left_is_removed_at_the_next_start(tmp_path):
    folder = tmp_path / "run"
    folder.mkdir()
    (folder / "save-000001").mkdir()
    file, model = folder / ".numpy-bert-0123456789abcdef.tmp", folder / ".numpy-bert-fedcba9876543210.tmp"
    file.write_bytes(b"half a file")
    model.mkdir()
    (model / "model.safetensors").write_bytes(b"half a model")
    other = folder / ".numpy-bert-notes.tmp"
    other.write_bytes(b"")
    RunFolder(folder, {}).close()
    assert not file.exists()
    assert not model.exists()
    assert other.exists()


def test_a_save_that_does_not_fit_is_refused_with_the_numbers(tmp_path, monkeypatch):
    params, _ = small_model()
    state = step.begin(params, Recipe("pretraining", 1))
    free = type("Usage", (), {"free": 1000})
    monkeypatch.setattr(checkpoint.shutil, "disk_usage", lambda path: free)
    needed = 3 * sum(array.nbytes for array in tree.leaves(params))
    expected = rf"save-1: cannot write: expected {needed:,} bytes free for a save, got 1,000$"
    with pytest.raises(Error, match=expected):
        checkpoint.write(tmp_path / "save-1", state, {}, {}, {})
    assert list(tmp_path.iterdir()) == []
