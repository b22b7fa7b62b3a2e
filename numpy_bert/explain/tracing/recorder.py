"""A recording: every array that a line of the blocks computes, while they compute it.

The blocks run as they are; Python tells the recorder of every line (sys.settrace, what debuggers use), and it copies
what the line has written. So a trace can show each intermediate of a forward and of a backward, even those that
no cache keeps, and there is no second copy of the mathematics that could differ from the first.

The tree of Caches says where a call belongs in the model: the Cache that `layer_norm.forward` returned is the one
in the field `attention_norm` of layer 3, so that is what this call computed.
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Callable, Iterator
from types import CodeType, FrameType
from typing import Any, NamedTuple

import numpy as np

from ...numerics import tree
from ...numerics.arrays import Array
from . import source
from .source import Function, Statement

CACHES = ("Cache", "LossCache")  # what a module calls the types of its caches
FORWARD, BACKWARD = ("forward", "loss"), ("backward", "loss_backward")
RECORDED = ("blocks.", "tasks.", "explain.vector_norm")  # modules whose calls are recorded
PASSED_OVER = "blocks.dropout"  # does nothing without a generator, and a trace has none


class Call(NamedTuple):
    """One call of a forward or of a backward."""

    block: str  # where in the model: "bert.encoder.layers.0.attention.softmax"
    module: str  # what is there: "blocks.softmax"
    function: str  # "forward", "backward", or of a task "loss", "loss_backward"
    parent: int | None  # the call that it was made from
    line: int | None  # the line of that call's file


class Written(NamedTuple):
    """What a line has written, or what a function was called with."""

    call: int
    variable: str  # "x_hat"; of a tuple "encoded.hidden"
    first: int  # lines of the module's file
    last: int
    shape: tuple[int, ...]
    array: int  # its place among the arrays


class Recording(NamedTuple):
    calls: tuple[Call, ...]
    written: tuple[Written, ...]  # in the order of time
    arrays: tuple[Array, ...]  # each content once
    results: dict[str, tuple[tuple[int, ...], int]]  # of the results: shape, and place of their arrays


class Open(NamedTuple):
    """A call under way, or done."""

    function: Function
    parent: int | None
    line: int | None
    caches: list[Any]  # a forward's, once it is known; those a backward was called with
    blank: list[Array]  # memory that it was given and has not written to
    last: dict[str, tuple[tuple[int, ...], int]]  # of each variable the shape and the array that were written last


def record(run: Callable[[], tuple[Any, dict[str, Array]]], parameters: Any) -> Recording:
    """What run() computes. It returns the Cache at the root, and arrays to be kept beside those of the lines;
    `parameters` is the tree of what is not to be recorded.
    """
    recorder = Recorder(parameters)
    previous = sys.gettrace()
    sys.settrace(recorder.enter)
    try:
        root, results = run()
    finally:
        sys.settrace(previous)
    return recorder.recording(root, results)


class Recorder:
    def __init__(self, parameters: Any) -> None:
        self._parameters = {id(leaf) for leaf in tree.leaves(parameters)}
        self._parameter_types = _types(parameters)
        self._cache_types: set[type] = set()  # of the modules that have run
        self._functions: dict[CodeType, Function | None] = {}
        self._calls: list[Open] = []
        self._inside: list[int] = []  # the calls under way
        self._written: list[Written] = []
        self._arrays: list[Array] = []
        self._known: dict[bytes, int] = {}  # digest of an array's content -> its place

    def enter(self, frame: FrameType, event: str, _: Any) -> Callable[..., Any] | None:
        """Python calls this when a function begins; the result is called for each of the function's lines."""
        function = self._function(frame)
        if function is None:
            return None
        parent = self._inside[-1] if self._inside else None
        line = frame.f_back.f_lineno if parent is not None and frame.f_back is not None else None
        number = len(self._calls)
        self._cache_types.update(frame.f_globals[name] for name in CACHES if name in frame.f_globals)
        arguments = dict(frame.f_locals)
        caches = [value for value in arguments.values() if type(value) in self._cache_types]
        self._calls.append(Open(function, parent, line, caches, [], {}))
        self._inside.append(number)
        head = Statement(function.first, function.first, tuple(arguments), (), (), False, None)
        self._write(number, head, arguments)
        return self._follow(number, function)

    def _follow(self, number: int, function: Function) -> Callable[..., Any]:
        running: list[Statement] = []  # the statement under way, if it is one that writes

        def line(frame: FrameType, event: str, value: Any) -> Callable[..., Any]:
            if event not in ("line", "return"):
                return line
            now = function.statements.get(frame.f_lineno) if event == "line" else None
            if running and running[0] is not now:
                self._write(number, running.pop(), frame.f_locals)
            if now is not None and not running:
                running.append(now)
            if event == "return":
                self._leave(number, function, frame.f_lineno, value)
            return line

        return line

    def _leave(self, number: int, function: Function, line: int, value: Any) -> None:
        """The call is done: what it returned is its Cache, and a result that no line has written under this name."""
        self._inside.pop()
        call = self._calls[number]
        if function.name in FORWARD and isinstance(value, tuple):
            call.caches.append(value[-1])
        statement = function.statements.get(line)
        if statement is None or statement.result is None:
            return
        first = value[0] if isinstance(value, tuple) and not hasattr(value, "_fields") else value
        if not isinstance(first, np.ndarray):
            return
        if call.last.get(function.names.get(statement.result, "")) != (first.shape, self._keep(first)):
            call.blank.clear()
            self._write(number, statement._replace(writes=(statement.result,)), {statement.result: first})

    def _function(self, frame: FrameType) -> Function | None:
        """The function that a frame runs, if it is one to be recorded. Error: its file is not what runs."""
        code = frame.f_code
        if code not in self._functions:
            module = str(frame.f_globals.get("__name__", "")).removeprefix(f"{source.PACKAGE}.")
            wanted = code.co_name in FORWARD + BACKWARD and module.startswith(RECORDED) and module != PASSED_OVER
            self._functions[code] = source.function_of(module, code) if wanted else None
        return self._functions[code]

    def _write(self, number: int, statement: Statement, values: Any) -> None:
        call = self._calls[number]
        call.blank.extend(values[name] for name in statement.blank)
        for name in statement.writes:
            public = call.function.names.get(name, name)
            for variable, array in self._arrays_of(public, values.get(name)):
                if self._is_blank(call, array, statement):
                    continue
                place = self._keep(array)
                written = Written(number, variable, statement.first, statement.last, array.shape, place)
                if name in statement.parts and self._written and self._written[-1][:4] == written[:4]:
                    self._written.pop()  # a loop that fills an array part by part: it is whole after the last one
                self._written.append(written)
                call.last[variable] = (array.shape, place)

    def _is_blank(self, call: Open, array: Array, statement: Statement) -> bool:
        """Whether the array lies in memory that has no values yet: `out = y.reshape(-1)` gives it only a name."""
        shared = [blank for blank in call.blank if np.may_share_memory(blank, array)]
        if not shared or not statement.fills:
            return bool(shared)
        call.blank[:] = [blank for blank in call.blank if not any(blank is known for known in shared)]
        return False

    def _arrays_of(self, name: str, value: Any) -> Iterator[tuple[str, Array]]:
        """The arrays in a value: itself, or those of a tuple with named fields that is neither Params nor a Cache."""
        if isinstance(value, (np.ndarray, np.generic)):
            if id(value) not in self._parameters and value.dtype.kind in "biuf":
                yield name, np.asarray(value)
        elif hasattr(value, "_fields") and type(value) not in self._cache_types | self._parameter_types:
            for field, part in tree.children(value):
                yield from self._arrays_of(f"{name}.{field}", part)

    def _keep(self, array: Array) -> int:
        content = np.ascontiguousarray(array)
        data = content.reshape(-1).view(np.uint8)
        digest = hashlib.blake2b(data.data, person=content.dtype.str.encode()).digest()
        if digest not in self._known:
            self._known[digest] = len(self._arrays)
            self._arrays.append(content.copy() if np.may_share_memory(content, array) else content)
        return self._known[digest]

    def recording(self, root: Any, results: dict[str, Array]) -> Recording:
        """All of it, once the tree of Caches is known."""
        blocks = {id(cache): name for name, cache in self._caches(root, "")}
        calls = []
        for function, parent, line, caches, _, _ in self._calls:
            here = [blocks[id(cache)] for cache in caches if id(cache) in blocks]
            assert here, f"a call of {function.module}.{function.name} left no cache"
            calls.append(Call(here[0], function.module, function.name, parent, line))
        kept = {name: (array.shape, self._keep(array)) for name, array in results.items()}
        return Recording(tuple(calls), tuple(self._written), tuple(self._arrays), kept)

    def _caches(self, cache: Any, name: str) -> Iterator[tuple[str, Any]]:
        """(dotted name, Cache) of every Cache in the tree, the root called "objective"."""
        if not isinstance(cache, tuple) or type(cache) in self._parameter_types:
            return
        yield name or "objective", cache
        for field, part in tree.children(cache):
            yield from self._caches(part, f"{name}.{field}" if name else _root_name(cache, field))


def _types(parameters: Any) -> set[type]:
    """The types of all tuples with named fields in a tree of parameters."""
    if not isinstance(parameters, tuple):
        return set()
    own = {type(parameters)} if hasattr(parameters, "_fields") else set()
    return own.union(*(_types(part) for _, part in tree.children(parameters)))


def _root_name(root: Any, field: str) -> str:
    """The head is called by its task."""
    return str(root.task) if field == "head" else field
