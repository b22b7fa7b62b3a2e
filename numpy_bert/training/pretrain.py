"""Pretraining: a BERT of random numbers learns from plain text (Devlin et al., arXiv:1810.04805, section 3.1).

Both tasks at once: what word was hidden, and whether the second sentence followed the first.
"""

from __future__ import annotations

from typing import Any

from ..blocks import bert, log_softmax
from ..blocks.cross_entropy import IGNORED
from ..config import BertConfig
from ..errors import Error
from ..memory import Array, Pool
from ..tasks import masked_lm, next_sentence, objective
from . import initial, loop
from .loop import Place, Plan
from .pretraining_data import PretrainingData
from .recipe import Recipe

HEADS = ("masked_lm", "next_sentence")


def recipe(steps: int, **settings: Any) -> Recipe:
    """The recipe of the paper's appendix A.2: learning rate 1e-4 and decay 0.01 in Google's own Adam, warm-up, linear
    decay. The warm-up is a tenth of the steps here, where the paper has 10,000 of 1,000,000.

    settings: other fields of Recipe.
    """
    chosen = {"learning_rate": 1e-4, "optimizer": "bert_adam", "warmup": steps // 10, **settings}
    return Recipe(task="pretraining", steps=steps, **chosen)


def pretrain(
    config: BertConfig,
    data: PretrainingData,
    recipe: Recipe,
    plan: Plan,
    place: Place | None = None,
    params: objective.Params | None = None,
) -> tuple[objective.Params, dict[str, float]]:
    """Train a model from random numbers, or go on from `params`; returns it and the last evaluation."""
    if data.settings.max_length > config.max_position_embeddings:
        longest = config.max_position_embeddings
        raise Error(f"max_length: expected at most {longest} (max_position_embeddings), got {data.settings.max_length}")
    if len(data.tokenizer.tokens) > config.vocab_size:
        many = len(data.tokenizer.tokens)
        raise Error(f"vocabulary: expected at most {config.vocab_size} tokens (vocab_size), got {many}")
    begun = initial.params(config, HEADS, recipe.seed) if params is None else params
    return loop.train(begun, data, recipe, config, plan, place)


def held_out(data: PretrainingData, steps: int) -> list[objective.Batch]:
    """The first batches of data that are not trained on."""
    return [part for _ in range(steps) for part in data.next()]


def evaluate(batches: list[objective.Batch], params: objective.Params, config: BertConfig) -> dict[str, float]:
    """Mean loss and accuracy of both tasks over all batches."""
    sums = {name: [0.0, 0, 0] for name in HEADS}  # loss, right, all
    masked_head, next_head = (objective.head_params(name, params) for name in HEADS)
    pool = Pool()
    for inputs, labels in batches:
        encoded, _ = bert.forward(inputs, params.bert, config, ws=pool)
        flat = labels.masked_lm.reshape(-1)
        places = (flat != IGNORED).nonzero()[0]
        logits, _ = masked_lm.forward(encoded, places, masked_head, config)
        _count(sums["masked_lm"], logits, flat[places])
        logits, _ = next_sentence.forward(encoded, next_head)
        _count(sums["next_sentence"], logits, labels.next_sentence)
        pool.release(*(output for output in encoded if output is not None))
    found = {}
    for name, (loss, right, many) in sums.items():
        found[f"{name}_loss"] = loss / max(1, many)
        found[f"{name}_accuracy"] = right / max(1, many)
    return found


def _count(sums: list[float], logits: Array, labels: Array) -> None:
    log_p, _ = log_softmax.forward(logits)
    sums[0] -= float(log_p[range(len(labels)), labels].sum())
    sums[1] += int((logits.argmax(axis=1) == labels).sum())
    sums[2] += len(labels)
