"""The side of PyTorch, as someone who knows it uses it on a CPU.

Inference: Hugging Face's BertModel with sdpa attention in float32, inference mode, texts sorted by length, batches of
32, each padded to its longest. Training: BertForMaskedLM, whose head makes logits at all positions, fused AdamW, no
decay on norms and biases, gradients cut at norm 1.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
import transformers
from batching import padded, segments, sorted_batches
from jobs import Job

transformers.logging.set_verbosity_error()
transformers.logging.disable_progress_bar()

DECAY, LONGEST_GRADIENT = 0.01, 1.0


def prepare(job: Job) -> Any:
    torch.set_num_threads(job.settings.threads)
    return {"embed": Embedding, "hidden": Hidden, "classify": Classes, "step": Training}[job.settings.kind](job)


class Embedder(torch.nn.Module):
    """Sentence vectors: the mean of the hidden states, normalized to length 1."""

    def __init__(self, bert: Any) -> None:
        super().__init__()
        self.bert = bert

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
        hidden = self.bert(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state
        present = attention_mask.unsqueeze(-1).to(hidden.dtype)
        mean = (hidden * present).sum(1) / present.sum(1).clamp(min=1e-9)
        return torch.nn.functional.normalize(mean, dim=1)


class States(torch.nn.Module):
    """Hidden states."""

    def __init__(self, bert: Any) -> None:
        super().__init__()
        self.bert = bert

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor | None = None) -> torch.Tensor:
        hidden: torch.Tensor = self.bert(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state
        return hidden


class Logits(torch.nn.Module):
    """Logits of the classes."""

    def __init__(self, bert: Any) -> None:
        super().__init__()
        self.bert = bert

    def forward(self, input_ids: torch.Tensor, mask: torch.Tensor, segment_ids: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = self.bert(input_ids=input_ids, attention_mask=mask, token_type_ids=segment_ids).logits
        return logits


OUTPUTS = {"embed": Embedder, "hidden": States, "classify": Logits}


def bert_model(folder: str, kind: str, attention: str = "sdpa") -> Any:
    settings = {"attn_implementation": attention, "dtype": torch.float32}
    if kind == "classify":
        return transformers.BertForSequenceClassification.from_pretrained(folder, **settings).eval()
    return transformers.BertModel.from_pretrained(folder, add_pooling_layer=False, **settings).eval()


class Embedding:
    def __init__(self, job: Job) -> None:
        self.job = job
        self.model = Embedder(bert_model(job.settings.model, "embed"))

    def run(self) -> np.ndarray:
        texts = self.job.texts
        result = np.empty((len(texts), self.model.bert.config.hidden_size), np.float32)
        with torch.inference_mode():
            for chosen in sorted_batches(texts, self.job.settings.batch):
                ids, mask = padded([texts[i] for i in chosen])
                result[chosen] = self.model(torch.from_numpy(ids), torch.from_numpy(mask)).numpy()
        return result

    answer = run

    def versions(self) -> dict[str, str]:
        return versions()


class Classes:
    """Pairs of sentences."""

    def __init__(self, job: Job) -> None:
        self.job = job
        self.model = Logits(bert_model(job.settings.model, "classify"))

    def run(self) -> np.ndarray:
        texts = self.job.texts
        result = np.empty((len(texts), self.model.bert.config.num_labels), np.float32)
        with torch.inference_mode():
            for chosen in sorted_batches(texts, self.job.settings.batch):
                ids, mask = padded([texts[i] for i in chosen])
                result[chosen] = self.model(*map(torch.from_numpy, (ids, mask, segments(ids)))).numpy()
        return result

    answer = run

    def versions(self) -> dict[str, str]:
        return versions()


class Hidden:
    """One batch of texts of one length: no mask."""

    def __init__(self, job: Job) -> None:
        self.model = States(bert_model(job.settings.model, "hidden"))
        self.ids = np.array(job.texts)

    def run(self) -> np.ndarray:
        with torch.inference_mode():
            return self.model(torch.from_numpy(self.ids)).numpy()

    answer = run

    def versions(self) -> dict[str, str]:
        return versions()


class Training:
    def __init__(self, job: Job) -> None:
        self.job = job
        self.given = {
            "input_ids": torch.tensor(job.texts),
            "attention_mask": torch.ones(len(job.texts), len(job.texts[0]), dtype=torch.int64),
            "labels": torch.from_numpy(job.labels),
        }
        self.model, self.optimizer = self._begin(job.settings.dropout)

    def run(self) -> float:
        return self._step(self.model, self.optimizer)

    def answer(self) -> np.ndarray:
        """The losses of three steps without dropout."""
        model, optimizer = self._begin(0.0)
        return np.array([self._step(model, optimizer) for _ in range(3)])

    def _begin(self, dropout: float) -> tuple[Any, Any]:
        torch.manual_seed(0)
        settings = self.job.settings
        model = transformers.BertForMaskedLM.from_pretrained(
            settings.model,
            attn_implementation="sdpa",
            dtype=torch.float32,
            hidden_dropout_prob=dropout,
            attention_probs_dropout_prob=dropout,
        ).train()
        named = list(model.named_parameters())
        plain = [p for name, p in named if name.endswith("bias") or "LayerNorm" in name]
        others = [p for name, p in named if not (name.endswith("bias") or "LayerNorm" in name)]
        groups = [{"params": others, "weight_decay": DECAY}, {"params": plain, "weight_decay": 0.0}]
        return model, torch.optim.AdamW(groups, lr=settings.learning_rate, fused=True)

    def _step(self, model: Any, optimizer: Any) -> float:
        loss = model(**self.given).loss
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), LONGEST_GRADIENT)
        optimizer.step()
        return float(loss.item())

    def versions(self) -> dict[str, str]:
        return versions()


def versions() -> dict[str, str]:
    return {"PyTorch": torch.__version__, "transformers": transformers.__version__}
