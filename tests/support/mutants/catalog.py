"""Wrong backwards: each is a bug that someone made or easily makes, written out as the function it spoils.

For teachers: hand out a function and its forward; `numpy_bert.gradcheck` says which gradient is wrong and where, `hint`
is what to say first, `wrong` the answer. Each function has the arguments and the results of the right backward, whose
module is named by `block`. Those that `numpy-bert exercise` hands out live in numpy_bert/exercises/wrong/ and are named
here in their place.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from types import ModuleType
from typing import Any, NamedTuple

from numpy_bert.exercises import EXERCISES

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


def where_all_rows_are_read(right: Callable[[Any, Any], Any]) -> Callable[[Any], Any]:
    """The right backward where the Cache has rows, of which the wrong one knows nothing."""

    def decorate(wrong: Any) -> Any:
        @functools.wraps(wrong)
        def backward(dy: Any, cache: Any) -> Any:
            return wrong(dy, cache) if cache.rows is None else right(dy, cache)

        return backward

    return decorate


def exercise(name: str, seen: str = PLANTED) -> Mutant:
    """The wrong backward of an exercise of the package; where it was seen, unless the exercise names a program."""
    [result] = [actual for actual in EXERCISES if actual.name == name]
    loss = result.backward.__name__ == "loss_backward"
    named = name.replace("_", " ")
    return Mutant(named, result.block, loss, result.wrong, result.hints[0], result.met or seen, result.backward)


def collect(*modules: ModuleType) -> list[Mutant]:
    """Of each module the exercises it names and the functions it marks, in its order."""
    result = [value for module in modules for value in vars(module).values()]
    return [getattr(value, "mutant", value) for value in result if isinstance(getattr(value, "mutant", value), Mutant)]
