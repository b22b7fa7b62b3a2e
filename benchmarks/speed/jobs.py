"""A job: what every side computes, as files in a folder, so that each side may be a process of its own."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

SETTINGS, ARRAYS = "job.json", "arrays.npz"


@dataclass(frozen=True)
class Settings:
    kind: str  # "embed", "hidden", "classify", "step" or "tokenize"
    model: str  # folder of the checkpoint
    onnx: str = ""  # file of the exported graph
    threads: int = 2
    calls: int = 1  # of the whole work in one timed run
    batch: int = 32  # texts in a batch of those who batch
    dropout: float = 0.0
    learning_rate: float = 1e-5


@dataclass(frozen=True)
class Job:
    settings: Settings
    texts: list[list[int]]  # tokens of each; for a step what the model sees
    labels: np.ndarray | None = None  # (B, T), of a step
    lines: tuple[str, ...] = ()  # of text, to be tokenized


def write(folder: Path, job: Job) -> Path:
    folder.mkdir(parents=True)
    arrays = {
        "flat": np.array([token for text in job.texts for token in text], np.int64),
        "lengths": np.array([len(text) for text in job.texts], np.int64),
    }
    if job.labels is not None:
        arrays["labels"] = job.labels
    np.savez(folder / ARRAYS, **arrays)
    settings = asdict(job.settings) | {"lines": job.lines}
    (folder / SETTINGS).write_text(json.dumps(settings), encoding="utf-8")
    return folder


def read(folder: Path) -> Job:
    settings = json.loads((folder / SETTINGS).read_text(encoding="utf-8"))
    lines = tuple(settings.pop("lines"))
    with np.load(folder / ARRAYS) as arrays:
        ends = np.cumsum(arrays["lengths"])
        texts = [part.tolist() for part in np.split(arrays["flat"], ends[:-1])] if len(ends) else []
        labels = arrays.get("labels")
    return Job(Settings(**settings), texts, labels, lines)
