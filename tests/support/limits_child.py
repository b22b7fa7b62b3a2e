"""The other side of limits.py: takes its order, imports, sets the limits, arms the audit hook, and runs."""

from __future__ import annotations

import ctypes  # noqa: F401 - imported before the hook, which would take its start-up for a misdeed
import json
import os
import resource
import runpy
import sys
import sysconfig
import time
import traceback
from collections.abc import Iterator
from types import CodeType, FrameType
from typing import NoReturn

ORDER = json.loads(sys.argv[1])
sys.path[0] = ORDER["root"]  # instead of the folder of this file

STDLIB = tuple({os.path.realpath(sysconfig.get_path(name)) for name in ("stdlib", "platstdlib")})
PACKAGES = tuple({os.path.realpath(sysconfig.get_path(name)) for name in ("purelib", "platlib")})
ROOTS = (*STDLIB, *PACKAGES, os.path.join(ORDER["root"], "numpy_bert"))

NEVER = {
    "pickle.find_class", "os.system", "os.exec", "os.fork", "os.forkpty", "os.posix_spawn", "os.spawn", "os.startfile",
    "os.kill", "os.killpg", "signal.pthread_kill", "subprocess.Popen", "pty.spawn", "webbrowser.open", "code.__new__",
    "sys.addaudithook", "urllib.Request",
}  # fmt: skip
NEVER_BEGINS = ("socket.", "ftplib.", "http.client.", "smtplib.", "imaplib.", "poplib.", "telnetlib.", "nntplib.")
CHANGES = {  # event -> which of its arguments are paths that it changes
    "os.chmod": (0,), "os.chown": (0,), "os.link": (1,), "os.mkdir": (0,), "os.remove": (0,), "os.rename": (0, 1),
    "os.rmdir": (0,), "os.setxattr": (0,), "os.symlink": (1,), "os.truncate": (0,), "os.utime": (0,),
}  # fmt: skip
WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
GENERATORS = tuple(  # namedtuple and dataclass write methods as text, typing compiles annotations that are text
    os.path.join(lib, name)
    for lib in STDLIB
    for name in ("collections/__init__.py", "dataclasses.py", "typing.py", "annotationlib.py")
)
CTYPES_USERS = (
    *(os.path.join(lib, name) for lib in PACKAGES for name in ("numpy/", "scipy/", "threadpoolctl.py")),
    os.path.join(os.path.realpath(ORDER["root"]), "numpy_bert/numerics/memory.py"),  # mallopt, of the C library itself
)


def inside(path: str, folders: tuple[str, ...] | list[str]) -> bool:
    return any(path == folder or path.startswith(folder.rstrip("/") + "/") for folder in folders)


def under_roots(filename: str) -> bool:
    """Whether code of this name is a module of Python's, of an installed package or of ours."""
    return filename.startswith("<frozen ") or inside(os.path.realpath(filename), ROOTS)


def callers() -> Iterator[str]:
    """Files of the frames that caused the event, innermost first."""
    frame: FrameType | None = sys._getframe()
    while frame is not None:
        name = frame.f_code.co_filename
        if name != __file__:
            yield name if name.startswith("<") else os.path.realpath(name)
        frame = frame.f_back


def defines_a_class() -> bool:
    return next(callers(), "") in GENERATORS


def prints_a_traceback() -> bool:
    """It parses, and does not run, the line that failed."""
    names = (name for name in callers() if os.path.basename(name) != "ast.py")
    return next(names, "") in [os.path.join(lib, "traceback.py") for lib in STDLIB]


def ctypes_for_a_library() -> bool:
    names = (name for name in callers() if "/ctypes/" not in name and not name.startswith("<frozen importlib"))
    return next(names, "").startswith(CTYPES_USERS)


def forbidden(event: str, args: tuple[object, ...]) -> str | None:
    """Why this event ends the child, or None."""
    if event in NEVER or event.startswith(NEVER_BEGINS):
        return "never"
    if event == "exec":
        code = args[0]
        fine = code is program or (isinstance(code, CodeType) and under_roots(code.co_filename)) or defines_a_class()
        return None if fine else "not a module of Python's or of an installed package"
    if event == "compile":
        fine = under_roots(str(args[1])) or defines_a_class() or prints_a_traceback()
        return None if fine else "not a module of Python's or of an installed package"
    if event == "marshal.loads":
        return None if next(callers(), "").startswith("<frozen importlib") else "not by an import"
    if event == "import":
        return None if args[1] is None or under_roots(str(args[1])) else "not an installed package"
    if event.startswith("ctypes."):
        return None if ctypes_for_a_library() else "not by NumPy, SciPy or threadpoolctl"
    if event == "open":
        return opening(*args)
    for index in CHANGES.get(event, ()):
        if not may_write(args[index]):
            return "outside the named output"
    return None


def opening(path: object, mode: object, flags: object) -> str | None:
    if isinstance(path, int):
        return None
    writes = (isinstance(flags, int) and flags & WRITES) or (isinstance(mode, str) and set(mode) & set("wax+"))
    if writes:
        return None if may_write(path) or path == os.devnull else "outside the named output"
    name = os.path.abspath(os.fsdecode(path))  # type: ignore[arg-type]
    if name != __file__ and not inside(os.path.realpath(name), ROOTS) and not name.startswith("/proc/self/"):
        tell(opened=name)
    return None


def may_write(path: object) -> bool:
    if isinstance(path, int):
        return True  # an open file, whose opening was judged
    name = os.path.abspath(os.fsdecode(path))  # type: ignore[arg-type]
    real = os.path.join(os.path.realpath(os.path.dirname(name)), os.path.basename(name))
    return inside(real, [os.path.realpath(folder) for folder in ORDER["writable"]])


def hook(event: str, args: tuple[object, ...]) -> None:
    try:
        why = forbidden(event, args)
    except Exception:
        why = "the hook failed: " + traceback.format_exc()
    if why is not None:
        os.write(2, f"forbidden: {event}{ascii(args)[:300]}: {why}\n".encode())
        os._exit(ORDER["forbidden"])


def tell(**event: object) -> None:
    os.write(report, json.dumps(event).encode() + b"\n")


def status(field: str) -> int:
    """Bytes, from /proc/self/status."""
    with open("/proc/self/status", encoding="ascii") as lines:
        return next(int(line.split()[1]) << 10 for line in lines if line.startswith(field))


def finish(code: int) -> NoReturn:
    """Report, flush, and end without the clean-up of the interpreter, which the hook need not watch."""
    seconds = time.process_time() - started
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    resource.setrlimit(resource.RLIMIT_AS, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    tell(seconds=seconds, peak=(status("VmHWM") - baseline) / 2**20)
    os._exit(code)


def run() -> int:
    from numpy_bert.errors import Error, UsageError

    try:
        if program is not None:
            exec(program, {"__name__": "__main__", "sys": sys, "numpy_bert": numpy_bert})
        else:
            runpy.run_module("numpy_bert", run_name="__main__", alter_sys=True)
    except SystemExit as end:
        if isinstance(end.code, str):
            print(end.code, file=sys.stderr)
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    except Error as error:
        print(f"numpy-bert: error: {error}", file=sys.stderr)
        return 2 if isinstance(error, UsageError) else 1
    except BaseException:
        traceback.print_exc()  # with what is left of the memory: the limit still holds
        return 1
    return 0


import numpy  # noqa: E402
import rich.progress  # noqa: E402, F401
import scipy.sparse  # noqa: E402
import scipy.special  # noqa: E402, F401
import threadpoolctl  # noqa: E402

import numpy_bert  # noqa: E402
import numpy_bert.errors  # noqa: E402
import numpy_bert.files.strict_json  # noqa: E402

numpy.ones((64, 64)) @ numpy.ones((64, 64))  # BLAS takes its working memory at the first product
threadpoolctl.threadpool_info()  # older releases look for the C library with a process of their own, once
sys.argv = ["numpy-bert", *ORDER["args"]]
program = None if ORDER["code"] is None else compile(ORDER["code"], "<program>", "exec")
report = os.open(ORDER["report"], os.O_WRONLY | os.O_CREAT, 0o600)
with open("/proc/self/clear_refs", "w", encoding="ascii") as control:
    control.write("5")  # forget the peak of the imports
baseline = status("VmRSS")
limit = status("VmSize") + ORDER["memory"]
used = int(resource.getrusage(resource.RUSAGE_SELF).ru_utime + resource.getrusage(resource.RUSAGE_SELF).ru_stime) + 1
resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
resource.setrlimit(resource.RLIMIT_AS, (limit, resource.RLIM_INFINITY))
resource.setrlimit(resource.RLIMIT_CPU, (used + ORDER["cpu"], used + ORDER["cpu"] + 1))
sys.addaudithook(hook)
started = time.process_time()
finish(run())
