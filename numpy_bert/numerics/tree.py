"""A tree is a NamedTuple (or a plain tuple) of trees; whatever is neither is a leaf, and None is an empty tree.

Parameters, gradients and optimizer moments are trees of one type, so one `map` serves all three.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np


class Shape(NamedTuple):
    """Stands where an array will be: a leaf of a tree that says what a model needs before it is loaded."""

    dims: tuple[int, ...]


def shape(*dims: int) -> Any:
    """A Shape, typed as anything so that it can fill a field meant for an array."""
    return Shape(dims)


def is_leaf(tree: Any) -> bool:
    return not isinstance(tree, tuple) or isinstance(tree, Shape)


def children(tree: Any) -> list[tuple[str, Any]]:
    """Names and subtrees of a node: the fields of a NamedTuple, the positions of a plain tuple."""
    names = getattr(tree, "_fields", None) or [str(i) for i in range(len(tree))]
    return list(zip(names, tree, strict=True))


def rebuild(like: Any, parts: list[Any]) -> Any:
    """A node of the type of `like` with other subtrees."""
    return type(like)(*parts) if hasattr(like, "_fields") else tuple(parts)


def map(function: Callable[..., Any], tree: Any, *others: Any) -> Any:
    """The tree of `function(leaf, *leaves of the others at the same place)`. The others have the shape of `tree`."""
    if tree is None:
        return None
    if is_leaf(tree):
        return function(tree, *others)
    return rebuild(tree, [map(function, *parts) for parts in zip(tree, *others, strict=True)])


def map_named(function: Callable[..., Any], tree: Any, *others: Any, name: str = "") -> Any:
    """Like `map`, with the dotted name of the leaf as the first argument."""
    if tree is None:
        return None
    if is_leaf(tree):
        return function(name, tree, *others)
    names = [f"{name}.{child}" if name else child for child, _ in children(tree)]
    parts = zip(names, tree, *others, strict=True)
    return rebuild(tree, [map_named(function, *rest, name=part) for part, *rest in parts])


def items(tree: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    """(dotted name, leaf) of every leaf, in order: ("encoder.layers.0.attention.qkv.W", array)."""
    if tree is None:
        return
    if is_leaf(tree):
        yield name, tree
        return
    for child, subtree in children(tree):
        yield from items(subtree, f"{name}.{child}" if name else child)


def leaves(tree: Any) -> list[Any]:
    return [leaf for _, leaf in items(tree)]


def replace(tree: Any, name: str, value: Any) -> Any:
    """The tree with the leaf or subtree called `name` replaced."""
    if not name:
        return value
    first, _, rest = name.partition(".")
    return rebuild(tree, [replace(sub, rest, value) if key == first else sub for key, sub in children(tree)])


def equal(a: Any, b: Any) -> bool:
    """Whether two trees have the same names and arrays of the same type, shape and numbers; NaN equals NaN."""
    if [name for name, _ in items(a)] != [name for name, _ in items(b)]:
        return False
    pairs = list(zip(leaves(a), leaves(b), strict=True))
    return all(x.dtype == y.dtype and np.array_equal(x, y, equal_nan=True) for x, y in pairs)
