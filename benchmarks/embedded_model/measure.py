"""Figures of the embedded model on text it has never learned from, as they stand in its card.

    python benchmarks/embedded_model/measure.py WORK [--model MODEL]

WORK as prepare.py and pack.py made it. Masked words: every source has the same weight, and one token in seven
is hidden.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from held_out import HeldOut
from sentences import PLAIN, rows
from sources import EXAMPLES

import numpy_bert
from numpy_bert.cli.output import table

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


def main() -> None:
    top = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    top.add_argument("work", type=Path)
    top.add_argument("--model", type=Path)
    options = top.parse_args()
    bert = numpy_bert.load(options.model)
    print(f"{bert!r}\n")
    held_out = HeldOut(options.work / "packed-held-out", EXAMPLES / "cloze.tsv", bert.tokenizer)
    figures = [(name, f"{value:.4f}") for name, value in held_out.measure(bert.params, bert.config).items()]
    for name, path in (
        ("sentiment, SST-2 dev", options.work / "dev.tsv"),
        ("sentiment, 20 with a turn", EXAMPLES / "sentiment.tsv"),
        ("sentiment, 40 with a turn", Path(__file__).with_name("turns.tsv")),
    ):
        labelled = rows(path)
        answers = bert.classify([text for text, _ in labelled])
        right = sum(answer.label == label for answer, (_, label) in zip(answers, labelled, strict=True))
        figures.append((name, f"{right / len(labelled):.4f}"))
    print(table(("measure", "value"), figures, "lr"), "\n")
    of_source = held_out.by_source(bert.params, bert.config)
    print(
        table(("source, pairs", "loss", "accuracy"), [(n, f"{x:.3f}", f"{a:.3f}") for n, x, a in of_source], "lrr"),
        "\n",
    )
    answers = held_out.answers(bert.params, bert.config)
    print(
        table(("text", "the five likeliest", "expected"), [(t, ", ".join(top), "-+"[hit]) for t, top, hit in answers])
    )
    likeliest = [(text, ", ".join(p.token for p in bert.fill_mask(text)[0])) for text in MASKED]
    print(table(("text", "the five likeliest"), likeliest), "\n")
    texts = [*(text for text, _ in rows(EXAMPLES / "sentiment.tsv")), *PLAIN]
    found = zip(texts, bert.classify(texts), strict=True)
    shown = [(text, answer.label, f"{answer.probability:.3f}") for text, answer in found]
    print(table(("text", "sentiment", "probability"), shown, "llr"))


if __name__ == "__main__":
    main()
