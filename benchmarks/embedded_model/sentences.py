"""Figures of sentiment and of sentence vectors."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from scipy import stats

from numpy_bert.inference.inputs import Text, padded
from numpy_bert.model import Bert
from numpy_bert.numerics.threads import ordered_map
from numpy_bert.tasks import sentence_embedding

SEED = 5
NEAREST = 60  # the other text of a pair is one of so many that the teacher finds most alike
RANDOM_PAIRS = 1_500
BATCH = 64
PLAIN = (
    "The train to Berlin leaves at nine.",
    "He was born in Vienna in 1890.",
    "The shop opens at eight in the morning.",
    "Water boils at one hundred degrees.",
    "My sister lives in a small town near the sea.",
    "The committee met on Tuesday.",
    "She put the keys on the table.",
    "There are three books on the shelf.",
)


class Sentences:
    """dev: SST-2 dev. own: sentences with negation and reversed expectation. vectors (n, H): the teacher's, of texts
    that nothing is learned from.
    """

    def __init__(self, dev: Path, own: Path, vectors: np.ndarray) -> None:
        self.labelled = {"sentiment_dev": rows(dev), "sentiment_own": rows(own)}
        rng = np.random.default_rng(SEED)
        t = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
        cosines = t @ t.T
        np.fill_diagonal(cosines, -1.0)
        i = np.arange(len(t))
        j = np.argsort(-cosines, axis=1)[i, rng.integers(0, NEAREST, len(t))]
        k = rng.integers(0, len(t), RANDOM_PAIRS)
        self.i, self.j = np.concatenate([i, k]), np.concatenate([j, (k + rng.integers(1, len(t), len(k))) % len(t)])
        self.cosines = cosines[self.i, self.j]

    def measure(self, bert: Bert, texts: list[np.ndarray]) -> dict[str, float]:
        """texts: the ids of those that the vectors are of."""
        found = {}
        for name, labelled in self.labelled.items():
            answers = bert.classify([text for text, _ in labelled])
            found[name] = float(np.mean([a.label == y for a, (_, y) in zip(answers, labelled, strict=True)]))
        off = [abs(answer.scores["positive"] - 0.5) for answer in bert.classify(list(PLAIN))]
        found["plain_off_half"] = max(off)
        u = embed(bert, texts)
        found["likeness"] = float(stats.spearmanr((u[self.i] * u[self.j]).sum(axis=1), self.cosines).statistic)
        return found


def embed(bert: Bert, texts: list[np.ndarray]) -> np.ndarray:
    """Sentence vectors of tokenized texts, in their order."""
    order = np.argsort([len(ids) for ids in texts])

    def vectors(rows: np.ndarray) -> np.ndarray:
        inputs = padded([Text(texts[i], None) for i in rows], bert.config.pad_token_id)
        hidden = bert.forward(inputs.ids.token, attention_mask=inputs.mask).hidden
        return sentence_embedding.forward(hidden, inputs.mask, "mean", True)[0]

    found = np.concatenate(list(ordered_map(vectors, [order[i : i + BATCH] for i in range(0, len(order), BATCH)])))
    in_order = np.empty_like(found)
    in_order[order] = found
    return in_order


def rows(path: Path) -> list[tuple[str, str]]:
    found = [line.rsplit("\t", 1) for line in path.read_text(encoding="utf-8").splitlines()]
    return [(text, label) for text, label in found]
