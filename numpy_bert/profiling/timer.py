"""How long each kind of block takes while a model runs.

Python reports every call and return (sys.setprofile), and the clock is read where the `forward` or `backward` of
a block begins and ends. So what is timed is the model as it is, not a copy of it or a block alone with its arrays in
the cache, and the rows add up to the whole. A row has the own time of its block, without that of the blocks it calls:
"heads split, joined" is what multi_head_attention does beside its products and its softmax. Only the calls of the
thread that asks are seen. Looking costs about a microsecond a call.
"""

from __future__ import annotations

import sys
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import CodeType, FrameType, ModuleType
from typing import Any

from ..blocks import (
    attention,
    bert,
    cross_entropy,
    dropout,
    embedding,
    encoder,
    encoder_layer,
    feed_forward,
    gelu,
    layer_norm,
    linear,
    log_softmax,
    lookup,
    multi_head_attention,
    pooler,
    softmax,
    tanh,
)
from ..tasks import masked_lm, objective
from . import costs

BLOCKS: tuple[ModuleType, ...] = (
    objective, bert, embedding, lookup, encoder, encoder_layer, multi_head_attention, attention, softmax, dropout,
    feed_forward, gelu, linear, layer_norm, pooler, tanh, masked_lm, cross_entropy, log_softmax,
)  # fmt: skip
TIMED: dict[CodeType, tuple[str, str]] = {  # of each forward and backward: which block, which way
    getattr(block, way).__code__: (block.__name__.rpartition(".")[2], way)
    for block in BLOCKS
    for way in ("forward", "backward")
}

# The row of a block's own time, or of a block where another calls it. A linear layer is recognized by its caller
# and by its order there.
ROW_OF = {
    "objective": costs.REST,
    "embedding": costs.EMBEDDING,
    "lookup": costs.EMBEDDING,
    "multi_head_attention": costs.HEADS,
    "attention": costs.SCORES,
    "softmax": costs.SOFTMAX,
    "dropout": costs.DROPOUT,
    "gelu": costs.GELU,
    "layer_norm": costs.NORM,
    "encoder_layer": costs.RESIDUAL,
    "cross_entropy": costs.CROSS_ENTROPY,
    "log_softmax": costs.CROSS_ENTROPY,
    "masked_lm.gelu": costs.TRANSFORM,
    "masked_lm.layer_norm": costs.TRANSFORM,
}
LINEAR_OF = {
    "multi_head_attention": (costs.QKV, costs.OUTPUT),
    "feed_forward": (costs.EXPAND, costs.CONTRACT),
    "masked_lm": (costs.TRANSFORM, costs.DECODER),
}

Seconds = dict[str, float]  # by row


class _Call:
    """A call under way; the outermost stands for who runs the pass."""

    def __init__(self, module: str = "", way: str = "", order: int = 0, start: float = 0.0) -> None:
        self.module, self.way, self.start = module, way, start
        self.order = order  # how many of the same module the caller has called before
        self.inside = 0.0  # taken by the calls that it made
        self.called: Counter[str] = Counter()


@contextmanager
def timed(clock: Callable[[], float] = time.perf_counter) -> Iterator[Seconds]:
    """Time the blocks that run in this thread meanwhile, by row."""
    seconds: Seconds = defaultdict(float)
    stack = [_Call()]

    def look(frame: FrameType, event: str, _: Any) -> None:
        if event not in ("call", "return") or frame.f_code not in TIMED:
            return
        if event == "call":
            module, way = TIMED[frame.f_code]
            caller = stack[-1]
            stack.append(_Call(module, way, caller.called[module], clock()))
            caller.called[module] += 1
        elif len(stack) > 1:
            taken = clock() - stack[-1].start
            seconds[_row(stack)] += taken - stack[-1].inside
            stack.pop()
            stack[-1].inside += taken

    before = sys.getprofile()
    sys.setprofile(look)
    try:
        yield seconds
    finally:
        sys.setprofile(before)


def _row(stack: list[_Call]) -> str:
    """Where the own time of the innermost call belongs."""
    call, caller = stack[-1], stack[-2].module
    if any(outer.module == "pooler" for outer in stack):
        return costs.POOLER
    if call.module == "linear" and caller in LINEAR_OF:
        rows = LINEAR_OF[caller]
        return rows[call.order] if call.way == "forward" else rows[len(rows) - 1 - call.order]
    return ROW_OF.get(f"{caller}.{call.module}") or ROW_OF.get(call.module, costs.REST)
