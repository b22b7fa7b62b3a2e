"""One side in a process of its own: it prepares a job, then waits to be told to run it.

    python worker.py SIDE

Orders come as lines of JSON on standard input, answers leave as lines on standard output. While one side runs the
others are blocked in a read: they take no time, though all are loaded and warm.

    {"prepare": JOB FOLDER}   {"versions": {...}}
    {"answer": FILE.npy}      {"done": true}          what the side computes, for comparison
    {"run": N}                {"seconds": S}          the job N times
"""

from __future__ import annotations

import importlib
import json
import os
import sys
import time
from pathlib import Path

import jobs
import numpy as np


def main(side: str) -> None:
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # what libraries print goes to stderr
    prepared = None
    for line in sys.stdin:
        order = json.loads(line)
        if "prepare" in order:
            job = jobs.read(Path(order["prepare"]))
            prepared = importlib.import_module(side).prepare(job)
            answer = {"versions": prepared.versions()}
        elif "answer" in order:
            np.save(order["answer"], prepared.answer())
            answer = {"done": True}
        else:
            if hasattr(prepared, "renew"):
                prepared.renew()
            start = time.perf_counter()
            for _ in range(order["run"]):
                prepared.run()
            answer = {"seconds": time.perf_counter() - start}
        print(json.dumps(answer), file=answers, flush=True)


if __name__ == "__main__":
    main(sys.argv[1])
