"""The rows of gradient checks as a table for people: a line for each module and each of its arrays."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

from ..files.terminal import table
from .checker import Row


def to_json(row: Row) -> dict[str, Any]:
    """A row as JSON has it: null where there was nothing to compare."""
    fields = row._asdict()
    numbers = ("error", "analytic", "numeric")
    return fields | {name: None for name in numbers if fields[name] is not None and not math.isfinite(fields[name])}


def format_rows(rows: Iterable[Row]) -> str:
    """The worst case of each array of each module; below, what is wrong with each one that failed."""
    rows = list(rows)
    worst: dict[tuple[str, str], Row] = {}
    for row in rows:
        key = (row.block, row.name)
        if key not in worst or _badness(row) > _badness(worst[key]):
            worst[key] = row
    lines = [
        (row.block, row.name, f"{row.error:.1e}", f"{row.tolerance:.0e}", "ok" if row.passed else "FAILED", row.case)
        for row in worst.values()
    ]
    text = table(("block", "gradient by", "largest error", "tolerance", "verdict", "in the case"), lines, "llrrll")
    failures = "\n".join(_failure(row) for row in rows if not row.passed)
    return f"{text}\n\n{failures}" if failures else text


def _badness(row: Row) -> tuple[bool, float]:
    return not row.passed, row.error


def _failure(row: Row) -> str:
    where = f"{row.block}: {row.case}: {row.name}"
    if row.problem:
        return f"{where}: {row.problem}"
    assert row.place is not None
    place = ", ".join(map(str, row.place))
    return f"{where}[{place}]: expected {row.numeric!r} ({row.method}), got {row.analytic!r}"
