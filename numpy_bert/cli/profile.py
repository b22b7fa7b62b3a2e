"""numpy-bert profile: what it asks for, and how it is measured."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from .numbers import count

if TYPE_CHECKING:
    from ..model import Bert
    from ..profiling.roofline import Profile

LENGTH = 128  # tokens by default
BERT_SIZE = 30522  # tokens of the vocabulary of BERT-base, uncased


def add(one: argparse.ArgumentParser) -> None:
    sizes = "the sizes of BERT-base with random weights"
    one.add_argument("--model", metavar="PATH", help=f"a folder or file of a checkpoint ({sizes})")
    one.add_argument("--batch", type=count, default=1, metavar="B", help="texts (1)")
    one.add_argument("--length", type=count, metavar="T", help=f"tokens of each text ({LENGTH}, if the model has them)")
    one.add_argument("--repeats", type=count, default=5, metavar="N", help="passes, of which the median counts (5)")
    one.add_argument("--threads", type=count, default=1, metavar="N", help="threads of BLAS (1: what a worker has)")
    one.add_argument("--forward-only", action="store_true", help="as at inference, instead of a step of training")
    one.add_argument("--dropout", action="store_true", help="with dropout, as in training")
    one.add_argument("--output", metavar="OUT.png", type=Path, help="draw it as well")


def measured(bert: Bert | None, options: argparse.Namespace) -> Profile:
    """Of a model, or without one of random weights with the sizes of BERT-base."""
    from ..config import BertConfig
    from ..errors import UsageError
    from ..profiling import passes
    from .progress import Progress

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
    with Progress(workload.repeats + 1, "pass", hidden=options.json) as done:
        return passes.measure(params, config, workload, done.update)
