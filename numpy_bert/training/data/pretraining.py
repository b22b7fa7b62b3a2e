"""Text to batches for pretraining, without ever holding all of it.

A pass reads every document once, in a random order, block by block: documents of some two million tokens are
tokenized, cut into pairs and masked, and their pairs shuffled. A pair's random sentence is one of another document of
its block. So memory is bounded, by about 100 MB beside the index of the corpus, and a corpus of up to two million
tokens is shuffled as a whole. All draws depend on the seed and on which pass, block and document it is, so the place in
the data is three numbers.

`duplication` is how many passes have masks and pairs of their own before those of the first come again; None: all.
"""

from __future__ import annotations

import hashlib
import json
import math
from bisect import bisect_left
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

import numpy as np

from ...blocks.cross_entropy import IGNORED
from ...errors import Error, show
from ...inference.inputs import Text, padded
from ...numerics.arrays import Array
from ...rules import Rule, integer, number, one_of, optional
from ...tasks import objective, pretraining
from ...tokenizer.interface import Tokenizer
from . import masking
from .batches import MAX_TOKENS, microbatches
from .corpus import Corpus
from .sentence_pairs import Packed, SentencePair, pairs, texts

BLOCK = 1 << 21  # tokens
ORDER, DOCUMENT, SHUFFLE = range(3)  # what a generator is for, a part of its seed

SHARE = number("a number from 0 to 1", lambda value: 0 <= value <= 1)
RULES: dict[str, Rule] = {
    "max_length": integer(5, 1_000_000),
    "short_share": SHARE,
    "masked_share": SHARE,
    "most_masked": optional(integer(1, 1_000_000)),
    "whole_words": one_of(True, False),
    "duplication": optional(integer(1, 1_000_000)),
    "next_sentence": one_of(True, False),
}


@dataclass(frozen=True)
class PretrainingSettings:
    """Error: a value that makes no sense."""

    max_length: int = 128  # tokens of a pair, special tokens among them
    short_share: float = 0.1  # of the documents, cut into shorter pairs
    masked_share: float = 0.15  # of the tokens
    most_masked: int | None = None  # in one pair; None: the share of the longest pair, of 128 tokens 20
    whole_words: bool = False
    duplication: int | None = None
    next_sentence: bool = True  # else single texts with masked words alone

    def __post_init__(self) -> None:
        for name, rule in RULES.items():
            rule.check(name, getattr(self, name))

    @property
    def task(self) -> str:
        return "pretraining" if self.next_sentence else "masked_lm"

    @property
    def masking(self) -> masking.MaskingSettings:
        most = self.most_masked or math.ceil(self.masked_share * self.max_length) or 1
        return masking.MaskingSettings(self.masked_share, most, self.whole_words)


class MaskedPair(NamedTuple):
    """A masked pair."""

    ids: Array  # (T,) as the model sees them
    segment_ids: Array  # (T,)
    labels: Array  # (T,)
    label: int


class PretrainingData:
    """Steps of about `batch_size` pairs without end: those of a block are dealt out evenly."""

    def __init__(
        self,
        corpus: Corpus,
        tokenizer: Tokenizer,
        settings: PretrainingSettings,
        batch_size: int,
        seed: int,
        max_tokens: int = MAX_TOKENS,
    ) -> None:
        self.corpus, self.tokenizer, self.settings = corpus, tokenizer, settings
        self.batch_size, self.seed, self.max_tokens = batch_size, seed, max_tokens
        self._known = masking.vocabulary(tokenizer)
        self._documents: dict[int, Packed] = {}  # tokenized: those of the block
        self.seek({"pass": 0, "document": 0, "step": 0})

    @property
    def position(self) -> dict[str, int]:
        """Pass, first document of the block, steps done in the block."""
        return {"pass": self._pass, "document": self._first, "step": self._step}

    def seek(self, position: dict[str, int]) -> None:
        """Error: no place in this data."""
        number, first, step = (position.get(name, -1) for name in ("pass", "document", "step"))
        if len(position) != 3 or number < 0 or not 0 <= first < len(self.corpus) or step < 0:
            raise Error(f"data position: expected pass, document and step of the corpus, got {show(position)}")
        self._pass, self._first, self._step = number, first, step
        self._load()
        if step >= len(self._steps):
            raise Error(f"data position: expected a step below {len(self._steps)}, got {step}")

    def next(self) -> list[objective.Batch]:
        """The microbatches of the next step."""
        chosen = self._steps[self._step].tolist()
        batches = [self._batch(group) for group in microbatches(self._lengths, chosen, self.max_tokens)]
        self._step += 1
        if self._step == len(self._steps):
            wrap = self._end == len(self.corpus)
            self._pass, self._first, self._step = self._pass + wrap, 0 if wrap else self._end, 0
            self._load()
        return batches

    @property
    def description(self) -> dict[str, Any]:
        """What the data are, as JSON."""
        tokenizer = self.tokenizer
        tokens = hashlib.sha256("\n".join(tokenizer.tokens).encode()).hexdigest()
        steps = hashlib.sha256(json.dumps(tokenizer.settings(), sort_keys=True).encode()).hexdigest()
        return {"corpus": self.corpus.sha256, "vocabulary": tokens, "tokenizer": steps, **asdict(self.settings)}

    def _load(self) -> None:
        """Make the examples of the block and deal them out to steps."""
        order = self._rng(ORDER, self._pass).permutation(len(self.corpus))
        chosen, self._end = self._block(order)
        if not chosen:  # what is left of the pass holds no text that the tokenizer keeps
            self._pass, self._first, self._step = self._pass + 1, 0, 0
            return self._load()
        copy = self._pass % self.settings.duplication if self.settings.duplication else self._pass
        self._examples = [example for index in chosen for example in self._document_examples(index, copy)]
        self._lengths = [len(example.ids) for example in self._examples]
        shuffled = self._rng(SHUFFLE, self._pass, self._first).permutation(len(self._examples))
        steps = max(1, -(-len(self._examples) // self.batch_size))
        self._steps = np.array_split(shuffled, steps)

    def _block(self, order: Array) -> tuple[list[int], int]:
        """The next documents of the pass, and where in the order the block after it begins."""
        known = self._documents if len(self._documents) == len(self.corpus) else {}  # else: one block at a time
        self._documents, self._examples = {}, []
        tokens, end = 0, self._first
        while end < len(order) and tokens < BLOCK:
            tokens += self._keep(int(order[end]), known)
            end += 1
        chosen = list(self._documents)
        least = 2 if self.settings.next_sentence else 1
        for index in order:  # a single document needs another for its random sentences
            if len(self._documents) >= least:
                break
            self._keep(int(index), known)
        if len(self._documents) < least:
            expected = "expected two documents that the tokenizer finds tokens in"
            raise Error(f"{expected}, got fewer", at=self.corpus.paths[0])
        self._keys = sorted(self._documents)
        return chosen, end

    def _keep(self, index: int, known: dict[int, Packed]) -> int:
        """Have a document of the block at hand, unless it is empty; returns its tokens."""
        document = known[index] if index in known else self._tokenized(index)
        if document:
            self._documents[index] = document
        return document.tokens

    def _tokenized(self, index: int) -> Packed:
        rows = self.tokenizer.encode_ids(self.corpus.document(index), special=False)
        before, after = map(len, self.tokenizer.frames.single.ids)
        return Packed([row[before : len(row) - after] for row in rows if len(row) > before + after])

    def _document_examples(self, index: int, copy: int) -> list[MaskedPair]:
        rng = self._rng(DOCUMENT, copy, index)
        place = bisect_left(self._keys, index)

        def other() -> Packed:
            drawn = int(rng.integers(len(self._keys) - 1))
            return self._documents[self._keys[drawn + (drawn >= place)]]

        settings = self.settings
        if not settings.next_sentence:
            single = texts(self._documents[index], rng, settings.max_length, settings.short_share)
            return [self._single(text, rng) for text in single]
        sentence_pairs = pairs(self._documents[index], other, rng, settings.max_length, settings.short_share)
        return [self._example(pair, rng) for pair in sentence_pairs]

    def _example(self, pair: SentencePair, rng: np.random.Generator) -> MaskedPair:
        ids, segment_ids, _ = self.tokenizer.frames.pair.join([pair.a.tolist(), pair.b.tolist()])
        seen, labels = masking.mask(np.array(ids, np.int32), self._known, self.settings.masking, rng)
        return MaskedPair(seen, np.array(segment_ids, np.int8), labels, pair.label)

    def _single(self, text: Array, rng: np.random.Generator) -> MaskedPair:
        """A text without a second one."""
        ids = np.array(self.tokenizer.frames.single.join([text.tolist()])[0], np.int32)
        seen, labels = masking.mask(ids, self._known, self.settings.masking, rng)
        return MaskedPair(seen, np.zeros(len(ids), np.int8), labels, IGNORED)

    def _batch(self, chosen: list[int]) -> objective.Batch:
        examples = [self._examples[i] for i in chosen]
        inputs = padded([Text(e.ids, e.segment_ids) for e in examples], self.tokenizer.pad_id)
        labels = np.full(inputs.ids.token.shape, IGNORED, np.int64)
        for i, example in enumerate(examples):
            labels[i, : len(example.labels)] = example.labels
        if not self.settings.next_sentence:
            return objective.Batch(inputs, labels)
        return objective.Batch(inputs, pretraining.Labels(labels, np.array([e.label for e in examples])))

    def _rng(self, purpose: int, *numbers: int) -> np.random.Generator:
        return np.random.default_rng([self.seed, purpose, *numbers])
