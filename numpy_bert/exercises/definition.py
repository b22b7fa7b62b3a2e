"""An exercise: a wrong backward, and what to say about it, a little at a time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

LEVELS = ("easy", "medium", "hard")


class Exercise(NamedTuple):
    title: str  # does not give the mistake away
    block: str  # the module of numpy_bert.blocks or numpy_bert.tasks whose backward it replaces
    level: str  # one of LEVELS
    hints: tuple[str, str]  # the second says where to look
    wrong: str  # what is wrong, in a sentence
    why: str  # and why that is wrong, what it does to training, when a test would miss it
    backward: Callable[..., Any]  # with the name of the function it replaces, backward or loss_backward
    met: str = ""  # the public program in which it was found; "" if it is only easily made

    @property
    def name(self) -> str:
        """That of its module: "gamma_outside_the_sums"."""
        return self.backward.__module__.rpartition(".")[2]
