"""The worker processes of a work, from the side of the one who asks them."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
DROPPED = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "GOTO_NUM_THREADS")


def environment(threads: int) -> dict[str, str]:
    """That of a side: the number of threads is set in each library, not left to the shell."""
    kept = {key: value for key, value in os.environ.items() if key not in DROPPED}
    return kept | {
        "RAYON_NUM_THREADS": str(threads),
        "TOKENIZERS_PARALLELISM": "true" if threads > 1 else "false",
        "HF_HUB_OFFLINE": "1",
    }


@contextlib.contextmanager
def on_cores(count: int) -> Iterator[None]:
    """A process that is started meanwhile has so many cores from its first moment on: BLAS counts them when loaded."""
    if not hasattr(os, "sched_setaffinity"):
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, sorted(before)[:count])
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def rotated(items: list[Any], by: int) -> list[Any]:
    """Another begins each round."""
    by %= len(items)
    return items[by:] + items[:by]


class Side:
    """One worker; closing it ends the process."""

    def __init__(self, name: str, threads: int) -> None:
        self.name = name
        with on_cores(threads):  # as many as threads, for every side
            self.process = subprocess.Popen(
                [sys.executable, str(HERE / "worker.py"), name],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                env=environment(threads),
                text=True,
                encoding="utf-8",
            )

    def ask(self, **order: Any) -> dict[str, Any]:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps(order) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit(f"{self.name}: the process has ended with status {self.process.wait()}")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def __enter__(self) -> Side:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.communicate()
