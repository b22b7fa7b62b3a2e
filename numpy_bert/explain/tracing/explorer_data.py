"""The data of the explorer page: a trace as JSON with quantized arrays."""

from __future__ import annotations

import math
from typing import Any

from . import gradient_flow, manifest, source
from .descriptions import describe
from .manifest import Value
from .quantize import grid, packed, plain_number
from .result import Trace

# Cells of all arrays together, a byte each, four thirds of that in base64. What attention looks at has its own share,
# so that it is shown whole, each token by each, for 32 tokens and 12 layers of 12 heads (294912 cells, twice).
BUDGET, ATTENTION_BUDGET = 2_700_000, 600_000
FINEST, FINEST_ATTENTION = 12_288, 1 << 22  # cells of one array at most
COARSEST = 256
ATTENTION = (".attention.attention.forward.P", ".attention.attention.backward.dP")


def page_data(trace: Trace) -> dict[str, Any]:
    """The page's data. Error: the source of the package is not installed."""
    blocks = list(dict.fromkeys(call.block for call in trace.calls))
    modules = {call.block: call.module for call in trace.calls}
    shown = _shown_as(trace)
    tables = {_table(value): value for value in reversed(shown)}  # each different picture, by the first that has it
    place = {key: i for i, key in enumerate(tables)}
    attention = {_table(value) for value in shown if value.name.endswith(ATTENTION)}
    most = cells_each([value.shape for key, value in tables.items() if key not in attention], BUDGET, FINEST)
    attended = cells_each([tables[key].shape for key in attention], ATTENTION_BUDGET, FINEST_ATTENTION)
    return {
        "asked": manifest.asked_to_json(trace.asked),
        "model": trace.model._asdict(),
        "cells": most,
        "modules": {module: _module(module) for module in sorted(set(modules.values()))},
        "blocks": [[block, modules[block]] for block in blocks],
        "calls": [[blocks.index(call.block), call.function, call.parent, call.line] for call in trace.calls],
        "values": [
            [
                value.call,
                value.variable or value.name,
                value.name.rpartition(f".{value.variable}")[2] if value.variable else "",
                value.first,
                value.last,
                list(value.shape),
                place[_table(like)],
                *_described(trace, value, like),
            ]
            for value, like in zip(trace.values, shown, strict=True)
        ],
        "arrays": [packed(trace[value.name], attended if key in attention else most) for key, value in tables.items()],
        "flow": {name: _plain(part) for name, part in gradient_flow.flow(trace)._asdict().items()},
    }


def _described(trace: Trace, value: Value, like: Value) -> tuple[list[str], str, bool]:
    """The axes of the picture, and what the value is."""
    axes = describe(like.shape, like.variable, _call(trace, like.call), trace.asked).axes
    own = describe(value.shape, value.variable or value.name, _call(trace, value.call), trace.asked)
    return list(axes), own.sentence, own.is_gradient


def _shown_as(trace: Trace) -> list[Value]:
    """For each value the one whose picture it has: its own, but of one long row, such as `flat = x.reshape(-1)`, that
    of the same numbers in rows and columns.
    """
    folded = {value.stored: value for value in reversed(trace.values) if len(value.shape) > 1}
    return [folded.get(value.stored, value) if len(value.shape) == 1 else value for value in trace.values]


def _table(value: Value) -> tuple[str, tuple[int, ...]]:
    """The content of a value, and how it is laid out: values with both alike have one picture."""
    return value.stored, tuple(grid(value.shape, math.prod(value.shape))[:3])


def cells_each(shapes: list[tuple[int, ...]], budget: int, finest: int) -> int:
    """The most cells an array may have, `finest` at most, so that all of them stay within the budget."""
    most = finest
    while most > COARSEST and sum(grid(shape, most).cells for shape in shapes) > budget:
        most = most * 7 // 8
    return most


def _call(trace: Trace, number: int | None) -> Any:
    return None if number is None else trace.calls[number]


def _plain(part: Any) -> Any:
    """Tuples as JSON has them, with 7 digits of each number, and null for one that is not finite."""
    if isinstance(part, tuple):
        return [_plain(element) for element in part]
    return plain_number(part) if isinstance(part, float) else part


def _module(name: str) -> dict[str, Any]:
    """A module as it is read: its docstring, its lines, and where its functions begin and end."""
    module = source.read_module(name)
    equation, _, about = module.docstring.partition("\n\n")
    return {
        "file": f"{source.PACKAGE}/{name.replace('.', '/')}.py",
        "equation": equation,
        "about": about,
        "lines": list(module.lines),
        "functions": {f.name: [f.first, f.last] for f in module.functions.values()},
    }
