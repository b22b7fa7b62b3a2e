"""Texts for a small model of movie reviews to learn from: to pretrain on, and for a larger model to label.

    python benchmarks/embedded_model/prepare.py DATA WORK

DATA holds the folders sst2, movie-snippets, wikitext2 and tinyshakespeare. Written to WORK:

    pretrain.txt     documents separated by blank lines, a sentence (or a clause of a review) a line
    held-out.txt     such documents to measure on: the SST-2 dev sentences, every twentieth of the others
    train.tsv        the SST-2 training sentences with their labels
    unlabelled.txt   reviews, their clauses, stretches of them and mixtures of two, a text a line, for a teacher
    dev.tsv          the SST-2 dev sentences, only ever used to measure

No sentence of the SST-2 dev or test set is in what is trained on: snippets and training sentences that begin like one
of them (the first 24 letters and digits) are dropped.
"""

import hashlib
import random
import re
import sys
from pathlib import Path

SEED = 1
STRETCHES = 3  # of each review
MIXTURES = 30_000
HELD_OUT = 20  # one document of so many
UNWRITTEN = {" @-@ ": "-", " @,@ ": ",", " @.@ ": ".", "<unk> ": ""}  # how WikiText-2 was prepared, undone
CLAUSE = re.compile(r"(?<=[,;:.!?])\s+|\s+-+\s+")
SENTENCE = re.compile(r"(?<=[.!?])\s+(?=[A-Z\"(])")


def prefix(sentence):
    """The rule by which held-out sentences are recognised."""
    plain = sentence[:24].lower().replace("-lrb-", "").replace("-rrb-", "")
    return hashlib.sha256(re.sub(r"[^a-z0-9]", "", plain).encode()).hexdigest()


def read_pairs(path):
    lines = path.read_text(encoding="utf-8").split("\n")
    return [line.rsplit("\t", 1) for line in lines if line]


def reviews(data):
    """Movie reviews: SST-2 train and the snippets, neither with a held-out sentence."""
    held_out = set((data / "sst2/test-prefixes.sha256").read_text().split())
    held_out |= {prefix(text) for text, _ in read_pairs(data / "sst2/dev.tsv")}
    train = [(text, label) for text, label in read_pairs(data / "sst2/train.tsv") if prefix(text) not in held_out]
    source = (data / "movie-snippets/movieReviewSnippets_GroundTruth.txt").read_text(encoding="latin-1")
    snippets = [line.split("\t", 2)[2].strip() for line in source.split("\n") if line.count("\t") >= 2]
    snippets = [re.sub(r"''", '"', text) for text in snippets if prefix(text) not in held_out]
    return train, snippets


def clauses(text, shortest=12):
    return [part.strip() for part in CLAUSE.split(text) if len(part.strip()) >= shortest]


def wiki(path):
    """Documents of WikiText-2: paragraphs of three sentences or more, without headings."""
    for line in path.read_text(encoding="utf-8").split("\n"):
        line = line.strip()
        for written, meant in UNWRITTEN.items():
            line = line.replace(written, meant)
        if not line.startswith("=") and len(found := SENTENCE.split(line)) >= 3:
            yield found


def plays(path):
    """Documents of the plays: the speeches of ten turns."""
    turns = [turn.split("\n", 1) for turn in path.read_text(encoding="utf-8").split("\n\n")]
    speeches = [turn[1].replace("\n", " ") for turn in turns if len(turn) == 2]
    for start in range(0, len(speeches), 10):
        yield [line for speech in speeches[start : start + 10] for line in SENTENCE.split(speech)]


def unlabelled(texts, draw):
    """Reviews in whole, in clauses, in stretches of words, and the beginning of one with the end of another."""
    found = []
    for text in texts:
        words = text.split()
        found.append(text)
        found.extend(part for part in clauses(text) if part != text)
        for _ in range(STRETCHES):
            length = draw.randint(2, max(2, min(16, len(words))))
            start = draw.randint(0, max(0, len(words) - length))
            found.append(" ".join(words[start : start + length]))
    for _ in range(MIXTURES):
        a, b = draw.choice(texts).split(), draw.choice(texts).split()
        found.append(" ".join(a[: draw.randint(2, max(2, len(a)))] + b[draw.randint(0, max(0, len(b) - 2)) :]))
    found = list(dict.fromkeys(found))
    draw.shuffle(found)
    return found


def write_documents(path, documents):
    path.write_text("\n\n".join("\n".join(d) for d in documents if d) + "\n", encoding="utf-8")


def main(data, work):
    draw = random.Random(SEED)
    train, snippets = reviews(data)
    texts = [text for text, _ in train] + snippets
    others = [document for name in ("valid.txt", "test.txt") for document in wiki(data / "wikitext2" / name)]
    others.extend(plays(data / "tinyshakespeare/input.txt"))
    draw.shuffle(others)
    held_out = others[::HELD_OUT] + [clauses(text, 4) for text, _ in read_pairs(data / "sst2/dev.tsv")]
    documents = [document for i, document in enumerate(others) if i % HELD_OUT]
    documents.extend(clauses(text, 4) for text in texts)
    work.mkdir(parents=True, exist_ok=True)
    write_documents(work / "pretrain.txt", documents)
    write_documents(work / "held-out.txt", held_out)
    (work / "train.tsv").write_text("".join(f"{text}\t{label}\n" for text, label in train), encoding="utf-8")
    (work / "dev.tsv").write_text((data / "sst2/dev.tsv").read_text(encoding="utf-8"), encoding="utf-8")
    extra = unlabelled(texts, draw)
    (work / "unlabelled.txt").write_text("\n".join(extra) + "\n", encoding="utf-8")
    print(f"{len(documents)} documents, {len(train)} labelled and {len(extra)} unlabelled texts in {work}")


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(Path(sys.argv[1]), Path(sys.argv[2]))
