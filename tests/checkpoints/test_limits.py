"""The fence itself: what it forbids is caught, what honest code does is not, and limits hold."""

import os
import signal
import sys

import pytest
from support.limits import FORBIDDEN, assert_refused, run_limited

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the limits are Linux's")

ACTS = {
    "pickle.find_class": "import pickle; pickle.loads(b'cos\\nsystem\\n.')",
    "exec": "exec((lambda: 1).__code__)",
    "compile": "compile('1', 'x', 'eval')",
    "os.system": "import os; os.system('true')",
    "os.exec": "import os; os.execv('/bin/true', ['true'])",
    "os.fork": "import os; os.fork()",
    "os.posix_spawn": "import os; os.posix_spawn('/bin/true', ['true'], {})",
    "subprocess.Popen": "import subprocess; subprocess.run(['true'])",
    "socket.__new__": "import socket; socket.socket()",
    "socket.getaddrinfo": "import socket; socket.getaddrinfo('localhost', 80)",
    "ctypes.dlopen": "import ctypes; ctypes.CDLL(None)",
    "ctypes.string_at": "import ctypes; ctypes.string_at(id(1), 1)",
    "marshal.loads": "import marshal; marshal.loads(b'N')",
    "os.kill": "import os; os.kill(os.getppid(), 0)",
    "os.remove": "import os; os.remove('there')",
    "os.mkdir": "import os; os.mkdir('new')",
    "os.rename": "import os; os.rename('there', 'elsewhere')",
    "os.symlink": "import os; os.symlink('there', 'link')",
    "sys.addaudithook": "sys.addaudithook(print)",
}
WRITES = {
    "builtin": "open('new', 'w')",
    "append": "open('there', 'ab')",
    "update": "open('there', 'r+b')",
    "descriptor": "import os; os.open('new', os.O_CREAT | os.O_WRONLY)",
    "numpy": "import numpy; numpy.save('new.npy', numpy.ones(3))",
    "temporary": "import tempfile; tempfile.mkstemp()",
}


@pytest.mark.parametrize("event", ACTS)
def test_forbidden_act_ends_the_child(event, tmp_path):
    (tmp_path / "there").write_text("x")
    result = run_limited(f"try:\n    {ACTS[event]}\nexcept BaseException: pass", cwd=tmp_path)
    assert result.returncode == FORBIDDEN, result
    assert result.forbidden
    assert result.stderr.startswith(f"forbidden: {event}"), result.stderr
    assert os.listdir(tmp_path) == ["there"]


@pytest.mark.parametrize("way", WRITES)
def test_writing_outside_the_named_output_ends_the_child(way, tmp_path):
    (tmp_path / "there").write_text("x")
    (tmp_path / "out").mkdir()
    result = run_limited(WRITES[way], cwd=tmp_path, writable=[tmp_path / "out"])
    assert result.returncode == FORBIDDEN, result
    assert result.stderr.startswith("forbidden: open("), result.stderr
    assert sorted(os.listdir(tmp_path)) == ["out", "there"]
    assert (tmp_path / "there").read_text() == "x"


def test_a_module_beside_the_data_is_not_imported(tmp_path):
    (tmp_path / "evil.py").write_text("open('canary', 'w')")
    result = run_limited("sys.path.insert(0, '.'); import evil", cwd=tmp_path)
    assert result.returncode == FORBIDDEN, result
    assert not (tmp_path / "canary").exists()


def test_a_link_does_not_lead_out_of_the_named_output(tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "private").mkdir()
    (tmp_path / "out" / "link").symlink_to(tmp_path / "private")
    result = run_limited("open('out/link/new', 'w')", cwd=tmp_path, writable=[tmp_path / "out"])
    assert result.returncode == FORBIDDEN, result


def test_honest_code_runs(tmp_path):
    code = """
import collections, dataclasses, numpy, os, threading, threadpoolctl, typing, zipfile
from numpy_bert.checkpoints.formats import zip_archive
collections.namedtuple("P", "x y")
dataclasses.make_dataclass("D", ["x"])
typing.NamedTuple("N", [("x", "tuple[int, ...]")])
with threadpoolctl.threadpool_limits(1):
    numpy.random.default_rng(0).random((8, 8)) @ numpy.ones((8, 8))
numpy.ones(3).ctypes.data
worker = threading.Thread(target=numpy.ones, args=[9]); worker.start(); worker.join()
open(os.devnull, "w").close()
with open("out/new.tmp", "wb") as stream: stream.write(b"x")
os.replace("out/new.tmp", "out/new")
with open(sys.argv[1]) as stream: print(stream.read(), sys.stdin.read())
"""
    (tmp_path / "out").mkdir()
    (tmp_path / "in").write_text("read")
    result = run_limited(
        code, args=[tmp_path / "in"], cwd=tmp_path, writable=[tmp_path / "out"], stdin="piped", options=["-W", "error"]
    )
    assert (result.returncode, result.stdout, result.stderr) == (0, "read piped\n", "")
    assert result.opened == (str(tmp_path / "in"),)
    assert (tmp_path / "out" / "new").read_bytes() == b"x"


def test_address_space_is_bounded_above_what_the_imports_take():
    assert run_limited("bytearray(40 << 20)", memory_mib=64).returncode == 0
    result = run_limited("bytearray(100 << 20)", memory_mib=64)
    assert result.returncode == 1
    assert result.stderr.endswith("MemoryError\n")


def test_peak_memory_is_that_of_the_program():
    result = run_limited("import numpy; numpy.ones(20 << 17)", memory_mib=64)
    assert result.peak_mib == pytest.approx(20, abs=4)


def test_processor_time_and_wall_clock_end_the_child():
    assert run_limited("while True: pass", cpu_seconds=1).returncode == -signal.SIGXCPU
    result = run_limited("import time; time.sleep(60)", wall_seconds=1.5)
    assert result.timed_out


def test_exit_status_of_errors_is_that_of_the_command_line():
    raising = "from numpy_bert.errors import Error, UsageError; raise {}('x.bin: expected 1, got 2')"
    assert assert_refused(run_limited(raising.format("Error")), "expected 1, got 2") == "x.bin: expected 1, got 2"
    assert_refused(run_limited(raising.format("UsageError")), status=2)
    assert run_limited("raise SystemExit(3)").returncode == 3
    assert "ZeroDivisionError" in run_limited("1 / 0").stderr


def test_a_list_is_a_command_line():
    result = run_limited(["--version"])
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout.startswith("numpy-bert ")


@pytest.mark.parametrize(
    "spoilt",
    ["print(1); {}", "sys.stderr.write('more\\n'); {}", "1 / 0", "raise SystemExit(1)", "pass"],
)
def test_the_contract_is_checked(spoilt):
    """Output, a second line, a traceback, silence and success are no refusal."""
    result = run_limited(spoilt.format("from numpy_bert.errors import Error; raise Error('x')"))
    with pytest.raises(AssertionError):
        assert_refused(result)
