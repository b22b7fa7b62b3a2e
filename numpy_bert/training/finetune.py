"""Fine-tuning: a pretrained BERT, a head for a task, and examples (Devlin et al., arXiv:1810.04805, section 4)."""

from __future__ import annotations

from typing import Any

from ..config import BertConfig
from ..tasks import objective
from . import initialization, loop
from .data.batches import Epochs, Examples
from .loop import Place, Plan
from .recipe import Recipe

WARMUP = 0.1  # of all steps


def recipe(task: str, examples: Examples, epochs: int, batch_size: int = 32, **settings: Any) -> Recipe:
    """The recipe of the paper's appendix A.3: linear warm-up over a tenth of the steps, linear decay to 0.

    settings: other fields of Recipe than steps.
    """
    steps = epochs * -(-len(examples.lengths) // batch_size)
    settings.setdefault("warmup", int(WARMUP * steps))
    return Recipe(task=task, steps=steps, batch_size=batch_size, **settings)


def finetune(
    params: objective.Params,
    config: BertConfig,
    examples: Examples,
    recipe: Recipe,
    plan: Plan,
    place: Place | None = None,
) -> tuple[objective.Params, dict[str, float]]:
    """Train everything, with a new head for recipe.task; returns the parameters and the last evaluation.

    The parameters given are not changed. The config says how many labels the head has; a head of another task is
    left out. What trains is `loop.train`.
    """
    source = Epochs(examples, recipe.batch_size, recipe.seed, recipe.pieces)
    bare = objective.Params(params.bert)
    begun = initialization.with_head(bare, recipe.task, config, recipe.seed)
    return loop.train(begun, source, recipe, config, plan, place)
