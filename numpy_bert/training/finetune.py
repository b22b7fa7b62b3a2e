"""Fine-tuning: a pretrained BERT, a new head for a task, and labeled examples (Devlin et al., arXiv:1810.04805,
section 4).
"""

from __future__ import annotations

from typing import Any

from ..config import BertConfig
from ..tasks import objective
from . import initialization, loop
from .data.batches import Epochs, Examples
from .loop import Monitor, RunOptions
from .recipe import Recipe

WARMUP = 0.1  # share of all steps


def recipe(task: str, examples: Examples, epochs: int, batch_size: int = 32, **settings: Any) -> Recipe:
    """The recipe of the paper's appendix A.3: linear warm-up over a tenth of the steps, then linear decay to 0.

    settings: other fields of Recipe; `steps` follows from epochs and batch_size.
    """
    steps = epochs * -(-len(examples.lengths) // batch_size)
    settings.setdefault("warmup", int(WARMUP * steps))
    return Recipe(task=task, steps=steps, batch_size=batch_size, **settings)


def train(
    params: objective.Params,
    config: BertConfig,
    examples: Examples,
    recipe: Recipe,
    monitor: Monitor,
    options: RunOptions | None = None,
) -> tuple[objective.Params, dict[str, float]]:
    """Train all parameters with a new head for recipe.task; returns the parameters and the last evaluation.

    `params` is not changed. The config says how many labels the head has; heads of other tasks are left out. See
    `loop.train`.
    """
    source = Epochs(examples, recipe.batch_size, recipe.seed, recipe.max_tokens_per_microbatch)
    encoder_only = objective.Params(params.bert)
    initial = initialization.with_head(encoder_only, recipe.task, config, recipe.seed)
    return loop.train(initial, source, recipe, config, monitor, options)
