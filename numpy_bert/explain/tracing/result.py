"""A trace: every intermediate of the forward and every gradient of the backward of one text, as named arrays in order.

    bert.encoder.layers.0.attention.attention . backward . dS
    block, by its path in the parameters        function   array, as names.py calls it

If a later line of the same function overwrites an array, its earlier contents are kept as `dS.1`, `dS.2` and so on; the
plain name is the last. The gradient with respect to a parameter is called `gradients.` and the name of the parameter.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from ...errors import Error, show
from ...numerics.arrays import Array
from . import archive, manifest
from .manifest import Asked, Card, Value
from .recorder import Call

GRADIENTS = "gradients"


@dataclass(frozen=True)
class Trace:
    """What was computed, and for which text and model. Made by `bert.trace` or `Trace.load`."""

    asked: Asked  # the text, its tokens, the task, the loss, the predictions
    model: Card
    calls: tuple[Call, ...]  # of forwards and backwards, in the order in which they ran
    values: tuple[Value, ...]  # in the order in which they were computed, then the gradients of the parameters
    arrays: dict[str, Array]  # each content once, by the name of the first value that has it

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(value.name for value in self.values)

    @cached_property
    def by_name(self) -> dict[str, Value]:
        return {value.name: value for value in self.values}

    def __getitem__(self, name: str) -> Array:
        """The array of that name. Error: there is no such name."""
        if name not in self.by_name:
            raise Error(f"trace: expected the name of one of its {len(self.values)} values, got {show(name)}")
        value = self.by_name[name]
        return self.arrays[value.stored].reshape(value.shape)

    def __contains__(self, name: object) -> bool:
        return name in self.by_name

    def __repr__(self) -> str:
        asked = self.asked
        return f"Trace({len(asked.tokens)} tokens, {asked.task}, loss {asked.loss:.6g}, {len(self.values)} values)"

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write an .npz file (archive.py describes its form). Error: it cannot be written."""
        archive.write(path, manifest.to_json(self.asked, self.model, self.calls, self.values), self.arrays)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Trace:
        """Read what `save` wrote. Error: the file is not a trace."""
        description, arrays = archive.read(path)
        if description is None:
            raise Error(f"expected a trace, got an archive without {archive.MANIFEST}", at=path)
        return cls.from_parts(description, arrays, path)

    @classmethod
    def from_parts(cls, description: dict[str, Any], arrays: dict[str, Array], path: str | os.PathLike[str]) -> Trace:
        """Make a trace of the manifest and the arrays of a file. Error: they are not those of a trace."""
        try:
            return cls(*manifest.from_json(description, arrays), arrays)
        except Error as error:
            raise Error(f"{archive.MANIFEST}: {error}", at=path) from None
