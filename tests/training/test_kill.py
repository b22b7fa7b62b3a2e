"""`kill -9` at random moments of a run that saves after every step. By hand, with 200: benchmarks/kill_resume.py."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="kill -9 needs a system that has it")
def test_nothing_announced_is_lost():
    environment = os.environ | {"PYTHONPATH": str(ROOT), "OPENBLAS_NUM_THREADS": "1"}
    command = [sys.executable, "-W", "error", "benchmarks/kill_resume.py", "--kills", "8"]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.stderr == ""
    assert done.stdout.startswith("8 kills in ")
    assert done.returncode == 0
