"""The loop: steps until the recipe is done, evaluated, logged and saved on the way."""

from __future__ import annotations

import contextlib
import hashlib
import os
import warnings
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple, Protocol

import numpy as np

from ..config import BertConfig
from ..errors import Error
from ..numerics import tree
from ..tasks import objective
from . import step
from .optim.layer_decay import idle, multipliers
from .recipe import Recipe
from .run.folder import RunFolder
from .run.progress import Progress
from .step import Report, State


class Source(Protocol):
    """Where the batches come from: an endless sequence with a place in it that can be saved and found again."""

    @property
    def position(self) -> dict[str, int]:
        """Where the next step begins."""

    def seek(self, position: dict[str, int]) -> None:
        """Go there."""

    def next(self) -> list[objective.Batch]:
        """The parts of the next step."""

    @property
    def description(self) -> dict[str, Any]:
        """What the data are, as JSON: a run is not resumed with others."""


def never(params: objective.Params) -> dict[str, float]:
    """No evaluation."""
    return {}


@dataclass(frozen=True)
class Plan:
    """What the loop does beside the steps. "every" counts steps; 0 means at the end alone."""

    evaluate: Callable[[objective.Params], dict[str, float]] = never
    evaluate_every: int = 0
    save_every: int = 0


class Place(NamedTuple):
    """Where a run keeps its saves and its learning curve, and whether it goes on with one that is there."""

    folder: str | os.PathLike[str]
    resume: bool = False
    force: bool = False  # resume although recipe, config or data differ


def train(
    params: objective.Params, source: Source, recipe: Recipe, config: BertConfig, plan: Plan, place: Place | None = None
) -> tuple[objective.Params, dict[str, float]]:
    """A whole run: the trained parameters (those given are not changed) and the last evaluation.

    Error: as `run`, and what `place` asks for is not there.
    """
    state = step.begin(params, recipe)
    if place is None:
        return state.params, run(state, source, recipe, config, plan)
    with RunFolder(place.folder, identity(recipe, config, source.description, params)) as folder:
        if place.resume:
            _seek(source, folder.resume(state, place.force), place.force)
        else:
            folder.begin()
        return state.params, run(state, source, recipe, config, plan, folder)


def _seek(source: Source, position: dict[str, int], force: bool) -> None:
    try:
        source.seek(position)
    except Error as error:
        if not force:
            raise
        warnings.warn(f"{error}; the data are read from their beginning", UserWarning, stacklevel=4)


def identity(recipe: Recipe, config: BertConfig, data: dict[str, Any], begun: objective.Params) -> dict[str, Any]:
    """What a run is, as JSON; begun: the parameters before the first step, which stand in it as a hash."""
    digest = hashlib.sha256()
    for name, array in tree.items(begun):
        digest.update(name.encode())
        digest.update(np.ascontiguousarray(array).reshape(-1).view(np.uint8).data)
    model = digest.hexdigest()
    return {"recipe": _listed(asdict(recipe)), "config": _listed(asdict(config)), "data": data, "model": model}


def _listed(fields: dict[str, Any]) -> dict[str, Any]:
    return {name: list(value) if isinstance(value, tuple) else value for name, value in fields.items()}


def run(
    state: State, source: Source, recipe: Recipe, config: BertConfig, plan: Plan, folder: RunFolder | None = None
) -> dict[str, float]:
    """Take the steps that are left; returns the last evaluation.

    With a folder the run is logged and saved there; what a save holds is all it takes to go on with the same bits.
    Error: the loss is not finite any more (the message names the step and the last save), or the disk.
    """
    factors = multipliers(state.params, recipe.layer_decay, (*recipe.frozen, *idle(state.params, recipe.task)))
    found: dict[str, float] = {}
    with Progress(state.step, recipe.steps) as progress:
        if folder is not None and folder.last is None:
            folder.save(state, source.position)  # proves, before any work is done, that it can be saved
        elif folder is not None:
            progress.say(f"goes on after step {state.step}: {folder.last}")
        while state.step < recipe.steps:
            before = state.pieces
            report = _take(state, source, recipe, config, factors, folder)
            progress.show(report, report.pieces - before)
            last = state.step == recipe.steps
            if folder is not None:
                folder.steps.add(Report._fields, report)
            if last or due(state.step, plan.evaluate_every) or due(state.step, plan.save_every):
                with _naming_the_save(folder):
                    step.refuse_not_finite(state)
            if last or due(state.step, plan.evaluate_every):
                found = plan.evaluate(state.params)
                _tell(found, state.step, progress, folder)
            if folder is not None and (last or due(state.step, plan.save_every)):
                saved = folder.save(state, source.position)
                progress.say(f"saved step {state.step}: {saved}")
    if folder is not None:
        folder.draw()
    return found or plan.evaluate(state.params)  # a run that was done before it was resumed took no step


def due(step: int, every: int) -> bool:
    return every > 0 and step % every == 0


def _take(
    state: State, source: Source, recipe: Recipe, config: BertConfig, factors: Any, folder: RunFolder | None
) -> Report:
    with _naming_the_save(folder):
        return step.take(state, source.next(), recipe, config, factors)


@contextlib.contextmanager
def _naming_the_save(folder: RunFolder | None) -> Iterator[None]:
    """An error of the training also tells where to go on from."""
    try:
        yield
    except Error as error:
        if folder is None or folder.last is None:
            raise
        raise Error(f"{error}; the last good save is {folder.last}") from None


def _tell(found: dict[str, float], step: int, progress: Progress, folder: RunFolder | None) -> None:
    if found:
        progress.say(f"step {step}: " + ", ".join(f"{name} {value:.4f}" for name, value in found.items()))
        if folder is not None:
            folder.evaluations.add(("step", *found), (step, *found.values()))
