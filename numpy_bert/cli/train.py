"""The commands that train: what they ask for, and the way from files to a folder with a model.

The folder of a run holds its saves, its learning curve and, when it is done, model/, which load() opens.
"""

from __future__ import annotations

import argparse
import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from ..errors import Error, UsageError
from .command import Command
from .inputs import load_model
from .numbers import count, not_negative, positive, share, whole
from .output import print_json, printable, table, tell
from .progress import Progress

if TYPE_CHECKING:
    from ..config import BertConfig
    from ..model import Bert
    from ..tasks import objective
    from ..tokenizer.pipeline import Tokenizer
    from ..training.data.datasets import Dataset
    from ..training.data.options import DataOptions
    from ..training.loop import RunOptions
    from ..training.recipe import Recipe

MODEL = "model"  # in the folder of the run
TASKS = ("sequence_classification", "token_classification", "question_answering", "multiple_choice")
OPTIMIZERS = ("adamw", "bert_adam", "sgd")
SCHEDULES = ("linear", "cosine", "constant")
# Fields of Recipe that are options; what is not given is as the recipe has it.
RECIPE = (
    "batch_size", "learning_rate", "optimizer", "weight_decay", "clip", "warmup", "decay", "layer_decay", "recompute",
    "seed",
)  # fmt: skip
SIZES = {  # of a new model
    "layers": (2, "encoder layers"),
    "hidden": (128, "hidden size"),
    "heads": (2, "attention heads"),
    "positions": (512, "pieces of the longest text"),
}
# Fields of Recipe and BertConfig of which the option has another name; the others are called alike.
OPTIONS = {
    "decay": "schedule",
    "frozen": "freeze",
    "num_hidden_layers": "layers",
    "hidden_size": "hidden",
    "num_attention_heads": "heads",
    "max_position_embeddings": "positions",
    **{name: name for name in (*RECIPE, "steps", "most_masked", "duplication") if name != "decay"},
}
PAIR = 128  # pieces of a pair of sentences in pretraining, unless told
SHORTEST_PAIR = 5  # [CLS], one of each sentence, [SEP] twice
BERT_SIZE = 30522  # tokens of the vocabulary of BERT-base, uncased
HELD_OUT = 20  # steps of pretraining on held-out text that are evaluated


class Trained(NamedTuple):
    """What a run made."""

    model: Path
    steps: int
    figures: dict[str, float]  # of the last evaluation; none without held-out data


# What the commands ask for.


def add_finetune(one: argparse.ArgumentParser) -> None:
    add_task(one)
    table = "text and label in columns between tabs, CSV or JSON lines"
    conll = "CoNLL (a word and its tag a line)"
    forms = f"{table}, {conll}, SQuAD, or JSON lines with prompt, choices and label"
    one.add_argument("--train", metavar="FILE", required=True, help=f"examples to learn from, by the task: {forms}")
    one.add_argument("--dev", metavar="FILE", help="examples to evaluate on after each epoch")
    one.add_argument("--epochs", type=count, default=3, metavar="N", help="times each example is seen (3)")
    _add_run(one)


def add_evaluate(one: argparse.ArgumentParser) -> None:
    add_task(one)
    one.add_argument("--input", metavar="FILE", required=True, help="examples with their labels")


def add_task(one: argparse.ArgumentParser) -> None:
    one.add_argument("--task", required=True, choices=TASKS)
    one.add_argument("--max-length", type=count, metavar="T", help="pieces of an example (of a question 384, else 128)")
    columns = "what each column is (text,label; also pair, - for none), or text=NAME,label=NAME by the header"
    one.add_argument("--columns", metavar="NAMES", type=_names, help=columns)
    header = "the first line has the names of the columns, or --no-header that it has not (recognized)"
    one.add_argument("--header", action=argparse.BooleanOptionalAction, default=None, help=header)
    one.add_argument("--labels", metavar="NAMES", type=_names, help="the classes, in order (those of the file)")
    numbers = "labels are numbers to predict, not names of classes (recognized for decimals)"
    one.add_argument("--regression", action="store_true", default=None, help=numbers)
    one.add_argument("--stride", type=count, metavar="N", help="pieces between the windows of a long context (128)")


def add_pretrain(one: argparse.ArgumentParser) -> None:
    text = "documents, a sentence a line, with blank lines between them"
    one.add_argument("--train", metavar="FILE", nargs="+", required=True, help=text)
    one.add_argument("--dev", metavar="FILE", nargs="+", help="such documents to evaluate on")
    one.add_argument("--steps", type=count, required=True, metavar="N")
    one.add_argument("--max-length", type=count, metavar="T", help=f"pieces of a pair of sentences ({PAIR})")
    one.add_argument("--whole-words", action="store_true", help="hide all pieces of a word or none")
    most = "pieces hidden in a pair at most (15 %% of --max-length)"
    one.add_argument("--most-masked", type=count, metavar="N", help=most)
    one.add_argument("--duplication", type=count, metavar="N", help="passes over the text that differ (all do)")
    one.add_argument("--vocabulary", metavar="FOLDER", help="a new model with the vocabulary there, of these sizes:")
    for name, (default, what) in SIZES.items():
        one.add_argument(f"--{name}", type=count, metavar="N", help=f"{what} ({default})")
    _add_run(one)


def add_learn_vocabulary(one: argparse.ArgumentParser) -> None:
    one.add_argument("--input", metavar="FILE", nargs="+", required=True, help="text, UTF-8")
    one.add_argument("--output", metavar="FOLDER", required=True, type=_folder, help="a new folder for the vocabulary")
    one.add_argument("--size", type=count, default=BERT_SIZE, metavar="V", help=f"tokens at most ({BERT_SIZE})")
    one.add_argument("--cased", action="store_true", help="keep capitals and accents")
    one.add_argument("--min-count", type=count, metavar="N", help="a piece occurs so often at least (2)")
    one.add_argument("--alphabet", type=count, metavar="N", help="characters at most, the most frequent (1000)")


def _add_run(one: argparse.ArgumentParser) -> None:
    one.add_argument("--output", metavar="FOLDER", required=True, type=_folder, help="of the run: saves, curve, model")
    one.add_argument("--resume", action="store_true", help="go on from the last save in the folder")
    one.add_argument("--force", action="store_true", help="even if options or data are others now")
    one.add_argument("--batch-size", type=count, metavar="N", help="examples a step (32)")
    one.add_argument("--learning-rate", type=positive, metavar="RATE", help="at its highest")
    one.add_argument("--warmup", type=whole, metavar="N", help="steps in which it rises (a tenth of all)")
    one.add_argument("--schedule", dest="decay", choices=SCHEDULES, help="how it falls (linear)")
    one.add_argument("--optimizer", choices=OPTIMIZERS)
    one.add_argument("--weight-decay", type=not_negative, metavar="RATE")
    one.add_argument("--clip", type=positive, metavar="NORM", help="longest gradient (1.0)")
    one.add_argument("--layer-decay", type=share, metavar="FACTOR", help="of the rate, from a layer to the one below")
    one.add_argument("--freeze", metavar="PART", nargs="+", default=[], help="parts that do not learn: bert.embedding")
    one.add_argument("--recompute", action="store_true", default=None, help="less memory, a third more work")
    one.add_argument("--seed", type=whole, metavar="N", help="of all random numbers (0)")
    one.add_argument("--save-every", type=count, metavar="N", help="steps (an epoch; in pretraining a tenth of all)")
    one.add_argument("--evaluate-every", type=count, metavar="N", help="steps (likewise)")


def _names(text: str) -> tuple[str, ...]:
    """Names between commas."""
    names = tuple(text.split(","))
    if not all(names):
        raise argparse.ArgumentTypeError("expected names between commas, got an empty one")
    return names


def _folder(text: str) -> Path:
    if not text:
        raise argparse.ArgumentTypeError("expected the name of a folder, got nothing")
    return Path(text)


# What they do.


def finetune(bert: Bert, options: argparse.Namespace) -> Trained:
    """Train bert with a new head. Error: bad data, options that make no sense, a folder that cannot be written."""
    from ..checkpoints.matching import NEED_POOLER
    from ..tasks import objective
    from ..training import finetune, loop
    from ..training.data import datasets
    from .training_progress import shown

    model = _new_model(options)
    _refuse_unknown_parts(objective.shapes(bert.config, (options.task,)), options)
    dataset = datasets.dataset(options.task)
    max_length, data_options = _reading(dataset, bert.config, options)
    config = dataset.module.fitted(options.train, bert.config, data_options)
    examples = dataset.module.read(options.train, bert.tokenizer, config, max_length, data_options)
    evaluate: Callable[[objective.Params], dict[str, float]] = loop.no_evaluation
    if options.dev is not None:
        held_out = dataset.module.read(options.dev, bert.tokenizer, config, max_length, data_options)
        evaluate = lambda params: dataset.module.evaluate(held_out, params, config)  # noqa: E731
    with _naming_options(steps="epochs: steps in all"):
        recipe = finetune.recipe(options.task, examples, options.epochs, **_settings(options))
    for line in examples.summary:
        tell(line)
    epoch = -(-len(examples.lengths) // recipe.batch_size)
    every = (options.evaluate_every or epoch, options.save_every or epoch)
    with shown(recipe.steps, options.json) as report:
        monitor = loop.Monitor(evaluate, *every, report, tell)
        params, figures = finetune.finetune(bert.params, config, examples, recipe, monitor, _place(options))
    if bert.params.bert.pooler is None and options.task not in NEED_POOLER:
        params = params._replace(bert=params.bert._replace(pooler=None))  # else one that never learned would be saved
    return _saved(model, config, params, bert.tokenizer, recipe, figures)


def evaluate(bert: Bert, options: argparse.Namespace) -> dict[str, float]:
    """The measures of a task on a file. Error: bad data, or a model without the head."""
    from ..training.data import datasets

    dataset = datasets.dataset(options.task)
    if options.task not in bert.heads:
        there = ", ".join(bert.heads) or "none"
        raise Error(f"{bert.path}: expected a {options.task} head, got a checkpoint with heads: {there}")
    max_length, data_options = _reading(dataset, bert.config, options)
    examples = dataset.module.read(options.input, bert.tokenizer, bert.config, max_length, data_options)
    figures: dict[str, float] = dataset.module.evaluate(examples, bert.params, bert.config)
    return figures


def pretrain(bert: Bert | None, options: argparse.Namespace) -> Trained:
    """Train bert further, or a new model where there is none."""
    from ..tasks import objective
    from ..training import loop, pretrain
    from ..training.data.corpus import Corpus
    from ..training.data.pretraining import PretrainingData, PretrainingSettings
    from .training_progress import shown

    model = _new_model(options)
    tokenizer, config, params = _fresh(options) if bert is None else _pretrained(bert, options)
    _refuse_unknown_parts(params or objective.shapes(config, pretrain.HEADS), options)
    max_length = _max_length(options, PAIR, SHORTEST_PAIR, config)
    chosen = {name: getattr(options, name) for name in ("most_masked", "whole_words", "duplication")}
    with _naming_options():
        settings = PretrainingSettings(max_length, **chosen)
        recipe = pretrain.recipe(options.steps, **_settings(options))
    limit = recipe.max_tokens_per_microbatch
    data = PretrainingData(Corpus(options.train), tokenizer, settings, recipe.batch_size, recipe.seed, limit)
    evaluate: Callable[[objective.Params], dict[str, float]] = loop.no_evaluation
    if options.dev is not None:
        other = PretrainingData(Corpus(options.dev), tokenizer, settings, recipe.batch_size, recipe.seed)
        held_out = pretrain.held_out(other, HELD_OUT)
        evaluate = lambda params: pretrain.evaluate(held_out, params, config)  # noqa: E731
    tenth = -(-recipe.steps // 10)
    every = (options.evaluate_every or tenth, options.save_every or tenth)
    with shown(recipe.steps, options.json) as report:
        monitor = loop.Monitor(evaluate, *every, report, tell)
        params, figures = pretrain.pretrain(config, data, recipe, monitor, _place(options), params)
    return _saved(model, config, params, tokenizer, recipe, figures)


def learn_vocabulary(options: argparse.Namespace, progress: Callable[[int], object]) -> Tokenizer:
    """A vocabulary from text, written to a new folder."""
    from ..checkpoints.saving import new_folder, refuse_existing
    from ..tokenizer import learn as vocabulary
    from ..tokenizer.pipeline import Tokenizer, write_tokenizer

    refuse_existing(options.output)
    words = vocabulary.count_words(options.input, lowercase=not options.cased)
    given = {name: getattr(options, name) for name in ("alphabet", "min_count") if getattr(options, name) is not None}
    tokens = vocabulary.learn(words, options.size, progress=progress, **given)
    tokenizer = Tokenizer(tokens, lowercase=not options.cased)
    with new_folder(options.output) as folder:
        write_tokenizer(tokenizer, folder)
    return tokenizer


def _reading(dataset: Dataset, config: BertConfig, options: argparse.Namespace) -> tuple[int, DataOptions]:
    """max_length, and what the command line says of the file."""
    from ..training.data import datasets
    from ..training.data.options import DataOptions

    if options.regression and options.labels:
        raise UsageError("--regression: expected it without --labels, got both")
    more = {name: getattr(options, name) for name in DataOptions._fields if getattr(options, name) is not None}
    for name in more:
        if name not in dataset.options:
            theirs = next(task for task in TASKS if name in datasets.DATASETS[task].options)
            raise UsageError(f"--{name}: expected it with --task {theirs} alone, got it with {options.task}")
    return _max_length(options, dataset.max_length, dataset.shortest, config), DataOptions(**more)


def _max_length(options: argparse.Namespace, usual: int, shortest: int, config: BertConfig) -> int:
    longest = config.max_position_embeddings
    if longest < shortest:
        raise UsageError(f"expected a model of at least {shortest} positions for this, got one of {longest}")
    given: int = options.max_length or min(usual, longest)
    if not shortest <= given <= longest:
        bounds = f"an integer from {shortest} to {longest}, the positions of the model"
        raise UsageError(f"--max-length: expected {bounds}, got {given}")
    return given


def _settings(options: argparse.Namespace) -> dict[str, Any]:
    """The fields of Recipe that the command line gives."""
    given = {name: getattr(options, name) for name in RECIPE if getattr(options, name) is not None}
    return given | {"frozen": tuple(options.freeze)}


def _fresh(options: argparse.Namespace) -> tuple[Tokenizer, BertConfig, None]:
    """A new model: vocabulary and sizes."""
    from ..config import BertConfig
    from ..tokenizer.pipeline import read_tokenizer

    tokenizer = read_tokenizer(Path(options.vocabulary))
    layers, hidden, heads, positions = (getattr(options, name) or default for name, (default, _) in SIZES.items())
    with _naming_options():
        config = BertConfig(
            vocab_size=len(tokenizer.tokens),
            hidden_size=hidden,
            num_hidden_layers=layers,
            num_attention_heads=heads,
            intermediate_size=4 * hidden,
            max_position_embeddings=positions,
            pad_token_id=tokenizer.pad_id,
        )
    return tokenizer, config, None


def _pretrained(bert: Bert, options: argparse.Namespace) -> tuple[Tokenizer, BertConfig, objective.Params]:
    from ..training.pretrain import HEADS

    for name in SIZES:
        if getattr(options, name) is not None:
            raise UsageError(f"--{name}: expected with --vocabulary, got a --model, which has a size of its own")

    if not set(HEADS) <= set(bert.heads):
        there = ", ".join(bert.heads) or "none"
        raise Error(f"{bert.path}: expected the heads {' and '.join(HEADS)}, got a checkpoint with heads: {there}")
    return bert.tokenizer, bert.config, bert.params


def _refuse_unknown_parts(params: objective.Params, options: argparse.Namespace) -> None:
    """An error before the data are read. params: arrays or shapes, whose names count."""
    from ..training.optim.layer_decay import multipliers

    with _naming_options():
        multipliers(params, frozen=options.freeze)


@contextlib.contextmanager
def _naming_options(**others: str) -> Iterator[None]:
    """What refuses a field of a name here refuses an option of the command line. others: more names, as in OPTIONS."""
    try:
        yield
    except Error as error:
        field, _, rest = str(error).partition(": ")
        option = (OPTIONS | others).get(field)
        if option is None:
            raise
        raise UsageError(f"--{option.replace('_', '-')}: {rest}") from None


def _new_model(options: argparse.Namespace) -> Path:
    """Where the model will be. Error: there is one, or the folder will not do for the run, which is better known
    before the training than after it.
    """
    from ..checkpoints.saving import refuse_existing
    from ..training.run.folder import require_usable

    require_usable(options.output, options.resume)
    refuse_existing(options.output / MODEL)
    return Path(options.output, MODEL)


def _place(options: argparse.Namespace) -> RunOptions:
    from ..training.loop import RunOptions

    return RunOptions(options.output, options.resume, options.force)


def _saved(
    model: Path,
    config: BertConfig,
    params: objective.Params,
    tokenizer: Tokenizer,
    recipe: Recipe,
    figures: dict[str, float],
) -> Trained:
    from ..model import Bert

    return Trained(Bert(config, params, tokenizer).save(model), recipe.steps, figures)


def _run_finetune(options: argparse.Namespace) -> int:
    return _show(finetune(load_model(options.model), options), options.json)


def _run_evaluate(options: argparse.Namespace) -> int:
    figures = evaluate(load_model(options.model), options)
    if options.json:
        print_json({"task": options.task, "figures": figures})
    else:
        print(_figures(figures))
    return 0


def _run_pretrain(options: argparse.Namespace) -> int:
    if (options.model is None) == (options.vocabulary is None):
        got = "neither" if options.model is None else "both"
        raise UsageError(f"expected --model PATH to train further or --vocabulary FOLDER for a new model, got {got}")
    return _show(pretrain(None if options.model is None else load_model(options.model), options), options.json)


def _run_learn_vocabulary(options: argparse.Namespace) -> int:
    with Progress(None, "token", hidden=options.json) as progress:
        tokenizer = learn_vocabulary(options, progress.update)
    if options.json:
        print_json({"folder": str(options.output), "tokens": len(tokenizer.tokens)})
    else:
        print(f"{len(tokenizer.tokens)} tokens: {printable(str(options.output))}")
    return 0


def _show(trained: Trained, as_json: bool) -> int:
    if as_json:
        print_json({"model": str(trained.model), "steps": trained.steps, "figures": trained.figures})
        return 0
    if trained.figures:
        print(_figures(trained.figures) + "\n")
    print(f"{trained.steps} steps; the model: {printable(str(trained.model))}")
    return 0


def _figures(figures: dict[str, float]) -> str:
    rows = [(name.replace("_", " "), f"{value:.4f}") for name, value in figures.items()]
    return table(("measure", "value"), rows, "lr")


COMMANDS = (
    Command(
        "finetune",
        "Train a model for a task on labeled examples",
        add_finetune,
        _run_finetune,
        "finetune --task sequence_classification --train train.tsv --dev dev.tsv --output run",
    ),
    Command(
        "evaluate",
        "Measure a model on labeled examples",
        add_evaluate,
        _run_evaluate,
        "evaluate --task sequence_classification --input dev.tsv --model run/model",
    ),
    Command(
        "pretrain",
        "Train a model on plain text, a new one or further",
        add_pretrain,
        _run_pretrain,
        "pretrain --train corpus.txt --vocabulary vocabulary --steps 10000 --output run",
        model="none: a new model, see --vocabulary",
    ),
    Command(
        "learn-vocabulary",
        "Learn a WordPiece vocabulary from text",
        add_learn_vocabulary,
        _run_learn_vocabulary,
        "learn-vocabulary --input corpus.txt --size 8000 --output vocabulary",
        model=None,
    ),
)
