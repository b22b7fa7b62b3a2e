"""Puts a changed function in the place of the right one and lets the cases of gradcheck look for it."""

from __future__ import annotations

import ast
import contextlib
import faulthandler
import functools
import hashlib
import importlib
import itertools
import json
import os
import pkgutil
import signal
import types
import warnings
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any, NamedTuple

import numpy as np
import pytest
import scipy.sparse  # blocks import these when they run: here once, else every child would
import scipy.special  # noqa: F401

import numpy_bert.blocks
import numpy_bert.tasks
from numpy_bert.gradcheck import cases, checker
from numpy_bert.numerics import tree
from numpy_bert.numerics.threads import single_blas_thread
from support.mutation.changes import Change, changes, parsed

SURVIVORS = Path(__file__).with_name("survivors.json")
SECONDS = 60  # until a change that does not end counts as found


class Target(NamedTuple):
    """A function that runs in a backward pass."""

    name: str  # "blocks.gelu._slope"
    module: ModuleType
    function: FunctionType
    backwards: tuple[str, ...]  # the backwards of its module that call it, itself where it is one

    def changes(self) -> list[Change]:
        return changes(self.name, parsed(self.function), self.module)


class Verdict(NamedTuple):
    by: str  # "own", "others", "types" or "" where nothing found it
    where: str = ""  # the block and the case that found it


# What is changed.


@functools.cache
def modules() -> dict[str, ModuleType]:
    """The modules of blocks/ and tasks/ by name: "blocks.linear"."""
    return {
        f"{package.__name__.rpartition('.')[2]}.{info.name}": importlib.import_module(f"{package.__name__}.{info.name}")
        for package in (numpy_bert.blocks, numpy_bert.tasks)
        for info in pkgutil.iter_modules(package.__path__)
    }


@functools.cache
def targets() -> list[Target]:
    """Each backward, and each helper of its module that it calls."""
    results = []
    for name, module in modules().items():
        own = {key: value for key, value in vars(module).items() if _is_own_function(value, module)}
        users: dict[str, list[str]] = {}
        for backward in own:
            if backward.endswith("backward"):
                for helper in _reached(backward, own):
                    users.setdefault(helper, []).append(backward)
        results += [Target(f"{name}.{key}", module, own[key], tuple(users[key])) for key in own if key in users]
    return results


def _is_own_function(value: Any, module: ModuleType) -> bool:
    return isinstance(value, FunctionType) and value.__module__ == module.__name__


def _reached(name: str, own: dict[str, FunctionType]) -> set[str]:
    """The functions of a module that one of them calls, directly or not, and itself."""
    reached, waiting = set(), [name]
    while waiting:
        here = waiting.pop()
        if here not in reached:
            reached.add(here)
            called = {node.id for node in ast.walk(parsed(own[here])) if isinstance(node, ast.Name)}
            waiting += [other for other in called if other in own]
    return reached


def all_changes(blocks: Iterable[str] = ()) -> list[Change]:
    """Every change of every target, or of those in some modules ("linear")."""
    chosen = set(blocks)
    return [
        change
        for target in targets()
        if not chosen or target.name.split(".")[1] in chosen
        for change in target.changes()
    ]


def sample(count: int) -> list[Change]:
    """A fixed choice of the changes. It goes by their keys, so an edit of one line leaves the others in it."""
    return sorted(all_changes(), key=lambda change: hashlib.sha256(change.key.encode()).digest())[:count]


def listed() -> dict[str, str]:
    """The reason of each change that is known to compute the same, by its key."""
    return {
        f"{function}: {before} -> {after}": reason
        for function, entries in json.loads(SURVIVORS.read_text("utf-8")).items()
        for before, after, reason in entries
    }


# Who finds it.


def verdict(change: Change) -> Verdict:
    """Who finds the change first: the cases of its own block, those of a block above, or a check of types.

    In a process of its own: a change may write beside an array, or never end. Either counts as found.
    """
    reading, writing = os.pipe()
    with warnings.catch_warnings(), single_blas_thread():
        warnings.simplefilter("ignore", DeprecationWarning)  # of fork beside threads: the child uses none of them
        child = os.fork()
    if child == 0:
        try:
            faulthandler.disable()
            signal.alarm(SECONDS)
            os.write(writing, json.dumps(_verdict_here(change)).encode())
        finally:
            os._exit(0)
    os.close(writing)
    with open(reading, "rb") as answer:
        text = answer.read()
    os.waitpid(child, 0)
    return Verdict(*json.loads(text)) if text else Verdict("own", "the process ended")


def _verdict_here(change: Change) -> Verdict:
    [target] = [target for target in targets() if target.name == change.function]
    own, others = _blocks_that_use(target.module)
    with _in_place(change, target), _uninitialized_memory_is_nan():
        for by, blocks, methods in (("own", own, ("projection", "complex")), ("others", others, ("projection",))):
            for block, method in itertools.product(blocks, methods):
                case = _failing_case(block, method)
                if case:
                    return Verdict(by, f"{block}: {case}")
        for block in own:
            case = _case_of_another_type(block)
            if case:
                return Verdict("types", f"{block}: {case}")
    return Verdict("")


@functools.cache
def _blocks_that_use(module: ModuleType) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Lines of gradcheck's table: that of a module (where it has none, of those that import it), and all above it."""
    by_name = {name.rpartition(".")[2]: module for name, module in modules().items()}
    users: dict[str, set[str]] = {name: set() for name in by_name}
    for name, user in by_name.items():
        for used in by_name:
            if any(value is by_name[used] for value in vars(user).values()):
                users[used].add(name)
    here = module.__name__.rpartition(".")[2]
    above, waiting = set(), [here]
    while waiting:
        for user in users[waiting.pop()]:
            if user not in above:
                above.add(user)
                waiting.append(user)
    own = {here} if here in cases.TABLE else users[here]
    return (
        tuple(name for name in cases.TABLE if name in own),
        tuple(name for name in cases.TABLE if name in above - own),
    )


@contextlib.contextmanager
def _in_place(change: Change, target: Target) -> Iterator[None]:
    """The backwards that call a changed function get it, in a copy of the module's names: a forward that calls the same
    function keeps the right one, else both would agree on what is wrong.
    """
    names = dict(vars(target.module))
    own = {name: value for name, value in names.items() if _is_own_function(value, target.module)}
    names |= {name: _with_names(function, names) for name, function in own.items()}
    exec(compile(_module_of(change), f"<{change.key}>", "exec"), names)
    with pytest.MonkeyPatch.context() as patch:
        for backward in target.backwards:
            _replace_everywhere(patch, own[backward], names[backward])
        yield


def _replace_everywhere(patch: pytest.MonkeyPatch, right: FunctionType, changed: FunctionType) -> None:
    """In its module, and in the partials that were made of it."""
    for module in modules().values():
        for name, value in list(vars(module).items()):
            if value is right:
                patch.setattr(module, name, changed)
            if isinstance(value, functools.partial) and right in (value.func, *value.args):
                parts = [changed if part is right else part for part in (value.func, *value.args)]
                patch.setattr(module, name, functools.partial(*parts))


def _module_of(change: Change) -> Any:
    future = ast.ImportFrom("__future__", [ast.alias("annotations")], 0)
    return ast.fix_missing_locations(ast.Module([future, change.tree], []))


def _with_names(function: FunctionType, names: dict[str, Any]) -> FunctionType:
    return types.FunctionType(function.__code__, names, function.__name__, function.__defaults__, function.__closure__)


@contextlib.contextmanager
def _uninitialized_memory_is_nan() -> Iterator[None]:
    """So that a line that no longer fills an array is not saved by what the right one left in the same memory."""

    def filled(make: Any) -> Any:
        def filling(*args: Any, **kwargs: Any) -> Any:
            array = make(*args, **kwargs)
            if array.dtype.kind in "fc":
                array.fill(np.nan)
            return array

        return filling

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(np, "empty", filled(np.empty))
        patch.setattr(np, "empty_like", filled(np.empty_like))
        yield


def _failing_case(block: str, method: str) -> str:
    """The first case of a line of the table in which gradcheck finds something wrong; "" where all is well."""
    for case, pair in cases.cases(block).items():
        if not _passes(pair, method, cases.TABLE[block].tolerance):
            return case
    return ""


def _passes(pair: cases.Pair, method: str, tolerance: float) -> bool:
    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            return all(row.passed for row in checker.check(*pair, method, tolerance))
    except Exception:  # a change may raise anything, and a backward that raises is found
        return False


def _case_of_another_type(block: str) -> str:
    """The first case in which float32 arguments give a gradient of another type; else ""."""
    for case, pair in cases.cases(block).items():
        single = {name: tree.map(_single, argument) for name, argument in pair.arguments.items()}
        y, cache = pair.forward(*single.values())
        with np.errstate(all="ignore"):
            leaves = tree.leaves(pair.backward(y, cache))  # any dy will do
        if any(leaf.dtype != np.float32 for leaf in leaves):
            return case
    return ""


def _single(leaf: Any) -> Any:
    return leaf.astype(np.float32) if isinstance(leaf, np.ndarray) and leaf.dtype.kind == "f" else leaf
