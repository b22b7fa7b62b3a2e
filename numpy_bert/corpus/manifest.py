"""The manifest of a job: a file beside the output that says what has been computed, from what, and with what.

    {"format": 2, "rows": n, "columns": H, "rows_done": 4096, "texts_cut": 12, "blocks": [[4096, 12, 1234567890]],
     "job": {"model": sha256, "settings": {...}, "input": {"size": bytes, "sha256": ...}},
     "files": {"model": path, "input": path}, "versions": {"numpy_bert": ..., "numpy": ..., ...},
     "sha256": of all of the above}

`job` is what determines the vectors: a job can only be resumed if all of it is unchanged. `files` and `versions` record
where and with what it was started. `blocks` has an entry for each stretch of rows that was written at once: how many
rows, how many of their texts were cut, and the CRC-32 of their bytes. Rows are on the disk before the manifest counts
them, and the manifest is replaced as a whole, so it is true at any moment a process may die. Its own sha256 shows
whether it was damaged or edited, the checksums whether the rows were.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NamedTuple

from ..errors import Error, describe
from ..files import strict_json
from ..files.atomic import write_text
from ..rules import is_integer
from ..training.run.checkpoint import SEAL, differences, seal

FORMAT = 2


class Block(NamedTuple):
    """Rows that were written at once."""

    rows: int
    texts_cut: int  # how many of their texts were longer than the model takes
    crc32: int  # of their bytes in the array


class Manifest(NamedTuple):
    """`blocks` grows with the work; everything else is settled when the job begins."""

    rows: int
    columns: int
    job: dict[str, Any]
    files: dict[str, str | None]
    versions: dict[str, str]
    blocks: tuple[Block, ...] = ()

    @property
    def rows_done(self) -> int:
        return sum(block.rows for block in self.blocks)

    @property
    def texts_cut(self) -> int:
        return sum(block.texts_cut for block in self.blocks)

    def write(self, path: Path) -> None:
        """Replace the file. Error: it cannot be written."""
        counts = {"rows_done": self.rows_done, "texts_cut": self.texts_cut}
        content = {"format": FORMAT} | self._asdict() | counts
        write_text(path, json.dumps(content | {SEAL: seal(content)}, indent=1) + "\n")


def read(path: Path) -> Manifest:
    """The manifest in a file. Error: it is not one, it was changed, or another version of this package wrote it."""
    value = strict_json.read(path)
    content: dict[str, Any] = value if isinstance(value, dict) else {}
    number = content.get("format")
    if not is_integer(number, 1):
        raise Error(f"format: expected the manifest of a job, with an integer, got {describe(number)}", at=path)
    if number != FORMAT:
        writer = "a newer version" if number > FORMAT else "an older version"
        start_over = "remove it and the .partial file to start over"
        raise Error(f"format: expected {FORMAT}, got {number}: {writer} wrote it; {start_over}", at=path)
    if content.get(SEAL) != seal(content):
        expected = f"expected the {SEAL} of the manifest"
        raise Error(f"{expected}, got another: it was changed; remove it and the .partial file to start over", at=path)
    for name, kind in (("job", dict), ("files", dict), ("versions", dict)):
        if not isinstance(content.get(name), kind):
            raise Error(f"{name}: expected an object, got {describe(content.get(name))}", at=path)
    for name in ("rows", "columns", "rows_done", "texts_cut"):
        if not is_integer(content.get(name)):
            raise Error(f"{name}: expected an integer from 0, got {describe(content.get(name))}", at=path)
    blocks = _blocks(content.get("blocks"), path)
    manifest = Manifest(**{name: content[name] for name in Manifest._fields} | {"blocks": blocks})
    if not manifest.rows_done == content["rows_done"] <= manifest.rows:
        got = f"{content['rows_done']} with {manifest.rows_done} in blocks"
        raise Error(f"rows_done: expected the rows of the blocks, at most {manifest.rows}, got {got}", at=path)
    return manifest


def _blocks(value: Any, path: Path) -> tuple[Block, ...]:
    entries = value if isinstance(value, list) else [value]
    for entry in entries:
        if not isinstance(entry, list) or len(entry) != len(Block._fields) or not all(map(is_integer, entry)):
            expected = f"lists of {', '.join(Block._fields)}"
            raise Error(f"blocks: expected {expected}, got {describe(entry)}", at=path)
    return tuple(Block(*entry) for entry in entries)


def check_same(begun: Manifest, wanted: Manifest, partial: Path) -> None:
    """Error: the interrupted job is another one; the message lists the differences."""
    ours, theirs = ({"rows": m.rows, "columns": m.columns} | m.job for m in (wanted, begun))
    changed = differences(_short(ours), _short(theirs))
    if changed:
        expected = "expected the job that was begun (to start over, remove this file)"
        raise Error(f"{expected}, got another: {'; '.join(changed)}", at=partial)


def _short(value: Any) -> Any:
    """Checksums cut to what a person compares."""
    if isinstance(value, dict):
        return {key: _short(inner) for key, inner in value.items()}
    return value[:12] if isinstance(value, str) else value
