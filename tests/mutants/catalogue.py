"""Wrong backwards: each is a bug that someone made or easily makes, written out as the function it spoils.

For teachers: hand out a function and its forward; `numpy_bert.gradcheck` says which gradient is wrong and where, `hint`
is what to say first, `wrong` the answer. Each function has the arguments and the results of the right backward, whose
module is named by `block`.
"""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any, NamedTuple

PLANTED = "planted: a slip easily made"


class Mutant(NamedTuple):
    name: str
    block: str  # the module of numpy_bert.blocks or numpy_bert.tasks whose backward it stands in for
    loss: bool  # it stands in for loss_backward
    wrong: str  # what is wrong, in a sentence
    hint: str
    seen: str  # where
    backward: Callable[[Any, Any], Any]


def mutant(block: str, wrong: str, hint: str, seen: str = PLANTED, loss: bool = False) -> Callable[[Any], Any]:
    """Marks a function as a wrong backward; its name is the function's."""

    def mark(backward: Any) -> Any:
        backward.mutant = Mutant(backward.__name__.replace("_", " "), block, loss, wrong, hint, seen, backward)
        return backward

    return mark


def collect(*modules: ModuleType) -> list[Mutant]:
    return [found.mutant for module in modules for found in vars(module).values() if hasattr(found, "mutant")]
