"""The messages of errors and warnings: where, then what; and the line that a warning points at."""

import warnings

import pytest

import numpy_bert
from numpy_bert.errors import LONGEST_MESSAGE, LONGEST_PATH, Error, UsageError, show_path, warn
from numpy_bert.files.reading import require_path


def test_an_error_says_where_before_what():
    assert str(Error("expected a, got b")) == "expected a, got b"
    assert str(Error("expected a, got b", at="x.json")) == "x.json: expected a, got b"
    assert str(UsageError("expected a, got b", at="x", line=3, key="k")) == "x: line 3: k: expected a, got b"
    assert len(str(Error("x" * 1000, at="y" * 1000))) == LONGEST_MESSAGE


def test_a_path_cannot_touch_the_terminal_and_is_cut_to_its_end():
    assert show_path("a\x1b[31m\n\u202eb") == r"a\x1b[31m\n\u202eb"
    assert show_path("x" * 100 + "/config.json") == "..." + "x" * (LONGEST_PATH - 15) + "/config.json"


@pytest.mark.parametrize("path", ["a\0b", "\udcff\ud800"])
def test_paths_that_no_file_system_holds(path):
    with pytest.raises(Error, match="expected a path, got characters that no path holds"):
        require_path(path)


def test_a_warning_points_at_whoever_called_the_package(tmp_path):
    """However deep in the package it is made: here in the reading of the weights."""
    bert = numpy_bert.load()
    bert.save(tmp_path / "model")
    (tmp_path / "model" / "model.npz").write_bytes(b"")
    with pytest.warns(UserWarning, match="passed over model.npz") as caught:
        numpy_bert.load(tmp_path / "model")
    assert caught[0].filename == __file__


def test_a_warning_has_the_form_of_an_error():
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        warn("expected a, got b", at="x", key="k")
    assert str(caught[0].message) == "x: k: expected a, got b"
    assert caught[0].filename == __file__
