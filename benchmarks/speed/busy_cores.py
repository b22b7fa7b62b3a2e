"""One short sentence again and again, while other processes compute on none, one or two of the cores.

    python benchmarks/speed/busy_cores.py --model MINILM --data DATA

numpy_bert, PyTorch and ONNX Runtime take turns, a sentence each. Printed is the median and the 95th percentile of each,
and by how much they exceed those of the same side on idle cores.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import jobs
import numpy as np
from sides import Side
from works import Place, one_sentence

SIDES = ("ours", "pytorch", "onnx_runtime")
RUNS = 200
PAUSE = 0.05  # seconds between two runs, for threads that still spin
BURN = "while True: pass"


@contextlib.contextmanager
def burning(count: int) -> Iterator[None]:
    """So many processes compute meanwhile."""
    others = [subprocess.Popen([sys.executable, "-c", BURN]) for _ in range(count)]
    try:
        time.sleep(0.5 if others else 0.0)
        yield
    finally:
        for other in others:
            other.kill()
            other.wait()


def measure(sides: list[Side], runs: int) -> dict[str, np.ndarray]:
    """Milliseconds of each run, by side."""
    seconds: dict[str, list[float]] = {side.name: [] for side in sides}
    for _ in range(runs):
        for side in sides:
            time.sleep(PAUSE)
            seconds[side.name].append(side.ask(run=1)["seconds"])
    return {name: 1e3 * np.array(values) for name, values in seconds.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, required=True, help="folder of all-MiniLM-L6-v2")
    parser.add_argument("--data", type=Path, required=True, help="folder with sst2, wnut17 and movie-snippets")
    parser.add_argument("--runs", type=int, default=RUNS, help=f"of each side in each state ({RUNS})")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch, ExitStack() as stack:
        made = Path(scratch, "made")
        made.mkdir()
        place = Place(options.model, options.data, made, os.cpu_count() or 1, 0.0, False)
        job = one_sentence(place)
        folder = jobs.write(Path(scratch, "job"), job)
        sides = [stack.enter_context(Side(name, job.settings.threads)) for name in SIDES]
        for side in sides:
            side.ask(prepare=str(folder))
            side.ask(run=20)
        idle: dict[str, tuple[float, float]] = {}
        for busy in (0, 1, 2):
            with burning(busy):
                for name, values in measure(sides, options.runs).items():
                    middle, high = (float(np.percentile(values, q)) for q in (50, 95))
                    idle.setdefault(name, (middle, high))
                    ratios = f"{middle / idle[name][0]:5.2f} {high / idle[name][1]:5.2f}"
                    print(f"{busy} busy  {name:13} median {middle:6.2f} ms  p95 {high:6.2f} ms  by idle {ratios}")


if __name__ == "__main__":
    main()
