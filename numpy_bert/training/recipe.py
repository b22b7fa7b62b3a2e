"""Recipe: everything that decides what a run learns, besides the data and the initial model.

Two runs with the same recipe, data, model and number of BLAS threads end with the same bits. A run is resumed only with
the recipe it began with.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from ..errors import Error, show
from ..rules import Rule, integer, number, one_of, optional
from ..tasks import objective
from .optim import schedules
from .optim import update as optimizers

POSITIVE = number("a finite number > 0", lambda value: 0 < value < math.inf)
NOT_NEGATIVE = number("a finite number of at least 0", lambda value: 0 <= value < math.inf)

RULES: dict[str, Rule] = {
    "task": one_of(*objective.TASKS),
    "steps": integer(0, 1_000_000_000),
    "learning_rate": POSITIVE,
    "batch_size": integer(1, 1_000_000),
    "optimizer": one_of(*optimizers.RULES),
    "weight_decay": NOT_NEGATIVE,
    "clip": optional(POSITIVE),
    "warmup": integer(0, 1_000_000_000),
    "decay": one_of(*schedules.DECAYS),
    "layer_decay": number("a number above 0 and at most 1", lambda value: 0 < value <= 1),
    "recompute": one_of(True, False),
    "max_tokens_per_microbatch": integer(1, 1_000_000_000),
    "seed": integer(0, 2**63 - 1),
}


@dataclass(frozen=True)
class Recipe:
    """Error: a value out of range."""

    task: str
    steps: int  # of the whole run
    learning_rate: float = 5e-5  # peak
    batch_size: int = 32  # examples per step
    optimizer: str = "adamw"  # or bert_adam, sgd
    weight_decay: float = 0.01  # not of norms and biases
    clip: float | None = 1.0  # largest global norm of a gradient; None: no clipping
    warmup: int = 0  # steps
    decay: str = "linear"  # or cosine, constant
    layer_decay: float = 1.0  # factor of the learning rate per layer, see layer_decay
    frozen: tuple[str, ...] = ()  # parameters that are not trained, such as "bert.embedding"
    recompute: bool = False  # activation checkpointing
    max_tokens_per_microbatch: int = 1024  # padding included; see batches
    seed: int = 0  # of dropout and of the order of the data

    def __post_init__(self) -> None:
        for name, rule in RULES.items():
            rule.check(name, getattr(self, name))
        if not isinstance(self.frozen, tuple) or not all(isinstance(part, str) for part in self.frozen):
            raise Error(f"frozen: expected a tuple of parameter names, got {show(self.frozen)}")

    @property
    def rule(self) -> tuple[str, Any]:
        """The name of the update rule and its settings."""
        return self.optimizer, optimizers.RULES[self.optimizer].DEFAULTS
