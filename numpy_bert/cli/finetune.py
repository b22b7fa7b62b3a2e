"""numpy-bert finetune and evaluate: a task, a file of labeled examples, a model."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, NamedTuple

from ..errors import UsageError
from .command import Command, given
from .inputs import chosen_model
from .numbers import count
from .output import print_result, tell
from .training_run import (
    RECIPE,
    Run,
    Trained,
    add_run,
    check_frozen,
    check_options,
    check_run,
    format_figures,
    max_length,
    missing_head,
    monitored,
    show_trained,
)

if TYPE_CHECKING:
    from ..config import BertConfig
    from ..model import Bert
    from ..tasks import objective
    from ..training.data.datasets import Dataset
    from ..training.data.options import DataOptions

TASKS = ("sequence_classification", "token_classification", "question_answering", "multiple_choice")


class TaskOptions(NamedTuple):
    """A task, and what the command line says of its files."""

    task: str
    max_length: int | None
    data: DataOptions

    def length(self, dataset: Dataset, config: BertConfig) -> int:
        return max_length(self.max_length, dataset.max_length, dataset.shortest, config)


def _add_task(parser: argparse.ArgumentParser) -> None:
    task = f"what the model predicts: {', '.join(TASKS[:-1])} or {TASKS[-1]}"
    parser.add_argument("--task", metavar="TASK", required=True, choices=TASKS, help=task)
    length = "tokens of an example (default: 128, of question_answering 384)"
    parser.add_argument("--max-length", type=count, metavar="T", help=length)
    columns = (
        "roles of the columns, such as text,label or text,pair,label; - for an unused one; or text=NAME,label=NAME"
    )
    parser.add_argument("--columns", metavar="NAMES", type=_names, help=f"{columns} (default: recognized)")
    header = "whether the first line has the names of the columns (default: recognized)"
    parser.add_argument("--header", action=argparse.BooleanOptionalAction, default=None, help=header)
    labels = "the classes in their order, between commas (default: those of the file)"
    parser.add_argument("--labels", metavar="NAMES", type=_names, help=labels)
    regression = "the labels are numbers to predict, not names of classes (default: recognized for decimals)"
    parser.add_argument("--regression", action="store_true", default=None, help=regression)
    several = "a text has several labels, between commas or in a list (default: recognized for lists and columns)"
    parser.add_argument("--multi-label", action="store_true", default=None, help=several)
    stride = "tokens between the starts of two windows of a long context (default: 128)"
    parser.add_argument("--stride", type=count, metavar="N", help=stride)


def _add_finetune(parser: argparse.ArgumentParser) -> None:
    _add_task(parser)
    forms = "TSV, CSV or JSON lines with text and label; CoNLL; SQuAD; JSON lines with prompt, choices and label"
    parser.add_argument("--train", metavar="FILE", required=True, help=f"examples to learn from, by the task: {forms}")
    parser.add_argument("--dev", metavar="FILE", help="examples to evaluate on while training")
    epochs = "times each example is seen (default: 3)"
    parser.add_argument("--epochs", type=count, default=3, metavar="N", help=epochs)
    add_run(parser, every="an epoch", learning_rate="5e-5", optimizer="adamw")


def _finetune(options: argparse.Namespace) -> int:
    bert = chosen_model(options)
    settings = given(options, RECIPE) | {"frozen": tuple(options.freeze)}
    every = options.save_every, options.evaluate_every
    run = Run(options.output, options.resume, options.force, settings, *every, options.json)
    check_run(run)
    task = _read_task(options)
    return show_trained(_train(bert, task, options.train, options.dev, options.epochs, run), options.json)


def _train(bert: Bert, task: TaskOptions, train: str, dev: str | None, epochs: int, run: Run) -> Trained:
    """Train bert with a new head. Error: bad data, options that make no sense, a folder that cannot be written."""
    from ..tasks import objective
    from ..training import finetune
    from ..training.data import datasets
    from ..training.recipe import RULES, Recipe

    check_frozen(objective.shapes(bert.config, (task.task,)), run.settings["frozen"])
    dataset = datasets.dataset(task.task)
    length = task.length(dataset, bert.config)
    config = dataset.module.fitted(train, bert.config, task.data)
    examples = dataset.module.read(train, bert.tokenizer, config, length, task.data)
    held_out = None if dev is None else dataset.module.read(dev, bert.tokenizer, config, length, task.data)

    def evaluate(params: objective.Params) -> dict[str, float]:
        figures: dict[str, float] = dataset.module.evaluate(held_out, params, config) if held_out else {}
        return figures

    epoch = -(-len(examples.lengths) // run.settings.get("batch_size", Recipe.batch_size))
    check_options(RULES, {"steps": epochs * epoch}, {"steps": "epochs: steps in all"})
    recipe = finetune.recipe(task.task, examples, epochs, **run.settings)
    for line in examples.summary:
        tell(line)
    with monitored(run, recipe.steps, epoch, evaluate) as monitor:
        params, figures = finetune.train(bert.params, config, examples, recipe, monitor, run.options)
    if bert.params.bert.pooler is None and not objective.needs_pooler((task.task,)):
        params = params._replace(bert=params.bert._replace(pooler=None))  # else one that never learned would be saved
    if hasattr(dataset.module, "finished"):
        config = dataset.module.finished(config, figures)
    return Trained(bert.trained(config, params, length).save(run.model), recipe.steps, figures)


def _add_evaluate(parser: argparse.ArgumentParser) -> None:
    _add_task(parser)
    parser.add_argument("--input", metavar="FILE", required=True, help="examples with their labels, as for finetune")


def _evaluate(options: argparse.Namespace) -> int:
    figures = _measure(chosen_model(options), _read_task(options), options.input)
    return print_result(options.json, {"task": options.task, "figures": figures}, format_figures(figures))


def _measure(bert: Bert, task: TaskOptions, path: str) -> dict[str, float]:
    """The measures of a task on a file. Error: bad data, or a model without the head."""
    from ..training.data import datasets

    dataset = datasets.dataset(task.task)
    if task.task not in bert.heads:
        remedy = f"train one with numpy-bert finetune --task {task.task}"
        raise missing_head(bert.path, f"a {task.task} head", bert.heads, remedy)
    length = task.length(dataset, bert.config)
    examples = dataset.module.read(path, bert.tokenizer, bert.config, length, task.data)
    figures: dict[str, float] = dataset.module.evaluate(examples, bert.params, bert.config)
    return figures


def _read_task(options: argparse.Namespace) -> TaskOptions:
    """UsageError: an option of another task, or two that exclude each other."""
    from ..training.data import datasets
    from ..training.data.options import DataOptions

    if options.regression and options.labels:
        raise UsageError("--regression: expected it without --labels, got both")
    if options.regression and options.multi_label:
        raise UsageError("--regression: expected it without --multi-label, got both")
    chosen = given(options, DataOptions._fields)
    for name in chosen:
        if name not in datasets.DATASETS[options.task].options:
            other = next(task for task in TASKS if name in datasets.DATASETS[task].options)
            raise UsageError(
                f"--{name.replace('_', '-')}: expected it with --task {other} alone, got it with {options.task}"
            )
    return TaskOptions(options.task, options.max_length, DataOptions(**chosen))


def _names(text: str) -> tuple[str, ...]:
    """Names between commas."""
    names = tuple(text.split(","))
    if not all(names):
        raise argparse.ArgumentTypeError("expected names between commas, got an empty one")
    return names


COMMANDS = (
    Command(
        "finetune",
        "Train a model for a task on labeled examples",
        _add_finetune,
        _finetune,
        "finetune --task sequence_classification --train train.tsv --output run",
    ),
    Command(
        "evaluate",
        "Measure a model on labeled examples",
        _add_evaluate,
        _evaluate,
        "evaluate --task sequence_classification --input dev.tsv --model run/model",
    ),
)
