"""numpy-bert search: the texts of a corpus that are nearest to a query, from the vectors that embed wrote."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import Error, UsageError
from . import from_file
from .command import Command
from .embed import add_form, form
from .inputs import chosen_model, short
from .numbers import count
from .output import print_json, table

if TYPE_CHECKING:
    from ..model import Bert


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("query", nargs="*", metavar="QUERY", help="what to search for, each in quotation marks")
    from_file.add_input(parser, column="queries")
    vectors = "the vectors of the corpus, as embed, quantize or sparse wrote them"
    parser.add_argument("--vectors", metavar="FILE", help=vectors)
    texts = "the corpus: the file that embed read, row i its text i; without --vectors its texts are embedded now"
    parser.add_argument("--texts", metavar="FILE", help=texts)
    parser.add_argument("--text-column", metavar="NAME", help="of --texts: the column with the text")
    add_form(parser, "query", "query", "as the vectors were made")
    parser.add_argument("--top-k", type=count, default=10, metavar="K", help="texts to show for a query (default: 10)")


def run(options: argparse.Namespace) -> int:
    queries = list(from_file.texts(options, options.query))
    if options.vectors is None and options.texts is None:
        raise UsageError("expected --vectors FILE, --texts FILE or both, got neither")
    if options.text_column is not None and options.texts is None:
        raise UsageError("--text-column: expected it with --texts FILE")
    bert = chosen_model(options)
    if options.vectors is None:
        corpus, settings = _all_texts(options), form(options)
    else:
        corpus, settings = _stored(bert, options)
    hits = bert.search(queries, corpus, options.top_k, **settings)
    texts = _texts(options, {hit["corpus_id"] for of_query in hits for hit in of_query})
    for query, of_query in zip(queries, hits, strict=True):
        lines = [hit | texts.get(hit["corpus_id"], {}) for hit in of_query]
        if options.json:
            print_json({"query": query, "hits": lines})
            continue
        rows = [(f"{line['score']:.4f}", line["corpus_id"], short(line.get("text", ""), 90)) for line in lines]
        print(table(("score", "row", f"text nearest to: {short(query, 60)}"), rows, "rrl") + "\n")
    return 0


def _rows(options: argparse.Namespace) -> Any:
    from ..corpus import text_rows

    return text_rows.read(options.texts, text_rows.Columns(options.text_column, option="--text-column"))


def _all_texts(options: argparse.Namespace) -> list[str]:
    texts = [row.texts[0] for row in _rows(options)]
    if not texts:
        raise Error("expected at least one text to search in, got none", at=options.texts)
    return texts


def _texts(options: argparse.Namespace, wanted: set[int]) -> dict[int, dict[str, str]]:
    """The texts of these rows. Error: the file has fewer."""
    if options.texts is None:
        return {}
    texts = {i: {"text": row.texts[0]} for i, row in enumerate(_rows(options)) if i in wanted}
    if len(texts) < len(wanted):
        raise Error(
            f"expected a text for row {max(wanted)}, got a shorter file; is it the one that was embedded?",
            at=options.texts,
        )
    return texts


def _stored(bert: Bert, options: argparse.Namespace) -> tuple[Any, dict[str, Any]]:
    """The vectors of the corpus, and the further arguments of Bert.search. Error: vectors of another size."""
    from ..corpus import quantized
    from ..corpus.query_form import query_form
    from ..inference import corpora

    corpus = corpora.mapped_or_sparse(options.vectors)
    if not len(corpus.shape) == 2 or not corpus.shape[0]:
        raise Error(f"expected vectors of shape (n, S), got shape {corpus.shape}", at=options.vectors)
    recorded, settings = query_form(bert, options.vectors, options.texts), form(options)
    settings["truncate_dim"] = settings["truncate_dim"] or recorded.get("truncate_dim")
    settings["normalize_embeddings"] |= recorded.get("normalize_embeddings", False)
    if not corpora.is_sparse(corpus) and corpus.dtype.kind == "f":
        size = settings["truncate_dim"] or bert.settings.truncate_dim or bert.pooling.size(bert.config.hidden_size)
        width = corpus.shape[1]
        if width != size:
            remedy = f"; if they were cut, pass --truncate-dim {width}" if width < size else ""
            raise Error(f"expected vectors of {size} numbers, got {width}{remedy}", at=options.vectors)
    return corpus, settings | {"ranges": quantized.ranges_beside(Path(options.vectors))}


COMMAND = Command(
    "search",
    "Find the texts of a corpus that are nearest to a query",
    add_arguments,
    run,
    'search "a dull film" --vectors reviews.npy --texts reviews.txt',
)
