"""numpy-bert pretrain and learn-vocabulary: from plain text to a model."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from ..errors import UsageError
from .command import Command, given
from .inputs import chosen_model
from .numbers import count
from .output import paragraph, print_result, printable, tell
from .progress import Progress
from .training_run import (
    RECIPE,
    Run,
    Trained,
    add_run,
    check_frozen,
    check_options,
    check_run,
    folder,
    max_length,
    missing_head,
    monitored,
    show_trained,
)

if TYPE_CHECKING:
    from ..config import BertConfig
    from ..model import Bert
    from ..tasks import objective
    from ..tokenizer.interface import Tokenizer
    from ..tokenizer.learn import Lost

SIZES = {  # of a new model
    "layers": (2, "encoder layers"),
    "hidden": (128, "hidden size"),
    "heads": (2, "attention heads"),
    "positions": (512, "tokens of the longest text"),
}
FIELDS = {  # of BertConfig, for the sizes
    "layers": "num_hidden_layers",
    "hidden": "hidden_size",
    "heads": "num_attention_heads",
    "positions": "max_position_embeddings",
}
FIRST_WEIGHTS = ("random", "neighbors")
RECIPES = ("paper", "small")
MASKING = ("most_masked", "whole_words", "duplication")  # fields of PretrainingSettings that are options
PAIR = {"paper": 128, "small": 64}  # tokens of a pair of sentences by default
SHORTEST_PAIR = 5  # [CLS], one of each sentence, [SEP] twice
BERT_SIZE = 30522  # tokens of the vocabulary of BERT-base, uncased
HELD_OUT = 20  # steps of pretraining on held-out text that are evaluated


class Start(NamedTuple):
    """The model that the training starts from; new parameters where there are none."""

    tokenizer: Tokenizer
    config: BertConfig
    params: objective.Params | None
    first_weights: str | None = None  # of new parameters
    small: bool = False  # trained by the recipe for small models
    bert: Bert | None = None  # that the parameters are of


def _add_pretrain(parser: argparse.ArgumentParser) -> None:
    text = "plain text, one sentence per line, with empty lines between documents"
    parser.add_argument("--train", metavar="FILE", nargs="+", required=True, help=text)
    parser.add_argument("--dev", metavar="FILE", nargs="+", help="text of the same form, to evaluate on while training")
    parser.add_argument("--steps", type=count, required=True, metavar="N", help="training steps in all")
    vocabulary = "train a new model with the vocabulary in FOLDER; --layers to --positions set its size"
    parser.add_argument("--vocabulary", metavar="FOLDER", help=vocabulary)
    for name, (default, what) in SIZES.items():
        parser.add_argument(f"--{name}", type=count, metavar="N", help=f"{what} of a new model (default: {default})")
    first = "of a new model: random, or neighbors, where some heads look at a neighbor (default: as the recipe says)"
    parser.add_argument("--first-weights", choices=FIRST_WEIGHTS, metavar="NAME", help=first)
    recipe = "that of BERT's paper, or what helps a small model on a small corpus: neighbors, short pairs, AdamW at a"
    recipe += " higher rate, small batches, no dropout (default: paper)"
    parser.add_argument("--recipe", choices=RECIPES, default="paper", help=recipe)
    length = f"tokens of a pair of sentences (default: {PAIR['paper']}, with --recipe small {PAIR['small']})"
    parser.add_argument("--max-length", type=count, metavar="T", help=length)
    masked_only = "predict masked words alone, in lines or documents (default: also next sentences, if the model does)"
    parser.add_argument("--masked-only", action="store_true", help=masked_only)
    whole_words = "mask all tokens of a word or none of them (default: mask tokens)"
    parser.add_argument("--whole-words", action="store_true", help=whole_words)
    most = "masked tokens of a pair at most (default: 15 %% of --max-length)"
    parser.add_argument("--most-masked", type=count, metavar="N", help=most)
    copies = "number of differently masked copies of the text before masks repeat (default: masks never repeat)"
    parser.add_argument("--duplication", type=count, metavar="N", help=copies)
    add_run(parser, every="a tenth of all steps", learning_rate="1e-4", optimizer="bert_adam")


def _pretrain(options: argparse.Namespace) -> int:
    if (options.model is None) == (options.vocabulary is None):
        got = "neither" if options.model is None else "both"
        raise UsageError(f"expected --model PATH to train further or --vocabulary FOLDER for a new model, got {got}")
    sizes = given(options, SIZES)
    small = options.recipe == "small"
    first = options.first_weights or ("neighbors" if small else "random")
    settings = given(options, RECIPE) | {"frozen": tuple(options.freeze)}
    every = options.save_every, options.evaluate_every
    run = Run(options.output, options.resume, options.force, settings, *every, options.json)
    if options.model is None:
        check_run(run)
        start = _new(Path(options.vocabulary), sizes, small)._replace(first_weights=first)
    elif options.first_weights:
        raise UsageError("--first-weights: expected with --vocabulary, got a --model, which has weights of its own")
    elif sizes:
        raise UsageError(
            f"--{next(iter(sizes))}: expected with --vocabulary, got a --model, which has a size of its own"
        )
    else:
        bert = chosen_model(options)
        check_run(run)
        start = _further(bert)
    masked_only = options.masked_only or (start.params is not None and start.params.next_sentence is None)
    if masked_only and not options.masked_only:
        tell("the model has no next_sentence head: masked words alone are learned")
    masking = {name: getattr(options, name) for name in MASKING} | {"next_sentence": not masked_only}
    length = max_length(options.max_length, PAIR[options.recipe], SHORTEST_PAIR, start.config)
    texts = (options.train, options.dev)
    trained = _train(start._replace(small=small), texts, options.steps, length, masking, run)
    return show_trained(trained, options.json)


def _new(vocabulary: Path, sizes: dict[str, int], small: bool) -> Start:
    """A new model: vocabulary and sizes."""
    from ..config import RULES, BertConfig
    from ..tokenizer.folder import read_tokenizer
    from ..training.pretrain import PAPER_RANGE, SMALL_RANGE

    tokenizer = read_tokenizer(vocabulary)
    fields: dict[str, Any] = {FIELDS[name]: sizes.get(name, default) for name, (default, _) in SIZES.items()}
    check_options(RULES, fields, {field: name for name, field in FIELDS.items()})
    hidden, heads = fields["hidden_size"], fields["num_attention_heads"]
    if hidden % heads:
        raise UsageError(f"--hidden: expected a multiple of --heads {heads}, got {hidden}")
    config = BertConfig(
        vocab_size=len(tokenizer.tokens),
        intermediate_size=4 * hidden,
        pad_token_id=tokenizer.pad_id,
        initializer_range=SMALL_RANGE if small else PAPER_RANGE,
        **fields,
    )
    return Start(tokenizer, config, None)


def _further(bert: Bert) -> Start:
    from ..training.pretrain import HEADS

    if HEADS[0] not in bert.heads:
        remedy = "to start a new model use --vocabulary FOLDER"
        raise missing_head(bert.path, f"a {HEADS[0]} head", bert.heads, remedy)
    return Start(bert.tokenizer, bert.config, bert.params, bert=bert)


def _train(
    start: Start,
    texts: tuple[Sequence[str], Sequence[str] | None],
    steps: int,
    length: int,
    masking: dict[str, Any],
    run: Run,
) -> Trained:
    """texts: to train on, to evaluate on. length: tokens of a pair. masking: fields of PretrainingSettings."""
    from ..model import Bert
    from ..tasks import objective
    from ..training import pretrain
    from ..training.data import pretraining
    from ..training.data.corpus import Corpus

    config, train, dev = start.config, *texts
    check_frozen(start.params or objective.shapes(config, pretrain.HEADS[:1]), run.settings["frozen"])
    check_options(pretraining.RULES, masking, {name: name for name in masking})
    settings = pretraining.PretrainingSettings(length, **masking)
    recipe = pretrain.recipe(steps, start.small, task=settings.task, **run.settings)
    params = _first_params(start, settings.task, recipe.seed)

    def data(paths: Sequence[str], **limit: int) -> pretraining.PretrainingData:
        corpus = Corpus(paths, 2 if settings.next_sentence else 1)  # documents: a random sentence is of another one
        return pretraining.PretrainingData(corpus, start.tokenizer, settings, recipe.batch_size, recipe.seed, **limit)

    learned = data(train, max_tokens=recipe.max_tokens_per_microbatch)
    held_out = None if dev is None else pretrain.held_out(data(dev), HELD_OUT)

    def evaluate(params: objective.Params) -> dict[str, float]:
        return {} if held_out is None else pretrain.evaluate(held_out, params, config)

    trained = replace(config, hidden_dropout=0.0, attention_dropout=0.0) if start.small else config
    with monitored(run, recipe.steps, -(-recipe.steps // 10), evaluate) as monitor:
        params, figures = pretrain.train(trained, learned, recipe, monitor, run.options, params)
    bert = start.bert or Bert(config, params, start.tokenizer)
    return Trained(bert.trained(config, params).save(run.model), recipe.steps, figures)


def _first_params(start: Start, task: str, seed: int) -> objective.Params | None:
    """The parameters to begin with; None where they are drawn at random. UsageError: heads of an odd size."""
    from ..tasks import objective
    from ..training import neighbor_heads

    if start.first_weights != "neighbors":
        return start.params
    size = start.config.hidden_size // start.config.num_attention_heads
    if size % 2:
        raise UsageError(f"--heads: expected heads of an even size for --first-weights neighbors, got {size}")
    heads = objective.TASKS[task].heads
    return neighbor_heads.params(start.config, heads, seed, has_pooler=objective.needs_pooler(heads))


def _add_learn_vocabulary(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--input", metavar="FILE", nargs="+", required=True, help="text, UTF-8")
    output = "a folder for the vocabulary, which must not exist yet"
    parser.add_argument("--output", metavar="FOLDER", required=True, type=folder, help=output)
    size = f"tokens at most (default: {BERT_SIZE})"
    parser.add_argument("--size", type=count, default=BERT_SIZE, metavar="V", help=size)
    parser.add_argument("--cased", action="store_true", help="keep capitals and accents")
    often = "how often a token must occur to be included (default: 2)"
    parser.add_argument("--min-count", type=count, metavar="N", help=often)
    alphabet = "characters at most, the most frequent ones (default: a third of --size, 1000 or more)"
    parser.add_argument("--alphabet", type=count, metavar="N", help=alphabet)


def _learn_vocabulary(options: argparse.Namespace) -> int:
    limits = given(options, ("alphabet", "min_count"))
    tokens, lost = _learn(options.input, options.output, options.size, not options.cased, limits, options.json)
    text = f"{tokens} tokens: {printable(str(options.output))}"
    if lost.characters:
        share = f"{lost.share_of_words:.2%} of the words become [UNK]"
        left_out = f"{lost.characters} of {lost.of_characters} characters are left out"
        text += "\n" + paragraph(f"{left_out}: {share}; --alphabet takes more")
    return print_result(options.json, {"folder": str(options.output), "tokens": tokens, "lost": lost._asdict()}, text)


def _learn(
    paths: Sequence[str], output: Path, size: int, lowercase: bool, limits: dict[str, int], as_json: bool
) -> tuple[int, Lost]:
    """Write a vocabulary to a new folder; returns how many tokens it has, and what it cannot spell."""
    from ..files.new_folder import new_folder, refuse_existing
    from ..tokenizer import learn
    from ..tokenizer.pipeline import WordPieceTokenizer

    refuse_existing(output)
    with Progress(None, "token", hidden=as_json) as progress:
        words = learn.count_words(paths, lowercase=lowercase)
        tokens = learn.learn(words, size, progress=progress.update, **limits)
    with new_folder(output) as new:
        WordPieceTokenizer(tokens, lowercase=lowercase).write(new)
    return len(tokens), learn.lost(words, tokens)


COMMANDS = (
    Command(
        "pretrain",
        "Pretrain a model on plain text, from scratch or further",
        _add_pretrain,
        _pretrain,
        "pretrain --train corpus.txt --vocabulary vocabulary --steps 10000 --output run",
        model="none; a new model needs --vocabulary",
    ),
    Command(
        "learn-vocabulary",
        "Learn a WordPiece vocabulary from text",
        _add_learn_vocabulary,
        _learn_vocabulary,
        "learn-vocabulary --input corpus.txt --size 8000 --output vocabulary",
        model=None,
    ),
)
