"""numpy-bert rank: documents in the order of their score for a query."""

from __future__ import annotations

import argparse

from . import from_file
from .command import Command
from .inputs import chosen_model, short
from .numbers import count
from .output import print_json, table
from .progress import Progress


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("query", metavar="QUERY", help="the text to rank the documents for")
    parser.add_argument("document", nargs="*", metavar="DOCUMENT", help="the texts to rank, each in quotation marks")
    from_file.add_input(parser, column="documents")
    parser.add_argument("--top-k", type=count, metavar="K", help="documents to show (default: all)")


def run(options: argparse.Namespace) -> int:
    source = from_file.read_input(options, options.document)
    rows = list(source.rows) if source else []
    documents = [row.texts[0] for row in rows] if source else options.document
    lines = [row.line for row in rows] or None
    bert = chosen_model(options)
    with from_file.naming_lines(options.input, rows), Progress(len(documents), "text", hidden=options.json) as progress:
        ranks = bert.rank(options.query, documents, options.top_k, return_documents=True, progress=progress.update)
    if options.json:
        for hit in ranks:
            print_json(hit if lines is None else hit | {"line": lines[hit["corpus_id"]]})
        return 0
    cells = [
        (
            i,
            f"{hit['score']:.4f}",
            hit["corpus_id"] if lines is None else lines[hit["corpus_id"]],
            short(hit["text"], 90),
        )
        for i, hit in enumerate(ranks, 1)
    ]
    print(table(("rank", "score", "row" if lines is None else "line", "text"), cells, "rrrl"))
    return 0


COMMAND = Command(
    "rank",
    "Rank documents by their score for a query",
    add_arguments,
    run,
    'rank "Where is Fuji?" "Mount Fuji is in Japan." "It rains." --model FOLDER',
)
