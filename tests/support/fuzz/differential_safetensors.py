"""Compares the safetensors reader with the reference library on damaged files, by hand.

    python tests/support/fuzz/differential_safetensors.py --runs 100000

What the reader accepts the reference must accept, with the same names, shapes and bytes. The other way round the
reader is stricter; how often, and with which words, is printed at the end.
"""

from __future__ import annotations

import argparse
import collections
import json
import re
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import safetensors as reference

TESTS = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(TESTS), str(TESTS.parent)]

from support.file_damage import framed_mutation, mutated, random_safetensors  # noqa: E402
from support.hostile_files import Scratch, tensor_entry  # noqa: E402
from support.hostile_files import safetensors as file_of  # noqa: E402

from numpy_bert.checkpoints.formats import safetensors  # noqa: E402
from numpy_bert.errors import Error  # noqa: E402


def seeds() -> list[bytes]:
    """Files in the spellings that JSON allows, with every dtype that the reader knows."""
    header: dict[str, object] = {"__metadata__": {"format": "pt"}}
    place = 0
    for code, name in safetensors.DTYPES.items():
        size = 6 * safetensors.Entry(name, (1,)).nbytes
        header[f"{code.lower()}.weight"] = tensor_entry(code, [2, 3], [place, place + size])
        place += size
    data = bytes(range(256))[:place].ljust(place, b"\7")
    small = {"a": tensor_entry("F32", [2], [0, 8]), "b": tensor_entry("U8", [], [8, 9])}
    empty = {"a": tensor_entry("F32", [0, 3], [0, 0])}
    return [
        file_of(header, data),
        file_of(json.dumps(header, indent=1).encode(), data),
        file_of(small, bytes(9)),
        file_of(json.dumps(small, separators=(",", ":")).encode().ljust(200), bytes(9)),
        file_of(empty),
        file_of({}),
    ]


def compare(data: bytes, arrays: dict[str, np.ndarray]) -> None:
    """The reference accepts the same bytes, and holds the same under every name."""
    theirs = dict(reference.deserialize(data))
    assert theirs.keys() == arrays.keys()
    for name, array in arrays.items():
        tensor = theirs[name]
        stored = bytes(tensor["data"])
        if tensor["dtype"] == "BF16":
            stored = (np.frombuffer(stored, "<u2").astype("<u4") << 16).tobytes()
        elif tensor["dtype"] == "BOOL":
            stored = (np.frombuffer(stored, "u1") != 0).tobytes()
        assert list(array.shape) == tensor["shape"]
        assert array.tobytes() == stored


def damaged(file: bytes, run: int) -> bytes:
    """In turn: a file built with flaws of meaning, one with a damaged header, one with damage anywhere."""
    kind = run % 4
    if kind < 2:
        return random_safetensors(run)
    return (framed_mutation if kind == 2 else mutated)(file, run)


def main() -> None:
    parser = argparse.ArgumentParser(description="Compare the safetensors reader with the reference library.")
    parser.add_argument("--runs", type=int, default=100_000)
    parser.add_argument("--first", type=int, default=0, help="the seed of the first run")
    options = parser.parse_args()
    files = seeds()
    outcomes: collections.Counter[str] = collections.Counter()
    started = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        scratch = Scratch(Path(folder, "model.safetensors"))
        for run in range(options.first, options.first + options.runs):
            data = damaged(files[run % len(files)], run)
            try:
                arrays = safetensors.read(scratch.put(data))
            except Error as error:
                try:
                    reference.deserialize(data)
                    words = str(error).removeprefix(scratch.path.as_posix()).split(", got ")[0]
                    outcomes["stricter:" + re.sub(r"'[^']*'|\d+", "_", words)] += 1
                except reference.SafetensorError:
                    outcomes["both refuse"] += 1
                continue
            try:
                compare(data, arrays)
            except Exception:
                print(f"run {run} differs: {data!r}", file=sys.stderr)
                raise
            outcomes["both accept, equal tensors"] += 1
    print(f"{options.runs} runs from {options.first} in {time.perf_counter() - started:.0f} s")
    for words, count in outcomes.most_common():
        print(f"{count:8d}  {words}")


if __name__ == "__main__":
    main()
