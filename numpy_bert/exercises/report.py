"""The checker on a backward in place of the right one: the wrong one of an exercise, or a learner's repair."""

from __future__ import annotations

import math
import os
import runpy
from collections.abc import Callable, Sequence
from typing import Any

from ..errors import Error, show
from ..gradcheck import cases, checker
from ..gradcheck.checker import Row
from .definition import Exercise

# Their arrays have too many elements to step through one by one while somebody waits.
BY_PROJECTION = ("encoder", "bert", "objective")


def check(exercise: Exercise, backward: Callable[..., Any]) -> list[Row]:
    """A row for each array of each case of the block. A backward that raises is a failed row."""
    method = "projection" if exercise.block in BY_PROJECTION else "complex"
    tolerance = cases.TABLE[exercise.block].tolerance
    rows = []
    for case, pair in cases.cases(exercise.block).items():
        if pair.replaced == exercise.backward.__name__:
            try:
                checked = checker.check(pair.forward, backward, pair.arguments, method, tolerance)
            except Exception as error:
                raised = f"raised {type(error).__name__}: {show(str(error))}"
                checked = [Row("backward", math.inf, tolerance, 0, method, False, raised)]
            rows += [row._replace(block=exercise.block, case=case) for row in checked]
    return rows


def passed(rows: Sequence[Row]) -> bool:
    return all(row.passed for row in rows)


def load(exercise: Exercise, path: str) -> Callable[..., Any]:
    """The learner's own backward. This runs the file, as `python FILE` would: give it no file that you did not write.
    Error: it cannot be read or run, or has no function of the name.
    """
    wanted = exercise.backward.__name__
    if not os.path.isfile(path):
        raise Error(f"expected a Python file, got {'a folder' if os.path.isdir(path) else 'nothing there'}", at=path)
    try:
        backward = runpy.run_path(path).get(wanted)
    except SyntaxError as error:
        where = "" if error.lineno is None else f" in line {error.lineno}"
        raise Error(f"expected Python, got {show(str(error.msg))}{where}", at=path) from error
    except (Exception, SystemExit) as error:
        got = f"{type(error).__name__}: {show(str(error))}"
        raise Error(f"expected a file that runs to its end, got {got}", at=path) from error
    if not callable(backward):
        raise Error(f"expected a function {wanted}, got none", at=path)
    function: Callable[..., Any] = backward
    return function
