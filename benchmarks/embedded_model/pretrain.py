"""Masked words and next sentence from random numbers: the first and longest part of making the embedded model.

    python benchmarks/embedded_model/pretrain.py WORK RUN --tokens 100e6

WORK is what prepare.py and pack.py made. The rate rises for 300,000 tokens and then stays; heads.py lets it fall.
RUN gets saves every ten minutes, of which the newest is resumed from when the command is given again, steps.csv and
evaluations.csv. SIGTERM ends the run with a save.
"""

from __future__ import annotations

import argparse
import csv
import signal
import time
from pathlib import Path

import numpy as np
from examples import Examples
from held_out import HeldOut
from sources import EXAMPLES

from numpy_bert.config import BertConfig
from numpy_bert.numerics import tree
from numpy_bert.tasks import objective
from numpy_bert.tokenizer.folder import read_tokenizer
from numpy_bert.tokenizer.pipeline import Tokenizer
from numpy_bert.training import accumulation, neighbor_heads
from numpy_bert.training.optim import clipping
from numpy_bert.training.optim import update as optimizers
from numpy_bert.training.optim.layer_decay import multipliers
from numpy_bert.training.pretrain import HEADS, SMALL_RANGE
from numpy_bert.training.recipe import Recipe
from numpy_bert.training.run import checkpoint
from numpy_bert.training.step import TrainingState

RULE = Recipe(task="pretraining", steps=0).rule  # AdamW as usual
DECAY, CLIP, WARMUP = 0.01, 1.0, 300_000


def new_config(tokenizer: Tokenizer, layers: int = 4, hidden: int = 256, heads: int = 8) -> BertConfig:
    return BertConfig(
        vocab_size=len(tokenizer.tokens),
        hidden_size=hidden,
        num_hidden_layers=layers,
        num_attention_heads=heads,
        intermediate_size=4 * hidden,
        max_position_embeddings=128,
        hidden_dropout=0.0,
        attention_dropout=0.0,
        initializer_range=SMALL_RANGE,
        pad_token_id=tokenizer.pad_id,
    )


def begin(config: BertConfig, seed: int) -> TrainingState:
    params = neighbor_heads.params(config, HEADS, seed)
    return TrainingState(params, optimizers.initial(RULE[0], params), np.random.default_rng(seed))


def update(state: TrainingState, gradients: objective.Params, rate: float) -> float:
    """One step of AdamW, clipped; returns the norm of the gradient."""
    norm = clipping.norm(tree.leaves(gradients))
    rates = optimizers.Rates(rate, DECAY, clipping.factor(norm, CLIP))
    state.optimizer = optimizers.step(state.params, gradients, state.optimizer, rates, multipliers(state.params), RULE)
    return norm


def count_tokens(batches: list[objective.Batch]) -> int:
    masks = [(b.inputs.mask, b.inputs.ids.token) for b in batches]
    return sum(int(ids.size if mask is None else mask.sum()) for mask, ids in masks)


class Run:
    """The folder of a run: tables, and saves of which the newest two stay."""

    def __init__(self, folder: Path, minutes: float) -> None:
        self.folder, self.seconds, self.last = folder, 60 * minutes, time.monotonic()
        folder.mkdir(parents=True, exist_ok=True)
        self.stopped = False
        signal.signal(signal.SIGTERM, self._stop)

    def _stop(self, *_: object) -> None:
        self.stopped = True

    def row(self, table: str, **values: object) -> None:
        path = self.folder / f"{table}.csv"
        is_new = not path.exists()
        with open(path, "a", newline="") as out:
            csv.writer(out).writerows([list(values)] * is_new + [list(values.values())])

    def saves(self) -> list[Path]:
        return sorted(self.folder.glob("save-" + "[0-9]" * 8))

    def save(self, state: TrainingState, position: dict[str, int]) -> None:
        path = self.folder / f"save-{state.step:08}"
        if not path.exists():
            checkpoint.write(path, state, position, {}, {})
        for old in self.saves()[:-2]:
            checkpoint.remove(old)
        self.last = time.monotonic()

    def save_if_due(self, state: TrainingState, position: dict[str, int]) -> None:
        if time.monotonic() - self.last > self.seconds:
            self.save(state, position)

    def resume(self, state: TrainingState) -> dict[str, int] | None:
        """The state of the newest save, and its position; None without a save."""
        if not self.saves():
            return None
        newest = self.saves()[-1]
        return checkpoint.restore(newest, state, checkpoint.verify(newest).step)


def main() -> None:
    top = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    top.add_argument("work", type=Path)
    top.add_argument("run", type=Path)
    top.add_argument("--tokens", type=float, required=True)
    top.add_argument("--rate", type=float, default=1.2e-3)
    top.add_argument("--step-tokens", type=int, default=1024)
    top.add_argument("--masked", type=float, default=0.2)
    top.add_argument("--evaluate-every", type=float, default=2e6, help="tokens")
    top.add_argument("--minutes", type=float, default=10.0, help="between saves")
    top.add_argument("--seed", type=int, default=0)
    options = top.parse_args()
    tokenizer = read_tokenizer(options.work / "vocabulary")
    config = new_config(tokenizer)
    state = begin(config, options.seed)
    examples = Examples(options.work / "packed", tokenizer, options.step_tokens, options.masked, options.seed)
    held_out = HeldOut(options.work / "packed-held-out", EXAMPLES / "cloze.tsv", tokenizer)
    run = Run(options.run, options.minutes)
    position = run.resume(state)
    if position is not None:
        examples.seek(position)
    while state.tokens < options.tokens and not run.stopped:
        batches = examples.next()
        loss, gradients = accumulation.gradients("pretraining", batches, state.params, config)
        rate = options.rate * min(1.0, state.tokens / WARMUP)
        norm = update(state, gradients, rate)
        before, state.tokens = state.tokens, state.tokens + count_tokens(batches)
        run.row("steps", step=state.step, tokens=state.tokens, loss=loss, rate=rate, norm=norm)
        if state.tokens // options.evaluate_every > before // options.evaluate_every:
            figures = held_out.measure(state.params, config)
            run.row("evaluations", step=state.step, tokens=state.tokens, **figures)
            print(state.step, state.tokens, {name: round(value, 3) for name, value in figures.items()}, flush=True)
        run.save_if_due(state, examples.position)
    run.save(state, examples.position)


if __name__ == "__main__":
    main()
