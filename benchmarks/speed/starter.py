"""Runs a command on N cores, `starter.py N COMMAND ...`, and prints what it took: seconds, and its peak of memory."""

import json
import os
import sys
import time

cores, *command = sys.argv[1:]
if hasattr(os, "sched_setaffinity"):
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: int(cores)])
start = time.perf_counter()
child = os.posix_spawn(command[0], command, os.environ)
_, status, usage = os.wait4(child, 0)
seconds = time.perf_counter() - start
unit = 1 if sys.platform == "darwin" else 1024
print(json.dumps({"seconds": seconds, "bytes": usage.ru_maxrss * unit}))
raise SystemExit(os.waitstatus_to_exitcode(status))
