"""What a checkpoint says besides its weights: in files of its folder, or in the file of the weights itself.

A tokenizer or a pooling that cannot be used is kept as an Error for those who ask for it.
"""

from __future__ import annotations

from ..config import BertConfig
from ..errors import Error
from ..tokenizer.folder import has_tokenizer, read_tokenizer
from ..tokenizer.interface import Tokenizer
from . import gguf_model, onnx_model, sentence_pooling, sentence_settings
from .config_file import read_config
from .locate import Weights
from .sentence_pooling import SentencePooling
from .sentence_settings import SentenceSettings


def config(weights: Weights, closed: dict[str, Error] | None = None) -> BertConfig:
    """The config. Error: there is none, or it is not a BERT's. closed: see read_config."""
    if weights.form == "gguf":
        return gguf_model.config(weights.path)
    if weights.form == "onnx":
        return onnx_model.config(weights.path, weights.folder, closed)
    return read_config(weights.folder, closed)


def tokenizer(weights: Weights) -> Tokenizer:
    """The tokenizer. Error: there is none, or it is not BERT's."""
    return gguf_model.tokenizer(weights.path) if weights.form == "gguf" else read_tokenizer(weights.folder)


def tokenizer_if_any(weights: Weights) -> Tokenizer | Error | None:
    """The tokenizer, or why it cannot be used; None where the folder has no vocabulary."""
    held = weights.form == "gguf" or has_tokenizer(weights.folder)
    try:
        return tokenizer(weights) if held else None
    except Error as error:
        return error


def pooling(weights: Weights, config: BertConfig) -> SentencePooling | Error:
    """How a text becomes a vector of a model of this config, or why it does not."""
    try:
        if weights.form == "gguf":
            how = gguf_model.pooling(weights.path)
        else:
            how = sentence_pooling.read(weights.folder)
            sentence_pooling.check(how, config.hidden_size, weights.folder)
    except Error as error:
        return error
    beyond = how.max_length is not None and how.max_length >= config.max_position_embeddings
    return how._replace(max_length=None) if beyond else how


def assumed(weights: Weights, pooling: SentencePooling) -> tuple[bool, bool]:
    """Of a pooling that was read: whether no file says how tokens are pooled, and whether none says where texts are
    cut."""
    if weights.form == "gguf":
        return pooling == sentence_pooling.DEFAULT, False
    stated = sentence_pooling.is_stated(weights.folder)
    return not stated, sentence_pooling.read(weights.folder).max_length is None


def settings(weights: Weights) -> SentenceSettings | Error:
    """Prompts, similarity and other settings; an Error is raised when they are used."""
    if weights.form == "gguf":
        return sentence_settings.DEFAULT
    try:
        return sentence_settings.read(weights.folder)
    except Error as error:
        return error
