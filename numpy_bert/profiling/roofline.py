"""A profile, as data, as JSON and as a figure: what each kind of block took, and what it had to compute."""

from __future__ import annotations

import os
from typing import Any, NamedTuple

import numpy as np

from ..config import BertConfig
from ..files import figures
from . import costs, machine
from .costs import Cost, Sizes

NOTHING = Cost((), 0, 0)


class ProfileRow(NamedTuple):
    """A kind of block in both passes."""

    name: str
    forward: Cost
    backward: Cost
    forward_seconds: float
    backward_seconds: float

    @property
    def seconds(self) -> float:
        return self.forward_seconds + self.backward_seconds


class Profile(NamedTuple):
    sizes: Sizes
    config: BertConfig
    dtype: np.dtype[Any]
    threads: int  # of BLAS
    repeats: int
    backward: bool  # whether there was a backward pass
    peak: machine.Peak
    rows: tuple[ProfileRow, ...]

    @property
    def seconds(self) -> float:
        return sum(row.seconds for row in self.rows)

    def bytes(self, cost: Cost) -> int:
        return cost.numbers * self.dtype.itemsize

    def computing(self, cost: Cost) -> float:
        """Seconds for the arithmetic at peak."""
        return work(cost) / self.peak.flops

    def moving(self, cost: Cost) -> float:
        """Seconds for the bytes at full bandwidth."""
        return self.bytes(cost) / self.peak.bandwidth

    def least(self, row: ProfileRow) -> float:
        """Seconds that both passes need at best."""
        return sum(max(self.computing(cost), self.moving(cost)) for cost in (row.forward, row.backward))

    def bound(self, row: ProfileRow) -> str:
        """What decides the least time."""
        both = costs.plus(row.forward, row.backward)
        return "computing" if self.computing(both) >= self.moving(both) else "memory"


def work(cost: Cost) -> int:
    """FLOPs of the products and element-wise operations together."""
    return cost.flops + cost.operations


def to_json(profile: Profile) -> dict[str, Any]:
    """The data of the table; seconds, bytes and FLOPs unscaled."""
    sizes = ("num_hidden_layers", "hidden_size", "num_attention_heads", "intermediate_size", "vocab_size")

    def cost(spent: Cost, seconds: float) -> dict[str, Any]:
        return {
            "product_flops": spent.flops,
            "operations": spent.operations,
            "bytes": profile.bytes(spent),
            "seconds": seconds,
        }

    return {
        "machine": machine.describe(),
        "threads": profile.threads,
        "peak": {"flops_per_second": profile.peak.flops, "bytes_per_second": profile.peak.bandwidth},
        "config": {name: getattr(profile.config, name) for name in sizes},
        "dtype": str(profile.dtype),
        "batch": profile.sizes.B,
        "length": profile.sizes.T,
        "masked_tokens": profile.sizes.M,
        "repeats": profile.repeats,
        "seconds": profile.seconds,
        "rows": [
            {
                "block": row.name,
                "forward": cost(row.forward, row.forward_seconds),
                "backward": cost(row.backward, row.backward_seconds) if profile.backward else None,
                "least_seconds": profile.least(row),
                "bound": profile.bound(row),
            }
            for row in profile.rows
        ],
    }


def figure(profile: Profile, path: str | os.PathLike[str]) -> None:
    """Draw the rows as bars, forward and backward distinguished by hatching, with a mark at the least time.

    Error: matplotlib is missing, the name does not end with the form of a figure, or the file cannot be written.
    """
    drawn = figures.new_figure(9, 0.36 * len(profile.rows) + 1.6)
    axes = drawn.add_subplot()
    places = range(len(profile.rows))
    forward = [row.forward_seconds * 1e3 for row in profile.rows]
    axes.barh(places, forward, color="0.75", edgecolor="black", label="forward")
    if profile.backward:
        backward = [row.backward_seconds * 1e3 for row in profile.rows]
        axes.barh(places, backward, left=forward, color="white", edgecolor="black", hatch="///", label="backward")
    least = [profile.least(row) * 1e3 for row in profile.rows]
    axes.plot(least, places, linestyle="", marker="|", markersize=16, markeredgewidth=3, color="black", label="at best")
    for place, row in zip(places, profile.rows, strict=True):
        end, share = max(row.seconds, profile.least(row)) * 1e3, f"{row.seconds / profile.seconds:.1%}"
        axes.annotate(share, (end, place), (6, 0), textcoords="offset points", va="center")
    axes.set_yticks(places, [row.name for row in profile.rows])
    axes.invert_yaxis()
    axes.margins(x=0.1)
    B, T, _ = profile.sizes
    c = profile.config
    title = f"L={c.num_hidden_layers} H={c.hidden_size}, {B} x {T} tokens, {profile.dtype}"
    axes.set(xlabel="milliseconds", title=title)
    axes.legend(loc="lower right")
    figures.save(drawn, path)
