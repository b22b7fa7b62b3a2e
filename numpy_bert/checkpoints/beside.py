"""What a checkpoint says besides its weights: in files of its folder, or in the file of the weights itself."""

from __future__ import annotations

from ..config import BertConfig, read_config
from ..errors import Error
from ..tokenizer.folder import has_tokenizer, read_tokenizer
from ..tokenizer.interface import Tokenizer
from . import gguf_model, sentence_pooling
from .locate import Weights
from .sentence_pooling import SentencePooling


def config(weights: Weights) -> BertConfig:
    """The config. Error: there is none, or it is not a BERT's."""
    return gguf_model.config(weights.path) if weights.form == "gguf" else read_config(weights.folder)


def tokenizer(weights: Weights) -> Tokenizer:
    """The tokenizer. Error: there is none, or it is not BERT's."""
    return gguf_model.tokenizer(weights.path) if weights.form == "gguf" else read_tokenizer(weights.folder)


def tokenizer_if_any(weights: Weights) -> Tokenizer | None:
    """The tokenizer; None where the folder has no vocabulary."""
    held = weights.form == "gguf" or has_tokenizer(weights.folder)
    return tokenizer(weights) if held else None


def pooling(weights: Weights) -> SentencePooling | Error:
    """How a text becomes a vector; an Error is kept for those who ask for one."""
    try:
        return gguf_model.pooling(weights.path) if weights.form == "gguf" else sentence_pooling.read(weights.folder)
    except Error as error:
        return error
