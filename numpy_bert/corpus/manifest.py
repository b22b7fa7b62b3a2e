"""What a job says of itself, in a file beside its output, while it runs and after.

    {"format": 1, "rows": n, "columns": H, "rows_done": 4096, "texts_cut": 12,
     "job": {"model": sha256, "settings": {...}, "input": {"size": bytes, "sha256": ...}},
     "files": {"model": path, "input": path}, "versions": {"numpy_bert": ..., "numpy": ..., ...}}

`job` is what makes the numbers: an interrupted job is gone on with only if all of it is the same. `files` and
`versions` tell where and with what it was begun. The rows before `rows_done` are on the disk before the manifest says
so, and the manifest is replaced whole: whatever moment a process dies at, what is said is true.
"""

from __future__ import annotations

import json
import platform
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import scipy

from .. import __version__
from ..errors import Error, describe
from ..files import strict_json
from ..files.atomic import write_text
from ..files.reading import label
from ..training.run.checkpoint import differences

FORMAT = 1


class Manifest(NamedTuple):
    """rows_done and texts_cut move with the work, the rest is settled when it begins."""

    rows: int
    columns: int
    job: dict[str, Any]
    files: dict[str, str | None]
    versions: dict[str, str]
    rows_done: int = 0
    texts_cut: int = 0  # longer than the model takes

    def write(self, path: Path) -> None:
        """Replace the file. Error: why it cannot be written."""
        write_text(path, json.dumps({"format": FORMAT} | self._asdict(), indent=1) + "\n")


def read(path: Path) -> Manifest:
    """The manifest in a file. Error: it is none, or one of a newer version of this package."""
    found, where = strict_json.read(path), label(path)
    content: dict[str, Any] = found if isinstance(found, dict) else {}
    number = content.get("format")
    if type(number) is not int or number < 1:
        raise Error(f"{where}: format: expected the manifest of a job, with an integer, got {describe(number)}")
    if number > FORMAT:
        raise Error(f"{where}: format: expected at most {FORMAT}, got {number}: a newer version wrote it")
    for name, kind in (("job", dict), ("files", dict), ("versions", dict)):
        if not isinstance(content.get(name), kind):
            raise Error(f"{where}: {name}: expected an object, got {describe(content.get(name))}")
    for name in ("rows", "columns", "rows_done", "texts_cut"):
        if type(content.get(name)) is not int or content[name] < 0:
            raise Error(f"{where}: {name}: expected an integer from 0, got {describe(content.get(name))}")
    if content["rows_done"] > content["rows"]:
        raise Error(f"{where}: rows_done: expected at most {content['rows']}, got {content['rows_done']}")
    return Manifest(**{name: content[name] for name in Manifest._fields})


def check_same(begun: Manifest, wanted: Manifest, partial: Path) -> None:
    """Error: what is to be done is not what was begun."""
    changed = differences(_shown(wanted.job), _shown(begun.job))
    if changed:
        expected = "expected the job that was begun (to start over, remove this file)"
        raise Error(f"{label(partial)}: {expected}, got another: {'; '.join(changed)}")


def _shown(value: Any) -> Any:
    """Sums cut to what a person compares."""
    if isinstance(value, dict):
        return {key: _shown(inner) for key, inner in value.items()}
    return value[:12] if isinstance(value, str) else value


def versions() -> dict[str, str]:
    """Of whatever decides about the last digits."""
    return {
        "numpy_bert": __version__,
        "numpy": np.__version__,
        "scipy": scipy.__version__,
        "python": platform.python_version(),
    }
