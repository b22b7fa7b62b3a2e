"""The texts that the embedded model learns from: names, shares of what is read, and where they are."""

from __future__ import annotations

import bz2
from collections.abc import Iterator
from pathlib import Path

from numpy_bert.model import PRETRAINED

EXAMPLES = PRETRAINED / "examples"  # what the demo asks; nothing is learned from them

# Shares of the tokens that are read, in percent. Small sources are read several times, the largest less than once.
SHARES = {
    "imdb": 26.0,
    "wiki_2014": 20.0,
    "books_gutenberg": 17.0,
    "books_classic": 6.0,
    "wiki_core": 7.0,
    "textbooks_ccby": 4.0,
    "dialogues": 4.0,
    "movie_reviews_ccby": 3.0,
    "masc": 2.5,
    "speeches": 1.5,
    "tatoeba": 4.0,
    "wikinews": 1.2,
    "wiki_2018": 2.5,
}
# Megabytes of each that the vocabulary is learned from.
VOCABULARY = {
    "imdb": 5.0,
    "wiki_2014": 4.0,
    "books_gutenberg": 4.0,
    "books_classic": 2.0,
    "wiki_core": 1.5,
    "tatoeba": 1.3,
    "textbooks_ccby": 1.0,
    "dialogues": 0.7,
    "masc": 0.7,
    "movie_reviews_ccby": 0.5,
    "speeches": 0.3,
    "wikinews": 0.3,
    "wiki_2018": 0.3,
}
UNRELATED = {"tatoeba"}  # documents are lists of sentences that have nothing to do with each other
REVIEWS = {"imdb", "movie_reviews_ccby"}


def unpack(shards: list[Path], target: Path) -> None:
    """One text file of several compressed ones, with a blank line between them."""
    with open(target, "wb") as out:
        for shard in sorted(shards):
            out.write(bz2.decompress(shard.read_bytes()) + b"\n")


def documents(path: Path) -> Iterator[list[str]]:
    """The documents of a text file: a sentence a line, blank lines between documents."""
    sentences: list[str] = []
    with open(path, encoding="utf-8") as lines:
        for line in lines:
            if line.strip():
                sentences.append(line.strip())
            elif sentences:
                yield sentences
                sentences = []
    if sentences:
        yield sentences
