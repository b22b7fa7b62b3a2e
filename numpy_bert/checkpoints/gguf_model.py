"""Config, tokenizer and pooling of a GGUF file, which holds them in its metadata: no file beside it is read.

    bert.embedding_length ...        the sizes, but for those of the vocabulary and the segments, which the tensors have
    bert.pooling_type                how a text becomes a vector
    tokenizer.ggml.tokens            the vocabulary. A token that begins a word has the mark ▁ before it, and one that
                                     continues a word has none, where vocab.txt has none and ##
    tokenizer.ggml.token_type        which of them are special and stand there as they are

What the metadata cannot say is taken as all published BERTs of this form have it: GELU in the erf form, Chinese
characters as words, words of up to 100 characters, vectors of length 1 where the file says how they are pooled (as
llama.cpp and Ollama return them). Architectures other than `bert`, and the models that go by the same name although
they are not BERTs (RoBERTa, DistilBERT), are named for what they are.

Source: conversion/bert.py of llama.cpp, which writes these files, and llm_tokenizer_wpm of its llama-vocab.cpp.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..config import BertConfig
from ..errors import Error, describe, show, warn
from ..files.reading import Path
from ..tokenizer.added_tokens import AddedToken
from ..tokenizer.files import Settings
from ..tokenizer.folder import tokenizer_of
from ..tokenizer.interface import Tokenizer
from ..tokenizer.special_tokens import SpecialTokens
from ..tokenizer.vocabulary import first_twice, is_cased
from ..tokenizer.wordpiece import CONTINUATION, HUGGING_FACE_MAX_CHARS
from .formats import gguf
from .sentence_pooling import DEFAULT, SentencePooling
from .sentence_steps import Normalize

BEGINS_WORD = "\u2581"
CONTROL, UNUSED = 3, 5  # of tokenizer.ggml.token_type
USER_DEFINED = 4
POOLINGS = {0: None, 1: "mean", 2: "cls", 3: "the last token", 4: "a classifier's score"}
KEYS = {
    "hidden_size": "bert.embedding_length",
    "num_hidden_layers": "bert.block_count",
    "num_attention_heads": "bert.attention.head_count",
    "intermediate_size": "bert.feed_forward_length",
    "max_position_embeddings": "bert.context_length",
}
EPSILON = "bert.attention.layer_norm_epsilon"
PAD = "tokenizer.ggml.padding_token_id"
# Field of SpecialTokens -> the keys that may hold its id. llama.cpp spells the separator as it does.
SPECIAL = {
    "unk": ("tokenizer.ggml.unknown_token_id",),
    "cls": ("tokenizer.ggml.cls_token_id", "tokenizer.ggml.bos_token_id"),
    "sep": (
        "tokenizer.ggml.seperator_token_id",  # codespell:ignore
        "tokenizer.ggml.separator_token_id",
        "tokenizer.ggml.eos_token_id",
    ),
    "pad": (PAD,),
    "mask": ("tokenizer.ggml.mask_token_id",),
}


def config(path: Path) -> BertConfig:
    """The config of the file. Error: another architecture, or a key that is missing or that no BERT has."""
    values = gguf.metadata(path)
    try:
        shapes = {name: entry.shape for name, entry in gguf.describe(path).items()}
        _refuse_other_architectures(values, shapes)
        fields: dict[str, Any] = {field: _integer(values, key) for field, key in KEYS.items()}
        epsilon = values.get(EPSILON)
        if type(epsilon) is not float:
            raise Error(f"{EPSILON}: expected a number, got {describe(epsilon)}")
        return BertConfig(
            vocab_size=_rows(shapes, "token_embd.weight"),
            type_vocab_size=_rows(shapes, "token_types.weight"),
            layer_norm_eps=float(str(np.float32(epsilon))),  # 1e-12 again, which float32 holds as 9.99999996e-13
            pad_token_id=_integer(values, PAD) if PAD in values else 0,
            architectures=("BertModel",),
            **fields,
        )
    except Error as error:
        raise Error(str(error), at=path) from None


def tokenizer(path: Path) -> Tokenizer:
    """The tokenizer of the file. Error: it has none, or one that is not BERT's."""
    try:
        return tokenizer_of(_settings(path, gguf.metadata(path)))
    except Error as error:
        raise Error(str(error).removeprefix(f"{path}: "), at=path) from None


def pooling(path: Path) -> SentencePooling:
    """How the file makes a vector of a text. Error: in a way that is not known here."""
    key = "bert.pooling_type"
    kind = gguf.metadata(path).get(key, 0)
    name = POOLINGS.get(kind, describe(kind)) if type(kind) is int else describe(kind)
    if name is None:
        return DEFAULT
    if name not in ("mean", "cls"):
        raise Error(f"{key}: expected 1 (mean) or 2 (cls), got {kind} ({name})", at=path)
    return SentencePooling(name, (Normalize(),))


def _refuse_other_architectures(values: dict[str, Any], shapes: dict[str, tuple[int, ...]]) -> None:
    architecture, kind = values.get("general.architecture"), values.get("tokenizer.ggml.model", "bert")
    if architecture != "bert":
        raise Error(f"general.architecture: expected 'bert', got {describe(architecture)}")
    if kind != "bert":
        raise Error(f"tokenizer.ggml.model: expected 'bert', got {describe(kind)}, as a RoBERTa has")
    if "token_embd.weight" in shapes and "token_types.weight" not in shapes:
        raise Error("'token_types.weight': expected it, as every BERT has it, got none, as in a DistilBERT")
    if values.get("bert.attention.causal", False) is not False:
        raise Error(f"bert.attention.causal: expected false, got {describe(values['bert.attention.causal'])}")


def _integer(values: dict[str, Any], key: str) -> int:
    if type(values.get(key)) is not int:
        raise Error(f"{key}: expected an integer, got {describe(values[key]) if key in values else 'no such key'}")
    return int(values[key])


def _rows(shapes: dict[str, tuple[int, ...]], name: str) -> int:
    if len(shapes.get(name, ())) != 2:
        raise Error(f"{show(name)}: expected a matrix, got {list(shapes[name]) if name in shapes else 'none'}")
    return shapes[name][0]


def _settings(path: Path, values: dict[str, Any]) -> Settings:
    if values.get("tokenizer.ggml.model") != "bert":
        raise Error(f"tokenizer.ggml.model: expected 'bert', got {describe(values.get('tokenizer.ggml.model'))}")
    tokens, kinds = _tokens(values)
    if len(set(tokens)) < len(tokens):
        token, first, second = first_twice(tokens)
        raise Error(f"tokenizer.ggml.tokens: expected each token once, got {show(token)} with ids {first} and {second}")
    named: dict[str, Any] = {field: _special(values, keys, tokens) for field, keys in SPECIAL.items()}
    special = SpecialTokens(**{field: name for field, name in named.items() if name is not None})
    added = [token for token, kind in zip(tokens, kinds, strict=True) if kind in (CONTROL, USER_DEFINED)]
    lowercase = _flag(values, "tokenizer.ggml.normalizer.lowercase", not is_cased(tokens))
    for key in ("tokenizer.ggml.add_bos_token", "tokenizer.ggml.add_eos_token"):
        if not _flag(values, key, True):
            warn("false is not obeyed: [CLS] and [SEP] are put around every text", at=path, key=key)
    return Settings(
        source=path,
        tokens=tokens,
        special_tokens=special,
        added=tuple(AddedToken(token) for token in added if token not in special),
        lowercase=lowercase,
        strip_accents=_flag(values, "tokenizer.ggml.normalizer.strip_accents", lowercase),
        chinese=True,
        max_chars=HUGGING_FACE_MAX_CHARS,
        library_rules=True,  # such files are converted from Hugging Face folders
    )


def _tokens(values: dict[str, Any]) -> tuple[list[str], list[int]]:
    """The tokens as vocab.txt has them, and the kind of each, without the unused ones that fill up the end."""
    stored, kinds = values.get("tokenizer.ggml.tokens"), values.get("tokenizer.ggml.token_type")
    if not isinstance(stored, list) or not all(isinstance(token, str) for token in stored):
        raise Error(f"tokenizer.ggml.tokens: expected an array of strings, got {describe(stored)}")
    if not isinstance(kinds, list) or len(kinds) != len(stored) or not all(type(kind) is int for kind in kinds):
        raise Error(f"tokenizer.ggml.token_type: expected {len(stored)} integers, got {describe(kinds)}")
    used = len(stored)
    while used and kinds[used - 1] == UNUSED:
        used -= 1
    tokens = [_turned(token, kind) for token, kind in zip(stored[:used], kinds[:used], strict=True)]
    return tokens, kinds[:used]


def _turned(token: str, kind: int) -> str:
    """A token of the file as vocab.txt has it. Files of 2024 leave the mark out before all that is in brackets."""
    if kind == CONTROL or (token.startswith("[") and token.endswith("]")):
        return token
    return token[1:] if token.startswith(BEGINS_WORD) else CONTINUATION + token


def _special(values: dict[str, Any], keys: tuple[str, ...], tokens: list[str]) -> str | None:
    """The token whose id one of the keys holds; None where none of them is there."""
    key = next((key for key in keys if key in values), None)
    if key is None:
        return None
    index = _integer(values, key)
    if not 0 <= index < len(tokens):
        raise Error(f"{key}: expected the id of one of {len(tokens)} tokens, got {index}")
    return tokens[index]


def _flag(values: dict[str, Any], key: str, default: bool) -> bool:
    value = values.get(key, default)
    if type(value) is not bool:
        raise Error(f"{key}: expected true or false, got {describe(value)}")
    return value
