"""A small corpus of random words, and the pretraining data made of it."""

import numpy as np

from numpy_bert.tokenizer.pipeline import WordPieceTokenizer
from numpy_bert.training.data.corpus import Corpus
from numpy_bert.training.data.pretraining import PretrainingData, PretrainingSettings
from support.tiny import WORDS

TOKENIZER = WordPieceTokenizer(WORDS)
ORDINARY = [word for word in WORDS[5:] if not word.startswith("##") and word.isalpha()]


def corpus_of(folder, documents=12, sentences=6, seed=0, name="corpus.txt"):
    rng = np.random.default_rng(seed)
    text = "\n".join(
        "".join(" ".join(rng.choice(ORDINARY, rng.integers(2, 8))) + "\n" for _ in range(sentences))
        for _ in range(documents)
    )
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return Corpus([path])


def data_of(corpus, seed=0, batch_size=4, max_tokens=64, **settings):
    settings = PretrainingSettings(**({"max_length": 24} | settings))
    return PretrainingData(corpus, TOKENIZER, settings, batch_size, seed, max_tokens)
