"""What a checkpoint says besides its weights: in files of its folder, or in the file of the weights itself."""

from __future__ import annotations

from ..config import BertConfig, read_config
from ..errors import Error
from ..tokenizer.folder import has_tokenizer, read_tokenizer
from ..tokenizer.interface import Tokenizer
from . import gguf_model, onnx_model, sentence_pooling, sentence_settings
from .locate import Weights
from .sentence_pooling import SentencePooling
from .sentence_settings import SentenceSettings


def config(weights: Weights) -> BertConfig:
    """The config. Error: there is none, or it is not a BERT's."""
    if weights.form == "gguf":
        return gguf_model.config(weights.path)
    if weights.form == "onnx":
        return onnx_model.config(weights.path, weights.folder)
    return read_config(weights.folder)


def tokenizer(weights: Weights) -> Tokenizer:
    """The tokenizer. Error: there is none, or it is not BERT's."""
    return gguf_model.tokenizer(weights.path) if weights.form == "gguf" else read_tokenizer(weights.folder)


def tokenizer_if_any(weights: Weights) -> Tokenizer | None:
    """The tokenizer; None where the folder has no vocabulary."""
    held = weights.form == "gguf" or has_tokenizer(weights.folder)
    return tokenizer(weights) if held else None


def pooling(weights: Weights, config: BertConfig) -> SentencePooling | Error:
    """How a text becomes a vector; an Error is kept for those who ask for one."""
    try:
        if weights.form == "gguf":
            return gguf_model.pooling(weights.path)
        pooling = sentence_pooling.read(weights.folder)
        sentence_pooling.check(pooling, config.hidden_size, weights.folder)
    except Error as error:
        return error
    return pooling


def settings(weights: Weights) -> SentenceSettings | Error:
    """Prompts, similarity and the like; an Error is kept for those who need them."""
    if weights.form == "gguf":
        return sentence_settings.DEFAULT
    try:
        return sentence_settings.read(weights.folder)
    except Error as error:
        return error
