"""Run a piece of Python, or a command of numpy-bert, as hostile input must be run: fenced in and watched.

    from support.limits import assert_refused, run_limited

    result = run_limited(["inspect", str(path)])                    # python -m numpy_bert inspect PATH
    assert_refused(result, "header", "expected", status=1)

    code = "from numpy_bert.checkpoints.formats import safetensors; safetensors.read(sys.argv[1])"
    result = run_limited(code, args=[path])

The child imports NumPy, SciPy and the package first. From then on it has
  - `memory_mib` of address space beyond what it holds by then (RLIMIT_AS; read from /proc, so Linux only);
  - `cpu_seconds` of processor time (RLIMIT_CPU) and `wall_seconds` of time, after which it is killed;
  - an audit hook (limits_child.py) that ends it at once, with status FORBIDDEN and a line `forbidden: ...` on stderr,
    when it unpickles a global, compiles or executes code that is not a module of Python's or of an installed
    package, starts a process, opens a socket, calls foreign code through ctypes (NumPy, SciPy and threadpoolctl
    may), kills, or writes, renames, removes or makes anything outside `writable`.

Code that is given as a string runs as a program would: `sys` and `numpy_bert` are imported, `sys.argv[1:]` are the
`args`, and numpy_bert.errors.Error ends it as it ends the command line: one line, status 1 (2 for a UsageError). Many
hostile files can be tried in one child: loop in the code.

`writable` names files and folders; name the folder of an output, since files are written beside it and renamed.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import BinaryIO, NamedTuple

import numpy_bert

CHILD = Path(__file__).with_name("limits_child.py")
FORBIDDEN = 97  # exit status of a forbidden act
PREFIX = "numpy-bert: error: "
LONGEST_LINE = 300

# One thread and one arena: each further one reserves address space that it never uses.
ENVIRONMENT = {
    "OPENBLAS_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "MALLOC_ARENA_MAX": "1",
    "PYTHONDONTWRITEBYTECODE": "1",
}


class Result(NamedTuple):
    """How it ended."""

    returncode: int  # negative: the signal that killed it, -SIGXCPU for too much processor time
    stdout: str
    stderr: str
    seconds: float  # of processor time, from after the imports to the end; of a killed child, by the clock
    peak_mib: float | None  # most resident memory above that after the imports; None of a killed child
    opened: tuple[str, ...]  # what it opened for reading, but for Python's own modules
    timed_out: bool  # killed by the wall clock

    @property
    def forbidden(self) -> bool:
        return self.returncode == FORBIDDEN


def run_limited(
    argv_or_code: str | Sequence[object],
    *,
    args: Sequence[object] = (),
    memory_mib: int = 64,
    cpu_seconds: int = 5,
    wall_seconds: float = 30,
    writable: Sequence[str | os.PathLike[str]] = (),
    cwd: str | os.PathLike[str] | None = None,
    env: Mapping[str, str | None] | None = None,
    stdin: str = "",
    options: Sequence[str] = (),
) -> Result:
    """A list: arguments of `python -m numpy_bert`. A string: code, whose `sys.argv[1:]` are `args`.

    `env` adds to the environment, or removes with None; `options` are the interpreter's: ["-O"]. Bad input may take 64
    MiB over its own size: the default, to which a test adds the size of a large input.
    """
    arguments = args if isinstance(argv_or_code, str) else argv_or_code
    with tempfile.TemporaryDirectory(prefix="limits-") as folder:
        report = Path(folder, "report")
        order = {
            "code": argv_or_code if isinstance(argv_or_code, str) else None,
            "args": [os.fspath(arg) if isinstance(arg, os.PathLike) else str(arg) for arg in arguments],
            "memory": memory_mib << 20,
            "cpu": cpu_seconds,
            "writable": [os.path.abspath(path) for path in writable],
            "root": str(Path(numpy_bert.__file__).resolve().parent.parent),
            "report": str(report),
            "forbidden": FORBIDDEN,
        }
        merged = {**os.environ, **ENVIRONMENT, **(env or {})}
        environment = {name: value for name, value in merged.items() if value is not None}
        command = [sys.executable, *options, str(CHILD), json.dumps(order)]
        with open(Path(folder, "out"), "w+b") as out, open(Path(folder, "err"), "w+b") as err:
            started = time.perf_counter()
            process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=out, stderr=err, cwd=cwd, env=environment, start_new_session=True
            )
            timed_out = _wait(process, stdin, wall_seconds)
            seconds = time.perf_counter() - started
            texts = [_text(stream) for stream in (out, err)]
        lines = report.read_text("utf-8").splitlines() if report.exists() else []
    events = [json.loads(line) for line in lines]
    end = next((event for event in events if "seconds" in event), {"seconds": seconds, "peak": None})
    opened = tuple(event["opened"] for event in events if "opened" in event)
    return Result(process.returncode, *texts, end["seconds"], end["peak"], opened, timed_out)


def assert_refused(result: Result, *fragments: str, status: int = 1) -> str:
    """The contract of bad input: the status, one printable line of at most 300 characters on stderr and nothing else,
    with every fragment in it, nothing on stdout. Returns the message without its prefix."""
    assert not result.timed_out, f"killed by the wall clock: {result.stderr!r}"
    assert result.returncode == status, f"status {result.returncode}, stderr {result.stderr[-2000:]!r}"
    assert result.stderr.startswith(PREFIX), result.stderr[-2000:]
    line, end, rest = result.stderr.partition("\n")
    assert (end, rest) == ("\n", ""), result.stderr[-2000:]
    assert line.isprintable(), ascii(line)
    assert len(line) <= LONGEST_LINE, f"{len(line)} characters: {line}"
    for fragment in fragments:
        assert fragment in line, f"{fragment!r} is not in: {line}"
    assert result.stdout == "", result.stdout[-2000:]
    return line.removeprefix(PREFIX)


def _wait(process: subprocess.Popen[bytes], stdin: str, wall_seconds: float) -> bool:
    """Whether the wall clock had to end it."""
    try:
        process.communicate(stdin.encode("utf-8"), timeout=wall_seconds)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        return True
    return False


def _text(stream: BinaryIO) -> str:
    stream.seek(0)
    return stream.read(1 << 22).decode("utf-8", "backslashreplace")
