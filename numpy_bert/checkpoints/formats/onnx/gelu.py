"""GELU as exporters and optimizers write it: one node, or its equation node by node, in the erf or the tanh form."""

from __future__ import annotations

from collections.abc import Collection

from ....errors import show
from .operations import Operations

WRITTEN_OUT = ("Mul", "Div", "Add", "Erf", "Tanh", "Pow", "Sqrt")
ERF = ("Erf", "Gelu", "com.microsoft.Gelu", "com.microsoft.BiasGelu")
TANH = ("Tanh", "com.microsoft.FastGelu")
OPS = (*WRITTEN_OUT, *ERF, *TANH)


def form(operations: Operations, value: str, arguments: Collection[str]) -> str:
    """The form of the GELU that computes a value from one of these, "erf" or "tanh". Error: neither, or both."""
    ops, left, seen = set(), [value], set(arguments)
    while left:
        node = operations.producers.get(left.pop())
        if node is None or seen.issuperset(node.outputs):
            continue
        seen.update(node.outputs)
        tanh = node.op == "Gelu" and node.attributes.get("approximate") == b"tanh"
        ops.add("Tanh" if tanh else node.op)
        left += [name for name in node.inputs if name not in seen] if node.op in OPS else []
    if ops.isdisjoint(ERF) == ops.isdisjoint(TANH):
        got = ", ".join(sorted(ops))
        raise operations.file.error(f"value {show(value)}: expected a GELU in the erf or the tanh form, got {got}")
    return "erf" if ops.isdisjoint(TANH) else "tanh"
