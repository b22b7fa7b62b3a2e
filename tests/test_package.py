"""The package as a whole: cheap to import, without side effects, its imports one way, its mathematics small."""

import ast
import functools
import graphlib
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import numpy_bert

PACKAGE = Path(numpy_bert.__file__).parent
FILES = {
    ".".join(path.relative_to(PACKAGE).with_suffix("").parts): path
    for path in sorted(PACKAGE.rglob("*.py"))
    if path.parent != PACKAGE or path.name != "__init__.py"
}
MATHS = [name for name in FILES if name.startswith(("blocks.", "tasks."))]


@functools.cache
def parsed(name):
    return ast.parse(FILES[name].read_text("utf-8"))


def run_python(code, *options):
    """What a fresh interpreter prints, as JSON; it must print nothing else."""
    environment = os.environ | {"PYTHONPATH": str(PACKAGE.parent), "PYTHONDONTWRITEBYTECODE": ""}
    done = subprocess.run([sys.executable, *options, "-c", code], capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return json.loads(done.stdout)


# Importing.


def test_import_takes_less_than_a_fifth_of_a_second_of_processor_time():
    code = "import time; start = time.process_time(); import numpy_bert; print(time.process_time() - start)"
    assert min(run_python(code) for _ in range(5)) < 0.2


def test_import_touches_nothing():
    """No network, no process, no file written but Python's own byte code, no thread, no setting."""
    code = """
import json, os, sys, threading
events = []
def hook(event, args):
    if event.startswith(("socket.", "subprocess.", "ctypes.", "os.", "urllib.", "tempfile.", "shutil.", "signal.")):
        if event not in ("os.listdir", "os.scandir", "os.mkdir", "os.rename"):
            events.append(event)
    if event == "open" and isinstance(args[2], int) and args[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT):
        events.append(str(args[0]))
    if event in ("os.mkdir", "os.rename"):
        events.append(str(args[0]))
environment, settings = dict(os.environ), (sys.flags, sys.getswitchinterval(), sys.getrecursionlimit(), sys.path[:])
sys.addaudithook(hook)
import numpy_bert
changed = dict(os.environ) != environment
changed |= (sys.flags, sys.getswitchinterval(), sys.getrecursionlimit(), sys.path[:]) != settings
print(json.dumps({
    "events": [event for event in events if "__pycache__" not in event],
    "changed": changed,
    "threads": threading.active_count(),
    "imported": sorted(name for name in sys.modules if name.partition(".")[0] in ("numpy", "scipy", "rich")),
}))
"""
    assert run_python(code, "-B") == {"events": [], "changed": False, "threads": 1, "imported": []}


def test_loading_and_embedding_import_no_part_of_scipy():
    """They take longer to import than a small model takes to load."""
    code = """
import json, sys, numpy_bert
numpy_bert.load().embed("I liked this movie.")
print(json.dumps([name for name in ("scipy.special", "scipy.sparse", "scipy.spatial", "rich") if name in sys.modules]))
"""
    assert run_python(code) == []


def test_blas_threads_stay_as_they_are():
    code = """
import json, numpy, scipy.linalg, scipy.special, threadpoolctl
def settings(): return sorted((pool["filepath"], pool["num_threads"]) for pool in threadpoolctl.threadpool_info())
before = settings()
import numpy_bert.cli, numpy_bert.model, numpy_bert.inference.batching
print(json.dumps([before, settings()]))
"""
    before, after = run_python(code)
    assert before == after


def test_every_module_imports_without_a_warning_and_without_the_extras():
    code = """
import importlib, json, sys
for name in sys.argv[1:]:
    importlib.import_module(name)
extras = {"h5py", "tokenizers", "msgpack", "huggingface_hub", "matplotlib", "dask", "distributed", "sklearn"}
extras |= {"torch", "tensorflow"}
print(json.dumps(sorted(extras & set(sys.modules))))
"""
    environment = os.environ | {"PYTHONPATH": str(PACKAGE.parent)}
    names = [f"numpy_bert.{name}".removesuffix(".__init__") for name in FILES if name not in ADAPTERS]
    command = [sys.executable, "-W", "error", "-c", code, *names]
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout) == []


def test_the_public_names_are_there():
    assert set(numpy_bert.__all__) == {"Bert", "Error", "__version__", "load"}
    for name in numpy_bert.__all__:
        assert getattr(numpy_bert, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'absent'"):
        numpy_bert.absent  # noqa: B018


def test_completion_offers_the_public_names():
    assert dir(numpy_bert) == sorted(numpy_bert.__all__)


def test_it_is_typed():
    assert (PACKAGE / "py.typed").read_bytes() == b""


# Imports run one way: a module knows its own folder and the floors below.

FLOORS = (
    ("errors",),
    ("rules",),
    ("numerics",),
    ("files",),
    ("config",),
    ("blocks", "tokenizer"),
    ("tasks",),
    ("gradcheck", "checkpoints"),
    ("inference",),
    ("training",),
    ("explain", "profiling", "exercises"),
    ("model",),
    ("corpus", "lab"),
    ("cli",),
    ("__main__",),
)
FLOOR = {folder: number for number, floor in enumerate(FLOORS) for folder in floor}


def folder_of(name):
    """The folder of the package that holds a module, or the module itself where it stands in the root."""
    return name.split(".")[0]


def imported_by(name):
    """(line, module of the package) of every import, those within functions and for type checking too."""
    for node in ast.walk(parsed(name)):
        if isinstance(node, ast.ImportFrom) and node.level:
            base = name.split(".")[: -node.level]
            base += node.module.split(".") if node.module else []
            for alias in node.names:
                for candidate in ([*base, alias.name], [*base, alias.name, "__init__"], base, [*base, "__init__"]):
                    if ".".join(candidate) in FILES:
                        yield node.lineno, ".".join(candidate)
                        break
        elif isinstance(node, (ast.Import, ast.ImportFrom)):
            names = [node.module] if isinstance(node, ast.ImportFrom) else [alias.name for alias in node.names]
            assert not any(n.split(".")[0] == "numpy_bert" for n in names), f"{name}:{node.lineno}: import relatively"


def test_the_walk_sees_imports():
    assert {other for _, other in imported_by("blocks.encoder")} >= {
        "config",
        "numerics.arrays",
        "blocks.encoder_layer",
    }
    assert {other for _, other in imported_by("cli.main")} >= {"cli.embed", "errors"}


@pytest.mark.parametrize("name", FILES)
def test_imports_run_one_way(name):
    here = folder_of(name)
    for line, other in imported_by(name):
        there = folder_of(other)
        assert there == here or FLOOR[there] < FLOOR[here], f"{name}:{line}: {here} must not import {there}"


def test_the_root_is_small():
    assert {folder_of(name) for name in FILES if "." not in name} == {"__main__", "config", "errors", "model", "rules"}
    assert {folder_of(name) for name in FILES} == set(FLOOR)


def test_no_import_runs_in_a_circle():
    runtime = {name: {other for _, other in imported_by(name)} - {name} for name in FILES}
    try:
        graphlib.TopologicalSorter(runtime).prepare()
    except graphlib.CycleError as error:
        pytest.fail(" -> ".join(error.args[1]))


@pytest.mark.parametrize("name", ["gradcheck.checker", "gradcheck.contract"])
def test_the_gradient_checker_knows_nothing_of_bert(name):
    allowed = {"errors", "numerics.tree", "numerics.arrays", "gradcheck.contract"}
    assert {other for _, other in imported_by(name)} <= allowed


# Libraries.

RUN_TIME = {"numpy", "scipy", "threadpoolctl", "rich", "filelock"}
EXTRAS = {"huggingface_hub", "h5py", "gguf", "tokenizers", "msgpack", "matplotlib", "dask", "distributed", "sklearn"}
ADAPTERS = {"corpus.sklearn_transformer": "sklearn"}  # a class of a library's own kind, imported by users alone
UNSAFE = {"pickle", "_pickle", "marshal", "shelve", "dill", "cloudpickle", "joblib", "code", "imp"}


def libraries(tree):
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node, alias.name.split(".")[0]) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level:
            yield node, node.module.split(".")[0]


@pytest.mark.parametrize("name", FILES)
def test_libraries(name):
    """Those of the run time anywhere, extras only where they are used, nothing that loads code from data."""
    inside = {id(node) for function in functions(name) for node in ast.walk(function)}
    for node, library in libraries(parsed(name)):
        where = f"{name}:{node.lineno}: {library}"
        assert library not in UNSAFE, where
        assert library in RUN_TIME | EXTRAS or library in sys.stdlib_module_names, where
        extra = library in EXTRAS and ADAPTERS.get(name) != library
        assert not extra or id(node) in inside, f"{where} is an extra: import it in the function"


def test_no_module_imports_an_adapter():
    assert not [name for name in FILES for _, other in imported_by(name) if other in ADAPTERS]


@pytest.mark.parametrize("name", FILES)
def test_nothing_is_evaluated(name):
    for node in ast.walk(parsed(name)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            assert node.func.id not in ("eval", "exec", "compile", "__import__"), f"{name}:{node.lineno}"
        if isinstance(node, ast.keyword) and node.arg == "allow_pickle":
            assert isinstance(node.value, ast.Constant), f"{name}:{node.value.lineno}"
            assert node.value.value is False, f"{name}:{node.value.lineno}"


@pytest.mark.parametrize("name", FILES)
def test_syntax_is_that_of_python_3_10(name):
    ast.parse(FILES[name].read_text("utf-8"), feature_version=(3, 10))


# The mathematics: analytic, so that the complex step sees through it, and small, so that a reader does.

NOT_ANALYTIC = {
    "var", "std", "abs", "absolute", "fabs", "vdot", "linalg", "astype", "hypot", "angle", "conj", "conjugate",
}  # fmt: skip
LONGEST_FILE = 150
LONGEST_FUNCTION = 40  # lines of code: without docstring, comments and empty lines
MOST_ARGUMENTS = 6


def functions(name):
    return [node for node in ast.walk(parsed(name)) if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))]


def code_lines(name, function):
    lines = FILES[name].read_text("utf-8").splitlines()
    numbers = set(range(function.lineno, function.end_lineno + 1))
    if ast.get_docstring(function) is not None:
        numbers -= set(range(function.body[0].lineno, function.body[0].end_lineno + 1))
    return [n for n in numbers if lines[n - 1].strip() and not lines[n - 1].strip().startswith("#")]


def argument_names(function):
    args = function.args
    every = [*args.posonlyargs, *args.args, *args.kwonlyargs, args.vararg, args.kwarg]
    return [arg.arg for arg in every if arg is not None and arg.arg not in ("self", "cls")]


@pytest.mark.parametrize("name", MATHS)
def test_mathematics_is_analytic(name):
    for node in ast.walk(parsed(name)):
        if isinstance(node, ast.Attribute):
            assert node.attr not in NOT_ANALYTIC, f"{name}:{node.lineno}: .{node.attr}"
        if isinstance(node, ast.Name):
            assert node.id != "abs", f"{name}:{node.lineno}: abs"


@pytest.mark.parametrize("name", MATHS)
def test_mathematics_is_small(name):
    assert len(FILES[name].read_text("utf-8").splitlines()) <= LONGEST_FILE
    for function in functions(name):
        where = f"{name}:{function.lineno}: {function.name}"
        assert len(code_lines(name, function)) <= LONGEST_FUNCTION, where
        assert len(argument_names(function)) <= MOST_ARGUMENTS, where


def test_the_measures_measure():
    """The counting itself, on a function whose numbers are known."""
    function = next(f for f in functions("blocks.layer_norm") if f.name == "forward")
    source = ast.get_source_segment(FILES["blocks.layer_norm"].read_text("utf-8"), function)
    comments = sum(line.strip().startswith("#") or not line.strip() for line in source.splitlines())
    docstring = function.body[0].end_lineno - function.body[0].lineno + 1
    assert len(code_lines("blocks.layer_norm", function)) == len(source.splitlines()) - docstring - comments
    made = ast.parse("def f(self, a, /, b, *c, d, **e): pass").body[0]
    assert argument_names(made) == ["a", "b", "d", "c", "e"]
