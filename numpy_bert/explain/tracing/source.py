"""What each statement of a function writes, and on which lines it stands: read from the source itself.

    total = np.add(word, position, out=...)      writes total
    total += segment                             writes total
    np.matmul(rows, W.T, out=y)                  writes y
    dx[kept] = ...                               writes a part of dx
    y = np.empty(...)                            writes nothing yet: y is blank
    x_hat, rstd, gamma = cache                   writes nothing: it only gives names to what is known

The recorder asks this module, so the blocks need not say anything about themselves. How the variables are called in a
trace is not read from the source: names.py declares it.
"""

from __future__ import annotations

import ast
import functools
import importlib
import inspect
from collections.abc import Iterator
from types import CodeType, ModuleType
from typing import NamedTuple

from ...errors import Error
from .names import NAMES

PACKAGE = __name__.split(".")[0]
MEMORY = {"empty", "empty_like"}  # functions whose result is memory without values
FILLS_FIRST = {"copyto", "at", "put_along_axis"}  # NumPy's functions that write to their first argument
RESULT = "return"  # stands among the variables for a result that has no name: return dy * (1.0 - y * y)


class Statement(NamedTuple):
    first: int  # lines of the file, from 1
    last: int
    writes: tuple[str, ...]
    parts: tuple[str, ...]  # of these, those that it may write a part of
    blank: tuple[str, ...]  # names it gives to memory without values
    fills: bool  # whether it writes to memory that is there, and does not only give names
    result: str | None  # of a return: the variable that it returns first, RESULT for another expression


class Function(NamedTuple):
    """A function of a module."""

    module: str  # within the package: "blocks.attention"
    name: str  # "forward"
    first: int
    last: int
    names: dict[str, str]  # of each variable, and of RESULT, the name in a trace
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

    Error: only its byte code is installed, or the file has been changed to something that is not Python.
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
    """The function of a module that this code was compiled from.

    Error: the file was changed after its import, so its lines are not those that run.
    """
    function = read_module(module).functions.get(running.co_name)
    if function is None or function.code != running or list(function.code.co_lines()) != list(running.co_lines()):
        raise _changed(module)
    return function


def _changed(module: str) -> Error:
    got = "a file that was changed after its import; restart Python"
    return Error(f"{PACKAGE}.{module}: expected the source that is running, got {got}")


def _function(module: str, node: ast.FunctionDef, code: CodeType) -> Function:
    statements = list(_statements(node.body))
    lines = {}
    for statement in statements:
        for line in range(statement.first, statement.last + 1):
            lines[line] = statement
    last = node.end_lineno or node.lineno
    variables = _variables(node.args, statements)
    names = NAMES.get(module, {}).get(node.name, "").split()
    if len(names) != len(variables):  # the function has been changed: its own names are better than wrong ones
        names = variables
    public = {variable: variable if name == "-" else name for variable, name in zip(variables, names, strict=True)}
    return Function(module, node.name, node.lineno, last, public, lines, code)


def _variables(arguments: ast.arguments, statements: list[Statement]) -> list[str]:
    """What may hold an array, in order: the arguments, the variables that are written, a result without a name."""
    variables = [argument.arg for argument in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs)]
    for statement in statements:
        variables += [*statement.writes, *statement.blank]
    if any(statement.result == RESULT for statement in statements):
        variables.append(RESULT)
    return list(dict.fromkeys(variables))


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
    if isinstance(node, (ast.Assign, ast.AnnAssign, ast.AugAssign)):
        only_names = not isinstance(node, ast.AugAssign) and _only_names(node.value)
        for target in node.targets if isinstance(node, ast.Assign) else [node.target]:
            for part in ast.walk(target):
                if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Store) and not only_names:
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
    """Whether this only gives a name to what is known: cache, cache.p, x.shape."""
    while isinstance(value, ast.Attribute):
        value = value.value
    return isinstance(value, ast.Name)


def _result(node: ast.stmt) -> str | None:
    """What a return gives back first: a variable, RESULT for `return slope * dy`, None for no return."""
    if not isinstance(node, ast.Return) or node.value is None:
        return None
    first = node.value.elts[0] if isinstance(node.value, ast.Tuple) and node.value.elts else node.value
    return first.id if isinstance(first, ast.Name) else RESULT
