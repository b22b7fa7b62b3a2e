"""Reports of gradient checks: the worst case of each array, what is wrong with a failed one, JSON."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

from .checker import Row


def to_json(row: Row) -> dict[str, Any]:
    """A row as JSON has it: null where there was nothing to compare."""
    fields = row._asdict()
    numbers = ("error", "analytic", "numeric")
    return fields | {name: None for name in numbers if fields[name] is not None and not math.isfinite(fields[name])}


def worst_cases(rows: Iterable[Row]) -> list[Row]:
    """One row for each array of each module, in order: a case that failed, else the one with the largest error."""
    worst: dict[tuple[str, str], Row] = {}
    for row in rows:
        key = (row.block, row.name)
        if key not in worst or _badness(row) > _badness(worst[key]):
            worst[key] = row
    return list(worst.values())


def failure(row: Row) -> str:
    """Which element of which case is wrong, and by how much."""
    where = f"{row.block}: {row.case}: {row.name}"
    if row.problem:
        return f"{where}: {row.problem}"
    assert row.place is not None
    place = ", ".join(map(str, row.place))
    return f"{where}[{place}]: expected {row.numeric!r} ({row.method}), got {row.analytic!r}"


def _badness(row: Row) -> tuple[bool, float]:
    return not row.passed, row.error
