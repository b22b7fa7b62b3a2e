"""Fine-tuning here and in PyTorch: the same files, weights, batches and recipe; figures after each epoch, seconds.

    python benchmarks/finetune_against_torch.py check minilm-sst2 --model MODEL --data DATA
    python benchmarks/finetune_against_torch.py ours  minilm-sst2 --model MODEL --data DATA --results RESULTS.json
    python benchmarks/finetune_against_torch.py torch minilm-sst2 --model MODEL --data DATA --results RESULTS.json
    python benchmarks/finetune_against_torch.py table --results RESULTS.json

MODEL is the folder of the published checkpoint that the recipe names, DATA holds the folders sst2 (train.tsv, dev.tsv),
wnut17 and xquad as they are published. `check` takes the first steps without dropout on both sides and fails where two
losses differ by more than 1e-4. `ours` and `torch` add a run to the results, which `table` prints.

Both sides: AdamW, no decay on norms and biases, linear warm-up over a tenth of the steps and linear decay, gradients
cut at norm 1, float32, the begun model with its new head read from one folder, the order of the examples drawn by
numpy_bert. PyTorch is Hugging Face's model with sdpa attention and the fused AdamW; its batches are padded to their
longest text. Here the texts of a batch are sorted into parts by length, as always; that changes one loss, since the
softmax of question answering counts padding. `check` therefore takes whole batches. Seconds are those of the training
steps alone. The machine is used for nothing else meanwhile, or the seconds mean little.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import statistics
import sys
import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import threadpoolctl

import numpy_bert
from numpy_bert.cli.output import table
from numpy_bert.files.atomic import replacing
from numpy_bert.inference.batching import batches
from numpy_bert.inference.inputs import padded
from numpy_bert.model import Bert
from numpy_bert.profiling import machine
from numpy_bert.tasks import objective
from numpy_bert.training import finetune, initialization, step
from numpy_bert.training.data import conll, datasets
from numpy_bert.training.data import squad as squad_file
from numpy_bert.training.data.batches import Epochs, epoch_order
from numpy_bert.training.optim.layer_decay import multipliers

TOLERANCE = 1e-4
WHOLE = 1_000_000_000  # tokens in a part: a step has one
EVALUATED = 2048  # tokens of a batch of PyTorch's evaluation
HELD_OUT = 40  # paragraphs of XQuAD


@dataclass(frozen=True)
class Job:
    """What is trained, on what and how."""

    task: str
    train: str
    test: str
    measure: str
    epochs: int
    learning_rate: float
    batch_size: int = 32
    max_length: int = 128


JOBS = {
    "minilm-sst2": Job("sequence_classification", "sst2/train.tsv", "sst2/dev.tsv", "accuracy", 3, 5e-5),
    "splade-sst2": Job("sequence_classification", "sst2/train.tsv", "sst2/dev.tsv", "accuracy", 5, 2e-4),
    "minilm-wnut17": Job(
        "token_classification", "wnut17/wnut17train.conll", "wnut17/emerging.test.annotated", "f1", 5, 5e-5
    ),
    "minilm-xquad": Job(
        "question_answering", "xquad/xquad.en.json", "xquad/xquad.en.json", "f1", 8, 1e-4, batch_size=16, max_length=384
    ),
}
CLASSES = {
    "sequence_classification": "BertForSequenceClassification",
    "token_classification": "BertForTokenClassification",
    "question_answering": "BertForQuestionAnswering",
}


@dataclass
class Begun:
    """What both sides begin with."""

    job: Job
    config: numpy_bert.config.BertConfig
    params: objective.Params
    train: Any  # examples
    test: Any
    recipe: numpy_bert.training.recipe.Recipe
    folder: Path  # the same model for PyTorch


@dataclass
class Run:
    """What a side has to tell."""

    losses: list[float]  # of each step
    seconds: list[float]  # of each epoch
    figures: list[dict[str, float]]  # after each epoch


# Data and models.


def begin(options: argparse.Namespace, scratch: Path) -> Begun:
    job = replace(JOBS[options.job], **{
        name: getattr(options, name) for name in ("epochs", "learning_rate", "batch_size") if getattr(options, name)
    })  # fmt: skip
    bert = numpy_bert.load(options.model)
    module = datasets.dataset(job.task).module
    config = module.fitted(Path(options.data, job.train), bert.config)
    if options.dropout is not None:
        rates = dict.fromkeys(("hidden_dropout", "attention_dropout", "classifier_dropout"), options.dropout)
        config = replace(config, **rates)
    paths = files(job, options, scratch)
    train, test = (module.read(path, bert.tokenizer, config, job.max_length) for path in paths)
    settings = {"learning_rate": job.learning_rate, "seed": options.seed, "max_tokens_per_microbatch": options.tokens}
    recipe = finetune.recipe(job.task, train, job.epochs, job.batch_size, **settings)
    params = initialization.with_head(objective.Params(bert.params.bert), job.task, config, options.seed)
    folder = Bert(config, params, bert.tokenizer).save(scratch / "begun")
    return Begun(job, config, params, train, test, recipe, folder)


def files(job: Job, options: argparse.Namespace, scratch: Path) -> tuple[Path, Path]:
    """Train and test file: those of the data, shortened to --limit examples; XQuAD is split by paragraphs."""
    train, test = (Path(options.data, name) for name in (job.train, job.test))
    if train == test:
        paragraphs = squad_file.paragraphs(train)
        shuffled = np.random.default_rng(options.split).permutation(len(paragraphs))
        parts = [[paragraphs[i] for i in shuffled[HELD_OUT:]], [paragraphs[i] for i in shuffled[:HELD_OUT]]]
        texts = [squad(part, options.limit) for part in parts]
    elif options.limit is None:
        return train, test
    else:
        shorten = {"sequence_classification": lines, "token_classification": sentences}[job.task]
        texts = [shorten(path, options.limit) for path in (train, test)]
    for name, text in zip(("train", "test"), texts, strict=True):
        (scratch / name).write_text(text, encoding="utf-8")
    return scratch / "train", scratch / "test"


def lines(path: Path, limit: int) -> str:
    return "\n".join(path.read_text(encoding="utf-8").split("\n")[:limit])


def sentences(path: Path, limit: int) -> str:
    result = conll.sentences(path).sentences[:limit]
    return "\n\n".join("\n".join(map("\t".join, zip(s.words, s.labels, strict=True))) for s in result)


def squad(paragraphs: list[squad_file.Paragraph], limit: int | None) -> str:
    """Paragraphs as SQuAD 1.1, `limit` questions or a few more."""
    listed: list[dict[str, Any]] = []
    count = 0
    for paragraph in paragraphs:
        if limit is not None and count >= limit:
            break
        count += len(paragraph.questions)
        asked = [
            {"id": q.id, "question": q.text, "answers": [{"text": a.text, "answer_start": a.start} for a in q.answers]}
            for q in paragraph.questions
        ]
        listed.append({"context": paragraph.context, "qas": asked})
    return json.dumps({"data": [{"paragraphs": listed}]})


# The two sides.


def ours(begun: Begun, steps: int | None = None) -> Run:
    """All epochs, or as many steps as told, without evaluation."""
    recipe, config = begun.recipe, begun.config
    module = datasets.dataset(begun.job.task).module
    state = step.begin(begun.params, recipe)
    source = Epochs(begun.train, recipe.batch_size, recipe.seed, recipe.max_tokens_per_microbatch)
    factors = multipliers(state.params, recipe.layer_decay, recipe.frozen)
    run = Run([], [], [])
    for _ in range(begun.job.epochs):
        start = time.perf_counter()
        for _ in range(source.steps):
            run.losses.append(step.take(state, source.next(), recipe, config, factors).loss)
            if len(run.losses) == steps:
                return run
        run.seconds.append(time.perf_counter() - start)
        run.figures.append(module.evaluate(begun.test, state.params, config))
        tell("ours", run, begun.job)
    return run


def theirs(begun: Begun, threads: int, steps: int | None = None) -> Run:
    """The same in PyTorch."""
    import torch
    import transformers

    torch.set_num_threads(threads)
    torch.manual_seed(begun.recipe.seed)
    model = torch_model(begun)
    optimizer = torch.optim.AdamW(groups(model, begun.recipe.weight_decay), lr=begun.recipe.learning_rate, fused=True)
    schedule = transformers.get_linear_schedule_with_warmup(optimizer, begun.recipe.warmup, begun.recipe.steps)
    run = Run([], [], [])
    count, size = len(begun.train.lengths), begun.recipe.batch_size
    for epoch in range(begun.job.epochs):
        start = time.perf_counter()
        model.train()
        shuffled = epoch_order(count, begun.recipe.seed, epoch)
        for first in range(0, count, size):
            loss = model(**arguments(begun.train.batch(shuffled[first : first + size]))).loss
            optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), begun.recipe.clip)
            optimizer.step()
            schedule.step()
            run.losses.append(loss.item())
            if len(run.losses) == steps:
                return run
        run.seconds.append(time.perf_counter() - start)
        run.figures.append(torch_figures(begun, model))
        tell("torch", run, begun.job)
    return run


def torch_model(begun: Begun) -> Any:
    import torch
    import transformers

    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    kind = getattr(transformers, CLASSES[begun.job.task])
    model, info = kind.from_pretrained(
        begun.folder, attn_implementation="sdpa", dtype=torch.float32, output_loading_info=True
    )
    if info["missing_keys"]:
        sys.exit(f"PyTorch did not find {sorted(info['missing_keys'])} in {begun.folder}")
    # Hugging Face's embedding never changes the row of [PAD]. Google's code and this one do, where padding is read:
    # in question answering, whose softmax is over all places.
    model.bert.embeddings.word_embeddings.padding_idx = None
    return model


def groups(model: Any, decay: float) -> list[dict[str, Any]]:
    """No decay on norms and biases."""
    named = list(model.named_parameters())
    plain = [p for name, p in named if name.endswith("bias") or "LayerNorm" in name]
    others = [p for name, p in named if not (name.endswith("bias") or "LayerNorm" in name)]
    return [{"params": others, "weight_decay": decay}, {"params": plain, "weight_decay": 0.0}]


def arguments(batch: objective.Batch) -> dict[str, Any]:
    """A batch as Hugging Face's models take it."""
    import torch

    (token, _, segment), mask = batch.inputs.ids, batch.inputs.mask
    inputs = {"input_ids": token, "token_type_ids": segment}
    inputs["attention_mask"] = np.ones_like(token) if mask is None else mask.astype(np.int64)
    if isinstance(batch.labels, tuple):
        inputs |= {"start_positions": batch.labels.start, "end_positions": batch.labels.end}
    else:
        inputs["labels"] = batch.labels
    return {name: torch.from_numpy(np.ascontiguousarray(array)) for name, array in inputs.items()}


def torch_figures(begun: Begun, model: Any) -> dict[str, float]:
    """PyTorch's outputs, measured by the same code as ours."""
    import torch

    model.eval()
    texts = begun.test.texts
    result: list[Any] = [None] * len(texts)
    with torch.inference_mode():
        for chosen in batches([len(text.ids) for text in texts], EVALUATED):
            inputs = padded([texts[i] for i in chosen], begun.config.pad_token_id)
            actual = arguments(objective.Batch(inputs, np.zeros(0)))
            del actual["labels"]
            output = model(**actual)
            if begun.job.task == "question_answering":
                logits = torch.stack([output.start_logits, output.end_logits], dim=-1).numpy()
                rows = [values[: len(texts[i].ids)] for i, values in zip(chosen, logits, strict=True)]
            else:
                rows = list(output.logits.numpy())
            for i, row in zip(chosen, rows, strict=True):
                result[i] = row
    if begun.job.task == "sequence_classification":
        return {"accuracy": float((np.array(result).argmax(axis=1) == begun.test.labels).mean())}
    measures: dict[str, float] = begun.test.measures(result)
    return measures


def tell(side: str, run: Run, job: Job) -> None:
    number, seconds = len(run.seconds), run.seconds[-1]
    measure = f"{job.measure} {run.figures[-1][job.measure]:.4f}"
    print(f"{side}: epoch {number} of {job.epochs}: {seconds:.1f} s, {measure}", file=sys.stderr)


# The commands.


def check(options: argparse.Namespace) -> int:
    """The first losses of both sides, without dropout."""
    options.dropout, options.tokens = 0.0, WHOLE
    with tempfile.TemporaryDirectory() as scratch:
        begun = begin(options, Path(scratch))
        first, second = ours(begun, options.steps).losses, theirs(begun, options.threads, options.steps).losses
    differences = [abs(a - b) for a, b in zip(first, second, strict=True)]
    rows = [
        (i, f"{a:.6f}", f"{b:.6f}", f"{d:.1e}")
        for i, (a, b, d) in enumerate(zip(first, second, differences, strict=True), 1)
    ]
    print(table(("step", "ours", "torch", "difference"), rows, "rrrr"))
    passed = max(differences) <= TOLERANCE
    print(f"{options.job}: {'agree' if passed else 'DIFFER'}, the tolerance is {TOLERANCE}")
    return 0 if passed else 1


def train(options: argparse.Namespace) -> int:
    """A run of one side, added to the results."""
    with tempfile.TemporaryDirectory() as scratch:
        begun = begin(options, Path(scratch))
        run = ours(begun) if options.command == "ours" else theirs(begun, options.threads)
    results = read(options.results) if options.results.exists() else []
    results.append({
        "job": options.job,
        "side": options.command,
        "when": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
        "machine": described(),
        "threads": options.threads,
        "limit": options.limit,
        "recipe": {name: getattr(begun.recipe, name) for name in ("steps", "batch_size", "learning_rate", "seed")},
        "examples": [len(begun.train.lengths), len(begun.test.lengths)],
        "seconds": run.seconds,
        "figures": run.figures,
        "losses": run.losses,
    })  # fmt: skip
    with replacing(options.results) as stream:
        stream.write(json.dumps(results, indent=1).encode())
    return 0


def show(options: argparse.Namespace) -> int:
    """The results as a table, a row a run."""
    rows = []
    results = read(options.results)
    for run in sorted(results, key=lambda run: (list(JOBS).index(run["job"]), run["side"], run["recipe"]["seed"])):
        recipe, measure = run["recipe"], JOBS[run["job"]].measure
        epochs = " ".join(f"{figures[measure]:.3f}" for figures in run["figures"])
        exact = f"{run['figures'][-1].get('exact_match', float('nan')):.3f}".replace("nan", "")
        examples = f"{run['examples'][0]}/{run['examples'][1]}"
        rate, seconds = f"{recipe['learning_rate']:.0e}", f"{statistics.median(run['seconds']):.1f}"
        rows.append((run["job"], run["side"], examples, recipe["batch_size"], rate, recipe["seed"],
                     measure, epochs, exact, run["threads"], seconds))  # fmt: skip
    header = ("job", "side", "examples", "batch", "rate", "seed", "measure", "after each epoch", "exact", "threads",
              "s/epoch")  # fmt: skip
    print(table(header, rows, "llrrrrllrrr"))
    for text in sorted({", ".join(f"{name} {value}" for name, value in run["machine"].items()) for run in results}):
        print(text)
    return 0


def read(path: Path) -> list[dict[str, Any]]:
    output: list[dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))
    return output


def described() -> dict[str, str]:
    """What the seconds depend on. The versions of PyTorch are named by the runs that have loaded it."""
    loaded = {name: sys.modules[name].__version__ for name in ("torch", "transformers") if name in sys.modules}
    return machine.describe() | loaded


def parser() -> argparse.ArgumentParser:
    top = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = top.add_subparsers(dest="command", required=True)
    for name, run in (("check", check), ("ours", train), ("torch", train), ("table", show)):
        command = commands.add_parser(name, help=run.__doc__)
        command.set_defaults(run=run)
        if name != "check":
            command.add_argument("--results", type=Path, required=True)
        if name == "table":
            continue
        command.add_argument("job", choices=JOBS)
        command.add_argument("--model", required=True)
        command.add_argument("--data", required=True)
        command.add_argument("--threads", type=int, default=2)
        command.add_argument("--limit", type=int, help="examples at most, to try it out")
        command.add_argument("--seed", type=int, default=0, help="of the new head, the order and dropout")
        command.add_argument("--split", type=int, default=0, help="seed of the split of XQuAD")
        command.add_argument("--epochs", type=int)
        command.add_argument("--batch-size", type=int)
        command.add_argument("--learning-rate", type=float)
        command.add_argument("--dropout", type=float, help="instead of the checkpoint's")
        command.add_argument("--tokens", type=int, default=512, help="of a part of a step, ours alone")
        if name == "check":
            command.add_argument("--steps", type=int, default=5)
    return top


def main() -> int:
    options = parser().parse_args()
    threads = getattr(options, "threads", None)
    if threads is not None and hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:threads])  # as many cores as threads, for both sides
    with threadpoolctl.threadpool_limits(threads):
        status: int = options.run(options)
        return status


if __name__ == "__main__":
    raise SystemExit(main())
