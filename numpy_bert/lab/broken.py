"""What a wrong backward does: to the gradient checks, and to training.

The backward of an exercise replaces the right one while a small model of random weights trains on eight texts of
random tokens; the same run with the right backward is beside it. The small model is trained on the first task, in the
order of TRIALS, on which the mistake has an effect.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np

from ..blocks import bert
from ..blocks.cross_entropy import IGNORED
from ..blocks.embedding import Ids
from ..config import BertConfig
from ..exercises import numbered, report, source
from ..gradcheck.checker import Row
from ..tasks import objective, pretraining, question_answering
from ..training import initialization
from ..training import step as training_step
from ..training.optim import layer_decay
from ..training.recipe import Recipe

STEPS, RATE = 40, 3e-3
B, T, C = 8, 12, 3  # texts, tokens of each, classes


class Trial(NamedTuple):
    """A task for the small model."""

    task: str
    problem_type: str | None = None
    recompute: bool = False
    tied: bool = True  # the decoder of masked_lm is the word embedding


TRIALS = (
    Trial("masked_lm"),
    Trial("sequence_classification"),
    Trial("sequence_classification", problem_type="regression"),
    Trial("next_sentence"),
    Trial("token_classification"),
    Trial("question_answering"),
    Trial("multiple_choice"),
    Trial("pretraining"),
    Trial("masked_lm", recompute=True),
)


class Broken(NamedTuple):
    """An exercise, shown at work."""

    title: str
    block: str
    code: str  # the wrong backward
    rows: list[Row]  # of the gradient check
    task: str | None  # that the curves are of; None: no task goes through this block
    right: list[float]  # loss of each step; () without a task
    wrong: list[float]


def run(number: int) -> Broken:
    """Check and train with the wrong backward of an exercise. Error: no exercise has this number."""
    exercise = numbered(number)
    rows = report.check(exercise, exercise.backward)
    module, name = source.right_module(exercise), exercise.backward.__name__
    broken = Broken(exercise.title, exercise.block, source.wrong(exercise), rows, None, [], [])
    arguments = len(inspect.signature(exercise.backward).parameters)
    tied = arguments == len(inspect.signature(getattr(module, name)).parameters)  # else accumulate_into is missing
    for trial in (trial._replace(tied=tied) for trial in TRIALS):
        calls: list[None] = []

        def counted(*passed: Any, calls: list[None] = calls) -> Any:
            calls.append(None)
            return exercise.backward(*passed[:arguments])

        with _replaced(module, name, counted):
            wrong = losses(trial)
        right = list(right_losses(trial))
        if calls and (broken.task is None or (wrong and right != wrong)):
            broken = broken._replace(task=trial.task, right=right, wrong=wrong)
        if calls and wrong and right != wrong:
            break
    return broken


@contextmanager
def _replaced(module: ModuleType, name: str, function: Callable[..., Any]) -> Iterator[None]:
    """Replace the function in its module, for the whole process, until the block ends: one run at a time."""
    right = getattr(module, name)
    setattr(module, name, function)
    try:
        yield
    finally:
        setattr(module, name, right)


@cache
def right_losses(trial: Trial) -> tuple[float, ...]:
    return tuple(losses(trial))


def losses(trial: Trial) -> list[float]:
    """The loss before each step; it ends where a step fails, as it may with a wrong gradient."""
    config = BertConfig(
        vocab_size=40,
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=4,
        intermediate_size=64,
        max_position_embeddings=16,
        num_labels=1 if trial.problem_type == "regression" else C,
        problem_type=trial.problem_type,
        tie_word_embeddings=trial.tied,
        gelu="tanh",  # the form with the longer derivative
        initializer_range=0.1,
    )
    params = initialization.params(config, objective.TASKS[trial.task].heads, seed=0)
    batch = _batch(trial, np.random.default_rng(0))
    recipe = Recipe(trial.task, STEPS, RATE, optimizer="adamw", clip=None, decay="constant", recompute=trial.recompute)
    state = training_step.begin(params, recipe)
    multipliers = layer_decay.multipliers(params)
    history: list[float] = []
    try:
        with np.errstate(all="ignore"):
            for _ in range(STEPS):
                history.append(training_step.take(state, [batch], recipe, config, multipliers).loss)
    except Exception:  # not finite, or of another shape: whatever a wrong gradient breaks
        pass
    return history


def _batch(trial: Trial, rng: np.random.Generator) -> objective.Batch:
    token = rng.integers(5, 40, (B, T))
    position = np.broadcast_to(np.arange(T), (B, T))
    segment = np.broadcast_to((np.arange(T) >= T // 2).astype(np.int64), (B, T))
    masked = np.where(rng.random((B, T)) < 0.4, token, IGNORED)
    follows = rng.integers(0, 2, B)
    labels: Any = {
        "masked_lm": masked,
        "next_sentence": follows,
        "sequence_classification": rng.integers(0, C, B),
        "token_classification": rng.integers(0, C, (B, T)),
        "question_answering": question_answering.Labels(rng.integers(0, 6, B), rng.integers(6, T, B)),
        "multiple_choice": rng.integers(0, 2, B // 2),
        "pretraining": pretraining.Labels(masked, follows),
    }[trial.task]
    if trial.problem_type == "regression":
        labels = rng.standard_normal((B, 1)).astype(np.float32)
    token = np.where(masked != IGNORED, 4, token) if trial.task in ("masked_lm", "pretraining") else token
    return objective.Batch(bert.Inputs(Ids(token, position, segment), None), labels)
