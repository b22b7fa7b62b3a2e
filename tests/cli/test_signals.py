"""Signals that end a run: one line that says what is saved and how to resume, and the status of the signal."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from support.tiny import tiny_bert

from numpy_bert.cli import signals

ROOT = Path(__file__).parents[2]


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
@pytest.mark.parametrize("name", ["finetune", "pretrain"])
@pytest.mark.parametrize(("number", "again"), [(signal.SIGTERM, False), (signal.SIGINT, False), (signal.SIGINT, True)])
def test_a_signal_ends_a_run_with_one_line(tmp_path, number, again, name):
    model = tiny_bert(heads=("masked_lm", "next_sentence"), num_labels=2).save(tmp_path / "model")
    data = tmp_path / "train.tsv"
    data.write_text("good fun\tgood\nbad plot\tbad\n" * 10)
    run = tmp_path / "run"
    text = tmp_path / "corpus.txt"
    text.write_text("good fun\nthe plot is bad\n\nit rains\nnot very dull\n")
    steps = {"finetune": "--epochs", "pretrain": "--steps"}[name]
    own = {"finetune": ["--task", "sequence_classification", "--train", str(data)], "pretrain": ["--train", str(text)]}
    command = [sys.executable, "-m", "numpy_bert", name, *own[name], "--model", str(model), "--output", str(run),
               steps, "100000", "--batch-size", "2", "--save-every", "3"]  # fmt: skip
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
        [*command, "--resume", "--force", steps, "1"], capture_output=True, text=True, env=environment
    )
    assert (done.returncode, (run / "model").is_dir()) == (0, True)
    assert f"resumes after step {step}: {saves[-1]}" in done.stderr


class Interrupting:
    """Sends a signal in a callback of Python's, which drops the exception that comes of it."""

    def __init__(self, number):
        self.number = number

    def __del__(self):
        signal.raise_signal(self.number)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interruption_that_python_drops_is_raised_at_the_next_step(number):
    before, hook = [signal.getsignal(n) for n in signals.NUMBERS], sys.unraisablehook
    steps = []

    def work():
        with signals.restored(), signals.interruptible() as check:
            for step in range(3):
                check()
                steps.append(step)
                if step == 1:
                    Interrupting(number)

    with pytest.raises(signals.Interrupted) as caught:
        work()
    assert (steps, caught.value.status) == ([0, 1], 128 + number)
    assert ([signal.getsignal(n) for n in signals.NUMBERS], sys.unraisablehook) == (before, hook)


def test_one_that_comes_when_all_is_done_is_too_late():
    before = [signal.getsignal(n) for n in signals.NUMBERS]
    with signals.interruptible():
        Interrupting(signal.SIGINT)
    assert [signal.getsignal(n) for n in signals.NUMBERS] == before


def test_other_exceptions_that_python_drops_are_shown_as_ever(monkeypatch):
    dropped = []
    monkeypatch.setattr(sys, "unraisablehook", dropped.append)

    class Failing:
        def __del__(self):
            raise ValueError("lost")

    with signals.interruptible():
        Failing()
    [unraisable] = dropped
    assert str(unraisable.exc_value) == "lost"
