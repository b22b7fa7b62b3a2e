"""The second part of making the embedded model: sentiment and sentence vectors, while the rate falls to 0.

    python benchmarks/embedded_model/heads.py WORK PRETRAINED RUN --tokens 8e6

Goes on from the newest save of pretrain.py's run PRETRAINED, with masked words and next sentence as before and beside
them what a teacher, all-MiniLM-L6-v2, says of the texts of prepare.py:

    WORK/vectors-NAME.npy   its sentence vectors of NAME.txt (reviews, plain, short), of numpy-bert embed
    WORK/labels.jsonl       fine-tuned, its sentiment of reviews.txt, of classify --json

With u the model's sentence vector, of length 1, and t the teacher's, turned so that H components hold nearly all of
it (the first H singular vectors, without centering: cosines stay), a batch of n texts has the loss

    a · - 1/n Σ_i Σ_c q_ic log p_ic   +   b · 1/n Σ_i (1 - u_i·t_i)   +   c · 1/n² Σ_ij (u_i·u_j - t_i·t_j)²

q is what people said of a text where they did, what the teacher says of other reviews, and one half each of plain
texts, which are no reviews; of short ones nobody says. RUN gets saves, tables, and when it is done RUN/model, in half
precision.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from contrasts import statement
from examples import Examples, by_length
from held_out import HeldOut
from pretrain import Run, begin, count_tokens, new_config, update
from sentences import Sentences
from sources import EXAMPLES

from numpy_bert.blocks import bert, log_softmax
from numpy_bert.checkpoints.sentence_pooling import SentencePooling
from numpy_bert.checkpoints.sentence_steps import Normalize
from numpy_bert.config import BertConfig
from numpy_bert.inference.inputs import Text, padded
from numpy_bert.model import Bert
from numpy_bert.numerics import tree
from numpy_bert.numerics.threads import ordered_map
from numpy_bert.tasks import objective, sentence_embedding, sequence_classification
from numpy_bert.tokenizer.folder import read_tokenizer
from numpy_bert.tokenizer.pipeline import Tokenizer
from numpy_bert.training import accumulation, initialization
from numpy_bert.training.optim import update as optimizers
from numpy_bert.training.step import TrainingState

LABELS = ("negative", "positive")
LOSSES = ("masked_lm", "next_sentence", "sentiment", "direction", "cosines")
NEXT_SENTENCE = 8.0  # weight of its loss; with 1 it is not learned within 15 million tokens
SENTIMENT, DIRECTION, COSINES = 2.0, 6.0, 20.0  # a, b, c
LONGEST = 64  # tokens of a text
STRETCH = 20_000  # texts that are sorted by length together
BASIS = 40_000  # vectors that the singular vectors are taken of
UNSAID = {"plain": 0.5, "short": np.nan}  # P(positive) where no review is
KEPT = 4_000  # texts that only measure
WARMUP = 100_000  # tokens
CERTAIN = 0.97  # P of the label of a statement that the grammar made


class Lesson(NamedTuple):
    """Texts of like length with what is to be learned of them."""

    inputs: bert.Inputs
    q: np.ndarray  # (n, 2); rows of zeros where nobody said
    t: np.ndarray | None  # (n, H), of length 1


class Lessons:
    """The teacher's texts in batches of about so many tokens, every text once an epoch."""

    def __init__(self, work: Path, tokenizer: Tokenizer, hidden: int, tokens: int, seed: int) -> None:
        self.tokens, self.seed, self.pad_id = tokens, seed, tokenizer.pad_id
        texts, vectors, q = [], [], []
        for name in ("reviews", "plain", "short"):
            some = np.load(work / f"vectors-{name}.npy").astype(np.float32)
            texts.extend((work / f"{name}.txt").read_text(encoding="utf-8").split("\n")[: len(some)])
            vectors.append(some)
            positive = said(work, len(some)) if name == "reviews" else np.full(len(some), UNSAID[name])
            q.append(np.stack([1.0 - positive, positive], axis=1))
        self.q = np.nan_to_num(np.concatenate(q)).astype(np.float32)
        self.full = np.concatenate(vectors)
        self.ids = [np.array(row, np.int32) for row in tokenizer.encode_ids(texts, max_length=LONGEST, special=False)]
        order = np.random.default_rng([seed, 1]).permutation(len(texts))
        self.learned, self.kept = order[KEPT:], order[:KEPT]
        some = self.full[order[:BASIS]]
        turn = np.linalg.svd(some.T @ some)[0][:, :hidden]
        turned = self.full @ turn
        self.t = turned / np.linalg.norm(turned, axis=1, keepdims=True)
        self.seek(0, 0)

    def seek(self, epoch: int, place: int) -> None:
        self.epoch, self.place = epoch, place
        rng = np.random.default_rng([self.seed, 2, epoch])
        order, self.groups = rng.permutation(self.learned), []
        for start in range(0, len(order), STRETCH):
            some = order[start : start + STRETCH]
            lengths = np.array([len(self.ids[i]) for i in some])
            groups = by_length(some[np.argsort(-lengths, kind="stable")], -np.sort(-lengths), self.tokens)
            self.groups.extend(groups[i] for i in rng.permutation(len(groups)))

    def next(self) -> Lesson:
        if self.place == len(self.groups):
            self.seek(self.epoch + 1, 0)
        rows = self.groups[self.place]
        self.place += 1
        return Lesson(self.inputs(rows), self.q[rows], self.t[rows])

    def inputs(self, rows: np.ndarray) -> bert.Inputs:
        return padded([Text(self.ids[i], None) for i in rows], self.pad_id)


def contrasts(tokenizer: Tokenizer, count: int, rng: np.random.Generator) -> Lesson:
    """Statements of the grammar, for sentiment alone."""
    texts, positive = zip(*(statement(rng) for _ in range(count)), strict=True)
    ids = tokenizer.encode_ids(list(texts), max_length=LONGEST, special=False)
    p = np.where(positive, CERTAIN, 1.0 - CERTAIN)
    inputs = padded([Text(np.array(row, np.int32), None) for row in ids], tokenizer.pad_id)
    return Lesson(inputs, np.stack([1.0 - p, p], axis=1).astype(np.float32), None)


def said(work: Path, count: int) -> np.ndarray:
    """P(positive) of each review: people's word, else the teacher's."""
    known = np.load(work / "known.npy")[:count].astype(np.float64)
    lines = (work / "labels.jsonl").read_text(encoding="utf-8").splitlines()[:count]
    taught = np.full(count, np.nan)
    taught[: len(lines)] = [json.loads(line)["scores"]["positive"] for line in lines]
    return np.where(np.isnan(known), taught, known)


def teach(lesson: Lesson, params: objective.Params, config: BertConfig) -> tuple[np.ndarray, objective.Params]:
    """The three losses of a lesson, and the gradient of their weighted sum with respect to every parameter."""
    q, t = lesson.q, lesson.t
    n = len(q)
    encoded, bert_cache = bert.forward(lesson.inputs, params.bert, config)
    logits, head_cache = sequence_classification.forward(encoded, params.sequence_classification, config)
    log_p, log_p_cache = log_softmax.forward(logits)
    dlogits = log_softmax.backward(q * np.float32(-SENTIMENT / n), log_p_cache)
    dencoded, dhead = sequence_classification.backward(dlogits, head_cache)
    losses = np.array([-(q * log_p).sum() / n, 0.0, 0.0])
    dhidden = np.zeros_like(encoded.hidden)
    if t is not None:
        u, pooling_cache = sentence_embedding.forward(encoded.hidden, lesson.inputs.mask, "mean", True)
        difference = u @ u.T - t @ t.T  # symmetric
        losses[1:] = 1.0 - (u * t).sum() / n, (difference**2).sum() / n**2
        du = np.float32(-DIRECTION / n) * t + np.float32(4 * COSINES / n**2) * (difference @ u)
        dhidden = sentence_embedding.backward(du, pooling_cache)
    dbert = bert.backward(bert.Output(dhidden, dencoded.pooled), bert_cache)
    others = {name: tree.map(np.zeros_like, getattr(params, name)) for name in ("masked_lm", "next_sentence")}
    return losses, objective.Params(dbert, sequence_classification=dhead, **others)


def with_sentiment(state: TrainingState, config: BertConfig, seed: int) -> TrainingState:
    """The state with a head for sentiment, whose moments are 0."""
    params = initialization.with_head(state.params, "sequence_classification", config, seed)
    zeros = tree.map(np.zeros_like, params.sequence_classification)
    moments = tuple(m._replace(sequence_classification=tree.map(np.copy, zeros)) for m in state.optimizer.moments)
    return TrainingState(params, optimizers.OptimizerState(state.optimizer.t, moments), state.rng)


def pretraining(
    batches: list[objective.Batch], params: objective.Params, config: BertConfig
) -> tuple[np.ndarray, objective.Params]:
    """The losses of masked words and of next sentence, and the gradient of their weighted sum."""
    counts = [tree.map(accumulation.count_labels, batch.labels) for batch in batches]
    totals = tree.map(lambda *n: max(1, sum(n)), *counts)

    def work(job: tuple[objective.Batch, Any]) -> tuple[np.ndarray, objective.Params]:
        batch, count = job
        share = tree.map(lambda n, total: n / total, count, totals)
        loss, cache = objective.forward("pretraining", batch, params, config)
        losses = np.array(tree.leaves(objective.losses(loss, cache))) * tree.leaves(share)
        weights = share._replace(next_sentence=NEXT_SENTENCE * share.next_sentence)
        return losses, objective.backward(weights, cache)

    return summed(ordered_map(work, list(zip(batches, counts, strict=True))))


def summed(results: Iterable[tuple[np.ndarray, objective.Params]]) -> tuple[np.ndarray, objective.Params]:
    (losses, total), *others = results
    for more, gradient in others:
        losses = losses + more
        total = tree.map(np.add, total, gradient)
    return losses, total


def gradients(
    batches: list[objective.Batch], lessons: list[Lesson], params: objective.Params, config: BertConfig
) -> tuple[list[float], objective.Params]:
    """The five losses of a step, and the gradient of their weighted sum."""
    losses, total = pretraining(batches, params, config)
    taught, more = summed(ordered_map(lambda lesson: teach(lesson, params, config), lessons))
    return [*losses.tolist(), *(taught / len(lessons)).tolist()], tree.map(np.add, total, more)


def main() -> None:
    top = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("work", "pretrained", "run"):
        top.add_argument(name, type=Path)
    top.add_argument("--tokens", type=float, required=True)
    top.add_argument("--rate", type=float, default=1e-3)
    top.add_argument("--step-tokens", type=int, default=2048)
    top.add_argument("--lesson-tokens", type=int, default=1536)
    top.add_argument("--contrasts", type=int, default=32, help="statements of the grammar in a step")
    top.add_argument("--masked", type=float, default=0.15)
    top.add_argument("--evaluate-every", type=float, default=1e6, help="tokens")
    top.add_argument("--minutes", type=float, default=10.0, help="between saves")
    top.add_argument("--seed", type=int, default=0)
    options = top.parse_args()
    tokenizer = read_tokenizer(options.work / "vocabulary")
    config = replace(new_config(tokenizer), num_labels=2, labels=LABELS, problem_type="single_label_classification")
    state = begin(config, options.seed)
    position = Run(options.pretrained, options.minutes).resume(state)
    state = with_sentiment(state, config, options.seed)
    run = Run(options.run, options.minutes)
    examples = Examples(options.work / "packed", tokenizer, options.step_tokens, options.masked, options.seed)
    lessons = Lessons(options.work, tokenizer, config.hidden_size, options.lesson_tokens // 2, options.seed)
    measured = HeldOut(options.work / "packed-held-out", EXAMPLES / "cloze.tsv", tokenizer)
    sentences = Sentences(options.work / "dev.tsv", EXAMPLES / "sentiment.tsv", lessons.full[lessons.kept])
    position = run.resume(state) or position
    if "lesson" in position:
        lessons.seek(position.pop("epoch"), position.pop("lesson"))
    examples.seek(position)
    while state.tokens < options.tokens and not run.stopped:
        batches = examples.next()
        taught = [lessons.next(), lessons.next(), contrasts(tokenizer, options.contrasts, state.rng)]
        losses, total = gradients(batches, taught, state.params, config)
        rate = options.rate * min(1.0, (state.tokens + 1) / WARMUP, 1.0 - state.tokens / options.tokens)
        update(state, total, rate)
        before, state.tokens = state.tokens, state.tokens + count_tokens(batches)
        named = zip(LOSSES, losses, strict=True)
        run.row("steps", step=state.step, tokens=state.tokens, **dict(named), rate=rate)
        place = examples.position | {"epoch": lessons.epoch, "lesson": lessons.place}
        if state.tokens // options.evaluate_every > before // options.evaluate_every:
            figures = measured.measure(state.params, config)
            texts = [lessons.ids[i] for i in lessons.kept]
            figures |= sentences.measure(model(config, state.params, tokenizer), texts)
            run.row("evaluations", step=state.step, tokens=state.tokens, **figures)
            print(state.step, state.tokens, {name: round(value, 3) for name, value in figures.items()}, flush=True)
        run.save_if_due(state, place)
    run.save(state, place)
    if not run.stopped:
        half = tree.map(lambda p: p.astype(np.float16), state.params)
        print(model(config, half, tokenizer).save(options.run / "model"))


def model(config: BertConfig, params: objective.Params, tokenizer: Tokenizer) -> Bert:
    """The whole model, with BERT's usual dropout for further training."""
    usual = replace(config, hidden_dropout=0.1, attention_dropout=0.1)
    return Bert(usual, params, tokenizer, SentencePooling("mean", (Normalize(),), config.max_position_embeddings))


if __name__ == "__main__":
    main()
