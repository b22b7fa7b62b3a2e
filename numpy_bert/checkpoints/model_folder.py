"""A checkpoint and what lies beside it: weights, config, tokenizer and sentence pooling."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ..config import BertConfig
from ..errors import Error, show
from ..tasks import objective
from ..tokenizer.interface import Tokenizer
from . import beside, known_keys, locate, weights
from .sentence_pooling import SentencePooling
from .sentence_settings import SentenceSettings


class ModelFolder(NamedTuple):
    """What a folder holds."""

    config: BertConfig  # with what only the weights know: the number of labels, an untied decoder
    params: objective.Params
    closed: Mapping[str, Error]  # heads that are there and cannot be used, or the pooler -> why
    tokenizer: Tokenizer | Error | None  # None: the folder has no vocabulary; an Error is kept for those who need one
    pooling: SentencePooling | Error  # an Error is kept for those who ask for sentence vectors
    settings: SentenceSettings | Error
    weights: locate.Weights


def read(
    path: Any,
    dtype: str | None,
    mmap: bool,
    strict_finite: bool,
    without: tuple[str, ...],
    revision: str | None = None,
    subfolder: str | None = None,
) -> ModelFolder:
    """Read a folder, a file with weights or a hub name, but for the heads `without`. Error: it cannot be used."""
    if dtype not in (None, "float32", "float64"):
        raise Error(f"dtype: expected float32 or float64, got {show(dtype)}; half precision overflows in the norms")
    if isinstance(path, bytes):
        path = Path(os.fsdecode(path))
    if not isinstance(path, (str, os.PathLike)):
        raise Error(f"path: expected a folder or a file, got {type(path).__name__}")
    source = locate.locate(path, revision, subfolder)
    closed: dict[str, Error] = {}
    config = beside.config(source, closed)
    params, report = weights.load(source, config, dtype, mmap, strict_finite, without=without, closed=closed)
    config = report.config
    if params.bert.embedding.word.dtype == np.float32 and np.float32(config.layer_norm_eps) == 0:
        got = config.layer_norm_eps
        raise Error(f"{source.folder}: layer_norm_eps: expected a number that float32 holds, got {got}")
    if source.form != "gguf":
        known_keys.tell(source.folder)
    tokenizer = beside.tokenizer_if_any(source)
    pooling, settings = beside.pooling(source, config), beside.settings(source)
    return ModelFolder(config, params, report.closed, tokenizer, pooling, settings, source)
