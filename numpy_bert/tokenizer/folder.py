"""The tokenizer of a folder, or another that takes its place: `load(path, tokenizer=...)`."""

from __future__ import annotations

import contextlib
import os
from typing import Any

from ..errors import Error, describe
from ..files.json_object import Section
from ..files.reading import File, Path
from . import encoding_settings, files, tokenizer_json
from .function import FunctionTokenizer
from .interface import Tokenizer
from .library import LibraryTokenizer
from .pipeline import WordPieceTokenizer
from .special_tokens import SpecialTokens
from .vocabulary import read_vocabulary

# What the special tokens are called where no file says it: BERT's names, and those of SentencePiece models.
NAMES = SpecialTokens(), SpecialTokens("<unk>", "<s>", "</s>", "<pad>", "<mask>")


def has_tokenizer(folder: Path) -> bool:
    """Whether there is a file with tokens in the folder."""
    return any(os.path.lexists(os.path.join(folder, name)) for name in (files.VOCABULARY, files.DESCRIPTION))


def read_tokenizer(folder: Path) -> Tokenizer:
    """The tokenizer of a checkpoint's folder, from `vocab.txt` or from `tokenizer.json`.

    The text of numpy_bert/tokenizer/files.py says which file decides what. Warns (UserWarning) where files contradict
    each other. Error: a needed file is missing or damaged, or describes a tokenizer that is not BERT's while the
    `tokenizers` library is not installed.
    """
    path = os.path.join(folder, files.DESCRIPTION)
    if files.has(folder, files.DESCRIPTION):
        file = tokenizer_json.read_file(path)
        if not tokenizer_json.is_bert(file):
            return _library(folder, file)
    return tokenizer_of(files.read_settings(folder))


def tokenizer_of(settings: files.Settings) -> WordPieceTokenizer:
    """The tokenizer that these settings describe. Error: a special token is missing."""
    fields = settings._asdict()
    del fields["source"]
    try:
        return WordPieceTokenizer(**fields)
    except Error as error:
        raise Error(f"{error}", at=settings.source) from None


def _library(folder: Path, file: Section) -> LibraryTokenizer:
    config, special_map = files.optional(folder, files.CONFIG), files.optional(folder, files.SPECIAL_TOKENS_MAP)
    contents = {entry.get("content") for _, _, entry in tokenizer_json.added_entries(file, "added_tokens")}
    names = []
    for role, key in enumerate(files.SPECIAL_TOKEN_KEYS):
        guessed = next((kind[role] for kind in NAMES if kind[role] in contents), "")
        section = config if config.values.get(key) is not None else special_map
        names.append(files.token_name(section, key, guessed))
    segments = encoding_settings.has_segments(config, files.optional(folder, files.MODEL_CONFIG))
    with File(file.path) as opened:
        text = opened.read_at(0, opened.size).decode("utf-8")
    values = {**special_map.values, **config.values}
    if not segments:
        values["model_input_names"] = encoding_settings.WITHOUT_SEGMENTS
    tokenizer = LibraryTokenizer(file.path, text, SpecialTokens(*names), values, segments)
    tokenizer.truncation_side = encoding_settings.truncation_side(config, file.values.get("truncation"))
    return tokenizer


def other_tokenizer(value: Any, folder: Path) -> Tokenizer:
    """What was given in the place of the tokenizer of a folder: a folder, a Tokenizer, or a function of a text.

    A function takes a text and returns ids, or words or tokens of the folder's vocabulary; see function.py.
    """
    if isinstance(value, Tokenizer):
        return value
    if isinstance(value, (str, os.PathLike)):
        place = os.fspath(value)
        if not os.path.exists(place):
            raise Error("tokenizer: expected a folder or a file, got nothing of this name", at=place)
        return read_tokenizer(place if os.path.isdir(place) else os.path.dirname(place) or os.curdir)
    if not callable(value):
        raise Error(f"tokenizer: expected a folder, or a function from a text to ids, got {describe(value)}")
    base = None
    with contextlib.suppress(Error):  # that it cannot be used is why there is a function
        base = read_tokenizer(folder) if has_tokenizer(folder) else None
    if base is not None:
        return FunctionTokenizer(value, base.tokens, base.special_tokens, base)
    path = os.path.join(folder, files.VOCABULARY)
    return FunctionTokenizer(value, read_vocabulary(path) if files.has(folder, files.VOCABULARY) else ())
