"""Examples in memory to batches: every example once an epoch, in an order drawn anew for each.

The order of an epoch depends on the seed and the number of the epoch alone, so the place in the data is two numbers:
the epoch, and the steps done in it. Within a step the texts are sorted by length and cut into parts: texts of
like length share a part, so that little of it is padding (a quarter to a half of the work is saved), and
`accumulation` makes one gradient of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np

from ...errors import Error, show
from ...tasks import objective

PIECES = 1024  # in one part of a step, padding included
OWN = 75  # pieces that could be computed in the time it takes to make and add one more gradient


class Examples(Protocol):
    """What a task learns from, tokenized and in memory."""

    @property
    def lengths(self) -> Sequence[int]:
        """Pieces of each example, padding within it counted."""

    @property
    def digest(self) -> str:
        """A hash of the files they come from."""

    def batch(self, chosen: Sequence[int]) -> objective.Batch:
        """Some of the examples, padded to the longest of them."""


def parts(lengths: Sequence[int], chosen: Sequence[int], pieces: int = PIECES) -> list[list[int]]:
    """The chosen examples in groups of like length, each of at most `pieces` pieces or a single example.

    Of all ways to cut the examples, sorted by length, the cheapest: a group costs its pieces, padding included, and
    OWN more for a gradient of its own. None is much larger than half of all, so that two cores have work, and of ways
    that cost the same, the one whose largest group is the smallest.
    """
    order = sorted(chosen, key=lambda i: -lengths[i])
    half = sum(lengths[i] for i in order) // 2 + lengths[order[0]]
    limit = min(pieces, half)
    cheapest, begins = [(0, 0)], [0]  # of the first n examples: cost and largest group; where the last group begins
    for n in range(1, len(order) + 1):
        options = []
        for start in range(n - 1, -1, -1):
            size = (n - start) * lengths[order[start]]
            if size > limit and start < n - 1:
                break  # from further up it would be larger still
            cost, largest = cheapest[start]
            options.append((cost + size + OWN, max(largest, size), start))
        cost, largest, start = min(options)
        cheapest.append((cost, largest))
        begins.append(start)
    groups, end = [], len(order)
    while end:
        groups.append(order[begins[end] : end])
        end = begins[end]
    return groups[::-1]


class Epochs:
    """Steps of `batch_size` examples without end; the last of an epoch has what is left."""

    def __init__(self, examples: Examples, batch_size: int, seed: int, pieces: int = PIECES) -> None:
        if not len(examples.lengths):
            raise Error("examples: expected at least one, got none")
        self.examples, self.batch_size, self.seed, self.pieces = examples, batch_size, seed, pieces
        self.seek({"epoch": 0, "step": 0})

    @property
    def steps(self) -> int:
        """Steps of an epoch."""
        return -(-len(self.examples.lengths) // self.batch_size)

    @property
    def position(self) -> dict[str, int]:
        """Where the next step begins; `seek` returns there."""
        return {"epoch": self._epoch, "step": self._step}

    def seek(self, position: dict[str, int]) -> None:
        """Error: no place in this data."""
        epoch, step = position.get("epoch", -1), position.get("step", -1)
        if set(position) != {"epoch", "step"} or epoch < 0 or not 0 <= step < self.steps:
            raise Error(f"data position: expected an epoch and a step below {self.steps}, got {show(position)}")
        self._epoch, self._step = epoch, step
        self._order = order(len(self.examples.lengths), self.seed, epoch)

    def next(self) -> list[objective.Batch]:
        """The parts of the next step."""
        start = self._step * self.batch_size
        chosen = self._order[start : start + self.batch_size]
        found = [self.examples.batch(group) for group in parts(self.examples.lengths, chosen, self.pieces)]
        self._step += 1
        if self._step == self.steps:
            self.seek({"epoch": self._epoch + 1, "step": 0})
        return found

    @property
    def description(self) -> dict[str, Any]:
        """What the data are, as JSON."""
        return {"examples": self.examples.digest}


def order(many: int, seed: int, epoch: int) -> list[int]:
    """The examples in the order of one epoch."""
    shuffled: list[int] = np.random.default_rng([seed, epoch]).permutation(many).tolist()
    return shuffled
