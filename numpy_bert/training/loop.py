"""The training loop: step after step until the recipe is done, with evaluations, saves and reports on the way."""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple, Protocol

import numpy as np

from ..config import BertConfig
from ..errors import Error, warn
from ..numerics import tree
from ..tasks import objective
from . import step
from .optim.layer_decay import idle, multipliers
from .recipe import Recipe
from .run.folder import RunFolder
from .step import StepReport, TrainingState


class BatchSource(Protocol):
    """Where the batches come from: an endless sequence whose position can be saved and restored."""

    @property
    def position(self) -> dict[str, int]:
        """Where the next step begins."""

    def seek(self, position: dict[str, int]) -> None:
        """Continue from there. Error: there is no such position in this data."""

    def next(self) -> list[objective.Batch]:
        """The microbatches of the next step."""

    @property
    def description(self) -> dict[str, Any]:
        """What the data are, as JSON: a run is not resumed with other data."""


def no_evaluation(params: objective.Params) -> dict[str, float]:
    return {}


def ignore(_: Any) -> None:
    """No report."""


@dataclass(frozen=True)
class Monitor:
    """What the loop does besides the steps: it evaluates, saves and reports.

    evaluate_every, save_every: in steps; 0 means at the end only.
    """

    evaluate: Callable[[objective.Params], dict[str, float]] = no_evaluation
    evaluate_every: int = 0
    save_every: int = 0
    report: Callable[[StepReport], object] = ignore  # called after each step
    say: Callable[[str], object] = ignore  # called with a line for people: an evaluation, a save


class RunOptions(NamedTuple):
    """The folder of a run, which keeps its saves and its learning curve, and whether to resume the run in it."""

    folder: str | os.PathLike[str]
    resume: bool = False
    force: bool = False  # resume although the recipe, the config or the data have changed


class Run(NamedTuple):
    """What stays the same during a run."""

    source: BatchSource
    recipe: Recipe
    config: BertConfig
    monitor: Monitor
    folder: RunFolder | None = None


def train(
    params: objective.Params,
    source: BatchSource,
    recipe: Recipe,
    config: BertConfig,
    monitor: Monitor,
    options: RunOptions | None = None,
) -> tuple[objective.Params, dict[str, float]]:
    """A whole run. Returns the trained parameters and the last evaluation; `params` is not changed.

    Without options nothing is written. Error: as `take_steps`; also a run that cannot be resumed.
    """
    state = step.begin(params, recipe)
    if options is None:
        return state.params, take_steps(state, Run(source, recipe, config, monitor))
    with RunFolder(options.folder, identity(recipe, config, source.description, params)) as folder:
        if options.resume:
            _seek(source, folder.resume(state, options.force), options.force)
        else:
            folder.begin()
        return state.params, take_steps(state, Run(source, recipe, config, monitor, folder))


def _seek(source: BatchSource, position: dict[str, int], force: bool) -> None:
    try:
        source.seek(position)
    except Error as error:
        if not force:
            raise
        warn(f"{error}; the data are read from their beginning")


def identity(recipe: Recipe, config: BertConfig, data: dict[str, Any], initial: objective.Params) -> dict[str, Any]:
    """What a run is, as JSON. initial: the parameters before the first step, which are part of it as a hash."""
    digest = hashlib.sha256()
    for name, array in tree.items(initial):
        digest.update(name.encode())
        digest.update(np.ascontiguousarray(array).reshape(-1).view(np.uint8).data)
    fields = {"recipe": _as_json(asdict(recipe)), "config": _as_json(asdict(config))}
    return {**fields, "data": data, "model": digest.hexdigest()}


def _as_json(fields: dict[str, Any]) -> dict[str, Any]:
    return {name: list(value) if isinstance(value, tuple) else value for name, value in fields.items()}


def take_steps(state: TrainingState, run: Run) -> dict[str, float]:
    """Take the remaining steps; returns the last evaluation.

    With a folder the run is logged and saved there; a save holds all that is needed to continue with the same bits.
    Error: the loss is no longer finite (the message names the step and the last save), or the disk fails.
    """
    folder = run.folder
    if folder is not None and folder.last is None:
        folder.save(state, run.source.position)  # shows, before any work is done, that saving works
    elif folder is not None:
        run.monitor.say(f"resumes after step {state.step}: {folder.last}")
    figures: dict[str, float] = {}
    frozen = (*run.recipe.frozen, *idle(state.params, run.recipe.task))
    factors = multipliers(state.params, run.recipe.layer_decay, frozen)
    with _naming_the_save(folder):
        while state.step < run.recipe.steps:
            figures = _take_step(state, run, factors) or figures
        if folder is not None:
            folder.draw()
        return figures or run.monitor.evaluate(state.params)  # a finished run that is resumed takes no step


def _take_step(state: TrainingState, run: Run, factors: objective.Params) -> dict[str, float]:
    """One step with what is due after it; returns its evaluation, or nothing."""
    recipe, monitor, folder = run.recipe, run.monitor, run.folder
    figures: dict[str, float] = {}
    report = step.take(state, run.source.next(), recipe, run.config, factors)
    monitor.report(report)
    if folder is not None:
        folder.steps.add(StepReport._fields, report)
    evaluates, saves = (_due(state.step, recipe, every) for every in (monitor.evaluate_every, monitor.save_every))
    if evaluates or saves:
        step.refuse_not_finite(state)
    if evaluates:
        figures = monitor.evaluate(state.params)
        _report_figures(figures, state.step, run)
    if saves and folder is not None:
        path = folder.save(state, run.source.position)
        monitor.say(f"saved step {state.step}: {path}")
    return figures


def _due(step: int, recipe: Recipe, every: int) -> bool:
    return step == recipe.steps or (every > 0 and step % every == 0)


@contextlib.contextmanager
def _naming_the_save(folder: RunFolder | None) -> Iterator[None]:
    """Add to a training error, or an interruption, where the run can be resumed."""
    try:
        yield
    except KeyboardInterrupt as error:
        if folder is None or folder.last is None:
            raise
        raise type(error)(f"interrupted; {folder.last} is saved") from None
    except Error as error:
        if folder is None or folder.last is None:
            raise
        raise Error(f"{error}; the last good save is {folder.last}") from None


def _report_figures(figures: dict[str, float], step: int, run: Run) -> None:
    if figures:
        run.monitor.say(f"step {step}: " + ", ".join(f"{name} {value:.4f}" for name, value in figures.items()))
        if run.folder is not None:
            run.folder.evaluations.add(("step", *figures), (step, *figures.values()))
