"""Figures of the embedded model on text it has never learned from, as they stand in its card.

    python benchmarks/embedded_model/measure.py WORK [--model MODEL] [--teacher MODEL]

WORK as train.py has it: held-out.txt (masked words, next sentence) and dev.tsv (sentiment) are measured, pretrain.txt
only for how often each piece occurs. The baseline for masked words knows these frequencies and nothing of the context.
With --teacher, how alike the cosines of pairs of dev sentences are to the teacher's.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from scipy import stats

import numpy_bert
from numpy_bert.blocks.cross_entropy import IGNORED
from numpy_bert.cli.output import table
from numpy_bert.tasks.objective import Batch
from numpy_bert.training import pretrain
from numpy_bert.training.data import labeled_texts
from numpy_bert.training.data.corpus import Corpus
from numpy_bert.training.data.pretraining import PretrainingData, PretrainingSettings

MASKED = (
    "The movie was [MASK].",
    "A [MASK] and moving film.",
    "The acting is [MASK].",
    "It is one of the best [MASK] of the year.",
    "The plot makes no [MASK].",
    "I could not stop [MASK].",
    "A comedy that is not [MASK].",
    "She is the [MASK] of the king.",
    "The war began in [MASK].",
    "He was born in the United [MASK].",
)
REVIEWS = (
    "I liked this movie.",
    "I Love this movie because the actors are funny and professional",
    "I did not like it at all.",
    "not bad",
    "It is hard not to like this film.",
    "The first half is brilliant, the second is a mess.",
    "I expected a masterpiece and got two hours of boredom.",
    "The train to Berlin leaves at nine.",
)
SEED = 7
STEPS = 60  # batches of held-out pairs


def main() -> None:
    top = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    top.add_argument("work", type=Path)
    top.add_argument("--model", type=Path)
    top.add_argument("--teacher", type=Path)
    options = top.parse_args()
    bert = numpy_bert.load(options.model)
    print(f"{bert!r}\n")
    print(table(("measure", "value"), [*sentiment(bert, options.work), *pretraining(bert, options.work)], "lr"), "\n")
    if options.teacher:
        print(likeness(bert, numpy_bert.load(options.teacher), options.work), "\n")
    rows = [(text, ", ".join(f"{p.token} {p.probability:.2f}" for p in bert.fill_mask(text)[0])) for text in MASKED]
    print(table(("text", "the five likeliest"), rows), "\n")
    found = bert.classify(list(REVIEWS))
    rows = [(text, a.label, f"{a.probability:.3f}") for text, a in zip(REVIEWS, found, strict=True)]
    print(table(("text", "sentiment", "probability"), rows, "llr"))


def sentiment(bert: numpy_bert.Bert, work: Path) -> list[tuple[str, str]]:
    rows = labeled_texts.rows(work / "dev.tsv")
    found = [answer.label == "positive" for answer in bert.classify([row.text for row in rows])]
    right = [is_positive == (row.label == "1") for is_positive, row in zip(found, rows, strict=True)]
    wrong = {label: sum(not r for r, row in zip(right, rows, strict=True) if row.label == label) for label in "01"}
    return [
        (f"sentiment, accuracy on {len(rows)} dev sentences of SST-2", f"{np.mean(right):.4f}"),
        ("  negative called positive", str(wrong["0"])),
        ("  positive called negative", str(wrong["1"])),
    ]


def pretraining(bert: numpy_bert.Bert, work: Path) -> list[tuple[str, str]]:
    settings = PretrainingSettings(bert.config.max_position_embeddings)
    data = PretrainingData(Corpus([work / "held-out.txt"]), bert.tokenizer, settings, 32, SEED)
    batches = pretrain.held_out(data, STEPS)
    figures = pretrain.evaluate(batches, bert.params, bert.config)
    loss, accuracy, many = unigram(bert, batches, work)
    return [
        (f"masked words, loss on {many} held-out pieces", f"{figures['masked_lm_loss']:.3f}"),
        ("  of the unigram baseline", f"{loss:.3f}"),
        ("masked words, accuracy", f"{figures['masked_lm_accuracy']:.4f}"),
        ("  of the unigram baseline", f"{accuracy:.4f}"),
        ("next sentence, accuracy (half the pairs follow)", f"{figures['next_sentence_accuracy']:.4f}"),
    ]


def unigram(bert: numpy_bert.Bert, batches: list[Batch], work: Path) -> tuple[float, float, int]:
    """Loss and accuracy of guessing by frequency alone, each piece counted once more than it occurs."""
    counts = np.ones(bert.config.vocab_size)
    lines = (work / "pretrain.txt").read_text(encoding="utf-8").split("\n")
    for ids in bert.tokenizer.encode_ids(lines, special=False):
        np.add.at(counts, np.array(ids[1:-1], int), 1)
    log_p = np.log(counts / counts.sum())
    labels = np.concatenate([batch.labels.masked_lm.reshape(-1) for batch in batches])
    labels = labels[labels != IGNORED]
    return float(-log_p[labels].mean()), float((labels == log_p.argmax()).mean()), len(labels)


def likeness(bert: numpy_bert.Bert, teacher: numpy_bert.Bert, work: Path) -> str:
    texts = [row.text for row in labeled_texts.rows(work / "dev.tsv")]
    above = np.triu_indices(len(texts), 1)
    cosines = [model.similarity(texts, texts)[above] for model in (bert, teacher)]
    rank = stats.spearmanr(*cosines).statistic
    return f"rank correlation with the teacher's cosines, pairs of dev sentences: {rank:.3f}"


if __name__ == "__main__":
    main()
