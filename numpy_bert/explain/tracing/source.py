"""What each statement of a function writes, and on which lines it stands: read from the source itself.

    total = np.add(word, position, out=...)      writes total
    total += segment                             writes total
    np.matmul(rows, W.T, out=y)                  writes y
    dx[kept] = ...                               writes a part of dx
    y = np.empty(...)                            writes nothing yet: y is blank
    x_hat, rstd, gamma = cache                   writes nothing: it only gives names to what is known

The recorder asks this module, so the blocks need not say anything about themselves.
"""

from __future__ import annotations

import ast
import functools
import importlib
import inspect
import re
from collections.abc import Iterator
from types import CodeType, ModuleType
from typing import NamedTuple

from ...errors import Error

PACKAGE = __name__.split(".")[0]
MEMORY = {"empty", "empty_like"}  # functions whose result is memory without values
FILLS_FIRST = {"copyto", "at", "put_along_axis"}  # NumPy's functions that write to their first argument
NAMES_ONLY = {"cache", "params"}  # taking these apart computes nothing
RESULT = re.compile(r"->\s*(\w+)")  # in a docstring: "dy (..., O) -> dx (..., I), dparams"


class Statement(NamedTuple):
    first: int  # lines of the file, from 1
    last: int
    writes: tuple[str, ...]
    parts: tuple[str, ...]  # of these, those that it may write a part of
    blank: tuple[str, ...]  # names it gives to memory without values
    fills: bool  # whether it writes to memory that is there, and does not only give names
    result: str | None  # of a return: the name of what it returns, "" for what has none


class Function(NamedTuple):
    """A function of a module."""

    module: str  # within the package: "blocks.attention"
    name: str  # "forward"
    first: int
    last: int
    result: str  # what its docstring calls the first of its results
    statements: dict[int, Statement]  # by each line of it
    code: CodeType  # what Python makes of these lines


class Source(NamedTuple):
    """A module as it is written."""

    lines: tuple[str, ...]
    docstring: str
    functions: dict[str, Function]


@functools.cache
def read_module(module: str) -> Source:
    """The source of a module of this package, "blocks.attention".

    Error: only its byte code is installed, or the file has been changed to what is no Python.
    """
    imported = importlib.import_module(f"{PACKAGE}.{module}")
    try:
        text = inspect.getsource(imported)
        parsed, whole = ast.parse(text), _code(imported)
    except OSError:
        raise Error(f"{PACKAGE}.{module}: expected its source, which a trace points to, got byte code alone") from None
    except SyntaxError:
        raise _changed(module) from None
    codes = {code.co_name: code for code in whole.co_consts if isinstance(code, CodeType)}
    functions = {
        node.name: _function(module, node, codes[node.name])
        for node in parsed.body
        if isinstance(node, ast.FunctionDef) and node.name in codes
    }
    return Source(tuple(text.splitlines()), ast.get_docstring(parsed) or "", functions)


def _code(imported: ModuleType) -> CodeType:
    """What an import of the module would run now; nothing is run. It need not be what runs."""
    get_code = getattr(imported.__spec__ and imported.__spec__.loader, "get_code", None)
    code = get_code and get_code(imported.__name__)
    if not isinstance(code, CodeType):
        raise OSError
    return code


def function_of(module: str, running: CodeType) -> Function:
    """The function of a module that this code was made of.

    Error: what runs was made of other lines, since the file has been changed after its import.
    """
    function = read_module(module).functions.get(running.co_name)
    if function is None or function.code != running or list(function.code.co_lines()) != list(running.co_lines()):
        raise _changed(module)
    return function


def _changed(module: str) -> Error:
    got = "a file that was changed after its import; start Python anew"
    return Error(f"{PACKAGE}.{module}: expected the source that is running, got {got}")


def _function(module: str, node: ast.FunctionDef, code: CodeType) -> Function:
    found = RESULT.search(ast.get_docstring(node) or "")
    lines = {}
    for statement in _statements(node.body):
        for line in range(statement.first, statement.last + 1):
            lines[line] = statement
    last = node.end_lineno or node.lineno
    return Function(module, node.name, node.lineno, last, found[1] if found else "result", lines, code)


def _statements(body: list[ast.stmt]) -> Iterator[Statement]:
    """Each statement; of one with a body (if, for, with) its head and then what is inside."""
    for node in body:
        inside = [part for name in ("body", "orelse", "finalbody") for part in getattr(node, name, [])]
        last = inside[0].lineno - 1 if inside else node.end_lineno or node.lineno
        named, parts = ([], []) if inside else _writes(node)
        blank = _is_memory(getattr(node, "value", None))
        yield Statement(
            first=node.lineno,
            last=max(node.lineno, last),
            writes=() if blank else tuple(dict.fromkeys(named + parts)),
            parts=tuple(dict.fromkeys(parts)),
            blank=tuple(named) if blank else (),
            fills=_fills(node),
            result=_result(node),
        )
        yield from _statements(inside)


def _writes(node: ast.stmt) -> tuple[list[str], list[str]]:
    """The names it writes wholly, and those it may write a part of."""
    whole: list[str] = []
    parts: list[str] = []
    if isinstance(node, (ast.Assign, ast.AnnAssign, ast.AugAssign)) and not _only_names(node.value):
        for target in node.targets if isinstance(node, ast.Assign) else [node.target]:
            for part in ast.walk(target):
                if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Store):
                    whole.append(part.id)
                if isinstance(part, ast.Subscript) and isinstance(part.value, ast.Name):
                    parts.append(part.value.id)
    for call in ast.walk(node):
        if isinstance(call, ast.Call):
            written = [keyword.value for keyword in call.keywords if keyword.arg == "out"]
            whole += [part.id for part in written if isinstance(part, ast.Name)]
            if isinstance(call.func, ast.Attribute) and call.func.attr in FILLS_FIRST:
                parts += [part.id for part in call.args[:1] if isinstance(part, ast.Name)]
            parts += [
                part.value.id
                for part in written
                if isinstance(part, ast.Subscript) and isinstance(part.value, ast.Name)
            ]
    return whole, parts


def _fills(node: ast.stmt) -> bool:
    """Whether it writes to memory that was there before, and does not only give a name to something."""
    stores = any(isinstance(part, ast.Subscript) and isinstance(part.ctx, ast.Store) for part in ast.walk(node))
    has_out = any(isinstance(part, ast.keyword) and part.arg == "out" for part in ast.walk(node))
    return stores or has_out or isinstance(node, (ast.AugAssign, ast.Expr))


def _is_memory(value: object) -> bool:
    """Whether this is a call for memory: np.empty(...), np.empty_like(x)."""
    return isinstance(value, ast.Call) and isinstance(value.func, ast.Attribute) and value.func.attr in MEMORY


def _only_names(value: ast.expr | None) -> bool:
    """Whether this only takes apart what is known: cache, cache.p, params."""
    while isinstance(value, ast.Attribute):
        value = value.value
    return isinstance(value, ast.Name) and value.id in NAMES_ONLY


def _result(node: ast.stmt) -> str | None:
    """What a return gives back first: the name of a variable, "" for `return slope * dy`, None for no return."""
    if not isinstance(node, ast.Return) or node.value is None:
        return None
    first = node.value.elts[0] if isinstance(node.value, ast.Tuple) and node.value.elts else node.value
    return first.id if isinstance(first, ast.Name) else ""
