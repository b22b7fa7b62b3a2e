"""Texts for the embedded model to learn from: to pretrain on, and for a larger model to say what it knows of.

    python benchmarks/embedded_model/prepare.py CORPUS DATA WORK

CORPUS holds train/NAME-*.txt.bz2 and held-out/NAME.txt.bz2, DATA the folders sst2 and movie-snippets. Written to WORK:

    text/NAME.txt           documents separated by blank lines, a sentence a line; held-out/NAME.txt likewise
    vocabulary-sample.txt   what the vocabulary is learned from
    reviews.txt             sentences of movie reviews, parts and variants of them, a text a line
    known.npy               P(positive) of each, where people said; NaN elsewhere
    plain.txt               sentences of everything else, and variants
    short.txt               groups of one to four words of both
    train.tsv, dev.tsv      labelled sentences for the teacher of sentiment; dev.tsv only ever measures

No sentence of the SST-2 dev or test set is in what is trained on, nor one of the demo's: whatever begins
with the same 24 letters and digits is dropped.
"""

from __future__ import annotations

import hashlib
import random
import re
import sys
from pathlib import Path

import numpy as np
from sources import EXAMPLES, REVIEWS, SHARES, VOCABULARY, unpack

SEED = 7
SENTENCES = {  # of each source that the teacher reads
    "imdb": 70_000,
    "wiki_2014": 55_000,
    "books_gutenberg": 25_000,
    "tatoeba": 25_000,
    "wiki_core": 15_000,
    "movie_reviews_ccby": 15_000,
    "textbooks_ccby": 12_000,
    "dialogues": 12_000,
    "books_classic": 10_000,
    "masc": 10_000,
    "wikinews": 6_000,
    "wiki_2018": 6_000,
    "speeches": 4_000,
}
VARIANTS, CLAUSES, SHORT = 60_000, 30_000, 20_000
WORDS = (3, 45)  # in a sentence
SURE = 0.5  # a snippet's mean rating, of -4 to 4, from which on it counts as labelled
STEEPNESS = 1.6  # P(positive) of a snippet is the logistic function of so many times its mean rating
CLAUSE = re.compile(r"(?<=[,;:.])\s+|\s+(?=(?:but|and|yet|although) )")


def beginning(sentence: str) -> str:
    """The first 24 letters and digits, by which held-out sentences are recognized."""
    plain = sentence.lower().replace("-lrb-", "").replace("-rrb-", "")
    return re.sub(r"[^a-z0-9]", "", plain)[:24]


def rows(path: Path) -> list[tuple[str, str]]:
    found = [line.rsplit("\t", 1) for line in path.read_text(encoding="utf-8").splitlines()]
    return [(text.strip(), label) for text, label in found]


class Kept:
    """The sentences that are kept back from training."""

    def __init__(self, data: Path) -> None:
        self.hashes = set((data / "sst2/test-prefixes.sha256").read_text().split())
        known = rows(data / "sst2/dev.tsv") + rows(EXAMPLES / "sentiment.tsv") + rows(EXAMPLES / "reviews.tsv")
        self.hashes |= {hashlib.sha256(beginning(text).encode()).hexdigest() for text, _ in known}

    def __contains__(self, text: str) -> bool:
        return hashlib.sha256(beginning(text).encode()).hexdigest() in self.hashes


def snippets(data: Path) -> list[tuple[str, float]]:
    """Texts and the mean of twenty people's ratings."""
    lines = (data / "movie-snippets/movieReviewSnippets_GroundTruth.txt").read_text(encoding="latin-1").split("\n")
    found = [line.split("\t", 2) for line in lines if line.count("\t") >= 2]
    return [(text.strip().replace("''", '"'), float(rating)) for _, rating, text in found]


def sentences(path: Path, count: int, draw: random.Random) -> list[str]:
    """Different sentences from random places of a file."""
    found: dict[str, None] = {}
    size = path.stat().st_size
    with open(path, "rb") as lines:
        while len(found) < count:
            lines.seek(draw.randrange(size))
            lines.readline()
            for _ in range(3):
                text = lines.readline().decode("utf-8").strip()
                if WORDS[0] <= len(text.split()) <= WORDS[1]:
                    found[text] = None
    return list(found)[:count]


def variant(text: str, other: str, draw: random.Random) -> str:
    """Without some words, cut in two, with some words of another text, or with its end."""
    words, others, kind = text.split(), other.split(), draw.random()
    if kind < 0.35:
        for _ in range(draw.randint(1, 3)):
            words.pop(draw.randrange(len(words)))
    elif kind < 0.6:
        middle = draw.randint(2, len(words) - 2)
        words = words[:middle] if draw.random() < 0.5 else words[middle:]
    elif kind < 0.8:
        for _ in range(draw.randint(1, 2)):
            words[draw.randrange(len(words))] = draw.choice(others)
    else:
        words = words[: len(words) // 2] + others[len(others) // 2 :]
    return " ".join(words)


def group(text: str, draw: random.Random) -> str:
    """One to four adjoining words."""
    words = re.findall(r"[a-z]+", text.lower()) or [text]
    start = draw.randrange(len(words))
    return " ".join(words[start : start + draw.randint(1, 4)])


def teach(work: Path, data: Path, kept: Kept, draw: random.Random) -> None:
    """The texts that the teacher reads, and what people said of some."""
    labelled = [(text, label) for text, label in rows(data / "sst2/train.tsv") if text not in kept]
    rated = [(text, rating) for text, rating in snippets(data) if text not in kept]
    known = {text: 1.0 / (1.0 + np.exp(-STEEPNESS * rating)) for text, rating in rated}
    known |= {text: float(label) for text, label in labelled}
    reviews, plain = dict.fromkeys(known), {}
    for name, count in SENTENCES.items():
        texts = [text for text in sentences(work / f"text/{name}.txt", count, draw) if text not in kept]
        (reviews if name in REVIEWS else plain).update(dict.fromkeys(texts))
    both = [(text, into) for into in (reviews, plain) for text in into if len(text.split()) > 4]
    for text, into in draw.sample(both, VARIANTS):
        into[variant(text, draw.choice(both)[0], draw)] = None
    for text in draw.sample(list(reviews), CLAUSES):
        reviews.update(dict.fromkeys(part for part in CLAUSE.split(text) if 2 <= len(part.split()) <= 20))
    short = {group(text, draw): None for text, _ in draw.sample(both, SHORT)}
    for name, texts in (("reviews", list(reviews)), ("plain", list(plain)), ("short", list(short))):
        draw.shuffle(texts)
        (work / f"{name}.txt").write_text("\n".join(texts) + "\n", encoding="utf-8")
        print(f"{len(texts)} texts in {name}.txt")
        if name == "reviews":
            np.save(work / "known.npy", np.array([known.get(text, np.nan) for text in texts], np.float32))
    seen = {beginning(text) for text, _ in labelled}
    named = [(text, "positive" if label == "1" else "negative") for text, label in labelled]
    named += [
        (text, "positive" if rating > 0 else "negative")
        for text, rating in rated
        if abs(rating) >= SURE and beginning(text) not in seen
    ]
    write(work / "train.tsv", named)
    write(work / "dev.tsv", [(t, "positive" if y == "1" else "negative") for t, y in rows(data / "sst2/dev.tsv")])


def write(path: Path, labelled: list[tuple[str, str]]) -> None:
    path.write_text("".join(f"{text}\t{label}\n" for text, label in labelled), encoding="utf-8")


def main(corpus: Path, data: Path, work: Path) -> None:
    for folder in ("text", "held-out"):
        (work / folder).mkdir(parents=True, exist_ok=True)
    for name in SHARES:
        unpack(list((corpus / "train").glob(f"{name}-*.txt.bz2")), work / f"text/{name}.txt")
        unpack([corpus / f"held-out/{name}.txt.bz2"], work / f"held-out/{name}.txt")
    with open(work / "vocabulary-sample.txt", "w", encoding="utf-8") as sample:
        for name, megabytes in VOCABULARY.items():
            with open(work / f"text/{name}.txt", encoding="utf-8") as text:
                sample.write(text.read(int(megabytes * 1e6)).rsplit("\n", 1)[0] + "\n\n")
    teach(work, data, Kept(data), random.Random(SEED))


if __name__ == "__main__":
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    main(*map(Path, sys.argv[1:]))
