"""loss = masked words + next sentence + sentiment + λ similarity,   one small BERT learns all at once

    python benchmarks/embedded_model/train.py WORK OUTPUT [--steps N] [--without PART ...]

WORK holds what prepare.py and the commands in numpy_bert/pretrained/CARD.md have made:

    vocabulary/       of numpy-bert learn-vocabulary
    pretrain.txt      for masked words and next sentence, held-out.txt to measure both
    unlabelled.txt    texts for sentiment and similarity
    labels.jsonl      what a teacher says of them, of numpy-bert classify --json
    vectors.npy       the teacher's sentence vectors of them, of numpy-bert embed
    train.tsv         texts that a person labelled: their labels stand in place of the teacher's
    dev.tsv           only to measure

The model begins as random numbers. Each step takes a batch of pairs for pretraining and a batch of texts. Sentiment is
the cross-entropy with the teacher's probabilities q, similarity the squared difference of the cosines between the texts
of a batch, with the student's vectors u and the teacher's t:

    - 1/n Σ_i Σ_c q_ic log p_ic          1/n² Σ_ij (u_i·u_j - t_i·t_j)²

Every pass forward and backward is that of numpy_bert. OUTPUT gets the model in half precision and the curve.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from numpy_bert.blocks import bert, log_softmax
from numpy_bert.checkpoints.sentence_pooling import SentencePooling
from numpy_bert.cli.progress import Progress
from numpy_bert.config import BertConfig
from numpy_bert.inference.inputs import Text, padded
from numpy_bert.model import Bert
from numpy_bert.numerics import tree
from numpy_bert.numerics.threads import ordered_map
from numpy_bert.tasks import objective, sentence_embedding, sequence_classification
from numpy_bert.tokenizer.folder import read_tokenizer
from numpy_bert.tokenizer.interface import Tokenizer
from numpy_bert.training import accumulation, initialization, pretrain
from numpy_bert.training.data import classification, labeled_texts
from numpy_bert.training.data.batches import epoch_order, microbatches
from numpy_bert.training.data.corpus import Corpus
from numpy_bert.training.data.pretraining import PretrainingData, PretrainingSettings
from numpy_bert.training.optim import clipping, schedules
from numpy_bert.training.optim import update as optimizers
from numpy_bert.training.optim.layer_decay import multipliers
from numpy_bert.training.run import curve

HEADS = ("masked_lm", "next_sentence", "sequence_classification")
LABELS = ("negative", "positive")
PARTS = ("pretraining", "sentiment", "similarity")
SIMILARITY = 20.0  # λ: the squared differences are small
LONGEST = 64  # pieces of a text
RULE = ("adamw", optimizers.RULES["adamw"].DEFAULTS)
HELD_OUT = 40  # steps of pretraining that are evaluated


class Texts(NamedTuple):
    """What the teacher said of the texts."""

    texts: list[Text]
    q: np.ndarray  # (n, 2)
    vectors: np.ndarray  # (n, H of the teacher), of length 1


class Lesson(NamedTuple):
    """Texts of like length with what is to be learned from them."""

    inputs: bert.Inputs
    q: np.ndarray  # (B, 2)
    vectors: np.ndarray  # (B, H of the teacher)
    share: float  # of the batch


def new_config(tokenizer: Tokenizer, options: argparse.Namespace) -> BertConfig:
    return BertConfig(
        vocab_size=len(tokenizer.tokens),
        hidden_size=options.hidden,
        num_hidden_layers=options.layers,
        num_attention_heads=options.heads,
        intermediate_size=4 * options.hidden,
        max_position_embeddings=128,
        pad_token_id=tokenizer.pad_id,
        num_labels=2,
        labels=LABELS,
        problem_type="single_label_classification",
    )


def read_texts(work: Path, tokenizer: Tokenizer) -> Texts:
    texts = (work / "unlabelled.txt").read_text(encoding="utf-8").split("\n")[:-1]
    answers = [json.loads(line) for line in (work / "labels.jsonl").read_text(encoding="utf-8").split("\n")[:-1]]
    q = np.array([[answer["scores"]["0"], answer["scores"]["1"]] for answer in answers], np.float32)
    known = {row.text: int(row.label) for row in labeled_texts.rows(work / "train.tsv")}
    for i, text in enumerate(texts):
        if text in known:
            q[i] = np.eye(2)[known[text]]
    ids = [row[:LONGEST] for row in tokenizer.encode_ids(texts, special=False)]
    vectors = np.load(work / "vectors.npy", mmap_mode="r")
    assert len(texts) == len(q) == len(vectors), "labels.jsonl and vectors.npy are not those of unlabelled.txt"
    return Texts([Text(np.array(row, np.int32), None) for row in ids], q, vectors)


def similarity(u: np.ndarray, t: np.ndarray) -> tuple[float, np.ndarray]:
    """1/n² Σ_ij (u_i·u_j - t_i·t_j)²  -> its value and its gradient by u (n, H): 4/n² (S - R) u"""
    difference = u @ u.T - t @ t.T  # symmetric
    scale = 1.0 / len(u) ** 2
    return float((difference**2).sum()) * scale, 4.0 * scale * (difference @ u)


def teach(
    lesson: Lesson, params: objective.Params, config: BertConfig, rng: np.random.Generator, without: list[str]
) -> tuple[np.ndarray, objective.Params]:
    """The two losses of a lesson, and the gradient of their weighted sum by every parameter."""
    encoded, bert_cache = bert.forward(lesson.inputs, params.bert, config, rng)
    head = params.sequence_classification
    logits, head_cache = sequence_classification.forward(encoded, head, config, rng)
    log_p, log_p_cache = log_softmax.forward(logits)
    n = len(logits)
    sentiment = float(-(lesson.q * log_p).sum() / n)
    weight = 0.0 if "sentiment" in without else lesson.share
    dlogits = log_softmax.backward(lesson.q * np.float32(-weight / n), log_p_cache)
    dencoded, dhead = sequence_classification.backward(dlogits, head_cache)
    u, pooling_cache = sentence_embedding.forward(encoded.hidden, lesson.inputs.mask, "mean", True)
    alike, du = similarity(u, lesson.vectors)
    weight = 0.0 if "similarity" in without else lesson.share * SIMILARITY
    dhidden = sentence_embedding.backward(du * np.float32(weight), pooling_cache)
    dbert = bert.backward(bert.Output(dhidden, dencoded.pooled), bert_cache)
    others = {name: tree.map(np.zeros_like, getattr(params, name)) for name in ("masked_lm", "next_sentence")}
    gradients = objective.Params(dbert, sequence_classification=dhead, **others)
    return lesson.share * np.array([sentiment, alike]), gradients


class Lessons:
    """The texts in batches, every text once an epoch."""

    def __init__(self, texts: Texts, batch_size: int, pad_id: int, seed: int) -> None:
        self.texts, self.batch_size, self.pad_id, self.seed = texts, batch_size, pad_id, seed
        self.lengths = [len(text.ids) for text in texts.texts]
        self.epoch, self.place = -1, len(self.lengths)

    def next(self) -> list[Lesson]:
        if self.place + self.batch_size > len(self.lengths):
            self.epoch, self.place = self.epoch + 1, 0
            self.order = epoch_order(len(self.lengths), self.seed, self.epoch)
        chosen = self.order[self.place : self.place + self.batch_size]
        self.place += self.batch_size
        return [self._lesson(group) for group in microbatches(self.lengths, chosen, 1024)]

    def _lesson(self, chosen: list[int]) -> Lesson:
        inputs = padded([self.texts.texts[i] for i in chosen], self.pad_id)
        vectors = np.asarray(self.texts.vectors[np.array(chosen)], np.float32)
        return Lesson(inputs, self.texts.q[chosen], vectors, len(chosen) / self.batch_size)


def gradients(
    pairs: list[objective.Batch],
    lessons: list[Lesson],
    params: objective.Params,
    config: BertConfig,
    rng: np.random.Generator,
    without: list[str],
) -> tuple[list[float], objective.Params]:
    """The three losses of a step and the gradient of their sum."""
    total = None
    pretraining, taught = 0.0, np.zeros(2)
    if "pretraining" not in without:
        pretraining, total = accumulation.gradients("pretraining", pairs, params, config, rng)
    seeds = rng.integers(2**63, size=len(lessons)).tolist()

    def one(work: tuple[Lesson, int]) -> Any:
        return teach(work[0], params, config, np.random.default_rng(work[1]), without)

    if not {"sentiment", "similarity"} <= set(without):
        for losses, found in ordered_map(one, zip(lessons, seeds, strict=True)):
            taught += losses
            total = found if total is None else tree.map(lambda a, b: np.add(a, b, out=a), total, found)
    return [pretraining, *taught.tolist()], total


def train(work: Path, output: Path, options: argparse.Namespace) -> Bert:
    tokenizer = read_tokenizer(work / "vocabulary")
    config = new_config(tokenizer, options)
    params = initialization.params(config, HEADS, options.seed)
    settings = PretrainingSettings(config.max_position_embeddings)
    pairs = PretrainingData(Corpus([work / "pretrain.txt"]), tokenizer, settings, options.pairs, options.seed, 1024)
    other = PretrainingData(Corpus([work / "held-out.txt"]), tokenizer, settings, options.pairs, options.seed)
    held_out = pretrain.held_out(other, HELD_OUT)
    lessons = Lessons(read_texts(work, tokenizer), options.texts, tokenizer.pad_id, options.seed)
    dev = classification.read(
        labelled(work / "dev.tsv", output / "dev.tsv"), tokenizer, config, config.max_position_embeddings
    )
    rng = np.random.default_rng([options.seed, 1])
    state = optimizers.initial("adamw", params)
    factors = multipliers(params)
    steps, evaluations = (curve.CurveTable(output / name) for name in ("steps.csv", "evaluations.csv"))
    warmup, begun = options.steps // 20, time.monotonic()
    with Progress(options.steps, "step") as done:
        for step in range(options.steps):
            losses, found = gradients(pairs.next(), lessons.next(), params, config, rng, options.without)
            norm = clipping.norm(tree.leaves(found))
            rate = options.rate * schedules.factor(step, warmup, options.steps, "linear")
            rates = optimizers.Rates(rate, 0.01, clipping.factor(norm, 1.0))
            state = optimizers.step(params, found, state, rates, factors, RULE)
            steps.add(("step", "loss", *PARTS, "learning_rate"), (step + 1, float(sum(losses)), *losses, rate))
            done.update(1)
            if (step + 1) % options.every == 0 or step + 1 == options.steps:
                figures = pretrain.evaluate(held_out, params, config)
                figures |= {f"sentiment_{k}": v for k, v in classification.evaluate(dev, params, config).items()}
                evaluations.add(("step", *figures), (step + 1, *figures.values()))
                said = ", ".join(f"{name} {value:.4f}" for name, value in figures.items())
                print(f"step {step + 1}, {time.monotonic() - begun:.0f} s: {said}", flush=True)
    curve.plot(output / "steps.csv", output / "evaluations.csv", output / "curve.png")
    half = tree.map(lambda p: p.astype(np.float16), params)
    return Bert(config, half, tokenizer, SentencePooling("mean", True, LONGEST))


def labelled(source: Path, target: Path) -> Path:
    """The labels 0 and 1 by their names."""
    rows = labeled_texts.rows(source)
    target.write_text("".join(f"{row.text}\t{LABELS[int(row.label)]}\n" for row in rows), encoding="utf-8")
    return target


def main() -> None:
    top = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    top.add_argument("work", type=Path)
    top.add_argument("output", type=Path)
    numbers = {"steps": 5000, "layers": 4, "hidden": 160, "heads": 5, "pairs": 16, "texts": 64, "every": 500, "seed": 1}
    for name, value in numbers.items():
        top.add_argument(f"--{name}", type=int, default=value)
    top.add_argument("--rate", type=float, default=1e-3)
    top.add_argument("--without", nargs="+", choices=PARTS, default=[])
    options = top.parse_args()
    options.output.mkdir(parents=True)
    path = train(options.work, options.output, options).save(options.output / "model")
    print(path)


if __name__ == "__main__":
    main()
