"""The mathematics is plain NumPy: what is about memory, cores or caches stands in numpy_bert/numerics."""

import ast
from pathlib import Path

import pytest

import numpy_bert

ROOT = Path(numpy_bert.__file__).parent
FILES = sorted(path for folder in ("blocks", "tasks") for path in (ROOT / folder).glob("*.py"))
WORDS = {"ws", "workspace", "pool", "buffer", "scratch", "tile", "chunk", "workers", "out"}
LIBRARIES = {"threading", "concurrent", "multiprocessing", "ctypes", "queue", "threadpoolctl", "threads"}
PACKING = {"ascontiguousarray", "asfortranarray", "require"}
HANDED_OVER = "accumulate_into"  # the one argument that a caller gives away: a gradient, for another to be added to it
ADDING = {"scatter_add", "add_rows"}  # functions that write to their first argument
NEW = (ast.Call, ast.BinOp)  # expressions whose value is an array that nobody else has
LARGEST = 16  # integers beyond it at the head of a module would be sizes


def not_plain(source):
    """(line, what) of everything in a module that is about speed or memory."""
    module = ast.parse(source)
    for node in module.body:
        if isinstance(node, (ast.Assign, ast.AnnAssign)) and node.value is not None and _is_size(node.value):
            yield node.lineno, "a size constant"
    for node in ast.walk(module):
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            named = {alias.name for alias in node.names} | {getattr(node, "module", None) or ""}
            if LIBRARIES & {part for name in named for part in name.split(".")}:
                yield node.lineno, "threads"
        elif isinstance(node, ast.arg) and node.arg in WORDS:
            yield node.lineno, f"an argument `{node.arg}`"
        elif isinstance(node, ast.Name) and node.id in WORDS:
            yield node.lineno, f"the name `{node.id}`"
        elif isinstance(node, ast.Attribute) and node.attr in PACKING:
            yield node.lineno, "packing"
        elif isinstance(node, ast.Compare) and any(
            getattr(part, "attr", "") == "dtype" for part in (node.left, *node.comparators)
        ):
            yield node.lineno, "another path for a dtype"
        elif isinstance(node, ast.FunctionDef):
            yield from _foreign_writes(node)


def _is_size(value):
    try:
        number = eval(compile(ast.Expression(value), "constant", "eval"), {"__builtins__": {}})
    except NameError:
        return False
    return type(number) is int and number > LARGEST


def _foreign_writes(function):
    """Writes over memory that this function has not made, under any name."""
    arguments = {arg.arg for arg in ast.walk(function.args) if isinstance(arg, ast.arg)} - {HANDED_OVER}
    made = {
        target.id
        for node in ast.walk(function)
        if isinstance(node, ast.Assign) and isinstance(node.value, NEW)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    for node in ast.walk(function):  # another name for an argument is the argument: y = x, y = 2 * x if c else x
        if isinstance(node, ast.Assign) and {part.id for part in _values(node.value)} & arguments:
            aliases = {target.id for target in node.targets if isinstance(target, ast.Name)}
            arguments, made = arguments | aliases, made - aliases
    for node in ast.walk(function):
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") in ADDING:
            if getattr(node.args[0], "id", None) in arguments - made:
                yield node.lineno, f"a write to the argument `{node.args[0].id}`"
        elif isinstance(node, ast.keyword) and node.arg == "out":
            yield node.value.lineno, "out="
        elif isinstance(node, (ast.AugAssign, ast.Subscript)):
            target = node.target if isinstance(node, ast.AugAssign) else node
            if isinstance(target, ast.Subscript):
                if not isinstance(target.ctx, ast.Store):
                    continue
                target = target.value
            if isinstance(target, ast.Name) and target.id in arguments - made:
                yield node.lineno, f"a write to the argument `{target.id}`"


def _values(expression):
    """The names that the value of an expression may be."""
    if isinstance(expression, ast.IfExp):
        return _values(expression.body) + _values(expression.orelse)
    return [expression] if isinstance(expression, ast.Name) else []


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_a_module_holds_mathematics_alone(path):
    assert list(not_plain(path.read_text(encoding="utf-8"))) == []


@pytest.mark.parametrize(
    ("line", "what"),
    [
        ("PART = 1 << 18", "a size constant"),
        ("SMALL: int = 1_000_000", "a size constant"),
        ("from ..numerics.threads import parallel_for", "threads"),
        ("from ..numerics import threads", "threads"),
        ("from concurrent.futures import ThreadPoolExecutor", "threads"),
        ("def forward(x, ws): pass", "an argument `ws`"),
        ("def forward(x): y = tile(x)", "the name `tile`"),
        ("def forward(x): return np.ascontiguousarray(x)", "packing"),
        ("def forward(x): return fast(x) if x.dtype == np.float32 else x", "another path for a dtype"),
        ("def forward(x): return np.exp(x, out=x)", "out="),
        ("def backward(dy, cache): return np.exp(dy, out=cache.x)", "out="),
        ("def backward(dy): dy *= 2", "a write to the argument `dy`"),
        ("def backward(dy): dy[0] = 2", "a write to the argument `dy`"),
        ("def backward(dy):\n    dx = dy\n    dx += 1", "a write to the argument `dx`"),
        ("def backward(dy, c):\n    dx = 2 * dy if c else dy\n    dx[0] = 1", "a write to the argument `dx`"),
        ("def backward(dy): scatter_add(dy, ids, rows)", "a write to the argument `dy`"),
    ],
)
def test_what_is_not_mathematics_would_be_noticed(line, what):
    assert [result for _, result in not_plain(line)] == [what]


def test_new_arrays_may_be_written_to():
    assert not list(not_plain("def forward(x):\n    y = 2 * x\n    y += 1\n    y[0] = 3\n"))
