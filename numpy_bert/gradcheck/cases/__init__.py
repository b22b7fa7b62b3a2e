"""Every forward and backward of the package, ready for gradcheck: what `numpy-bert gradcheck` runs.

TABLE has a line for each module of blocks/ and tasks/ that has a backward. To add one, write its cases as a function of
a generator and name it in BLOCKS, LOSSES or TASKS; a test fails for a module that is missing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from ...errors import UsageError, show
from .. import checker
from ..checker import Row
from ..report import failure, to_json
from .blocks import BLOCKS
from .checkpoint import run_at
from .losses import LOSSES
from .samples import Block, Pair
from .tasks import TASKS

__all__ = ["TABLE", "Block", "Pair", "Row", "cases", "failure", "names", "run", "run_at", "to_json"]

TABLE: dict[str, Block] = BLOCKS | LOSSES | TASKS


def names() -> tuple[str, ...]:
    """The modules that can be checked, from the simplest to the whole model."""
    return tuple(TABLE)


def cases(name: str) -> dict[str, Pair]:
    """The pairs of one module; the same numbers in each call."""
    return TABLE[name].cases(np.random.default_rng(7))


def run(
    names: Sequence[str] = (), method: str = "complex", progress: Callable[[int], object] = lambda done: None
) -> list[Row]:
    """Check these modules, or all: a row for each case and each array with a gradient. progress is called with 1 after
    each module. UsageError: there is no such module or method.
    """
    rows = []
    for name in names or TABLE:
        if name not in TABLE:
            raise UsageError(f"gradcheck: {show(name)}: expected one of {', '.join(TABLE)}")
        block = TABLE[name]
        tolerance = {"central": block.central, "central-projection": None}.get(method, block.tolerance)
        for case, pair in cases(name).items():
            checked = checker.check(*pair, method, tolerance)
            rows += [row._replace(block=name, case=case) for row in checked]
        progress(1)
    return rows
