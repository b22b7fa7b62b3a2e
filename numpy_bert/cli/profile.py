"""numpy-bert profile: what each block of a model costs, in operations, bytes and milliseconds."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import UsageError
from .command import Command
from .inputs import load_model, require_new
from .numbers import count
from .output import Bar, paragraph, print_result, table
from .progress import Progress

if TYPE_CHECKING:
    from ..profiling.roofline import Profile, ProfileRow

REACHED = (
    "reached: the least time, by computing or by memory, as a share of the time taken; more than 100 % where the "
    "arrays stay in the cache, which is faster than memory"
)
LENGTH = 128  # tokens by default
BERT_SIZE = 30522  # tokens of the vocabulary of BERT-base, uncased


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--batch", type=count, default=1, metavar="B", help="texts in a batch (default: 1)")
    length = f"tokens of each text (default: {LENGTH}, or the positions of the model if those are fewer)"
    parser.add_argument("--length", type=count, metavar="T", help=length)
    repeats = "passes to time; their median is shown (default: 5)"
    parser.add_argument("--repeats", type=count, default=5, metavar="N", help=repeats)
    threads = "BLAS threads (default: 1, as each worker of embed has)"
    parser.add_argument("--threads", type=count, default=1, metavar="N", help=threads)
    parser.add_argument("--forward-only", action="store_true", help="profile inference instead of a training step")
    parser.add_argument("--dropout", action="store_true", help="with dropout, as in training")
    parser.add_argument("--output", metavar="OUT.png", type=Path, help="draw a figure as well")


def run(options: argparse.Namespace) -> int:
    from ..config import BertConfig
    from ..profiling import passes, roofline

    require_new(options.output)
    bert = None if options.model is None else load_model(options.model)
    if options.dropout and options.forward_only:
        raise UsageError("--dropout: expected without --forward-only, since inference drops nothing")
    config = BertConfig(vocab_size=BERT_SIZE) if bert is None else bert.config
    workload = passes.Workload(
        B=options.batch,
        T=options.length or min(LENGTH, config.max_position_embeddings),
        repeats=options.repeats,
        threads=options.threads,
        backward=not options.forward_only,
        dropout=options.dropout,
    )
    passes.check(config, workload)
    params = passes.random_params(config) if bert is None else bert.params
    with Progress(workload.repeats + 1, "pass", hidden=options.json) as progress:
        profile = passes.measure(params, config, workload, progress.update)
    if options.output is not None:
        roofline.figure(profile, options.output)
    return print_result(options.json, roofline.to_json(profile), format_profile(profile))


def format_profile(profile: Profile) -> str:
    """The sizes, the table, and what its columns say."""
    B, T, M = profile.sizes
    c = profile.config
    masked = f", {M} of them masked" if M else ""
    cores = "one core" if profile.threads == 1 else f"{profile.threads} BLAS threads"
    peak = f"{profile.peak.flops / 1e9:.0f} GFLOP/s in products, {profile.peak.bandwidth / 1e9:.1f} GB/s in copies"
    passes = ("forward", "backward") if profile.backward else ("forward",)
    header = ["block", *(f"{name} {unit}" for name in passes for unit in ("GFLOP", "MB", "ms"))]
    least = sum(map(profile.least, profile.rows))
    total = f"{profile.seconds * 1e3:.1f} ms (median of {profile.repeats}); {least * 1e3:.1f} ms at best"
    right = "l" + "r" * len(header[1:]) + "rlrlr"
    rows = [_cells(profile, row) for row in profile.rows]
    return "\n".join([
        f"L={c.num_hidden_layers} H={c.hidden_size} A={c.num_attention_heads} F={c.intermediate_size} V={c.vocab_size}",
        paragraph(f"{B} x {T} tokens{masked}; {profile.dtype}; {cores}, at best {peak}"),
        "",
        table([*header, "share", "", "FLOP/byte", "bound by", "reached"], rows, right, repeat_first=True),
        "",
        paragraph(f"{' and '.join(passes)}: {total}"),
        paragraph(REACHED),
    ])  # fmt: skip


def _cells(profile: Profile, row: ProfileRow) -> tuple[object, ...]:
    from ..profiling import costs
    from ..profiling.roofline import NOTHING, work

    passes = [(row.forward, row.forward_seconds)]
    if profile.backward:
        passes.append((row.backward, row.backward_seconds))
    cells: list[object] = [row.name]
    for cost, seconds in passes:
        cells += [f"{work(cost) / 1e9:.3f}", f"{profile.bytes(cost) / 1e6:.1f}", f"{seconds * 1e3:.2f}"]
    both = costs.plus(row.forward, row.backward)
    share = row.seconds / profile.seconds
    cells += [f"{share:.1%}", Bar(share)]
    if both == NOTHING:
        return (*cells, "", "", "")
    reached = profile.least(row) / row.seconds if row.seconds else 0.0
    return (*cells, f"{work(both) / profile.bytes(both):.2f}", profile.bound(row), f"{reached:.0%}")


COMMAND = Command(
    "profile",
    "Measure what each block costs: operations, bytes, milliseconds",
    add_arguments,
    run,
    "profile --batch 8 --length 128",
    model="the sizes of BERT-base with random weights",
    texts=False,
)
