"""What finetune and pretrain share: the options of a run, its folder, and what is printed at its end.

The folder of a run holds its saves, its learning curve and, when it is done, model/, which load() opens.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from ..errors import Error, UsageError, show
from .numbers import count, not_negative, positive, share, whole
from .output import print_result, printable, table, tell
from .signals import resumable

if TYPE_CHECKING:
    from ..config import BertConfig
    from ..rules import Rule
    from ..tasks import objective
    from ..training.loop import Monitor, RunOptions
    from ..training.step import StepReport

MODEL = "model"  # in the folder of the run
OPTIMIZERS = ("adamw", "bert_adam", "sgd")
SCHEDULES = ("linear", "cosine", "constant")
# Fields of Recipe that are options; what is not given is as the recipe has it.
RECIPE = (
    "batch_size", "learning_rate", "optimizer", "weight_decay", "clip", "warmup", "decay", "layer_decay", "recompute",
    "seed",
)  # fmt: skip

Evaluate = Callable[["objective.Params"], dict[str, float]]


class Run(NamedTuple):
    """The options of a run as they were given; None and absent names are for the recipe to fill in."""

    folder: Path
    resume: bool
    force: bool  # resume although recipe, config or data differ
    settings: dict[str, Any]  # fields of Recipe
    save_every: int | None  # steps
    evaluate_every: int | None  # steps
    as_json: bool

    @property
    def model(self) -> Path:
        return self.folder / MODEL

    @property
    def options(self) -> RunOptions:
        from ..training.loop import RunOptions

        return RunOptions(self.folder, self.resume, self.force)


class Trained(NamedTuple):
    """What a run made."""

    model: Path
    steps: int
    figures: dict[str, float]  # of the last evaluation; none without held-out data


def add_run(parser: argparse.ArgumentParser, every: str, learning_rate: str, optimizer: str) -> None:
    """every: how often the run is saved and evaluated by default. learning_rate, optimizer: their defaults."""
    output = "a folder for the run: its saves, its learning curve and, at the end, the model"
    parser.add_argument("--output", metavar="FOLDER", required=True, type=folder, help=output)
    parser.add_argument("--resume", action="store_true", help="continue from the last save in the folder")
    parser.add_argument("--force", action="store_true", help="resume although options or data have changed")
    parser.add_argument("--batch-size", type=count, metavar="N", help="examples per step (default: 32)")
    rate = f"peak learning rate (default: {learning_rate})"
    parser.add_argument("--learning-rate", type=positive, metavar="RATE", help=rate)
    warmup = "steps in which the learning rate rises to its peak (default: a tenth of all steps)"
    parser.add_argument("--warmup", type=whole, metavar="N", help=warmup)
    schedule = f"how the learning rate falls after that: {', '.join(SCHEDULES)} (default: linear)"
    parser.add_argument("--schedule", dest="decay", metavar="NAME", choices=SCHEDULES, help=schedule)
    rule = f"the update rule: {', '.join(OPTIMIZERS)} (default: {optimizer})"
    parser.add_argument("--optimizer", metavar="NAME", choices=OPTIMIZERS, help=rule)
    decay = "weight decay per step, times the learning rate (default: 0.01)"
    parser.add_argument("--weight-decay", type=not_negative, metavar="RATE", help=decay)
    clip = "largest norm of the gradient; a longer one is scaled down to it (default: 1.0)"
    parser.add_argument("--clip", type=positive, metavar="NORM", help=clip)
    layers = "factor of the learning rate from each layer to the one below it (default: 1.0)"
    parser.add_argument("--layer-decay", type=share, metavar="FACTOR", help=layers)
    freeze = "parts of the model that are not trained, such as bert.embedding or bert.encoder.layers.0"
    parser.add_argument("--freeze", metavar="PART", nargs="+", default=[], help=freeze)
    recompute = "compute the forward pass of each layer again in the backward pass: less memory, a third more work"
    parser.add_argument("--recompute", action="store_true", default=None, help=recompute)
    parser.add_argument("--seed", type=whole, metavar="N", help="seed of all random numbers (default: 0)")
    parser.add_argument("--save-every", type=count, metavar="N", help=f"steps between two saves (default: {every})")
    evaluate = f"steps between two evaluations on --dev (default: {every})"
    parser.add_argument("--evaluate-every", type=count, metavar="N", help=evaluate)


def check_run(run: Run) -> None:
    """Error: a value out of range, or a folder that cannot take the run. Both are found before the training."""
    from ..files.new_folder import refuse_existing
    from ..training import recipe
    from ..training.run.folder import require_usable

    settings = {name: value for name, value in run.settings.items() if name in recipe.RULES}
    check_options(recipe.RULES, settings, {name: "schedule" if name == "decay" else name for name in settings})
    require_usable(run.folder, run.resume)
    refuse_existing(run.model)


def check_options(rules: Mapping[str, Rule], values: Mapping[str, Any], names: Mapping[str, str]) -> None:
    """UsageError: a value that its rule refuses, by the name of its option."""
    for field, value in values.items():
        try:
            rules[field].check(f"--{names[field].replace('_', '-')}", value)
        except Error as error:
            raise UsageError(str(error)) from None


def check_frozen(params: objective.Params, frozen: tuple[str, ...]) -> None:
    """UsageError: a part that the model lacks. params: arrays or shapes, whose names count."""
    from ..training.optim.layer_decay import multipliers

    for part in frozen:
        try:
            multipliers(params, frozen=(part,))
        except Error:
            expected = "parts of the model such as bert.embedding"
            raise UsageError(f"--freeze: expected {expected}, got {show(part)}") from None


def max_length(chosen: int | None, usual: int, shortest: int, config: BertConfig) -> int:
    """The tokens of an example. UsageError: more than the model has positions, or too few for this task."""
    longest = config.max_position_embeddings
    if longest < shortest:
        raise UsageError(f"expected a model of at least {shortest} positions for this, got one of {longest}")
    length = chosen or min(usual, longest)
    if not shortest <= length <= longest:
        bounds = f"an integer from {shortest} to {longest}, the positions of the model"
        raise UsageError(f"--max-length: expected {bounds}, got {length}")
    return length


@contextmanager
def monitored(run: Run, steps: int, every: int, evaluate: Evaluate) -> Iterator[Monitor]:
    """A monitor that shows the progress; Ctrl-C and SIGTERM say how to resume. every: steps between saves (default)."""
    from ..training.loop import Monitor
    from .training_progress import shown

    with resumable() as check, shown(steps, run.as_json) as show_step:

        def report(step: StepReport) -> None:
            check()
            show_step(step)

        yield Monitor(evaluate, run.evaluate_every or every, run.save_every or every, report, tell)


def show_trained(trained: Trained, as_json: bool) -> int:
    figures = format_figures(trained.figures) + "\n\n" if trained.figures else ""
    data = {"model": str(trained.model), "steps": trained.steps, "figures": trained.figures}
    return print_result(as_json, data, f"{figures}{trained.steps} steps; the model: {printable(str(trained.model))}")


def format_figures(figures: dict[str, float]) -> str:
    rows = [(name.replace("_", " "), f"{value:.4f}") for name, value in figures.items()]
    return table(("measure", "value"), rows, "lr")


def folder(text: str) -> Path:
    """An argument that names a folder."""
    if not text:
        raise argparse.ArgumentTypeError("expected the name of a folder, got nothing")
    return Path(text)


def missing_head(path: object, expected: str, heads: tuple[str, ...], remedy: str) -> Error:
    return Error(f"{path}: expected {expected}, got a checkpoint with heads: {', '.join(heads) or 'none'}; {remedy}")
