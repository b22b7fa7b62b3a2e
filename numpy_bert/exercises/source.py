"""The text of a wrong backward as a file of its own, and what would have to change in it.

An exercise is a function in a module of the package. To be read and repaired it is shown as a file that stands alone:
the imports that its functions use, by their full names, then the functions. The right functions are put into the same
form, so that the difference is the mistake and nothing else. Of docstrings the exercise's own are taken in both, since
those of the right functions tell the formula.
"""

from __future__ import annotations

import ast
import difflib
import importlib
import importlib.util
import inspect
from collections import defaultdict
from types import ModuleType
from typing import NamedTuple

from .definition import Exercise

PACKAGE = __name__.partition(".")[0]


class _Origin(NamedTuple):
    """Where a module has a name from: `from module import what`, or `import what` where module is ""."""

    module: str
    what: str  # "Cache", "numpy as np"


class _Text(NamedTuple):
    """A module as its parts."""

    source: str
    functions: dict[str, ast.FunctionDef]
    names: dict[str, _Origin]


def right_module(exercise: Exercise) -> ModuleType:
    """The module of the package whose backward is wrong in this exercise."""
    folders = (f"{PACKAGE}.{folder}.{exercise.block}" for folder in ("blocks", "tasks"))
    return importlib.import_module(next(name for name in folders if importlib.util.find_spec(name)))


def page(exercise: Exercise) -> str:
    """The docs page that derives the right gradient."""
    return f"docs/{right_module(exercise).__name__.split('.')[1]}/{exercise.block}.md"


def equation(exercise: Exercise) -> str:
    """What forward computes: the first paragraph of its module."""
    return (right_module(exercise).__doc__ or "").partition("\n\n")[0]


def wrong(exercise: Exercise) -> str:
    """The file with the mistake."""
    text = _parse(importlib.import_module(exercise.backward.__module__))
    return _file(text, {name: _source(text, name) for name in text.functions})


def right(exercise: Exercise) -> str:
    """The same file without it."""
    mistaken, text = _parse(importlib.import_module(exercise.backward.__module__)), _parse(right_module(exercise))
    return _file(text, {name: _source(text, name, _docstring(mistaken, name)) for name in mistaken.functions})


def difference(exercise: Exercise) -> str:
    """From the wrong file to the right one, as a unified diff."""
    before, after = wrong(exercise).splitlines(), right(exercise).splitlines()
    return "\n".join(difflib.unified_diff(before, after, "wrong", "right", lineterm="")) + "\n"


def numbered(text: str) -> str:
    """With line numbers in front."""
    lines = text.splitlines()
    return "\n".join(f"{number:{len(str(len(lines)))}}  {line}".rstrip() for number, line in enumerate(lines, 1))


def _parse(module: ModuleType) -> _Text:
    source = inspect.getsource(module)
    functions: dict[str, ast.FunctionDef] = {}
    names: dict[str, _Origin] = {}
    for node in ast.parse(source).body:
        if isinstance(node, ast.FunctionDef):
            functions[node.name] = node
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            names[node.name] = _Origin(module.__name__, node.name)
        elif isinstance(node, (ast.Assign, ast.AnnAssign)):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            names |= {name.id: _Origin(module.__name__, name.id) for name in targets if isinstance(name, ast.Name)}
        elif isinstance(node, (ast.Import, ast.ImportFrom)):
            names |= {alias.asname or alias.name: _origin(node, alias, module) for alias in node.names}
    return _Text(source, functions, names)


def _origin(node: ast.Import | ast.ImportFrom, alias: ast.alias, module: ModuleType) -> _Origin:
    what = alias.name if alias.asname is None else f"{alias.name} as {alias.asname}"
    if isinstance(node, ast.Import):
        return _Origin("", what)
    assert module.__package__ is not None
    return _Origin(importlib.util.resolve_name("." * node.level + (node.module or ""), module.__package__), what)


def _file(text: _Text, functions: dict[str, str]) -> str:
    """The functions, below the imports that they need: libraries first, then the package."""
    walked = [node for source in functions.values() for node in ast.walk(ast.parse(source))]
    used = {node.id for node in walked if isinstance(node, ast.Name)} - set(functions)
    wanted = defaultdict(list)
    for origin in (text.names[name] for name in sorted(used & set(text.names))):
        wanted[origin.module].append(origin.what)
    libraries = [f"import {what}" for what in sorted(wanted.pop("", []))]
    ours: list[str] = []
    for module, what in sorted(wanted.items()):
        line = f"from {module} import {', '.join(sorted(what))}"
        (ours if module.partition(".")[0] == PACKAGE else libraries).append(line)
    heads = ["\n".join(part) for part in (libraries, ours) if part]
    return "\n\n".join(heads) + "\n\n\n" + "\n\n\n".join(functions.values()) + "\n"


def _source(text: _Text, name: str, docstring: str | None = None) -> str:
    """A function of the module, with another docstring if one is given."""
    function = text.functions[name]
    lines = text.source.splitlines()[function.lineno - 1 : function.end_lineno]
    if docstring is not None:
        old = function.body[0]
        assert old.end_lineno is not None
        lines[old.lineno - function.lineno : old.end_lineno - function.lineno + 1] = [f'    """{docstring}"""']
    return "\n".join(lines)


def _docstring(text: _Text, name: str) -> str:
    docstring = ast.get_docstring(text.functions[name])
    assert docstring is not None, f"{name}: an exercise's functions say what shapes they take and give"
    return docstring
