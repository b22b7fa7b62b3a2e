"""numpy-bert: the command line. Each command is a function; it prints for people, and with --json prints JSON.

Exit status: 0 done, 1 bad data or a failed check, 2 bad usage. An error is one line on stderr; --debug adds where it
came from.
"""

from __future__ import annotations

import argparse
import io
import os
import sys
import warnings
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from .. import __version__
from ..errors import Error, UsageError
from . import (
    embed as cli_embedding,
)
from . import (
    exercise as cli_exercise,
)
from . import (
    explain as cli_explain,
)
from . import (
    profile as cli_profile,
)
from . import (
    train as cli_training,
)
from .numbers import count
from .output import Bar, bar, print_json, printable, table, tell
from .progress import Progress

if TYPE_CHECKING:
    from ..model import Bert
    from ..tokenizer.pipeline import Tokenizer


class Parser(argparse.ArgumentParser):
    """Usage errors in one line; no guessing of abbreviated options."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **{"allow_abbrev": False, **kwargs})

    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{printable(message)} (see: {self.prog} --help)")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit status."""
    arguments = sys.argv[1:] if arguments is None else arguments
    debug = "--debug" in arguments
    warnings.showwarning = _show_warning
    warnings.simplefilter("default", UserWarning)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a terminal that lacks a character shows its number
            stream.reconfigure(errors="backslashreplace")
    try:
        options = _parser().parse_args(arguments)
        status: int = options.run(options)
        if sys.stdout is not None:
            sys.stdout.flush()
        return status
    except UsageError as error:
        return _fail(error, 2, debug)
    except Error as error:
        return _fail(error, 1, debug)
    except BrokenPipeError:  # the reader of our output has gone: so are we, quietly
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except OSError as error:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # what is left to be written cannot be, at exit neither
        return _fail(Error(f"output: cannot write: {error.strerror or type(error).__name__}"), 1, debug)
    except KeyboardInterrupt as error:
        return _fail(Error(str(error) or "interrupted"), 130, debug)
    except MemoryError:
        return _fail(Error("expected enough memory for this input, got none left"), 1, debug)


def _fail(error: Error, status: int, debug: bool) -> int:
    if debug:
        import traceback

        traceback.print_exc()
    tell(f"numpy_bert: error: {error}")
    return status


def _show_warning(message: Warning | str, *_: Any, **__: Any) -> None:
    tell(f"numpy_bert: warning: {message}")


# Commands, in the order of the help page.


def demo(options: argparse.Namespace) -> int:
    from .demo import show_all

    return show_all(_load(options), options.json)


def tokenize(options: argparse.Namespace) -> int:
    texts = _texts(options)
    tokenizer = _tokenizer(options)
    for text in texts:
        encoding = tokenizer.encode(text, special=not options.plain)
        if options.json:
            print_json({"tokens": encoding.tokens, "ids": encoding.ids})
            continue
        spans = [f"{start}-{end}" if end > start else "" for start, end in encoding.offsets]
        rows = list(zip(encoding.tokens, encoding.ids, spans, strict=True))
        print(table(("piece", "id", "characters"), rows, "lr") + "\n")
    return 0


def embed(options: argparse.Namespace) -> int:
    import numpy as np

    if cli_embedding.is_job(options):
        _refuse_to_overwrite(options.output)
        return cli_embedding.run(_load(options), options)
    texts = _texts(options)
    if options.output is not None:
        _refuse_to_overwrite(options.output)
    bert = _load(options)
    with Progress(len(texts), "text", hidden=options.json) as done:
        vectors = bert.embed(texts, progress=done.update)
    if options.output is not None:
        _save_array(options.output, vectors)
        if options.json:
            print_json({"output": str(options.output), "shape": list(vectors.shape)})
        else:
            print(f"{len(vectors)} vectors of {vectors.shape[1]} numbers: {printable(str(options.output))}")
    elif options.json:
        for vector in vectors:
            print_json({"vector": [float(number) for number in vector]})
    else:
        first = [" ".join(f"{number:7.4f}" for number in vector[:6]) + " ..." for vector in vectors]
        lengths = [f"{float(np.sqrt((vector * vector).sum())):.4f}" for vector in vectors]
        rows = list(zip(map(_short, texts), lengths, first, strict=True))
        print(table(("text", "length", f"the first of {vectors.shape[1]} numbers"), rows, "lrl"))
        if 2 <= len(texts) <= 12:
            print("\ncosine similarity")
            cosines = bert.similarity(texts, texts)
            print(table([""] + [str(i + 1) for i in range(len(texts))], [
                [f"{i + 1} {_short(text)}"] + [f"{cosine:.3f}" for cosine in row]
                for i, (text, row) in enumerate(zip(texts, cosines, strict=True))
            ], "l" + "r" * len(texts)))  # fmt: skip
    return 0


def fill_mask(options: argparse.Namespace) -> int:
    answers = _load(options).fill_mask(options.text, options.top_k)
    if options.json:
        print_json([[prediction._asdict() for prediction in answer] for answer in answers])
        return 0
    for number, answer in enumerate(answers, 1):
        if len(answers) > 1:
            print(f"[MASK] {number}")
        rows = [(p.token, f"{p.probability:.4f}", Bar(p.probability)) for p in answer]
        print(table(("token", "probability", ""), rows, "lr") + ("\n" if number < len(answers) else ""))
    return 0


def next_sentence(options: argparse.Namespace) -> int:
    probability = _load(options).next_sentence(options.a, options.b)
    if options.json:
        print_json({"probability": probability})
    else:
        print(f"the probability that B follows A: {probability:.4f}  {bar(probability)}")
    return 0


def classify(options: argparse.Namespace) -> int:
    texts = _texts(options)
    bert = _load(options)
    with Progress(len(texts), "text", hidden=options.json) as done:
        found = bert.classify(texts, progress=done.update)
    if options.json:
        for answer in found:
            print_json(answer._asdict())
        return 0
    rows = []
    for text, answer in zip(texts, found, strict=True):
        share = answer.scores["value"] if answer.probability is None else answer.probability
        rows.append((_short(text), answer.label or "", f"{share:.4f}"))
    print(table(("text", "label", "value" if found and found[0].label is None else "probability"), rows, "llr"))
    return 0


def tag(options: argparse.Namespace) -> int:
    found = _load(options).tag(options.text)
    if options.json:
        print_json([entity._asdict() for entity in found])
    else:
        rows = [(e.text, e.label, f"{e.start}-{e.end}", f"{e.probability:.4f}") for e in found]
        print(table(("entity", "label", "characters", "probability"), rows, "lllr"))
    return 0


def answer(options: argparse.Namespace) -> int:
    found = _load(options).answer(options.question, options.context, options.top_k)
    if options.json:
        print_json([one._asdict() for one in found])
    else:
        rows = [(a.text, f"{a.start}-{a.end}", f"{a.probability:.4f}", f"{a.score:.3f}") for a in found]
        print(table(("answer", "characters", "probability", "score"), rows, "llrr"))
    return 0


def choose(options: argparse.Namespace) -> int:
    found = _load(options).choose(options.prompt, options.choice)
    if options.json:
        print_json(found._asdict())
    else:
        rows = [
            ("->" if i == found.best else "", text, f"{p:.4f}", Bar(p))
            for i, (text, p) in enumerate(zip(options.choice, found.probabilities, strict=True))
        ]
        print(table(("", "choice", "probability", ""), rows, "llr"))
    return 0


def gradcheck(options: argparse.Namespace) -> int:
    from ..gradcheck import cases as pairs

    chosen = tuple(dict.fromkeys(options.block))
    if options.model is None:
        rows = pairs.run(chosen, options.method or "complex")
    else:
        if options.method not in (None, "projection"):
            raise UsageError("gradcheck: expected no --method with --model: whole arrays are checked by projection")
        bert = _load(options, dtype="float64")
        with Progress(None, "tensor", hidden=options.json) as done:
            rows = pairs.run_at(bert.params, bert.config, chosen, progress=done.update)
    failed = sum(not row.passed for row in rows)
    if options.json:
        print_json({"passed": not failed, "rows": [pairs.to_json(row) for row in rows]})
    else:
        print(pairs.format_rows(rows))
        print(f"\n{len(rows)} gradients checked (of each array the worst case is shown), {failed or 'none'} failed")
    return 1 if failed else 0


def exercise(options: argparse.Namespace) -> int:
    return cli_exercise.exercise(options)


def finetune(options: argparse.Namespace) -> int:
    return _show_trained(cli_training.finetune(_load(options), options), options.json)


def evaluate(options: argparse.Namespace) -> int:
    figures = cli_training.evaluate(_load(options), options)
    if options.json:
        print_json({"task": options.task, "figures": figures})
    else:
        print(_figures(figures))
    return 0


def pretrain(options: argparse.Namespace) -> int:
    if (options.model is None) == (options.vocabulary is None):
        got = "neither" if options.model is None else "both"
        raise UsageError(f"expected --model PATH to go on from or --vocabulary FOLDER for a new model, got {got}")
    bert = None if options.model is None else _load(options)
    return _show_trained(cli_training.pretrain(bert, options), options.json)


def learn_vocabulary(options: argparse.Namespace) -> int:
    with Progress(None, "token", hidden=options.json) as done:
        tokenizer = cli_training.learn_vocabulary(options, done.update)
    if options.json:
        print_json({"folder": str(options.output), "tokens": len(tokenizer.tokens)})
    else:
        print(f"{len(tokenizer.tokens)} tokens: {printable(str(options.output))}")
    return 0


def convert(options: argparse.Namespace) -> int:
    from ..checkpoints import conversion

    with Progress(None, "B", hidden=options.json) as done:
        folder = conversion.convert(options.source, options.target, options.to, done.reach)
    if options.json:
        print_json({"folder": str(folder)})
    else:
        print(f"written: {printable(str(folder))}")
    return 0


def drift(options: argparse.Namespace) -> int:
    from ..explain import drift as drifting

    texts = _texts(options)
    if options.output is not None:
        _refuse_to_overwrite(options.output)
    bert = _load(options)
    with Progress(6, "change", hidden=options.json) as done:
        found = drifting.measure(bert, texts, done.update)
    if options.output is not None:
        drifting.figure(found, options.output)
    if options.json:
        print_json(drifting.to_json(found))
    else:
        print(drifting.format_drift(found))
    return 0


def inspect(options: argparse.Namespace) -> int:
    from ..checkpoints import inspection

    if options.compare is not None:
        from ..checkpoints import comparison

        compared = comparison.compare(options.path, options.compare)
        if options.json:
            print_json(comparison.to_json(compared))
        else:
            print(comparison.format_comparison(compared))
        return 0 if compared.equal else 1
    report = inspection.inspect(options.path)
    if options.json:
        print_json(inspection.to_json(report))
    else:
        print(inspection.format_inspection(report))
    return 0


def profile(options: argparse.Namespace) -> int:
    from ..profiling import roofline

    if options.output is not None:
        _refuse_to_overwrite(options.output)
    found = cli_profile.measured(None if options.model is None else _load(options), options)
    if options.output is not None:
        roofline.figure(found, options.output)
    if options.json:
        print_json(roofline.to_json(found))
    else:
        print(roofline.format_profile(found))
    return 0


def trace(options: argparse.Namespace) -> int:
    return cli_explain.trace(options, _load)


def explain(options: argparse.Namespace) -> int:
    return cli_explain.explain(options, _load)


# What the commands share.


def _parser() -> Parser:
    parser = Parser(prog="numpy-bert", description="BERT in NumPy: use it, check its gradients, look inside.")
    parser.add_argument("--version", action="version", version=f"numpy-bert {__version__}")
    commands = parser.add_subparsers(metavar="COMMAND", required=True, parser_class=Parser)

    def command(run: Any, name: str, help: str, model: bool | str = True) -> Parser:
        one: Parser = commands.add_parser(name, help=help, description=help)
        one.set_defaults(run=run)
        if model:
            default = model if isinstance(model, str) else "the small model that comes with the package"
            one.add_argument("--model", metavar="PATH", help=f"a folder or file of a checkpoint ({default})")
        one.add_argument("--json", action="store_true", help="print JSON")
        one.add_argument("--debug", action="store_true", help="where an error came from")
        return one

    def with_texts(one: Parser) -> Parser:
        one.add_argument("text", nargs="*", metavar="TEXT")
        one.add_argument("--input", metavar="FILE", help="a text a line, UTF-8; - for standard input")
        return one

    command(demo, "demo", "a tour: every command once, on real text")
    one = with_texts(command(tokenize, "tokenize", "cut texts into the pieces the model knows"))
    one.add_argument("--plain", action="store_true", help="take [MASK] and the like for plain text, as embed does")
    cli_embedding.add(with_texts(command(embed, "embed", "one vector for each text")))
    one = command(fill_mask, "fill-mask", "the likeliest tokens for each [MASK] of a text")
    one.add_argument("text", metavar="TEXT")
    one.add_argument("--top-k", type=count, default=5, metavar="K", help="how many (5)")
    one = command(next_sentence, "next-sentence", "how likely it is that B follows A")
    one.add_argument("a", metavar="A")
    one.add_argument("b", metavar="B")
    with_texts(command(classify, "classify", "the class of each text"))
    one = command(tag, "tag", "the named entities of a text")
    one.add_argument("text", metavar="TEXT")
    one = command(answer, "answer", "the stretch of a context that answers a question")
    one.add_argument("question", metavar="QUESTION")
    one.add_argument("context", metavar="CONTEXT")
    one.add_argument("--top-k", type=count, default=1, metavar="K", help="how many answers (1)")
    one = command(choose, "choose", "which of several texts continues a prompt best")
    one.add_argument("prompt", metavar="PROMPT")
    one.add_argument("choice", nargs="+", metavar="CHOICE")
    told = "check each hand-written gradient against numerical differentiation"
    one = command(gradcheck, "gradcheck", told, model="checked at its own weights; without: blocks at random ones")
    one.add_argument("block", nargs="*", metavar="BLOCK", help="names of blocks and tasks; all, if none is given")
    one.add_argument("--method", choices=("complex", "central", "projection"), help="(complex)")
    cli_exercise.add(command(exercise, "exercise", "find the bug: wrong backwards to repair, with hints", model=False))
    cli_training.add_finetune(command(finetune, "finetune", "train a model for a task on labelled examples"))
    cli_training.add_evaluate(command(evaluate, "evaluate", "measure a model on labelled examples"))
    cli_training.add_pretrain(command(pretrain, "pretrain", "train a model on plain text, a new one or further"))
    one = command(learn_vocabulary, "learn-vocabulary", "learn a WordPiece vocabulary from text", model=False)
    cli_training.add_learn_vocabulary(one)
    one = command(inspect, "inspect", "what a checkpoint holds and what it can do", model=False)
    one.add_argument("path", metavar="PATH")
    one.add_argument("--compare", metavar="OTHER", help="the largest difference of each tensor; status 1 if any")
    one = command(convert, "convert", "any readable form of a checkpoint to a folder of another", model=False)
    one.add_argument("source", metavar="SRC")
    one.add_argument("target", metavar="DST", help="a folder that is not there yet")
    one.add_argument("--to", choices=("hf", "tf1", "npz"), default="hf", help="Hugging Face (hf), TensorFlow 1, npz")
    one = with_texts(command(drift, "drift", "how much an answer moves with GELU, epsilon, mask and precision"))
    one.add_argument("--output", metavar="OUT.png", type=Path, help="draw it as well")
    cli_explain.add_trace(command(trace, "trace", "every intermediate and gradient of one text, as a page and as data"))
    cli_explain.add_explain(command(explain, "explain", "how much each token contributes to the answer"))
    cli_profile.add(command(profile, "profile", "what each block costs: FLOPs, bytes, milliseconds", model=False))
    return parser


def _load(options: argparse.Namespace, dtype: str | None = None) -> Bert:
    from ..model import load

    return load(options.model, dtype=dtype)


def _tokenizer(options: argparse.Namespace) -> Tokenizer:
    """The tokenizer alone: the weights are not read for it."""
    from ..tokenizer.pipeline import read_tokenizer

    if options.model is None:
        from ..model import PRETRAINED

        return read_tokenizer(PRETRAINED)
    if os.path.isdir(options.model):  # a vocabulary without weights will do
        return read_tokenizer(Path(options.model))
    from ..checkpoints.locate import locate

    return read_tokenizer(locate(options.model).folder)


def _texts(options: argparse.Namespace) -> list[str]:
    """The texts of the command line, or the lines of a file."""
    if options.input is None:
        if not options.text:
            raise UsageError("expected TEXT or --input FILE, got neither")
        return list(options.text)
    if options.text:
        raise UsageError("expected TEXT or --input FILE, got both")
    return list(_lines(options.input))


def _lines(name: str) -> Iterable[str]:
    """The lines of a UTF-8 file, split at newlines alone; "-" is standard input."""
    from ..files.reading import File, label

    if name == "-":
        if sys.stdin is None:
            raise Error("standard input: expected text, got a closed stream")
        data, where = sys.stdin.buffer.read(), "standard input"
    else:
        with File(name) as file:
            data, where = file.read_at(0, file.size), label(name)
    lines = data.split(b"\n")
    if lines[-1] == b"":
        lines.pop()
    for number, line in enumerate(lines, 1):
        try:
            yield line.removesuffix(b"\r").decode("utf-8")
        except UnicodeDecodeError as error:
            raise Error(f"{where}: line {number}: expected UTF-8, got byte 0x{line[error.start]:02x}") from None


def _show_trained(trained: cli_training.Trained, as_json: bool) -> int:
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


def _short(text: str, longest: int = 40) -> str:
    return text if len(text) <= longest else text[: longest - 1] + "…"


def _refuse_to_overwrite(path: Path) -> None:
    from ..files.atomic import require_new

    require_new(path)


def _save_array(path: Path, array: Any) -> None:
    """Write an .npy file: complete under its name, or not there at all."""
    import numpy as np

    from ..files.atomic import replacing

    buffer = io.BytesIO()
    np.save(buffer, array)
    with replacing(path) as stream:
        stream.write(buffer.getbuffer())


if __name__ == "__main__":
    raise SystemExit(main())
