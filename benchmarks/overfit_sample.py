"""The sanity run of pretraining: learn a small text by heart. What cannot do that has a mistake somewhere.

    python benchmarks/overfit_sample.py sample_text.txt [--steps 300]

The text is that of Google's BERT repository (sample_text.txt, a sentence a line, documents between blank lines), whose
README reports a masked-LM accuracy of 0.985 and a next-sentence accuracy of 1.0 for its own such run. A vocabulary is
learned from the text, pairs and masks are drawn five times (as there), and a fresh BERT of two layers sees those again
and again. Measured are the examples it was trained on, without dropout. Exit status 1 if it has not learned them.
"""

from __future__ import annotations

import argparse
import platform
import sys
import time

import numpy as np

from numpy_bert.config import BertConfig
from numpy_bert.numerics import threads
from numpy_bert.tokenizer import learn as vocabulary
from numpy_bert.tokenizer.pipeline import WordPieceTokenizer
from numpy_bert.training import loop, pretrain
from numpy_bert.training.data.corpus import Corpus
from numpy_bert.training.data.pretraining import PretrainingData, PretrainingSettings

COPIES = 5
TOKENS = 1500  # of the vocabulary
NEEDED = {"masked_lm_accuracy": 0.95, "next_sentence_accuracy": 1.0}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("text")
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    tokenizer = WordPieceTokenizer(vocabulary.learn(vocabulary.count_words([options.text]), TOKENS))
    config = BertConfig(
        vocab_size=len(tokenizer.tokens), hidden_size=128, num_hidden_layers=2, num_attention_heads=2,
        intermediate_size=512, max_position_embeddings=128,
    )  # fmt: skip
    corpus, settings = Corpus([options.text]), PretrainingSettings(duplication=COPIES)
    data = PretrainingData(corpus, tokenizer, settings, 32, options.seed)
    learned = PretrainingData(corpus, tokenizer, settings, 32, options.seed)
    batches = [part for _ in range(COPIES) for part in one_pass(learned)]
    recipe = pretrain.recipe(options.steps, learning_rate=1e-3, batch_size=32, seed=options.seed)
    monitor = loop.Monitor(lambda params: pretrain.evaluate(batches, params, config), evaluate_every=100)
    begun = time.perf_counter()
    _, figures = pretrain.train(config, data, recipe, monitor)
    seconds = time.perf_counter() - begun
    print(f"{platform.processor() or platform.machine()}, {threads.cores()} cores, NumPy {np.__version__}")
    print(f"{options.steps} steps in {seconds:.0f} s, seed {options.seed}, {sum(map(size, batches))} examples")
    for name, value in figures.items():
        print(f"{name:24} {value:.4f}")
    return 0 if all(figures[name] >= least for name, least in NEEDED.items()) else 1


def one_pass(data: PretrainingData) -> list[object]:
    parts, number = [], data.position["pass"]
    while data.position["pass"] == number:
        parts += data.next()
    return parts


def size(batch: object) -> int:
    return len(batch.labels.next_sentence)


if __name__ == "__main__":
    sys.exit(main())
