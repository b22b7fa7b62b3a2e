"""η_part = η · d^depth,   depth: 0 heads and pooler, 1 the last encoder layer, ..., L the first, L + 1 the embedding

Layer-wise learning-rate decay (Sun et al., arXiv:1905.05583, section 5.3.2): what lies near the words is general and
should move less than what lies near the task. A frozen part has the factor 0.
"""

from __future__ import annotations

from collections.abc import Sequence

from ...errors import Error, show
from ...numerics import tree
from ...tasks.objective import HEADS, TASKS, Params, needs_pooler

LAYERS = "bert.encoder.layers."


def multipliers(params: Params, decay: float = 1.0, frozen: Sequence[str] = ()) -> Params:
    """For each parameter the factor of its learning rate.

    frozen: dotted names of parts, such as "bert.embedding" or "bert.encoder.layers.0". Error: there is no such part.
    """
    L = len(params.bert.encoder.layers)
    existing = set()

    def factor(name: str, _: object) -> float:
        for part in frozen:
            if name == part or name.startswith(part + "."):
                existing.add(part)
                return 0.0
        return float(decay ** depth(name, L))

    factors: Params = tree.map_named(factor, params)
    for part in frozen:
        if part not in existing and not any(part.startswith(other + ".") for other in existing):
            raise Error(f"frozen: expected parts of the model such as bert.embedding, got {show(part)}")
    return factors


def idle(params: Params, task: str) -> list[str]:
    """Parts that take no part in a task: they get no gradient, so they should not decay either."""
    active = TASKS[task].heads
    unused = [head for head in HEADS if head not in active and getattr(params, head) is not None]
    if params.bert.pooler is not None and not needs_pooler(active):
        unused.append("bert.pooler")
    return unused


def depth(name: str, L: int) -> int:
    """How many layers lie between a parameter and the task."""
    if name.startswith("bert.embedding."):
        return L + 1
    if name.startswith(LAYERS):
        return L - int(name[len(LAYERS) :].split(".")[0])
    return 0
