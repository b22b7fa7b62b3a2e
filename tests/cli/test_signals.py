"""Signals that end a run: one line that says what is saved and how to resume, and the status of the signal."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from support.tiny import tiny_bert

ROOT = Path(__file__).parents[2]


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
@pytest.mark.parametrize(("number", "again"), [(signal.SIGTERM, False), (signal.SIGINT, False), (signal.SIGINT, True)])
def test_a_signal_ends_a_run_with_one_line(tmp_path, number, again):
    model = tiny_bert(heads=("masked_lm", "next_sentence"), num_labels=2).save(tmp_path / "model")
    data = tmp_path / "train.tsv"
    data.write_text("good fun\tgood\nbad plot\tbad\n" * 10)
    run = tmp_path / "run"
    command = [sys.executable, "-m", "numpy_bert", "finetune", "--task", "sequence_classification",
               "--model", str(model),
               "--train", str(data), "--output", str(run), "--epochs", "100000", "--batch-size", "2",
               "--save-every", "3"]  # fmt: skip
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    child = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment)
    for line in child.stderr:
        if line.startswith("saved step 3:"):
            break
    child.send_signal(number)
    if again:
        for _ in range(20):
            child.send_signal(number)
    *earlier, last = child.communicate()[1].splitlines()
    assert all(line.startswith("saved step ") for line in earlier)
    saves = sorted(path for path in run.iterdir() if path.name.startswith("save-"))
    assert last == (
        f"numpy-bert: error: interrupted; {saves[-1]} is saved: the same command with --resume resumes there"
    )
    assert child.returncode == 128 + number
    step = json.loads((saves[-1] / "manifest.json").read_text())["step"]
    done = subprocess.run(
        [*command, "--resume", "--force", "--epochs", "1"], capture_output=True, text=True, env=environment
    )
    assert (done.returncode, (run / "model").is_dir()) == (0, True)
    assert f"resumes after step {step}: {saves[-1]}" in done.stderr
