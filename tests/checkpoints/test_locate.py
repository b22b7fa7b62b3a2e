"""Where the weights lie: preferences, prefixes, shards, and what is said where there are none."""

import errno
import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from support.limits import assert_refused, run_limited
from support.tiny import tiny_bert

from numpy_bert import Error, load
from numpy_bert.checkpoints import locate as folder
from numpy_bert.checkpoints import saving
from numpy_bert.checkpoints.formats import npz, safetensors
from numpy_bert.checkpoints.formats.tensorflow import bundle
from numpy_bert.checkpoints.locate import locate

TORCH_FILES = Path(__file__).parents[1] / "data" / "torch_files"
ARRAYS = {"a": np.arange(3, dtype="f4")}


def write(path, form=None):
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".npz" or form == "npz":
        npz.write(path, ARRAYS)
    elif path.suffix == ".index":
        bundle.write(path.with_suffix(""), ARRAYS)
    elif path.suffix == ".bin":
        shutil.copy(TORCH_FILES / "legacy.bin", path)
    elif path.name.endswith(".index.json"):
        safetensors.write(path.with_name("model-00001-of-00001.safetensors"), ARRAYS)
        path.write_text(json.dumps({"weight_map": {"a": "model-00001-of-00001.safetensors"}}))
    else:
        safetensors.write(path, ARRAYS)


ORDER = [name for name in folder.PREFERRED if name.endswith((".safetensors", ".json", ".bin", ".index", ".npz"))]
ORDER.remove("pytorch_model.bin.index.json")


def test_the_order_of_preference(tmp_path):
    for name in ORDER:
        write(tmp_path / name)
    for i, name in enumerate(ORDER):
        located = locate(tmp_path)
        assert located.path == tmp_path / name
        assert located.passed_over == tuple(ORDER[i + 1 :])
        assert located.folder == tmp_path
        (tmp_path / name).unlink()


def test_what_was_passed_over_is_told_when_it_is_loaded(tmp_path):
    bert = tiny_bert(())
    saving.write_folder(tmp_path / "model", bert.config, bert.params, bert.tokenizer, bert.pooling)
    write(tmp_path / "model" / "pytorch_model.bin")
    with pytest.warns(UserWarning, match=r"read model.safetensors and passed over pytorch_model.bin"):
        load(tmp_path / "model")


@pytest.mark.parametrize(
    ("name", "form"),
    [
        ("model.safetensors", "safetensors"),
        ("model.safetensors.index.json", "sharded"),
        ("pytorch_model.bin", "torch_legacy"),
        ("bert_model.ckpt.index", "tf_bundle"),
        ("model.npz", "npz"),
        ("mine.npz", "npz"),
        ("model.ckpt-343.index", "tf_bundle"),
    ],
)
def test_a_file_by_its_own_name(tmp_path, name, form):
    write(tmp_path / name)
    for path in (tmp_path / name, str(tmp_path / name), tmp_path):
        located = locate(path)
        assert (located.path, located.form, located.folder) == (tmp_path / name, form, tmp_path)
        assert located.reader.describe(located.path)["a" if form != "torch_legacy" else "bfloat16"]


def test_the_form_is_what_the_bytes_are_and_not_the_name(tmp_path):
    write(tmp_path / "pytorch_model.bin", "npz")
    shutil.move(tmp_path / "pytorch_model.bin", tmp_path / "model.safetensors")
    npz.write(tmp_path / "model.safetensors", ARRAYS)
    assert locate(tmp_path).form == "npz"


@pytest.mark.parametrize("end", ["", ".index", ".data-00000-of-00001"])
def test_a_tensorflow_checkpoint_by_any_of_its_names(tmp_path, end):
    write(tmp_path / "bert_model.ckpt.index")
    located = locate(tmp_path / f"bert_model.ckpt{end}")
    assert (located.path, located.form) == (tmp_path / "bert_model.ckpt.index", "tf_bundle")


def test_a_saved_model_has_its_config_one_folder_up(tmp_path):
    write(tmp_path / "variables" / "variables.index")
    for path in (tmp_path, tmp_path / "variables" / "variables", tmp_path / "variables" / "variables.index"):
        located = locate(path)
        assert (located.path.name, located.form, located.folder) == ("variables.index", "tf_bundle", tmp_path)


def test_files_of_a_checkpoint_in_parts(tmp_path):
    write(tmp_path / "model.safetensors.index.json")
    (tmp_path / "vocab.txt").write_text("[PAD]\n")
    names = [path.name for path in folder.files_of(locate(tmp_path))]
    assert names == ["model.safetensors.index.json", "model-00001-of-00001.safetensors", "vocab.txt"]
    (tmp_path / "model.safetensors.index.json").unlink()
    (tmp_path / "model-00001-of-00001.safetensors").unlink()
    write(tmp_path / "bert_model.ckpt.index")
    write(tmp_path / "bert_model.ckpt-1.index")
    names = [path.name for path in folder.files_of(locate(tmp_path))]
    assert names == ["bert_model.ckpt.index", "bert_model.ckpt.data-00000-of-00001", "vocab.txt"]


def test_several_that_none_is_preferred_of(tmp_path):
    for name in ("a.npz", "b.npz", "c.safetensors", "d\x1b.npz"):
        write(tmp_path / name)
    with pytest.raises(Error, match=r"expected one file with weights, got c.safetensors, a.npz, b.npz, ...; name one"):
        locate(tmp_path)


@pytest.mark.parametrize("path", ["{}/none", "{}/none/", "{}/bert_model.ckpt", "./no/no", "a/b/c", "-x/y", "no/x.bin"])
def test_nothing_there(tmp_path, path):
    """None of these is a name of the hub either."""
    with pytest.raises(Error, match="expected a folder or a file, got nothing of this name"):
        locate(path.format(tmp_path))


def test_an_empty_folder(tmp_path):
    with pytest.raises(Error, match=r"expected a file with weights such as .*, got none"):
        locate(tmp_path)


@pytest.mark.parametrize(("path", "got"), [("a\0b", "characters"), ("\ud800", "characters"), ("", "an empty")])
def test_paths_that_are_none(path, got):
    with pytest.raises(Error, match=f"expected a.* got {got}"):
        locate(path)


def test_a_folder_that_may_not_be_listed(tmp_path, monkeypatch):
    def refused(path):
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(Path, "iterdir", refused)
    with pytest.raises(Error, match="permission denied"):
        locate(tmp_path)


def test_a_loop_of_links_and_a_pipe(tmp_path):
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    with pytest.raises(Error, match="loop"):
        locate(tmp_path / "loop")
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(Error, match="a named pipe"):
        locate(tmp_path / "pipe")


def test_a_preferred_file_that_is_broken_is_told_and_not_passed_over(tmp_path):
    """Silence would load other weights than the ones that were meant."""
    (tmp_path / "model.safetensors").write_text("version https://git-lfs.github.com/spec/v1\nsize 440449768\n")
    write(tmp_path / "pytorch_model.bin")
    with pytest.raises(Error, match="safetensors: expected a checkpoint, got a Git LFS pointer"):
        locate(tmp_path)


def test_the_same_under_limits(tmp_path):
    write(tmp_path / "model.safetensors")
    os.mkfifo(tmp_path / "pipe")
    result = run_limited(["inspect", str(tmp_path / "pipe")], wall_seconds=20)
    assert_refused(result, "pipe", "a named pipe")
    result = run_limited(["inspect", str(tmp_path / "none")])
    assert_refused(result, "none", "nothing of this name")
