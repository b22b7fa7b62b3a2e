"""What a killed writer leaves is removed by the next one; what a living one holds stays."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from support.tiny import tiny_bert

from numpy_bert.files import leftovers
from numpy_bert.files.atomic import replacing

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.skipif(leftovers.fcntl is None, reason="needs flock")

FILE = """
from numpy_bert.files.atomic import replacing
with replacing("out") as stream:
    stream.write(b"half")
    print("writes", flush=True)
    input()
"""
FOLDER = """
from numpy_bert.files.new_folder import new_folder
from pathlib import Path
with new_folder(Path("model")) as new:
    (new / "part").write_bytes(b"half")
    print("writes", flush=True)
    input()
"""


@pytest.mark.parametrize("program", [FILE, FOLDER], ids=["file", "folder"])
def test_a_killed_writer_leaves_nothing_for_good(tmp_path, program):
    process = subprocess.Popen(
        [sys.executable, "-c", program], cwd=tmp_path, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert process.stdout.readline() == "writes\n"
    [temporary] = os.listdir(tmp_path)
    assert leftovers.NAME.fullmatch(temporary)
    with replacing(tmp_path / "other") as stream:
        stream.write(b"whole")
    assert temporary in os.listdir(tmp_path)  # its writer lives
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert temporary in os.listdir(tmp_path)
    if program is FILE:
        with replacing(tmp_path / "out") as stream:
            stream.write(b"whole")
    else:
        tiny_bert(()).save(tmp_path / "out")
    assert sorted(os.listdir(tmp_path)) == ["other", "out"]


def test_other_names_and_links_stay(tmp_path):
    name = f".numpy-bert-{'0' * 16}.tmp"
    (tmp_path / "target").write_bytes(b"x")
    (tmp_path / name).symlink_to("target")
    (tmp_path / ".numpy-bert-0.tmp").write_bytes(b"x")
    leftovers.remove(str(tmp_path))
    assert sorted(os.listdir(tmp_path)) == [".numpy-bert-0.tmp", name, "target"]
