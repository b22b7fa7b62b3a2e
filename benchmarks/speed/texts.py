"""Real text, tokenized: short sentences as they are, and the same joined to lengths of a heavy-tailed distribution.

DATA holds sst2/dev.tsv (reviews of movies), wnut17/emerging.dev.conll and emerging.test.annotated (comments and posts,
a word a line) and, for the tokenizers, movie-snippets/movieReviewSnippets_GroundTruth.txt (reviews as they were
written).
"""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np

SHORT = 32  # tokens of a short sentence, at most
SHORTEST, LONGEST = 8, 256  # tokens of the mixture
SEED = 0


def sentences(data: Path) -> list[str]:
    """872 sentences of reviews and 2,296 of posts, those held out for development and tests."""
    result = [line.rsplit("\t", 1)[0] for line in _lines(data / "sst2/dev.tsv")]
    for name in ("emerging.dev.conll", "emerging.test.annotated"):
        lines = (data / "wnut17" / name).read_text(encoding="utf-8").split("\n")
        words = [line.split("\t")[0].strip() for line in lines]
        posts = " ".join(word or "\n" for word in words).split("\n")
        result += [post.strip() for post in posts if post.strip()]
    return result


def short(tokens: list[list[int]]) -> list[list[int]]:
    """Those of at most 32 tokens."""
    return [text for text in tokens if len(text) <= SHORT]


def mixed(tokens: list[list[int]]) -> list[list[int]]:
    """As many texts of 8 to 256 tokens, P(length ≥ n) = 8 / n: half have 16 or more, one in 32 has 256. Each is a run
    of the sentences, joined and cut.
    """
    cls, sep = tokens[0][0], tokens[0][-1]
    rng = np.random.default_rng(SEED)
    lengths = np.minimum(LONGEST, SHORTEST / (1 - rng.random(len(tokens)))).astype(int)
    stream = [token for text in tokens for token in text[1:-1]]
    while len(stream) < lengths.sum():
        stream += stream
    ends = np.cumsum(lengths - 2)
    starts = ends - (lengths - 2)
    return [[cls, *stream[a:b], sep] for a, b in zip(starts, ends, strict=True)]


def pairs(tokens: list[list[int]], count: int) -> list[list[int]]:
    """Each of the sentences with the next as a pair, so many of them."""
    return [first + second[1:] for first, second in itertools.pairwise(tokens[: count + 1])]


def english(data: Path) -> list[str]:
    """10,605 sentences of reviews with their capitals and punctuation."""
    text = (data / "movie-snippets/movieReviewSnippets_GroundTruth.txt").read_text(encoding="latin-1")
    return [line.split("\t", 2)[2].strip() for line in text.split("\n") if line.count("\t") >= 2]


def _lines(path: Path) -> list[str]:
    return [line for line in path.read_text(encoding="utf-8").split("\n") if line]
