"""Figures on held-out text, each source with the same weight: masked words, continuations, sentences with a gap."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from examples import Example, Source, batch
from sources import SHARES, UNRELATED

from numpy_bert.blocks import bert, cross_entropy
from numpy_bert.blocks.cross_entropy import IGNORED
from numpy_bert.config import BertConfig
from numpy_bert.inference.inputs import Text, padded
from numpy_bert.numerics.threads import ordered_map
from numpy_bert.tasks import masked_lm, next_sentence, objective
from numpy_bert.tasks.next_sentence import FOLLOWS, RANDOM
from numpy_bert.tokenizer.pipeline import Tokenizer

SEED = 12345
SHARE = 1 / 7  # of the tokens are hidden
PAIRS, SENTENCES, CONTINUATIONS = 64, 128, 24  # of each source
SIDE = 30  # tokens of a sentence of a continuation
LONGEST = 62  # tokens of a single sentence


class HeldOut:
    """pairs: packed pairs as in training. sentences: single sentences, every hidden token [MASK]. follows: a sentence
    with the one behind it and with one of another document of the same source. cloze: lines of `text <TAB> words`.
    """

    def __init__(self, folder: Path, cloze: Path, tokenizer: Tokenizer) -> None:
        self.tokenizer = tokenizer
        self.pairs: dict[str, list[objective.Batch]] = {}
        self.sentences: dict[str, list[objective.Batch]] = {}
        self.follows: list[objective.Batch] = []
        rng = np.random.default_rng(SEED)
        for name in SHARES:
            source = Source(folder, name)
            paired = range(len(source)) if len(source) > 1 else ()  # a random sentence is one of another document
            rows = [example for document in paired for example in source.examples(document, rng, 0.0, 0.0)]
            self.pairs[name] = self._batches(source, rows, PAIRS, rng, False)
            singles = [single(source, i) for i in range(len(source.sentences) - 1)]
            self.sentences[name] = self._batches(source, [e for e in singles if e.length > 6], SENTENCES, rng, True)
            if name not in UNRELATED and len(source) > 2:
                self.follows.extend(continuations(source, tokenizer, rng))
        rows = [line.split("\t") for line in cloze.read_text(encoding="utf-8").splitlines()]
        self.cloze = [(text, set(words.split())) for text, words in rows]

    def _batches(
        self, source: Source, rows: list[Example], most: int, rng: np.random.Generator, always_mask: bool
    ) -> list[objective.Batch]:
        chosen = sorted((rows[i] for i in rng.permutation(len(rows))[:most]), key=lambda e: -e.length)
        groups = [[(source, example) for example in chosen[i : i + 16]] for i in range(0, len(chosen), 16)]
        return [batch(group, self.tokenizer, SHARE, rng, always_mask) for group in groups]

    def measure(self, params: objective.Params, config: BertConfig) -> dict[str, float]:
        """Every figure by name."""
        found = {}
        for kind, sources in (("pairs", self.pairs), ("sentences", self.sentences)):
            figures = np.array([masked(batches, params, config) for batches in sources.values() if batches])
            found[f"{kind}_loss"], found[f"{kind}_accuracy"] = figures.mean(axis=0).tolist()
        found["continuation"] = float(np.mean(list(ordered_map(lambda b: prefers(b, params, config), self.follows))))
        found["cloze"] = float(np.mean([hit for _, _, hit in self.answers(params, config)]))
        return found

    def by_source(self, params: objective.Params, config: BertConfig) -> list[tuple[str, float, float]]:
        """Name, loss and accuracy of the masked words in pairs of each source."""
        return [(name, *masked(batches, params, config)) for name, batches in self.pairs.items() if batches]

    def answers(self, params: objective.Params, config: BertConfig) -> list[tuple[str, list[str], bool]]:
        """Of each sentence with a hidden word the five likeliest tokens, and whether an expected one is among them."""
        head = objective.head_params("masked_lm", params)
        found = []
        for text, words in self.cloze:
            ids = self.tokenizer.encode_ids([text])[0]
            encoded, _ = bert.forward(padded([Text(ids, None)]), params.bert, config, keep="nothing")
            place = np.array([ids.index(self.tokenizer.mask_id)])
            logits, _ = masked_lm.forward(encoded, head, config, positions=place)
            top = [self.tokenizer.tokens[i] for i in np.argsort(-logits[0])[:5]]
            found.append((text, top, not words.isdisjoint(top)))
        return found


def single(source: Source, i: int) -> Example:
    start, stop = source.stretch(i, i + 1)
    return Example((start, min(stop, start + LONGEST)), (0, 0), IGNORED)


def continuations(source: Source, tokenizer: Tokenizer, rng: np.random.Generator) -> list[objective.Batch]:
    """Batches of two: a sentence with the next one, and with one of another document."""
    found = []
    for _ in range(CONTINUATIONS):
        document = int(rng.integers(len(source)))
        first, end = int(source.first[document]), int(source.first[document + 1])
        if end - first < 2:
            continue
        i = int(rng.integers(first, end - 1))
        (start, stop), after = source.stretch(i, i + 1), source.stretch(i + 1, i + 2)
        a, other = (max(start, stop - SIDE), stop), source.other(document, 1, rng)
        pair = [Example(a, (b[0], min(b[1], b[0] + SIDE)), label) for b, label in ((after, FOLLOWS), (other, RANDOM))]
        if all(part[1] - part[0] >= 4 for example in pair for part in (example.a, example.b)):
            found.append(batch([(source, example) for example in pair], tokenizer, 0.0, rng))
    return found


def masked(batches: list[objective.Batch], params: objective.Params, config: BertConfig) -> tuple[float, float]:
    """Mean loss and accuracy of masked words."""
    head = objective.head_params("masked_lm", params)

    def sums(batch: objective.Batch) -> np.ndarray:
        labels = batch.labels.masked_lm.reshape(-1)
        at = np.flatnonzero(labels != IGNORED)
        encoded, _ = bert.forward(batch.inputs, params.bert, config, keep="nothing")
        logits, _ = masked_lm.forward(encoded, head, config, positions=at)
        loss, _ = cross_entropy.forward(logits, labels[at])
        return np.array([float(loss) * len(at), (logits.argmax(axis=1) == labels[at]).sum(), len(at)])

    loss, right, count = sum(ordered_map(sums, batches), np.zeros(3))
    return loss / count, right / count


def prefers(batch: objective.Batch, params: objective.Params, config: BertConfig) -> bool:
    """Whether the right continuation, the first of the two, is the likelier one."""
    encoded, _ = bert.forward(batch.inputs, params.bert, config, keep="nothing")
    logits, _ = next_sentence.forward(encoded, params.next_sentence, config)
    score = logits[:, FOLLOWS] - logits[:, RANDOM]
    return bool(score[0] > score[1])
