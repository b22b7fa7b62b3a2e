"""The side of `tokenizers`, the library in Rust: ids alone, so the variant that keeps no offsets."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import tokenizers
from jobs import Job


class Tokenizing:
    """A new tokenizer for each run: the words it remembers are those of the run."""

    def __init__(self, job: Job) -> None:
        self.lines = list(job.lines)
        self.description = Path(job.settings.model, "tokenizer.json").read_text(encoding="utf-8")
        self.renew()

    def renew(self) -> None:
        self.tokenizer = tokenizers.Tokenizer.from_str(self.description)
        self.tokenizer.no_truncation()
        self.tokenizer.no_padding()

    def run(self) -> list[list[int]]:
        return [encoding.ids for encoding in self.tokenizer.encode_batch_fast(self.lines)]

    def answer(self) -> np.ndarray:
        return np.array([token for ids in self.run() for token in [*ids, -1]])

    def versions(self) -> dict[str, str]:
        return {"tokenizers": tokenizers.__version__}


def prepare(job: Job) -> Tokenizing:
    return Tokenizing(job)
