"""Packed sources to the steps of pretraining.

An example is a pair [CLS] A [SEP] B [SEP] as in `numpy_bert.training.data.sentence_pairs`, or a single sentence
[CLS] A [SEP] without a next-sentence label: what users type is mostly a single sentence. A is cut at its beginning and
B at its end, so that the place where they meet stays. A random B is of another document, and with FAR of another
source: such pairs are easier, and next sentence is learned from them first.

Blocks of some 600,000 tokens are made at a time, with as many documents of each source as its share asks for. The
examples of a block are sorted by length and cut into microbatches, so that there is next to no padding, and the
microbatches are shuffled. Every draw depends on the seed and on the place alone: `position` says all that a resumed run
needs.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from sources import SHARES, UNRELATED

from numpy_bert.blocks.bert import Inputs
from numpy_bert.blocks.cross_entropy import IGNORED
from numpy_bert.blocks.embedding import Ids
from numpy_bert.tasks import objective, pretraining
from numpy_bert.tasks.next_sentence import FOLLOWS, RANDOM
from numpy_bert.tokenizer.pipeline import Tokenizer

ORDER, DOCUMENT, SHUFFLE, MASK = range(4)  # what a generator is for, a part of its seed
LENGTH = 64  # tokens of an example
BLOCK = 600_000  # tokens
SINGLE = 0.25  # of the examples are a single sentence
FAR = 0.5  # of the random B come from a source drawn at random
SHORT = 0.1  # of the pairs are shorter than LENGTH
SHORTEST = 4  # tokens of a single sentence
MASKED, REPLACED = 0.8, 0.1  # of the chosen tokens; the others stay


class Example(NamedTuple):
    """Stretches of a source's ids; a single sentence has an empty B."""

    a: tuple[int, int]
    b: tuple[int, int]
    label: int  # FOLLOWS, RANDOM or IGNORED
    b_source: Source | None = None  # whose ids B is a stretch of; None: the one of A

    @property
    def length(self) -> int:
        """Tokens, the special ones counted."""
        second = self.b[1] - self.b[0]
        return self.a[1] - self.a[0] + 2 + (second + 1 if second else 0)


class Source:
    """A packed source."""

    def __init__(self, folder: Path, name: str) -> None:
        self.name = name
        self.ids = np.load(folder / f"{name}.ids.npy", mmap_mode="r")
        self.sentences, self.first = (np.load(folder / f"{name}.{part}.npy") for part in ("sentences", "documents"))

    def __len__(self) -> int:
        return len(self.first) - 1

    def tokens(self, document: int) -> int:
        return int(self.sentences[self.first[document + 1]] - self.sentences[self.first[document]])

    def gather(self, start: int, end: int, target: int) -> int:
        """The sentence behind those that have `target` tokens together, from `start` on and before `end`."""
        stop = start + 1
        while stop < end and self.sentences[stop] - self.sentences[start] < target:
            stop += 1
        return stop

    def stretch(self, start: int, stop: int) -> tuple[int, int]:
        return int(self.sentences[start]), int(self.sentences[stop])

    def other(self, document: int | None, target: int, rng: np.random.Generator) -> tuple[int, int]:
        """A stretch of another document than this one; of any document for None."""
        drawn = int(rng.integers(len(self) - (document is not None)))
        drawn += document is not None and drawn >= document
        start = int(rng.integers(self.first[drawn], self.first[drawn + 1]))
        return self.stretch(start, self.gather(start, int(self.first[drawn + 1]), target))

    def examples(
        self,
        document: int,
        rng: np.random.Generator,
        single: float = SINGLE,
        short: float = SHORT,
        sources: Sequence[Source] = (),
    ) -> list[Example]:
        """All examples of a document; sources: where a random B may come from instead of this source."""
        found: list[Example] = []
        i, end = int(self.first[document]), int(self.first[document + 1])
        while i < end:
            if self.name in UNRELATED or rng.random() < single:
                start, stop = self.stretch(i, i + 1)
                if stop - start >= SHORTEST:
                    found.append(Example((start, min(stop, start + LENGTH - 2)), (0, 0), IGNORED))
                i += 1
                continue
            room = LENGTH - 3
            target = int(rng.integers(8, room + 1)) if rng.random() < short else room
            stop = self.gather(i, end, target)
            split = i + (int(rng.integers(1, stop - i)) if stop - i > 1 else 1)
            a = self.stretch(i, split)
            b_source = self
            if stop - i == 1 or rng.random() < 0.5:
                if sources and rng.random() < FAR:
                    b_source = sources[int(rng.integers(len(sources)))]
                same = b_source is self
                b = b_source.other(document if same else None, max(1, target - (a[1] - a[0])), rng)
                label, i = RANDOM, split
            else:
                b, label, i = self.stretch(split, stop), FOLLOWS, stop
            found.append(Example(*fitted(a, b, room), label, b_source))
        return found


def fitted(a: tuple[int, int], b: tuple[int, int], room: int) -> tuple[tuple[int, int], tuple[int, int]]:
    """Both cut to `room` tokens together, the longer one first: A at its beginning, B at its end."""
    first, second = a[1] - a[0], b[1] - b[0]
    over = max(0, first + second - room)
    longer = min(over, abs(first - second))
    cut_a = (longer if first > second else 0) + (over - longer) // 2
    cut_b = over - cut_a
    return (a[0] + cut_a, a[1]), (b[0], b[1] - cut_b)


class Examples:
    """Steps of about `step_tokens` tokens without end, in two microbatches."""

    def __init__(self, folder: Path, tokenizer: Tokenizer, step_tokens: int, masked: float, seed: int) -> None:
        self.sources = {name: Source(folder, name) for name in SHARES}
        self.tokenizer, self.per, self.masked, self.seed = tokenizer, step_tokens // 2, masked, seed
        self.position = {"block": 0, "step": 0, "per": self.per}
        self.position |= {f"{name}.{part}": 0 for name in SHARES for part in ("pass", "document", "tokens")}
        self._block: tuple | None = None
        self._orders: dict[str, tuple[int, np.ndarray]] = {}

    def seek(self, position: dict[str, int]) -> None:
        """Go on from a position; where steps have another size now, from about the same place."""
        self.position = position | {"per": self.per, "step": position["step"] * position["per"] // self.per}
        self._block = None

    def next(self) -> list[objective.Batch]:
        rows, groups, order, behind = self._block = self._block or self._make()
        steps = len(groups) // 2
        step = min(self.position["step"], steps - 1)
        block = self.position["block"]
        batches = [
            batch([rows[i] for i in groups[g]], self.tokenizer, self.masked, self._rng(MASK, block, int(g)))
            for g in order[2 * step : 2 * step + 2]
        ]
        self.position = self.position | {"step": step + 1}
        if step + 1 == steps:
            self.position, self._block = behind, None
        return batches

    def _make(self) -> tuple:
        """The examples of the block, its microbatches and their order, and the position behind the block."""
        position = dict(self.position)
        rows: list[tuple[Source, Example]] = []
        related = [source for name, source in self.sources.items() if name not in UNRELATED]
        for name, source in self.sources.items():
            target = SHARES[name] / sum(SHARES.values()) * BLOCK * (position["block"] + 1)
            while position[f"{name}.tokens"] < target:
                number, place = position[f"{name}.pass"], position[f"{name}.document"]
                document = int(self._order(name, number)[place])
                rng = self._rng(DOCUMENT, number, document, *name.encode())
                examples = source.examples(document, rng, sources=related)
                rows.extend((source, example) for example in examples)
                position[f"{name}.tokens"] += source.tokens(document)
                ended = place + 1 == len(source)
                position[f"{name}.pass"], position[f"{name}.document"] = number + ended, 0 if ended else place + 1
        rng = self._rng(SHUFFLE, position["block"])
        shuffled = rng.permutation(len(rows))
        lengths = np.array([rows[i][1].length for i in shuffled])
        groups = by_length(shuffled[np.argsort(-lengths, kind="stable")], -np.sort(-lengths), self.per)
        behind = position | {"block": position["block"] + 1, "step": 0}
        return rows, groups, rng.permutation(len(groups)), behind

    def _order(self, name: str, number: int) -> np.ndarray:
        """The documents of a source in the order of one pass."""
        if self._orders.get(name, (-1, None))[0] != number:
            self._orders[name] = number, self._rng(ORDER, number, *name.encode()).permutation(len(self.sources[name]))
        return self._orders[name][1]

    def _rng(self, *numbers: int) -> np.random.Generator:
        return np.random.default_rng([self.seed, *numbers])


def by_length(order: np.ndarray, lengths: np.ndarray, tokens: int) -> list[np.ndarray]:
    """Examples sorted by length, in groups of about so many tokens."""
    groups, start = [], 0
    while start < len(order):
        count = max(1, round(tokens / int(lengths[start])))
        groups.append(order[start : start + count])
        start += count
    return groups


def batch(
    rows: Sequence[tuple[Source, Example]],
    tokenizer: Tokenizer,
    share: float,
    rng: np.random.Generator,
    always_mask: bool = False,
) -> objective.Batch:
    """Examples padded to the longest, `share` of the tokens to be guessed; with always_mask all of them are [MASK]."""
    B, T = len(rows), max(example.length for _, example in rows)
    ids = np.full((B, T), tokenizer.pad_id, np.int64)
    segments, present = np.zeros((B, T), np.int64), np.zeros((B, T), np.bool_)
    for row, (source, example) in enumerate(rows):
        parts = [source.ids[slice(*example.a)]]
        if example.b[1] > example.b[0]:
            parts.append((example.b_source or source).ids[slice(*example.b)])
        end = np.array([tokenizer.sep_id])
        text = np.concatenate([[tokenizer.cls_id], *(piece for part in parts for piece in (part, end))])
        ids[row, : len(text)] = text
        present[row, : len(text)] = True
        segments[row, len(parts[0]) + 2 : len(text)] = 1
    special = np.isin(ids, (tokenizer.cls_id, tokenizer.sep_id, tokenizer.pad_id))
    counts = np.maximum(1, np.round(share * present.sum(axis=1))) if share else np.zeros(B)
    draws = np.where(special, 2.0, rng.random((B, T)))
    chosen = (draws.argsort(axis=1).argsort(axis=1) < counts[:, None]) & ~special
    labels = np.where(chosen, ids, IGNORED)
    draw = rng.random((B, T))
    seen = np.where(chosen & (always_mask | (draw < MASKED)), tokenizer.mask_id, ids)
    if not always_mask:
        replaced = chosen & (draw >= MASKED) & (draw < MASKED + REPLACED)
        seen[replaced] = rng.integers(len(tokenizer.tokens), size=int(replaced.sum()))
    positions = np.broadcast_to(np.arange(T), (B, T))
    inputs = Inputs(Ids(seen, positions, segments), None if present.all() else present)
    return objective.Batch(inputs, pretraining.Labels(labels, np.array([example.label for _, example in rows])))
