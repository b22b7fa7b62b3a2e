"""numpy-bert tokenize: the tokens of each text, their ids and the characters they stand for."""

from __future__ import annotations

import argparse

from . import from_file
from .command import Command
from .inputs import add_plain, load_tokenizer
from .output import print_json, table


def add_arguments(parser: argparse.ArgumentParser) -> None:
    from_file.add_texts(parser)
    add_plain(parser)


def run(options: argparse.Namespace) -> int:
    texts = from_file.texts(options, options.text)
    tokenizer = load_tokenizer(options.tokenizer or options.model)
    for text in texts:
        encoding = tokenizer.encode(text, special=not options.plain)
        if options.json:
            print_json({"tokens": encoding.tokens, "ids": encoding.ids})
            continue
        spans = [f"{start}-{end}" if end > start else "" for start, end in encoding.offsets]
        rows = list(zip(encoding.tokens, encoding.ids, spans, strict=True))
        print(table(("token", "id", "characters"), rows, "lr") + "\n")
    return 0


COMMAND = Command(
    "tokenize",
    "Split texts into the tokens of a model",
    add_arguments,
    run,
    'tokenize "I liked this movie."',
)
