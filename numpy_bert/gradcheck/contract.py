"""forward(*arguments) -> (y, cache),   backward(dy, cache) -> gradients:   the contract of such a pair

Both are pure functions: they do not change their arguments, and equal arguments give equal results. The gradients
come back in the order, the shapes and the types of what they are the gradients of. gradcheck holds pairs to that
before it looks at a number.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

from ..errors import Error
from ..numerics import tree
from ..numerics.arrays import Array


def run_forward(forward: Callable[..., Any], arguments: Mapping[str, Any]) -> tuple[Any, Any]:
    """y and cache of a forward. Error: it writes to its arguments, gives other numbers the second time or anything but
    finite float64 and integers.
    """
    before = _fingerprints(arguments)
    returned = forward(*arguments.values())
    if not isinstance(returned, tuple) or len(returned) != 2:
        raise Error(f"forward: expected (y, cache), got {type(returned).__name__}")
    changed = _changed(before, _fingerprints(arguments))
    if changed:
        raise Error(f"forward: expected its arguments to stay as they are, got another {changed} after the call")
    y, cache = returned
    for name, leaf in tree.items(y, "y"):
        dtype = np.asarray(leaf).dtype
        if dtype.kind not in "iub" and dtype != np.float64:
            raise Error(f"forward: {name}: expected float64 from arguments of float64, got {dtype}")
        if not np.isfinite(leaf).all():
            raise Error(f"forward: {name}: expected finite numbers, got NaN or infinity")
    if _fingerprints(y) != _fingerprints(forward(*arguments.values())[0]):
        raise Error(
            "forward: expected the same result from the same arguments, got another one the second time: "
            "make its random generator again from a seed in each call"
        )
    return y, cache


def run_backward(backward: Callable[..., Any], dy: Any, cache: Any, arguments: Mapping[str, Any]) -> tuple[Any, str]:
    """What backward returns, and its side effects, if it has any: it writes to dy, to its cache or to the arguments of
    the forward, or the same call gives another gradient the second time. "" if nothing is.
    """
    watched = {"dy": dy, "cache": cache, **arguments}
    before = _fingerprints(watched)
    returned = backward(dy, cache)
    changed = _changed(before, _fingerprints(watched))
    if changed:
        return returned, f"expected what it is given to stay as it is, got another {changed} after the call"
    first = _fingerprints(returned)  # before the second call, which may write over what the first returned
    if first != _fingerprints(backward(dy, cache)):
        return returned, "expected the same gradient from a second call with the same cache, got another"
    return returned, ""


def differentiated(arguments: Mapping[str, Any]) -> Iterator[tuple[str, Array]]:
    """(dotted name, array) of each array that has a gradient: those of float64. Error: there are none, or floats of
    another kind, or arrays in lists and dictionaries, which are not trees.
    """
    any_array = False
    for first, argument in arguments.items():
        for name, leaf in tree.items(argument, first):
            if isinstance(leaf, (dict, list)):
                raise Error(f"{name}: expected arrays in tuples and NamedTuples, got a {type(leaf).__name__}")
            if isinstance(leaf, np.ndarray) and leaf.dtype.kind in "fc":
                if leaf.dtype != np.float64:
                    raise Error(f"{name}: expected float64, whose digits the check needs, got {leaf.dtype}")
                any_array = True
                yield name, leaf
    if not any_array:
        raise Error("arguments: expected at least one array of float64, got none")


def matched(arguments: Mapping[str, Any], returned: Any) -> Iterator[tuple[str, Any]]:
    """(dotted name, gradient) of each array that has a gradient, as backward returned it; where it did not return
    one, or returned one for what is None, a sentence that says what it did.
    """
    due = {name: argument for name, argument in arguments.items() if any(map(_has_gradient, tree.leaves(argument)))}
    if len(due) == 1 and not (type(returned) is tuple and len(returned) == 1):
        returned = (returned,)
    if not isinstance(returned, tuple) or len(returned) != len(due):
        got = f"{len(returned)} of them" if isinstance(returned, tuple) else type(returned).__name__
        returned = (f"expected {len(due)} gradients ({', '.join(due)}), got {got}",) * len(due)
    for (name, argument), gradient in zip(due.items(), returned, strict=True):
        yield from _matched_tree(name, argument, gradient)


def sound(x: Array, gradient: Any) -> Array | str:
    """The gradient with respect to x if it can be one, else a sentence that says why it cannot."""
    if isinstance(gradient, str):
        return gradient
    if not isinstance(gradient, (np.ndarray, np.generic)):
        return f"expected an array, got {'None' if gradient is None else type(gradient).__name__}"
    array: Array = np.asarray(gradient)
    if array.shape != x.shape:
        return f"expected shape {x.shape}, got {array.shape}"
    if array.dtype != x.dtype:
        return f"expected {x.dtype}, got {array.dtype}"
    if not np.isfinite(array).all():
        return f"expected finite numbers, got {array[~np.isfinite(array)][0]}"
    return array


def _has_gradient(leaf: Any) -> bool:
    return isinstance(leaf, np.ndarray) and leaf.dtype.kind == "f"


def _matched_tree(name: str, argument: Any, gradient: Any) -> Iterator[tuple[str, Any]]:
    if tree.is_leaf(argument):
        if _has_gradient(argument):
            yield name, gradient
        elif argument is None and gradient is not None and not isinstance(gradient, str):
            yield name, "expected None, since there is no such array, got a gradient"
        return
    children = tree.children(argument)
    if isinstance(gradient, tuple) and len(gradient) == len(children) and type(gradient) in (tuple, type(argument)):
        parts = list(gradient)
    elif isinstance(gradient, str):
        parts = [gradient] * len(children)
    else:
        parts = [f"expected {type(argument).__name__} for {name}, got {type(gradient).__name__}"] * len(children)
    for (child, subtree), part in zip(children, parts, strict=True):
        yield from _matched_tree(f"{name}.{child}", subtree, part)


def _fingerprints(value: Any, name: str = "") -> dict[str, bytes]:
    """A digest of each array in a value made of tuples, lists and dictionaries, by its dotted name."""
    if isinstance(value, (np.ndarray, np.generic)):
        return {name: hashlib.sha256(value.tobytes()).digest()}
    if isinstance(value, tuple):
        parts = tree.children(value)
    elif isinstance(value, (Mapping, list)):
        parts = [(str(key), part) for key, part in (value.items() if isinstance(value, Mapping) else enumerate(value))]
    else:
        return {}
    return {
        key: digest
        for child, part in parts
        for key, digest in _fingerprints(part, f"{name}.{child}" if name else child).items()
    }


def _changed(before: dict[str, bytes], after: dict[str, bytes]) -> str:
    """The name of the first array that is another one; "" where all are as they were."""
    return next((name for name in before if before[name] != after.get(name)), "")
