"""What is measured: a line of the table each, with who computes it and the ratio that is aimed at."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import models
import numpy as np
import texts
from jobs import Job, Settings
from models import VOCABULARY

from numpy_bert.blocks.cross_entropy import IGNORED
from numpy_bert.tokenizer.folder import read_tokenizer

INFERENCE = ("ours", "pytorch", "onnx_runtime", "products_blas", "products_workers")
READING_CLS = ("ours", "pytorch", "onnx_runtime")
TRAINING = ("ours", "pytorch", "products_blas", "products_workers")
MASKED, MASK = 0.15, 103  # the share of tokens that are asked for; the id that stands in their place


@dataclass(frozen=True)
class Place:
    """Where things are, and how large a run is."""

    minilm: Path
    data: Path
    made: Path  # models and graphs
    threads: int
    dropout: float
    quick: bool


@dataclass(frozen=True)
class Work:
    title: str
    sides: tuple[str, ...]
    job: Callable[[Place], Job]
    targets: dict[str, float] = field(default_factory=dict)  # ratio of our time to that of a side
    tolerance: float = 1e-4  # of the results of the sides, which must agree


def short_sentences(place: Place) -> Job:
    tokens = _tokens(place)
    return _embedding(place, tokens[::32] if place.quick else tokens)


def mixed_lengths(place: Place) -> Job:
    tokens = texts.mixed(_tokens(place))
    return _embedding(place, tokens[::64] if place.quick else tokens)


def one_sentence(place: Place) -> Job:
    job = _embedding(place, [_tokens(place)[3]])
    return replace(job, settings=replace(job.settings, calls=20 if place.quick else 200))


def base_batch(place: Place) -> Job:
    return _hidden(place, 8, 128)


def base_long(place: Place) -> Job:
    return _hidden(place, 1, 512)


def pairs(place: Place) -> Job:
    return _classes(place, models.classifier(place.minilm, place.made), 2000)


def base_pairs(place: Place) -> Job:
    return _classes(place, models.classifier(models.random_model("base", place.made), place.made), 200)


def base_step(place: Place) -> Job:
    return _step(place, "base", 8, 128)


def small_step(place: Place) -> Job:
    return _step(place, "L4-H256", 32, 64)


def tokenization(place: Place) -> Job:
    lines = texts.english(place.data)
    lines = lines[::8] if place.quick else lines
    return Job(Settings("tokenize", str(place.minilm), threads=1), [], lines=tuple(lines))


def _tokens(place: Place) -> list[list[int]]:
    """2,386 short sentences."""
    return texts.short(read_tokenizer(place.minilm).encode_ids(texts.sentences(place.data), texts.LONGEST))


def _embedding(place: Place, tokens: list[list[int]]) -> Job:
    graph = models.graph("embed", place.minilm, place.made)
    return Job(Settings("embed", str(place.minilm), str(graph), place.threads), tokens)


def _classes(place: Place, model: Path, count: int) -> Job:
    """Pairs of sentences through a head that reads [CLS] alone."""
    graph = models.graph("classify", model, place.made)
    tokens = texts.pairs(_tokens(place), count // 32 if place.quick else count)
    return Job(Settings("classify", str(model), str(graph), place.threads), tokens)


def _hidden(place: Place, B: int, T: int) -> Job:
    model = models.random_model("base", place.made)
    graph = models.graph("hidden", model, place.made)
    return Job(Settings("hidden", str(model), str(graph), place.threads), _random_tokens(B, T).tolist())


def _step(place: Place, name: str, B: int, T: int) -> Job:
    """15 % of the tokens of each text are hidden behind [MASK]."""
    model = models.random_model(name, place.made)
    seen, count = _random_tokens(B, T), round(MASKED * T)
    labels = np.full((B, T), IGNORED, np.int64)
    rng = np.random.default_rng(2)
    for row in range(B):
        chosen = rng.permutation(np.arange(1, T - 1))[:count]
        labels[row, chosen] = seen[row, chosen]
        seen[row, chosen] = MASK
    settings = Settings("step", str(model), threads=place.threads, dropout=place.dropout)
    return Job(settings, seen.tolist(), labels)


def _random_tokens(B: int, T: int) -> np.ndarray:
    return np.random.default_rng(1).integers(1000, VOCABULARY, (B, T))


WORKS = {
    "short": Work(
        "minilm, real short sentences",
        INFERENCE,
        short_sentences,
        {"pytorch": 0.95, "onnx_runtime": 1.0, "products": 1.2},
    ),
    "mixed": Work(
        "minilm, mixed 8 to 256 tokens",
        INFERENCE,
        mixed_lengths,
        {"pytorch": 0.9, "onnx_runtime": 1.0, "products": 1.25},
    ),
    "base-8x128": Work(
        "BERT-base size, 8 x 128",
        INFERENCE,
        base_batch,
        {"pytorch": 1.05, "onnx_runtime": 1.05, "products": 1.2},
    ),
    "base-1x512": Work(
        "BERT-base size, 1 x 512",
        INFERENCE,
        base_long,
        {"pytorch": 1.1, "onnx_runtime": 1.1, "products": 1.3},
    ),
    "one": Work(
        "minilm, one short sentence, warm",
        INFERENCE,
        one_sentence,
        {"pytorch": 0.6, "onnx_runtime": 1.5},
    ),
    "pairs": Work(
        "minilm with a classifier, 2,000 pairs",
        READING_CLS,
        pairs,
    ),
    "base-pairs": Work(
        "BERT-base size with a classifier, 200 pairs",
        READING_CLS,
        base_pairs,
    ),
    "step-base": Work(
        "BERT-base size, masked-LM step, 8 x 128",
        TRAINING,
        base_step,
        {"pytorch": 0.8},
        tolerance=1e-3,
    ),
    "step-small": Work(
        "L4 H256, masked-LM step, 32 x 64",
        TRAINING,
        small_step,
        {"pytorch": 0.6},
        tolerance=1e-3,
    ),
    "tokens": Work(
        "English text to ids, one thread",
        ("ours", "tokenizers_library"),
        tokenization,
        {"tokenizers_library": 1.5},
        tolerance=0,
    ),
}
