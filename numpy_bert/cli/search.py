"""numpy-bert search: the texts of a corpus that are nearest to a query, from the vectors that embed wrote."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import Error, UsageError
from . import from_file
from .command import Command
from .inputs import chosen_model, short
from .numbers import count
from .output import print_json, table

if TYPE_CHECKING:
    from ..model import Bert


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("query", nargs="*", metavar="QUERY", help="what to search for, each in quotation marks")
    from_file.add_input(parser, column="queries")
    parser.add_argument(
        "--vectors", metavar="FILE.npy", help="the vectors of the corpus, as embed or quantize wrote them"
    )
    texts = "the corpus: the file that embed read, row i its text i; without --vectors its texts are embedded now"
    parser.add_argument("--texts", metavar="FILE", help=texts)
    parser.add_argument("--text-column", metavar="NAME", help="of --texts: the column with the text")
    parser.add_argument("--top-k", type=count, default=10, metavar="K", help="texts to show for a query (default: 10)")


def run(options: argparse.Namespace) -> int:
    queries = options.query
    if from_file.is_given(options, options.query):
        queries = [row.texts[0] for row in from_file.rows(options.input, from_file.columns(options))]
    if options.vectors is None and options.texts is None:
        raise UsageError("expected --vectors FILE.npy, --texts FILE or both, got neither")
    bert = chosen_model(options)
    if options.vectors is None:
        hits = bert.search(queries, _all_texts(options), options.top_k)
    else:
        ranges = _ranges(bert, options.vectors, options.texts)
        hits = bert.search(queries, options.vectors, options.top_k, ranges=ranges)
    found = _texts(options, {hit["corpus_id"] for of_query in hits for hit in of_query})
    for query, of_query in zip(queries, hits, strict=True):
        lines = [hit | found.get(hit["corpus_id"], {}) for hit in of_query]
        if options.json:
            print_json({"query": query, "hits": lines})
            continue
        rows = [(f"{line['score']:.4f}", line["corpus_id"], short(line.get("text", ""), 90)) for line in lines]
        print(table(("score", "row", f"text nearest to: {short(query, 60)}"), rows, "rrl") + "\n")
    return 0


def _rows(options: argparse.Namespace) -> Any:
    from ..corpus import text_rows

    return text_rows.read(options.texts, text_rows.Columns(options.text_column))


def _all_texts(options: argparse.Namespace) -> list[str]:
    return [row.texts[0] for row in _rows(options)]


def _texts(options: argparse.Namespace, wanted: set[int]) -> dict[int, dict[str, str]]:
    """The texts of these rows. Error: the file has fewer."""
    if options.texts is None:
        return {}
    found = {i: {"text": row.texts[0]} for i, row in enumerate(_rows(options)) if i in wanted}
    if len(found) < len(wanted):
        raise Error(
            f"expected a text for row {max(wanted)}, got a shorter file; is it the one that was embedded?",
            at=options.texts,
        )
    return found


def _sha256(path: str) -> str:
    """Of the bytes of a file, as the manifest has it."""
    import hashlib

    from ..files.reading import File

    digest = hashlib.sha256()
    with File(path) as file:
        for start in range(0, file.size, 1 << 20):
            digest.update(file.read_at(start, min(1 << 20, file.size - start)))
    return digest.hexdigest()


def _ranges(bert: Bert, vectors: str, texts: str | None) -> Any:
    """The ranges beside quantized vectors. Error: the manifest beside them names another model or other texts."""
    from ..corpus import manifest, quantized
    from ..corpus.chunk import model_sha256

    record = Path(f"{vectors}.json")
    if record.is_file():
        job, files = manifest.read(record).job, manifest.read(record).files
        if job.get("model") != model_sha256(bert):
            made_by = f"those of {files.get('model', 'another')}"
            raise Error(f"expected vectors of {bert.path}, got {made_by}; pass that one with --model", at=vectors)
        if texts is not None and job.get("input", {}).get("sha256") != _sha256(texts):
            raise Error(f"expected the file that {vectors} was made of, got another", at=texts)
    return quantized.ranges_beside(Path(vectors))


COMMAND = Command(
    "search",
    "Find the texts of a corpus that are nearest to a query",
    add_arguments,
    run,
    'search "a dull film" --vectors reviews.npy --texts reviews.txt',
)
