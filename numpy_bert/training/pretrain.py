"""Pretraining: a BERT of random numbers learns from plain text (Devlin et al., arXiv:1810.04805, section 3.1).

Both tasks at once: what word was hidden, and whether the second sentence followed the first.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..blocks import bert, cross_entropy
from ..blocks.cross_entropy import IGNORED
from ..config import BertConfig
from ..errors import Error
from ..numerics.arrays import Array
from ..numerics.threads import ordered_map
from ..tasks import masked_lm, next_sentence, objective, pretraining
from . import initialization, loop
from .data.pretraining import PretrainingData
from .loop import Monitor, RunOptions
from .recipe import Recipe

HEADS = ("masked_lm", "next_sentence")

# What helped a small model on a small corpus; docs/first-weights.md has the figures.
SMALL = {"learning_rate": 1e-3, "optimizer": "adamw", "batch_size": 16}
SMALL_RANGE, PAPER_RANGE = 0.04, 0.02  # σ of the first weights: wider where the hidden size is smaller


def recipe(steps: int, small: bool = False, **settings: Any) -> Recipe:
    """The recipe of the paper's appendix A.2: learning rate 1e-4 and decay 0.01 in Google's own Adam, warm-up, linear
    decay. The warm-up is a tenth of the steps here, where the paper has 10,000 of 1,000,000.

    small: AdamW, a higher rate and smaller batches instead. settings: other fields of Recipe, such as task="masked_lm"
    for masked words alone.
    """
    paper = {"learning_rate": 1e-4, "optimizer": "bert_adam"}
    chosen = {**(SMALL if small else paper), "warmup": steps // 10, **settings}
    return Recipe(**{"task": "pretraining", "steps": steps, **chosen})


def train(
    config: BertConfig,
    data: PretrainingData,
    recipe: Recipe,
    monitor: Monitor,
    options: RunOptions | None = None,
    params: objective.Params | None = None,
) -> tuple[objective.Params, dict[str, float]]:
    """Train a model from random numbers, or continue from `params`; returns it and the last evaluation."""
    if data.settings.max_length > config.max_position_embeddings:
        longest = config.max_position_embeddings
        raise Error(f"max_length: expected at most {longest} (max_position_embeddings), got {data.settings.max_length}")
    if len(data.tokenizer.tokens) > config.vocab_size:
        size = len(data.tokenizer.tokens)
        raise Error(f"vocabulary: expected at most {config.vocab_size} tokens (vocab_size), got {size}")
    if recipe.task != data.settings.task:
        raise Error(f"task: expected {data.settings.task} for such data, got {recipe.task}")
    if params is None:
        heads = objective.TASKS[recipe.task].heads
        params = initialization.params(config, heads, recipe.seed, has_pooler=objective.needs_pooler(heads))
    return loop.train(params, data, recipe, config, monitor, options)


def held_out(data: PretrainingData, steps: int) -> list[objective.Batch]:
    """The first batches of data that are not trained on."""
    return [microbatch for _ in range(steps) for microbatch in data.next()]


def evaluate(batches: list[objective.Batch], params: objective.Params, config: BertConfig) -> dict[str, float]:
    """Mean loss and accuracy over all batches, of both tasks or of masked words alone."""
    both = isinstance(batches[0].labels, pretraining.Labels)
    task, heads = ("pretraining", HEADS) if both else ("masked_lm", HEADS[:1])
    masked_head, *next_head = (objective.head_params(name, params) for name in heads)

    def sums(batch: objective.Batch) -> Array:
        """(tasks, 3): of each task the sum of the losses, how many were right, and how many there are."""
        batch = objective.only_read(task, batch)
        encoded, _ = bert.forward(batch.inputs, params.bert, config, keep="nothing")
        labels = (batch.labels.masked_lm if both else batch.labels).reshape(-1)
        places = np.flatnonzero(labels != IGNORED)
        masked, _ = masked_lm.forward(encoded, masked_head, config, positions=places)
        rows = [_sums(masked, labels[places])]
        if both:
            follows, _ = next_sentence.forward(encoded, next_head[0], config)
            rows.append(_sums(follows, batch.labels.next_sentence))
        return np.array(rows)

    figures = {}
    for name, (loss, right, count) in zip(
        heads, sum(ordered_map(sums, batches), np.zeros((len(heads), 3))), strict=True
    ):
        figures[f"{name}_loss"] = float(loss / max(1, count))
        figures[f"{name}_accuracy"] = float(right / max(1, count))
    return figures


def _sums(logits: Array, labels: Array) -> tuple[float, int, int]:
    loss, _ = cross_entropy.forward(logits, labels)
    return float(loss) * len(labels), int((logits.argmax(axis=1) == labels).sum()), len(labels)
