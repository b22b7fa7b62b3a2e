"""numpy-bert sparse: the tokens of the vocabulary that a SPLADE model gives a weight, for each text."""

from __future__ import annotations

import argparse
import io
import itertools
from pathlib import Path

from . import from_file
from .command import Command
from .embed import add_prompt
from .inputs import chosen_model, require_new, short
from .numbers import count
from .output import print_json, print_result, printable, table

SHOWN = 12  # tokens of a text


def add_arguments(parser: argparse.ArgumentParser) -> None:
    from_file.add_texts(parser)
    add_prompt(parser)
    output = "save a SciPy CSR matrix of shape (n, V), which search takes"
    parser.add_argument("--output", metavar="OUT.npz", type=Path, help=output)
    parser.add_argument("--top-k", type=count, default=SHOWN, metavar="K", help=f"tokens to show (default: {SHOWN})")


def run(options: argparse.Namespace) -> int:
    import numpy as np
    from scipy.sparse import csr_matrix, save_npz, vstack

    from ..files.atomic import replacing

    source = iter(from_file.texts(options, options.text))
    require_new(options.output)
    prompt = {"prompt_name": options.prompt_name, "prompt": options.prompt}
    bert = chosen_model(options)
    parts: list[csr_matrix] = []
    row: csr_matrix
    while texts := list(itertools.islice(source, from_file.AT_ONCE)):
        matrix = bert.sparse(texts, **prompt)
        if options.output is not None:
            parts.append(matrix)
            continue
        for text, row in zip(texts, matrix, strict=True):
            order = np.argsort(-row.data, kind="stable")[: options.top_k]
            weights = [(bert.tokenizer.tokens[row.indices[i]], float(row.data[i])) for i in order]
            if options.json:
                print_json({"tokens": len(row.data), "weights": dict(weights)})
            else:
                rows = [(token, f"{weight:.4f}") for token, weight in weights]
                print(table((short(text), f"the largest of {len(row.data)} weights"), rows, "lr") + "\n")
    if options.output is None:
        return 0
    whole = vstack(parts, format="csr") if parts else bert.sparse([])
    buffer = io.BytesIO()
    save_npz(buffer, whole)
    with replacing(options.output) as stream:
        stream.write(buffer.getbuffer())
    data = {"output": str(options.output), "shape": list(whole.shape), "weights": int(whole.nnz)}
    text = f"{whole.shape[0]} vectors, {whole.nnz} weights above 0: {printable(str(options.output))}"
    return print_result(options.json, data, text)


COMMAND = Command(
    "sparse",
    "Compute one sparse vector per text (SPLADE)",
    add_arguments,
    run,
    'sparse "I liked this movie."',
)
