"""The side of ONNX Runtime: the exported, fused graph in float32, texts sorted by length, batches of 32.

`models.py` exports the graph once. This process never imports PyTorch.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import onnxruntime
from batching import padded, segments, sorted_batches
from jobs import Job


def session(path: str, threads: int) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])


class Embedding:
    """Texts to sentence vectors, or pairs to logits."""

    def __init__(self, job: Job) -> None:
        self.job = job
        self.session = session(job.settings.onnx, job.settings.threads)

    def run(self) -> np.ndarray:
        texts = self.job.texts
        result = np.empty((len(texts), self.session.get_outputs()[0].shape[-1]), np.float32)
        for chosen in sorted_batches(texts, self.job.settings.batch):
            ids, mask = padded([texts[i] for i in chosen])
            given = {"input_ids": ids, "attention_mask": mask}
            if self.job.settings.kind == "classify":
                given["token_type_ids"] = segments(ids)
            result[chosen] = self.session.run(None, given)[0]
        return result

    answer = run

    def versions(self) -> dict[str, str]:
        return versions()


class Hidden:
    """One batch of texts of one length."""

    def __init__(self, job: Job) -> None:
        self.session = session(job.settings.onnx, job.settings.threads)
        self.given = {"input_ids": np.array(job.texts), "attention_mask": np.ones_like(job.texts)}

    def run(self) -> np.ndarray:
        return self.session.run(None, self.given)[0]

    answer = run

    def versions(self) -> dict[str, str]:
        return versions()


def prepare(job: Job) -> Any:
    return {"embed": Embedding, "hidden": Hidden, "classify": Embedding}[job.settings.kind](job)


def versions() -> dict[str, str]:
    return {"ONNX Runtime": onnxruntime.__version__}
