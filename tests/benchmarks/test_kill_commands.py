"""`kill -9` at random moments of the commands that write. By hand, with 20 and more: benchmarks/kill_commands.py."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="kill -9 needs a system that has it")
@pytest.mark.parametrize("name", ["convert", "embed", "finetune", "pretrain"])
def test_nothing_announced_is_lost(name):
    environment = os.environ | {"PYTHONPATH": str(ROOT), "OPENBLAS_NUM_THREADS": "1"}
    command = [sys.executable, "-W", "error", "benchmarks/kill_commands.py", name, "--kills", "4"]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.stderr == ""
    assert done.stdout.startswith(f"{name}: 4 kills in ")
    assert done.returncode == 0
