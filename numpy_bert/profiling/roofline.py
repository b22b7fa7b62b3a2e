"""The cost ledger as a table, as JSON and as a figure: what each kind of block took, and what it had to do."""

from __future__ import annotations

import os
from typing import Any, NamedTuple

import numpy as np

from ..config import BertConfig
from ..files import figures
from ..files.terminal import bar, table
from . import costs, machine
from .costs import Cost, Sizes

NOTHING = Cost((), 0, 0)


class Row(NamedTuple):
    """A kind of block in both passes."""

    name: str
    forward: Cost
    backward: Cost
    forward_seconds: float
    backward_seconds: float

    @property
    def seconds(self) -> float:
        return self.forward_seconds + self.backward_seconds


class Ledger(NamedTuple):
    sizes: Sizes
    config: BertConfig
    dtype: np.dtype[Any]
    threads: int  # of BLAS
    repeats: int
    backward: bool  # whether there was a backward pass
    peak: machine.Peak
    rows: tuple[Row, ...]

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

    def least(self, row: Row) -> float:
        """Seconds that both passes need at best."""
        return sum(max(self.computing(cost), self.moving(cost)) for cost in (row.forward, row.backward))

    def bound(self, row: Row) -> str:
        """What decides the least time."""
        both = costs.plus(row.forward, row.backward)
        return "computing" if self.computing(both) >= self.moving(both) else "memory"


def work(cost: Cost) -> int:
    """FLOPs of the products and element-wise operations together."""
    return cost.flops + cost.operations


def to_json(ledger: Ledger) -> dict[str, Any]:
    """Everything that the table is made of; seconds, bytes and FLOPs as they are."""
    sizes = ("num_hidden_layers", "hidden_size", "num_attention_heads", "intermediate_size", "vocab_size")

    def cost(one: Cost, seconds: float) -> dict[str, Any]:
        return {
            "product_flops": one.flops,
            "operations": one.operations,
            "bytes": ledger.bytes(one),
            "seconds": seconds,
        }

    return {
        "machine": machine.describe(),
        "threads": ledger.threads,
        "peak": {"flops_per_second": ledger.peak.flops, "bytes_per_second": ledger.peak.bandwidth},
        "config": {name: getattr(ledger.config, name) for name in sizes},
        "dtype": str(ledger.dtype),
        "batch": ledger.sizes.B,
        "length": ledger.sizes.T,
        "masked_pieces": ledger.sizes.M,
        "repeats": ledger.repeats,
        "seconds": ledger.seconds,
        "rows": [
            {
                "block": row.name,
                "forward": cost(row.forward, row.forward_seconds),
                "backward": cost(row.backward, row.backward_seconds) if ledger.backward else None,
                "least_seconds": ledger.least(row),
                "bound": ledger.bound(row),
            }
            for row in ledger.rows
        ],
    }


def format_ledger(ledger: Ledger) -> str:
    """For people: the sizes, the table, and what its columns say."""
    B, T, M = ledger.sizes
    c = ledger.config
    asked = f", {M} of them masked" if M else ""
    cores = "one core" if ledger.threads == 1 else f"{ledger.threads} BLAS threads"
    passes = "forward and backward" if ledger.backward else "forward"
    kinds = ("block", "GFLOP", "MB", "ms") + ("GFLOP", "MB", "ms") * ledger.backward
    ways = ("", "forward", "", "") + ("backward", "", "") * ledger.backward
    rows = [(*kinds, "share", "", "FLOP/byte", "bound by", "reached"), *(_cells(ledger, row) for row in ledger.rows)]
    least = sum(map(ledger.least, ledger.rows))
    return "\n".join([
        f"L={c.num_hidden_layers} H={c.hidden_size} A={c.num_attention_heads} F={c.intermediate_size} V={c.vocab_size}",
        f"{B} x {T} pieces{asked}; {ledger.dtype}; {cores}, "
        f"at best {ledger.peak.flops / 1e9:.0f} GFLOP/s in products, {ledger.peak.bandwidth / 1e9:.1f} GB/s in copies",
        "",
        table((*ways, "", "", "", "", ""), rows, "l" + "r" * len(kinds[1:]) + "rlrlr"),
        "",
        f"{passes}: {ledger.seconds * 1e3:.1f} ms (median of {ledger.repeats}); {least * 1e3:.1f} ms at best",
        "reached: the least time, by computing or by memory, as a share of the time taken; more than 100 % where the",
        "arrays stay in the cache, which is faster than memory",
    ])  # fmt: skip


def _cells(ledger: Ledger, row: Row) -> tuple[str, ...]:
    ways = [(row.forward, row.forward_seconds)]
    if ledger.backward:
        ways.append((row.backward, row.backward_seconds))
    cells = [row.name]
    for cost, seconds in ways:
        cells += [f"{work(cost) / 1e9:.3f}", f"{ledger.bytes(cost) / 1e6:.1f}", f"{seconds * 1e3:.2f}"]
    both = costs.plus(row.forward, row.backward)
    share = row.seconds / ledger.seconds
    cells += [f"{share:.1%}", bar(share, 12)]
    if both == NOTHING:
        return (*cells, "", "", "")
    reached = ledger.least(row) / row.seconds if row.seconds else 0.0
    return (*cells, f"{work(both) / ledger.bytes(both):.2f}", ledger.bound(row), f"{reached:.0%}")


def figure(ledger: Ledger, path: str | os.PathLike[str]) -> None:
    """Draw the rows as bars, forward and backward told apart by hatching, with a mark at the least time.

    Error: matplotlib is missing, the name ends with no form of a figure, or the file cannot be written.
    """
    drawn = figures.new_figure(9, 0.36 * len(ledger.rows) + 1.6)
    axes = drawn.add_subplot()
    places = range(len(ledger.rows))
    forward = [row.forward_seconds * 1e3 for row in ledger.rows]
    axes.barh(places, forward, color="0.75", edgecolor="black", label="forward")
    if ledger.backward:
        backward = [row.backward_seconds * 1e3 for row in ledger.rows]
        axes.barh(places, backward, left=forward, color="white", edgecolor="black", hatch="///", label="backward")
    least = [ledger.least(row) * 1e3 for row in ledger.rows]
    axes.plot(least, places, linestyle="", marker="|", markersize=16, markeredgewidth=3, color="black", label="at best")
    for place, row in zip(places, ledger.rows, strict=True):
        end, share = max(row.seconds, ledger.least(row)) * 1e3, f"{row.seconds / ledger.seconds:.1%}"
        axes.annotate(share, (end, place), (6, 0), textcoords="offset points", va="center")
    axes.set_yticks(places, [row.name for row in ledger.rows])
    axes.invert_yaxis()
    axes.margins(x=0.1)
    B, T, _ = ledger.sizes
    c = ledger.config
    title = f"L={c.num_hidden_layers} H={c.hidden_size}, {B} x {T} pieces, {ledger.dtype}"
    axes.set(xlabel="milliseconds", title=title)
    axes.legend(loc="lower right")
    figures.save(drawn, path)
