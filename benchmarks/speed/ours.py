"""The side of numpy_bert: its public functions, on texts that are tokenized already."""

from __future__ import annotations

import platform
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import scipy
from batching import segments
from jobs import Job

import numpy_bert
from numpy_bert.blocks.cross_entropy import IGNORED
from numpy_bert.checkpoints.sentence_steps import Normalize
from numpy_bert.inference import batching
from numpy_bert.inference.inputs import Text, padded
from numpy_bert.tasks import objective, sentence_embedding, sequence_classification
from numpy_bert.tokenizer.folder import read_tokenizer
from numpy_bert.training import step
from numpy_bert.training.data.batches import microbatches
from numpy_bert.training.optim.layer_decay import multipliers
from numpy_bert.training.recipe import Recipe

STEPS = 1_000_000  # of the run that a step is taken of: the learning rate stays as it is


class Inference:
    """Texts to sentence vectors, as Bert.embed makes them, to hidden states, or pairs to logits as Bert.classify."""

    def __init__(self, job: Job) -> None:
        self.bert = numpy_bert.load(job.settings.model)
        kind = job.settings.kind
        self.texts = [Text(ids, segments(np.array([ids]))[0] if kind == "classify" else None) for ids in job.texts]
        self.read = {"embed": self._vectors, "hidden": self._hidden, "classify": self._logits}[kind]
        self.rows = batching.cls_rows if kind == "classify" else batching.all_rows

    def run(self) -> list[Any]:
        return batching.run(self.texts, self.bert.params.bert, self.bert.config, self.read, rows=self.rows)

    def answer(self) -> np.ndarray:
        return np.stack(self.run())

    def versions(self) -> dict[str, str]:
        return versions()

    def _vectors(self, encoded: Any, batch: Any) -> list[np.ndarray]:
        pooling = self.bert.pooling
        normalize = any(isinstance(step, Normalize) for step in pooling.steps)
        return list(sentence_embedding.forward(encoded.hidden, batch.mask, pooling.pooling, normalize)[0])

    def _logits(self, encoded: Any, batch: Any) -> list[np.ndarray]:
        head = self.bert.params.sequence_classification
        return list(sequence_classification.forward(encoded, head, self.bert.config)[0])

    def _hidden(self, encoded: Any, batch: Any) -> list[np.ndarray]:
        return [hidden.copy() for hidden in encoded.hidden]


class Training:
    """Steps of masked-language modeling."""

    def __init__(self, job: Job) -> None:
        settings = job.settings
        bert = numpy_bert.load(settings.model)
        self.recipe = Recipe(
            task="masked_lm",
            steps=STEPS,
            learning_rate=settings.learning_rate,
            batch_size=len(job.texts),
            decay="constant",
        )
        lengths = [len(text) for text in job.texts]
        self.batch = [_batch(job, chosen) for chosen in microbatches(lengths, range(len(lengths)))]
        self.params, self.config = bert.params, bert.config
        self.state = step.begin(bert.params, self.recipe)
        self.dropout = settings.dropout
        self.factors = multipliers(self.params)

    def run(self) -> float:
        return self._step(self.state, self.dropout)

    def answer(self) -> np.ndarray:
        """The losses of three steps without dropout."""
        state = step.begin(self.params, self.recipe)
        return np.array([self._step(state, 0.0) for _ in range(3)])

    def _step(self, state: step.TrainingState, dropout: float) -> float:
        config = replace(self.config, hidden_dropout=dropout, attention_dropout=dropout)
        return step.take(state, self.batch, self.recipe, config, self.factors).loss

    def versions(self) -> dict[str, str]:
        return versions()


class Tokenizing:
    """A new tokenizer for each run: the words it remembers are those of the run."""

    def __init__(self, job: Job) -> None:
        self.lines, self.folder = list(job.lines), Path(job.settings.model)
        self.renew()

    def renew(self) -> None:
        self.tokenizer = read_tokenizer(self.folder)

    def run(self) -> list[list[int]]:
        return self.tokenizer.encode_ids(self.lines)

    def answer(self) -> np.ndarray:
        return np.array([token for ids in self.run() for token in [*ids, -1]])

    def versions(self) -> dict[str, str]:
        return versions()


def _batch(job: Job, chosen: list[int]) -> objective.Batch:
    inputs = padded([Text(job.texts[i], None) for i in chosen])
    labels = job.labels[chosen, : inputs.ids.token.shape[1]]
    assert (labels != IGNORED).any()
    return objective.Batch(inputs, labels)


def prepare(job: Job) -> Any:
    return {"step": Training, "tokenize": Tokenizing}.get(job.settings.kind, Inference)(job)


def versions() -> dict[str, str]:
    return {
        "numpy_bert": numpy_bert.__version__,
        "Python": platform.python_version(),
        "NumPy": np.__version__,
        "SciPy": scipy.__version__,
    }
