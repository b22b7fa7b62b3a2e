"""A checkpoint in several files: read as one, and refused as a whole when index and files disagree."""

import contextlib
import json
import os
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.file_damage import mutated
from support.hostile_files import dict_of, pickled, storage, tensor, torch_legacy, torch_zip
from support.limits import run_limited

from numpy_bert.checkpoints.formats import safetensors, sharded
from numpy_bert.checkpoints.formats.torch import archive as torch_zip_reader
from numpy_bert.errors import Error

WRITTEN = Path(__file__).parents[2] / "data" / "torch_files"
ARRAYS = {"a": np.arange(6, dtype="f4").reshape(2, 3), "b": np.ones(3, "f2"), "c": np.full((2, 2), 7.0)}
FIRST, SECOND = "model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"
MAP = {"a": FIRST, "b": SECOND, "c": SECOND}
TOTAL = 24 + 6 + 32


def write_index(folder, weight_map, metadata=None, name="model.safetensors.index.json"):
    index = {"metadata": {"total_size": TOTAL} if metadata is None else metadata, "weight_map": weight_map}
    (folder / name).write_text(json.dumps(index))
    return folder / name


@pytest.fixture
def folder(tmp_path):
    """A right checkpoint of two files in a folder of its own."""
    folder = tmp_path / "model"
    folder.mkdir()
    safetensors.write(folder / FIRST, {"a": ARRAYS["a"]})
    safetensors.write(folder / SECOND, {"b": ARRAYS["b"], "c": ARRAYS["c"]})
    write_index(folder, MAP)
    return folder


@pytest.fixture
def index(folder):
    return folder / "model.safetensors.index.json"


def same(read, arrays):
    return read.keys() == arrays.keys() and all(
        read[name].tobytes() == array.tobytes() and read[name].dtype == array.dtype and read[name].shape == array.shape
        for name, array in arrays.items()
    )


def test_read_as_one(index):
    assert same(sharded.read(index), ARRAYS)
    entries = sharded.describe(index)
    assert {name: (entry.loaded, entry.shape) for name, entry in entries.items()} == {
        name: (array.dtype, array.shape) for name, array in ARRAYS.items()
    }


def test_only_the_asked_names_from_their_files(index, folder):
    place = np.zeros((2, 2))
    arrays = sharded.read(index, ["c"], lambda name, entry: place)
    assert arrays.keys() == {"c"}
    assert arrays["c"] is place
    np.testing.assert_array_equal(place, ARRAYS["c"])
    with pytest.raises(Error, match="'d': expected a tensor of this name"):
        sharded.read(index, ["a", "d"])


def test_from_inside_the_folder(folder, monkeypatch):
    monkeypatch.chdir(folder)
    assert same(sharded.read("model.safetensors.index.json"), ARRAYS)


def test_links_as_the_hub_cache_has_them(folder, tmp_path):
    cache = tmp_path / "snapshot"
    cache.mkdir()
    for path in folder.iterdir():
        (cache / path.name).symlink_to(path)
    assert same(sharded.read(cache / "model.safetensors.index.json"), ARRAYS)


def test_pytorch_files_of_both_forms(tmp_path):
    """`total_size` counts tied tensors once, or each; both are found in published folders."""
    shutil.copy(WRITTEN / "zip.bin", tmp_path / "pytorch_model-1.bin")
    tiny = pickled(dict_of(z=tensor(storage(view=b"N"))))
    (tmp_path / "pytorch_model-2.bin").write_bytes(torch_legacy(pickle=tiny))
    expected = torch_zip_reader.read(WRITTEN / "zip.bin")
    weight_map = {**dict.fromkeys(expected, "pytorch_model-1.bin"), "z": "pytorch_model-2.bin"}
    each = sum(entry.nbytes for entry in torch_zip_reader.describe(WRITTEN / "zip.bin").values()) + 24
    name = "pytorch_model.bin.index.json"
    for total in (each, each - expected["decoder.weight"].nbytes):
        index = write_index(tmp_path, weight_map, {"total_size": total}, name)
        arrays = sharded.read(index)
        assert arrays.pop("z").shape == (2, 3)
        assert same(arrays, expected)
    with pytest.raises(Error, match=r"metadata\.total_size: expected"):
        sharded.read(write_index(tmp_path, weight_map, {"total_size": each - 1}, name))


@pytest.mark.parametrize("metadata", [{}, [], None, {"total_size": None}, {"total_size": 1.5e9}, {"total_size": "62"}])
def test_a_total_that_is_no_integer_says_nothing(folder, metadata):
    index = write_index(folder, MAP, metadata or {"other": 1})
    assert same(sharded.read(index), ARRAYS)


# What is refused: name -> (weight_map, words of the message)

PLAIN = "weight_map['a']: expected a plain file name, got"
OUTSIDE = ["../../etc/passwd", "/dev/zero", "/etc/passwd", "a/../b", "a\\b", "..", ".", "", ".hidden.safetensors"]
STRANGE = ["a\0b.safetensors", "C:a.safetensors", "a\nb.safetensors", "\u202eb.safetensors", "a?.safetensors"]
NOT_NAMES = [1, None, True, 1.5, [FIRST], {"file": FIRST}]
HOSTILE = {
    **{repr(value): ({**MAP, "a": value}, PLAIN) for value in [*OUTSIDE, *STRANGE, *NOT_NAMES]},
    "CON": ({**MAP, "a": "CON"}, "expected files '*.safetensors' or '*.bin' as the index is called, got 'CON'"),
    "itself": ({**MAP, "a": "model.safetensors.index.json"}, "weight_map: expected files"),
    "one .bin": ({**MAP, "a": "pytorch_model.bin"}, "weight_map: expected files"),
    "all .bin": (dict.fromkeys(MAP, "pytorch_model.bin"), "weight_map: expected files"),
    "no map": (None, "weight_map: expected an object of tensors and file names, got null"),
    "a list": ([FIRST], "weight_map: expected an object of tensors and file names, got an array"),
    "empty": ({}, "weight_map: expected an object of tensors and file names, got an object"),
    "not there": ({**MAP, "a": "x.safetensors", "b": "y.safetensors"}, "2 missing: 'x.safetensors', 'y.safetensors'"),
    "tensor not there": ({**MAP, "d": SECOND}, f"'d': expected it in '{SECOND}', got no such tensor there"),
    "tensor elsewhere": ({**MAP, "a": SECOND, "e": FIRST}, f"'a': expected '{FIRST}', which holds it, got it is"),
    "tensor not mapped": ({"a": FIRST, "b": SECOND}, f"'c': expected '{SECOND}', which holds it, got it is not mapped"),
    "control characters": ({**MAP, "\x1b[31m\n": "/"}, "weight_map['\\x1b[31m\\n']: expected a plain file name"),
    "long name": ({"k" * 10_000: "/" * 10_000}, "expected a plain file name, got '////"),
    "many": ({str(i): FIRST for i in range(10_001)}, "expected at most 10000 tensors, got 10001"),
    "very many": ({str(i): FIRST for i in range(10**5)}, "expected at most 2097152 bytes of JSON"),
}  # fmt: skip


@pytest.mark.parametrize("key", HOSTILE)
def test_hostile_map(key, folder):
    weight_map, words = HOSTILE[key]
    path = write_index(folder, weight_map)
    for use in (sharded.describe, sharded.read):
        with pytest.raises(Error) as caught:
            use(path)
        message = str(caught.value)
        assert words in message
        assert message.isprintable()
        assert len(message) <= 300


@pytest.mark.parametrize("text", ["", "[]", "{", '{"weight_map":{"a":"b","a":"b"}}', "\ufeff{}", "[" * 10_000, "3"])
def test_an_index_that_is_no_object(text, folder, index):
    index.write_text(text)
    with pytest.raises(Error, match=r"index\.json"):
        sharded.read(index)


def test_a_tensor_in_two_files(folder, index):
    safetensors.write(folder / FIRST, {"a": ARRAYS["a"], "b": ARRAYS["b"]})
    with pytest.raises(Error, match=f"'b': expected '{FIRST}', which holds it, got it is mapped to '{SECOND}'"):
        sharded.read(index)


@pytest.mark.parametrize("total", [TOTAL - 1, 0, -1, 2**70])
def test_a_wrong_total(total, folder):
    index = write_index(folder, MAP, {"total_size": total})
    with pytest.raises(Error, match=f"metadata.total_size: expected {TOTAL}, as the tensors have, got {total}"):
        sharded.read(index)


CONTENTS = {
    "zip": (torch_zip(), "expected the form safetensors by its index, got torch_zip"),
    "pointer": (b"version https://git-lfs.github.com/spec/v1\nsize 5\n", "run 'git lfs pull'"),
    "cut": (b"\x40\0\0\0\0\0\0\0{", "header: expected a length of 1 to 1, got 64"),
}


@pytest.mark.parametrize("key", CONTENTS)
def test_a_file_that_is_something_else(key, folder, index):
    data, words = CONTENTS[key]
    (folder / SECOND).write_bytes(data)
    with pytest.raises(Error) as caught:
        sharded.read(index)
    assert words in str(caught.value)
    assert SECOND in str(caught.value)


def test_a_file_that_is_a_folder_or_pipe(folder, index):
    (folder / SECOND).unlink()
    (folder / SECOND).mkdir()
    with pytest.raises(Error, match="got a folder"):
        sharded.read(index)
    (folder / SECOND).rmdir()
    os.mkfifo(folder / SECOND)
    with pytest.raises(Error, match="got a named pipe"):
        sharded.read(index)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the limits are Linux's")
def test_nothing_outside_the_folder_is_opened(folder, tmp_path):
    """Hostile maps under limits on memory and time, watched by an audit hook."""
    (tmp_path / "secret.safetensors").write_bytes((folder / FIRST).read_bytes())
    escapes = ["../secret.safetensors", str(tmp_path / "secret.safetensors"), "x/../../secret.safetensors"]
    maps = [weight_map for weight_map, _ in HOSTILE.values()] + [{**MAP, "a": name} for name in escapes]
    names = [write_index(folder, weight_map, name=f"{i}.index.json") for i, weight_map in enumerate(maps)]
    code = """
from numpy_bert.checkpoints.formats import sharded
from numpy_bert.errors import Error
for path in sys.argv[1:]:
    try:
        sharded.read(path)
        print("accepted", path)
    except Error as error:
        print(error)
"""
    result = run_limited(code, args=names, cpu_seconds=10)
    assert result.returncode == 0, result
    assert len(result.stdout.splitlines()) == len(maps)
    assert "accepted" not in result.stdout
    assert {os.path.dirname(name) for name in result.opened} == {str(folder)}


@settings(max_examples=200)
@given(st.integers(0, 2**32))
def test_any_damage_to_the_index(tmp_path_factory, seed):
    folder = tmp_path_factory.getbasetemp() / "damaged"
    if not folder.exists():
        folder.mkdir()
        safetensors.write(folder / FIRST, {"a": ARRAYS["a"]})
        safetensors.write(folder / SECOND, {"b": ARRAYS["b"], "c": ARRAYS["c"]})
    path = write_index(folder, MAP)
    path.write_bytes(mutated(path.read_bytes(), seed))
    with contextlib.suppress(Error):
        assert same(sharded.read(path), ARRAYS)
