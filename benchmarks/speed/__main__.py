"""Speed of numpy_bert beside PyTorch, ONNX Runtime and the bare matrix products, in one run.

    python benchmarks/speed --model MINILM --data DATA [--only NAME ...] [--repeats 5] [--quick]

MINILM is the folder of all-MiniLM-L6-v2, DATA is as texts.py says; pip install '.[bench]' brings the others. The
results of a whole run are written to the folder results beside this file (results.json, results.md, results.png), those
of a part of it to --output, if at all.

All sides of a work are loaded at the same time, each in a process of its own, and run by turns: after a round everyone
has run once, so what slows the machine for a while slows all. The first round is not counted. Texts are tokenized
beforehand; what is timed is the way from lists of ids to arrays of results. Before the timing the results of all sides
are compared: they must agree.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from contextlib import ExitStack
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import cold_start
import jobs
import numpy as np
import report
from sides import HERE, Side, rotated
from works import WORKS, Place, Work

from numpy_bert.profiling import machine

PAUSE = 0.1  # seconds between two runs, for threads that still spin
NAMES = [*WORKS, cold_start.NAME]


def main() -> int:
    options = parser().parse_args()
    options.made.mkdir(parents=True, exist_ok=True)
    place = Place(options.model, options.data, options.made, options.threads, options.dropout, options.quick)
    if options.output is None and not options.only and not options.quick:
        options.output = HERE / "results"
    repeats = options.repeats or (2 if options.quick else 5)
    results: dict[str, Any] = {
        "when": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "machine": machine.describe() | settings(),
        "load": os.getloadavg(),
        "quick": options.quick,
        "repeats": repeats,
        "threads": options.threads,
        "dropout": options.dropout,
        "works": {},
    }
    for name in options.only or NAMES:
        print(f"{name} ...", file=sys.stderr)
        result = cold_start.measure(place, repeats) if name == cold_start.NAME else measure(WORKS[name], place, repeats)
        results["works"][name] = result
        results["machine"] |= result["versions"]
        print(report.text(name, result), flush=True)
        if options.output is not None:
            report.write(results, options.output)
    return 0


def settings() -> dict[str, str]:
    """Of the environment, what decides which kernels a library takes."""
    return {name: os.environ[name] for name in ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE") if name in os.environ}


def measure(work: Work, place: Place, repeats: int) -> dict[str, Any]:
    job = work.job(place)
    with tempfile.TemporaryDirectory() as scratch, ExitStack() as stack:
        folder = jobs.write(Path(scratch, "job"), job)
        sides = [stack.enter_context(Side(name, job.settings.threads)) for name in work.sides]
        versions: dict[str, str] = {}
        for side in sides:
            versions |= side.ask(prepare=str(folder))["versions"]
        differences = compare(sides, Path(scratch), work)
        seconds: dict[str, list[float]] = {side.name: [] for side in sides}
        for round_ in range(-1, repeats):  # the first is not counted: memory is claimed, caches filled
            for side in rotated(sides, round_):
                time.sleep(PAUSE)
                taken = side.ask(run=job.settings.calls)["seconds"] / job.settings.calls
                if round_ >= 0:
                    seconds[side.name].append(taken)
    return {
        "title": work.title,
        "texts": len(job.texts) or len(job.lines),
        "tokens": sum(map(len, job.texts)),
        "seconds": seconds,
        "targets": work.targets,
        "differences": differences,
        "versions": versions,
    }


def compare(sides: list[Side], scratch: Path, work: Work) -> dict[str, float]:
    """The largest difference of each side's result from ours; of the bare products, which have none, the GFLOP."""
    answers = {}
    for side in sides:
        file = scratch / f"{side.name}.npy"
        side.ask(answer=str(file))
        answers[side.name] = np.load(file)
    results = {}
    for name, answer in answers.items():
        if name.startswith("products"):
            results[f"{name} GFLOP"] = float(answer) / 1e9
            continue
        ours = answers["ours"]
        difference = float(np.abs(answer - ours).max()) if answer.shape == ours.shape else float("inf")
        if not difference <= work.tolerance:
            sys.exit(f"{work.title}: {name} differs from ours by {difference:.1e}, the tolerance is {work.tolerance}")
        results[name] = difference
    return results


def parser() -> argparse.ArgumentParser:
    form = argparse.RawDescriptionHelpFormatter
    command_line = argparse.ArgumentParser(prog="speed", description=__doc__, formatter_class=form)
    command_line.add_argument("--model", type=Path, required=True, help="folder of all-MiniLM-L6-v2")
    command_line.add_argument("--data", type=Path, required=True, help="folder with sst2, wnut17 and movie-snippets")
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache", "numpy_bert", "benchmarks")
    command_line.add_argument(
        "--made", type=Path, default=cache, help=f"folder for models and graphs that are made ({cache})"
    )
    command_line.add_argument("--output", type=Path, help="folder for the results")
    command_line.add_argument("--only", nargs="+", choices=NAMES, metavar="NAME", help=", ".join(NAMES))
    command_line.add_argument("--repeats", type=int, help="counted runs of each side (5)")
    command_line.add_argument("--threads", type=int, default=2, help="and as many cores, for each side (2)")
    command_line.add_argument("--dropout", type=float, default=0.1, help="of the training steps, on both sides (0.1)")
    command_line.add_argument(
        "--quick", action="store_true", help="a small part of the texts, 2 repeats: to see that all works"
    )
    return command_line


if __name__ == "__main__":
    raise SystemExit(main())
