"""The values that a pickle describes, held as what they are called: none of them can be called or imported."""

from __future__ import annotations

from typing import Any, NamedTuple

from ....errors import show


class Global(NamedTuple):
    """An allowed name, which is not looked up or called."""

    name: str


class Items(list[Any]):
    """A list or a tuple."""

    __slots__ = ("depth", "fixed", "kind")

    def __init__(self, kind: str) -> None:
        super().__init__()
        self.kind = kind
        self.depth = 1
        self.fixed = False  # a tuple, or whatever lies in another container


class Map(dict[str, Any]):
    """A dict or an OrderedDict."""

    __slots__ = ("depth", "fixed", "kind")

    def __init__(self, kind: str) -> None:
        super().__init__()
        self.kind = kind
        self.depth = 1
        self.fixed = False


def kind_of(value: object) -> str:
    """What a value is, for a message. A container is not shown: it may be huge when written out."""
    if isinstance(value, (Items, Map)):
        return f"{value.kind} of {len(value)}"
    if isinstance(value, Global):
        return f"the name {value.name}"
    return show(value, 60)
