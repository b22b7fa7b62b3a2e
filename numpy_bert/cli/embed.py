"""numpy-bert embed: a vector for each text, printed or saved; a file of any size in bounded memory."""

from __future__ import annotations

import argparse
import io
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import UsageError
from . import from_file
from .command import Command
from .inputs import add_plain, chosen_model, require_new, short
from .numbers import count
from .output import print_json, print_result, printable, table
from .progress import Progress
from .signals import interruptible

if TYPE_CHECKING:
    from ..model import Bert
    from ..numerics.arrays import Array

MOST_COMPARED = 12  # texts whose similarities are printed
SHOWN = 6  # numbers of a vector


def add_arguments(parser: argparse.ArgumentParser) -> None:
    from_file.add_texts(parser)
    add_form(parser)
    add_plain(parser)
    output = "save the vectors as a .npy array of shape (n, H); with --input FILE an interrupted run resumes"
    parser.add_argument("--output", metavar="OUT.npy", type=Path, help=output)
    dtype = "type of the array, with --input FILE and --output (default: that of the model)"
    parser.add_argument("--dtype", choices=("float16", "float32"), help=dtype)
    dask = "a Dask scheduler whose workers share the work, such as tcp://host:8786; with --input FILE and --output"
    parser.add_argument("--dask", metavar="ADDRESS", help=dask)


def run(options: argparse.Namespace) -> int:
    if _is_job(options):
        require_new(options.output)
        bert = chosen_model(options)
        return _embed_file(bert, options)
    texts = list(from_file.texts(options, options.text))
    require_new(options.output)
    bert = chosen_model(options)
    with Progress(len(texts), "text", hidden=options.json) as progress:
        vectors = bert.embed(texts, progress=progress.update, **form(options))
    if options.output is not None:
        _save_array(options.output, vectors)
        return _tell_saved(options.output, vectors.shape, options.json)
    if options.json:
        for vector in vectors:
            print_json({"vector": [float(number) for number in vector]})
    else:
        _print_vectors(bert, texts, vectors)
    return 0


def _is_job(options: argparse.Namespace) -> bool:
    """Whether a file is to become a file. Standard input cannot be read again to resume, so it is not a job."""
    job = options.input not in (None, "-") and options.output is not None
    for name in ("dtype", "dask"):
        if getattr(options, name) is not None and not job:
            raise UsageError(f"--{name}: expected it with --input FILE and --output OUT.npy")
    if job and options.text:
        raise UsageError("expected TEXT or --input FILE, got both")
    return job


def add_form(
    parser: argparse.ArgumentParser, text: str = "text", prompt: str = "the checkpoint's default", size: str = "all"
) -> None:
    """How the vectors of each `text` are made, in so far as a user may choose; and the defaults."""
    add_prompt(parser, text, prompt)
    truncate = f"keep the first S numbers of each vector (default: {size})"
    parser.add_argument("--truncate-dim", type=count, metavar="S", help=truncate)
    parser.add_argument("--normalize", action="store_true", help="scale each vector to length 1 after that")


def add_prompt(parser: argparse.ArgumentParser, text: str = "text", default: str = "the checkpoint's default") -> None:
    name = f"a prompt of the checkpoint to put before each {text}, such as query (default: {default})"
    parser.add_argument("--prompt-name", metavar="NAME", help=name)
    parser.add_argument("--prompt", metavar="TEXT", help="the prompt itself")


def form(options: argparse.Namespace) -> dict[str, Any]:
    names = ("prompt_name", "prompt", "truncate_dim")
    return {name: getattr(options, name) for name in names} | {"normalize_embeddings": options.normalize}


def _embed_file(bert: Bert, options: argparse.Namespace) -> int:
    from ..corpus import embed_file

    output, as_json = options.output, options.json
    settings = {"dask": options.dask, "column": options.column, **form(options)}
    try:
        with interruptible() as check, Progress(None, "text", hidden=as_json) as progress:

            def reach(done: int, total: int, unit: str) -> None:
                check()
                progress.reach(done, total, unit)

            job = embed_file(bert, options.input, output, options.dtype, progress=reach, **settings)
    except KeyboardInterrupt as error:
        if not os.path.lexists(f"{output}.partial"):
            raise
        name = printable(f"{output}.partial")
        raise type(error)(f"interrupted; {name} holds what is done, and the same command resumes") from None
    return _tell_saved(job.output, job.shape, as_json)


def _tell_saved(path: Path, shape: Sequence[int], as_json: bool) -> int:
    data = {"output": str(path), "shape": list(shape)}
    return print_result(as_json, data, f"{shape[0]} vectors of {shape[1]} numbers: {printable(str(path))}")


def _print_vectors(bert: Bert, texts: Sequence[str], vectors: Array) -> None:
    import numpy as np

    first = [" ".join(f"{number:7.4f}" for number in vector[:SHOWN]) + " ..." for vector in vectors]
    lengths = [f"{float(np.sqrt((vector * vector).sum())):.4f}" for vector in vectors]
    rows = list(zip(map(short, texts), lengths, first, strict=True))
    print(table(("text", "length", f"the first of {vectors.shape[1]} numbers"), rows, "lrl"))
    if 2 <= len(texts) <= MOST_COMPARED:
        cosines = bert.similarity(vectors, vectors)
        similarities = [
            (f"{i + 1} {short(text)}", *(f"{cosine:.3f}" for cosine in row))
            for i, (text, row) in enumerate(zip(texts, cosines, strict=True))
        ]
        header = (f"{bert.settings.similarity()} similarity", *(str(i + 1) for i in range(len(texts))))
        print("\n" + table(header, similarities, "l" + "r" * len(texts), repeat_first=True))


def _save_array(path: Path, array: Array) -> None:
    """Write an .npy file, completely or not at all."""
    import numpy as np

    from ..files.atomic import replacing

    buffer = io.BytesIO()
    np.save(buffer, array)
    with replacing(path) as stream:
        stream.write(buffer.getbuffer())


COMMAND = Command(
    "embed",
    "Compute one vector per text",
    add_arguments,
    run,
    'embed "I liked this movie." "A fine film." "It rains."',
)
