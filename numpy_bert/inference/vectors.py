"""Vectors of texts: of each token, and of a whole text, pooled as the checkpoint says."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np

from ..blocks import bert, layer_norm, linear
from ..checkpoints.sentence_pooling import SentencePooling
from ..checkpoints.sentence_settings import SentenceSettings
from ..checkpoints.sentence_steps import LAYER_NORM_EPS, Dense, LayerNorm, Step
from ..errors import Error, warn
from ..numerics.arrays import Array
from ..rules import as_integer
from ..tasks import sentence_embedding
from . import batching, encoding
from .activations import FUNCTIONS
from .inputs import Text
from .run import Model, Options, finite, run
from .similarity import lengths


class SentenceModel(Model, Protocol):
    """What sentence vectors need of a `Bert`."""

    @property
    def pooling(self) -> SentencePooling: ...
    @property
    def settings(self) -> SentenceSettings: ...


class Form(NamedTuple):
    """How a vector is made, in so far as the caller may choose."""

    prompt: str = ""  # what stands before each text
    truncate_dim: int | None = None  # the first numbers of a vector, so many of them
    normalize: bool = False  # to length 1, whatever the steps of the checkpoint do
    special: bool | None = None  # whether "[SEP]" typed in a text is the special token; see inference/run.py


def form(
    model: SentenceModel,
    prompt_name: str | None = None,
    prompt: str | None = None,
    truncate_dim: int | None = None,
    normalize: bool = False,
) -> Form:
    """The choices of a caller, and what the checkpoint says where he chooses nothing. Error: no such prompt."""
    if prompt is not None:
        encoding.text(prompt, "prompt")
        if prompt_name is not None:
            warn("prompt and prompt_name: expected one of them, got both; the prompt counts")
    truncate_dim = model.settings.truncate_dim if truncate_dim is None else as_integer("truncate_dim", truncate_dim, 1)
    return Form(model.settings.prompt(prompt_name, prompt), truncate_dim, normalize)


def of_tokens(model: Model, texts: Sequence[Text], options: Options) -> list[Array]:
    """The last hidden states of each text: (T, H), without padding."""

    def hidden(encoded: bert.Output, batch: bert.Inputs) -> list[Array]:
        assert encoded.hidden is not None
        lengths = batching.lengths(batch)
        return [finite(h[:length]).copy() for h, length in zip(encoded.hidden, lengths, strict=True)]

    return run(model, texts, hidden, options)


def embed(model: SentenceModel, texts: Iterable[Any], form: Form, options: Options) -> Array:
    """(n, S): the vector of each text. Warns of texts that were cut."""
    encoded, cut = encode(model, texts, form)
    encoding.warn_of_cuts(cut, limit(model))
    return of_sentences(model, encoded, form, options)


def encode(model: SentenceModel, texts: Iterable[Any], form: Form) -> tuple[list[Text], int]:
    """The tokens of each text, the prompt before them, and how many of the texts were cut."""
    if model.pooling.sparse is not None:
        raise Error("embed: expected a checkpoint of dense vectors, got one of sparse vectors; use sparse()")
    return encoding.encode_counting(model.tokenizer, texts, limit(model), form.special, form.prompt)


def of_sentences(model: SentenceModel, texts: Sequence[Text], form: Form, options: Options) -> Array:
    """(n, S): each text pooled, through the steps of the checkpoint, then cut and normalized as the form says."""
    pooling = model.pooling
    skipped = 0 if pooling.include_prompt else _prompt_tokens(model, form.prompt)
    reads_first = pooling.pooling == "cls" and not skipped  # no other row of the last layer is computed

    def pooled(encoded: bert.Output, batch: bert.Inputs) -> list[Array]:
        assert encoded.hidden is not None
        mask = None if reads_first else _without_first(batch, skipped) if skipped else batch.mask
        v, _ = sentence_embedding.forward(encoded.hidden, mask, pooling.pooling, False)
        for step in pooling.steps:
            v = _step(v, step)
        v = v[:, : form.truncate_dim]
        return list(finite(v / lengths(v)[:, None] if form.normalize else v))

    rows = batching.cls_rows if reads_first else batching.all_rows
    vectors = run(model, texts, pooled, options, rows)
    dtype = model.params.bert.embedding.word.dtype
    if not vectors:
        return np.zeros((0, size(model, form)), dtype)
    return np.stack(vectors).astype(dtype, copy=False)


def size(model: SentenceModel, form: Form) -> int:
    """S, how many numbers a vector has."""
    full = model.pooling.size(model.config.hidden_size)
    return full if form.truncate_dim is None else min(full, form.truncate_dim)


def limit(model: SentenceModel) -> int:
    """The number of tokens at which a text is cut before it is pooled."""
    positions, most = model.config.max_position_embeddings, model.pooling.max_length
    return positions if most is None else min(positions, most)


def _step(v: Array, step: Step) -> Array:
    """v (n, S) -> (n, S')"""
    if isinstance(step, Dense):
        y = FUNCTIONS[step.activation](linear.forward(v, step.linear)[0])
        return y if step.residual is None else y + v @ step.residual.T
    if isinstance(step, LayerNorm):
        return layer_norm.forward(v, step.norm, LAYER_NORM_EPS)[0]
    normalized: Array = v / lengths(v)[:, None]
    return normalized


def _prompt_tokens(model: SentenceModel, prompt: str) -> int:
    """How many tokens, from [CLS] on, do not belong to the text."""
    if not prompt:
        return 0
    ids = model.tokenizer.encode_ids([prompt], limit(model), special=model.tokenizer.typed_special)[0]
    return len(ids) - (int(ids[-1]) == model.tokenizer.special_id("sep"))


def _without_first(batch: bert.Inputs, count: int) -> Array:
    """(B, T): the mask of a batch without the first tokens."""
    mask = np.ones(batch.ids.token.shape, np.bool_) if batch.mask is None else batch.mask.copy()
    mask[:, :count] = False
    return mask
