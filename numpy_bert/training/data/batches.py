"""Examples in memory to batches: each epoch visits every example once, in a new random order.

The order of an epoch depends only on the seed and the number of the epoch, so the position in the data is two numbers:
the epoch, and the steps done in it. Within a step the texts are sorted by length and cut into microbatches: texts of
similar length share one, so that little of it is padding (this saves a quarter to a half of the work), and
`accumulation` makes one gradient of all.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np

from ...errors import Error, show
from ...tasks import objective

MAX_TOKENS = 1024  # of a microbatch, padding included
OVERHEAD = 75  # tokens that could be computed in the time it takes to compute and add one more gradient


class Examples(Protocol):
    """What a task learns from, tokenized and in memory."""

    @property
    def lengths(self) -> Sequence[int]:
        """Tokens of each example, including padding within it."""

    @property
    def summary(self) -> Sequence[str]:
        """What was recognized in the file, and its labels: lines for people."""

    @property
    def digest(self) -> str:
        """A hash of the data they come from."""

    def batch(self, chosen: Sequence[int]) -> objective.Batch:
        """The chosen examples, padded to the longest of them."""


def microbatches(lengths: Sequence[int], chosen: Sequence[int], max_tokens: int = MAX_TOKENS) -> list[list[int]]:
    """The chosen examples in groups of similar length, each of at most `max_tokens` tokens or a single example.

    Of all ways to cut the examples, sorted by length, this is the cheapest: a group costs its tokens, padding included,
    and OVERHEAD more for a gradient of its own. No group is much larger than half of all, so that two cores have work.
    Of cuts with equal cost, the one whose largest group is smallest.
    """
    order = sorted(chosen, key=lambda i: -lengths[i])
    half = sum(lengths[i] for i in order) // 2 + lengths[order[0]]
    limit = min(max_tokens, half)
    cheapest, begins = [(0, 0)], [0]  # of the first n examples: cost and largest group; where the last group begins
    for n in range(1, len(order) + 1):
        options = []
        for start in range(n - 1, -1, -1):
            size = (n - start) * lengths[order[start]]
            if size > limit and start < n - 1:
                break  # from further up it would be larger still
            cost, largest = cheapest[start]
            options.append((cost + size + OVERHEAD, max(largest, size), start))
        cost, largest, start = min(options)
        cheapest.append((cost, largest))
        begins.append(start)
    groups, end = [], len(order)
    while end:
        groups.append(order[begins[end] : end])
        end = begins[end]
    return groups[::-1]


class Epochs:
    """An endless sequence of steps of `batch_size` examples; the last step of an epoch has what is left."""

    def __init__(self, examples: Examples, batch_size: int, seed: int, max_tokens: int = MAX_TOKENS) -> None:
        if not len(examples.lengths):
            raise Error("examples: expected at least one, got none")
        self.examples, self.batch_size, self.seed, self.max_tokens = examples, batch_size, seed, max_tokens
        self.seek({"epoch": 0, "step": 0})

    @property
    def steps(self) -> int:
        """The number of steps in an epoch."""
        return -(-len(self.examples.lengths) // self.batch_size)

    @property
    def position(self) -> dict[str, int]:
        """Where the next step begins, as `seek` takes it."""
        return {"epoch": self._epoch, "step": self._step}

    def seek(self, position: dict[str, int]) -> None:
        """Continue there. Error: there is no such position in this data."""
        epoch, step = position.get("epoch", -1), position.get("step", -1)
        if set(position) != {"epoch", "step"} or epoch < 0 or not 0 <= step < self.steps:
            raise Error(f"data position: expected an epoch and a step below {self.steps}, got {show(position)}")
        self._epoch, self._step = epoch, step
        self._order = epoch_order(len(self.examples.lengths), self.seed, epoch)

    def next(self) -> list[objective.Batch]:
        """The microbatches of the next step."""
        start = self._step * self.batch_size
        chosen = self._order[start : start + self.batch_size]
        groups = microbatches(self.examples.lengths, chosen, self.max_tokens)
        batches = [self.examples.batch(group) for group in groups]
        self._step += 1
        if self._step == self.steps:
            self.seek({"epoch": self._epoch + 1, "step": 0})
        return batches

    @property
    def description(self) -> dict[str, Any]:
        """What the data are, as JSON."""
        return {"examples": self.examples.digest}


def epoch_order(count: int, seed: int, epoch: int) -> list[int]:
    """The numbers of all examples in the order of one epoch."""
    shuffled: list[int] = np.random.default_rng([seed, epoch]).permutation(count).tolist()
    return shuffled
