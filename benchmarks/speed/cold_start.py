"""From nothing to the first sentence vector: a whole process, its seconds and its peak memory.

A process starts, imports, loads all-MiniLM-L6-v2, makes the vector of one sentence and ends. It is started and waited
for by starter.py, a process that is small itself: the peak of a process counts what it was started from. The files are
in the page cache.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path
from typing import Any

import models
import numpy as np
import sides
from sides import rotated
from works import Place

NAME = "cold"
TITLE = "cold start to the first minilm vector, whole process"
SENTENCE = "A gorgeous, witty, seductive movie."
TOLERANCE = 1e-5
TARGETS = {
    "seconds": {"pytorch": 0.1, "onnx_runtime": 1.0},
    "peak memory": {"pytorch": 0.4, "onnx_runtime": 0.8},
}


def measure(place: Place, repeats: int) -> dict[str, Any]:
    inputs = {
        "ours": str(place.minilm),
        "pytorch": str(place.minilm),
        "onnx_runtime": str(models.graph("embed", place.minilm, place.made)),
    }
    names = list(inputs)
    seconds: dict[str, list[float]] = {name: [] for name in names}
    memory: dict[str, list[float]] = {name: [] for name in names}
    vectors = {}
    with tempfile.TemporaryDirectory() as scratch:
        for round_ in range(-1, repeats):  # the first fills the page cache
            for name in rotated(names, round_):
                target = Path(scratch, f"{name}.npy")
                taken = start(name, [inputs[name], str(place.minilm), SENTENCE, str(target)], place.threads)
                vectors[name] = np.load(target)
                if round_ >= 0:
                    seconds[name].append(taken["seconds"])
                    memory[name].append(taken["bytes"] / 1e6)
    differences = {name: float(np.abs(vector - vectors["ours"]).max()) for name, vector in vectors.items()}
    worst = max(differences.values())
    if not worst <= TOLERANCE:
        sys.exit(f"{TITLE}: the vectors differ by {worst:.1e}, the tolerance is {TOLERANCE}")
    return {
        "title": TITLE,
        "texts": 1,
        "tokens": 0,
        "seconds": seconds,
        "megabytes": memory,
        "targets": TARGETS["seconds"],
        "memory_targets": TARGETS["peak memory"],
        "differences": differences,
        "versions": {name: version(name) for name in ("torch", "transformers", "onnxruntime", "tokenizers")},
    }


def start(name: str, arguments: list[str], threads: int) -> dict[str, float]:
    script = sides.HERE / f"cold_{name}.py"
    starter = [sys.executable, "-S", str(sides.HERE / "starter.py"), str(threads)]
    command = [*starter, sys.executable, str(script), *arguments, str(threads)]
    done = subprocess.run(command, capture_output=True, text=True, env=sides.environment(threads))
    if done.returncode:
        sys.exit(f"{script.name}: {done.stderr}")
    output: dict[str, float] = json.loads(done.stdout.strip().split("\n")[-1])
    return output
