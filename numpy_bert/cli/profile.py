"""numpy-bert profile: what each block of a model costs, in operations, bytes and milliseconds."""

from __future__ import annotations

import argparse
from pathlib import Path

from ..errors import UsageError
from .command import Command
from .inputs import load_model, require_new
from .numbers import count
from .output import print_json
from .progress import Progress

LENGTH = 128  # tokens by default
BERT_SIZE = 30522  # tokens of the vocabulary of BERT-base, uncased


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--batch", type=count, default=1, metavar="B", help="texts in a batch (default: 1)")
    length = f"tokens of each text (default: {LENGTH}, or the positions of the model if those are fewer)"
    parser.add_argument("--length", type=count, metavar="T", help=length)
    repeats = "passes to time; their median is shown (default: 5)"
    parser.add_argument("--repeats", type=count, default=5, metavar="N", help=repeats)
    threads = "BLAS threads (default: 1, as in each worker of embed)"
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
    if options.json:
        print_json(roofline.to_json(profile))
    else:
        print(roofline.format_profile(profile))
    return 0


COMMAND = Command(
    "profile",
    "Measure what each block costs: operations, bytes, milliseconds",
    add_arguments,
    run,
    "profile --batch 8 --length 128",
    model="the sizes of BERT-base with random weights",
)
