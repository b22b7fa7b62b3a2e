"""The tokenizer of a checkpoint: which file of its folder says what.

    vocab.txt                the tokens, one a line
    tokenizer.json           the tokens and every step
    tokenizer_config.json    casing and accents, the names of the special tokens
    special_tokens_map.json  those names, where the former does not give them

One of the first two is needed. Where both are there, `tokenizer.json` is read, because it says more (the limit on
words, added tokens, and that the steps are BERT's at all), and `vocab.txt` must hold the same tokens. Casing and
accents are as `tokenizer_config.json` says, whatever `tokenizer.json` holds, as for Hugging Face; a contradiction
is warned of. Where no file speaks of casing, a vocabulary with capitals is a cased model's.
"""

from __future__ import annotations

import json
import os
from typing import Any, NamedTuple

from ..errors import Error, show, warn
from ..files.atomic import replacing
from ..files.json_object import Section, read_json_object
from ..files.reading import Path, require_path
from .special_tokens import SpecialTokens
from .tokenizer_json import ADDED_TOKEN_FLAGS, Description, check_template, read_added_tokens, read_tokenizer_json
from .vocabulary import is_cased, read_vocabulary, write_vocabulary
from .wordpiece import GOOGLE_MAX_CHARS, HUGGING_FACE_MAX_CHARS

VOCABULARY, DESCRIPTION = "vocab.txt", "tokenizer.json"
CONFIG, SPECIAL_TOKENS_MAP = "tokenizer_config.json", "special_tokens_map.json"
SPECIAL_TOKEN_KEYS = ("unk_token", "cls_token", "sep_token", "pad_token", "mask_token")
# Whose `vocab.txt` is read by BERT's steps. Japanese BERT, for one, has a `vocab.txt` but finds words otherwise.
TOKENIZER_CLASSES = ("BertTokenizer", "DistilBertTokenizer", "ElectraTokenizer")


class Settings(NamedTuple):
    """All that makes a tokenizer."""

    source: Path  # the file that holds the tokens
    tokens: list[str]  # the index is the id
    special_tokens: SpecialTokens
    lowercase: bool
    strip_accents: bool
    chinese: bool
    max_chars: int


def read_settings(folder: Path) -> Settings:
    """What the files of a folder say of its tokenizer.

    Warns (UserWarning) where they contradict each other, or a cased vocabulary is to be read in lower case.
    Error: a needed file is missing or damaged, or describes a tokenizer that is not BERT's.
    """
    config = _optional(folder, CONFIG)
    described = _has(folder, DESCRIPTION)
    description = _described(folder) if described else _listed(folder, config)
    source = os.path.join(folder, DESCRIPTION if described else VOCABULARY)
    names = _special_tokens(config, _optional(folder, SPECIAL_TOKENS_MAP), description)
    check_template(source, description.post_processor, names.cls, names.sep)
    lowercase = config.flag("do_lower_case", description.lowercase)
    accents = description.strip_accents
    if "strip_accents" in config.values:
        accents = config.optional_flag("strip_accents")
    settings = Settings(
        source=source,
        tokens=description.tokens,
        special_tokens=names,
        lowercase=lowercase,
        strip_accents=lowercase if accents is None else accents,
        chinese=config.flag("tokenize_chinese_chars", description.chinese),
        max_chars=description.max_chars,
    )
    _warn_of_contradictions(settings, config, description if described else None)
    return settings


def write_settings(settings: Settings, folder: Path, model_max_length: int | None = None) -> None:
    """Write `vocab.txt` and `tokenizer_config.json`. Error: a file cannot be written, or a token fits on no line."""
    names = settings.special_tokens
    ids = {token: index for index, token in enumerate(settings.tokens)}
    values: dict[str, Any] = {
        "tokenizer_class": TOKENIZER_CLASSES[0],
        "do_lower_case": settings.lowercase,
        "strip_accents": settings.strip_accents,
        "tokenize_chinese_chars": settings.chinese,
        **dict(zip(SPECIAL_TOKEN_KEYS, names[:5], strict=True)),
        "additional_special_tokens": list(names.others),
        "added_tokens_decoder": {str(ids[token]): {"content": token, **ADDED_TOKEN_FLAGS} for token in names.all},
    }
    if settings.max_chars != HUGGING_FACE_MAX_CHARS:
        values["max_input_chars_per_word"] = settings.max_chars  # for this package; transformers knows only 100
    if model_max_length is not None:
        values["model_max_length"] = model_max_length
    write_vocabulary(settings.tokens, os.path.join(folder, VOCABULARY))
    with replacing(os.path.join(folder, CONFIG)) as file:
        file.write((json.dumps(values, indent=2) + "\n").encode("ascii"))


def _has(folder: Path, name: str) -> bool:
    require_path(folder)
    return os.path.lexists(os.path.join(folder, name))


def _optional(folder: Path, name: str) -> Section:
    """The object in a JSON file, or an empty one where there is no such file."""
    path = os.path.join(folder, name)
    return read_json_object(path) if _has(folder, name) else Section(path, {})


def _described(folder: Path) -> Description:
    """What `tokenizer.json` says; `vocab.txt`, if there is one, must not say otherwise."""
    description = read_tokenizer_json(os.path.join(folder, DESCRIPTION))
    if not _has(folder, VOCABULARY):
        return description
    listed = read_vocabulary(os.path.join(folder, VOCABULARY))
    described = description.tokens
    path = os.path.join(folder, VOCABULARY)
    for index, (ours, theirs) in enumerate(zip(listed, described, strict=False)):
        if ours != theirs:
            raise Error(f"line {index + 1}: expected {show(theirs)} as in {DESCRIPTION}, got {show(ours)}", at=path)
    least = len(described) - len(set(description.added) - set(listed))  # vocab.txt may leave out added tokens
    if not least <= len(listed) <= len(described):
        raise Error(f"expected the {len(described)} tokens of {DESCRIPTION}, got {len(listed)}", at=path)
    return description


def _listed(folder: Path, config: Section) -> Description:
    """What `vocab.txt` says, and `tokenizer_config.json` of added tokens."""
    if not _has(folder, VOCABULARY):
        got = "neither" if os.path.isdir(folder) else "no folder"
        raise Error(f"expected a folder with {VOCABULARY} or {DESCRIPTION}, got {got}", at=folder)
    kind = config.text("tokenizer_class", TOKENIZER_CLASSES[0])
    if kind.removesuffix("Fast") not in TOKENIZER_CLASSES:
        raise config.error("tokenizer_class", f"BertTokenizer (or a {DESCRIPTION} beside it)", kind)
    config.require("do_basic_tokenize", True, default=True)
    if config.values.get("never_split"):
        raise config.error("never_split", "none", config.values["never_split"])
    tokens = read_vocabulary(os.path.join(folder, VOCABULARY))
    # As Google published it: its config, and no file of Hugging Face's.
    googles = _has(folder, "bert_config.json") and not _has(folder, "config.json") and not config.values
    return Description(
        added=read_added_tokens(config, "added_tokens_decoder", tokens),
        tokens=tokens,
        unk=None,
        lowercase=not is_cased(tokens),
        strip_accents=None,
        chinese=True,
        max_chars=config.count("max_input_chars_per_word", GOOGLE_MAX_CHARS if googles else HUGGING_FACE_MAX_CHARS),
        post_processor=None,
    )


def _special_tokens(config: Section, names: Section, description: Description) -> SpecialTokens:
    """The names that the model uses for its special tokens, and the further tokens that are matched in a text."""
    defaults = SpecialTokens(unk=description.unk or SpecialTokens().unk)[:5]
    unk, cls, sep, pad, mask = named = [
        _token_name(config if config.values.get(key) is not None else names, key, default)
        for key, default in zip(SPECIAL_TOKEN_KEYS, defaults, strict=True)
    ]
    if description.unk not in (None, unk):
        raise config.error("unk_token", f"{show(description.unk)} as in {DESCRIPTION}", unk)
    others = [*description.added, *_names(config, "additional_special_tokens"), *_names(config, "extra_special_tokens")]
    return SpecialTokens(unk, cls, sep, pad, mask, tuple(dict.fromkeys(name for name in others if name not in named)))


def _names(config: Section, key: str) -> list[str]:
    """The names of a list of tokens, which may be absent."""
    value = config.values.get(key) or []
    if not isinstance(value, list):
        raise config.error(key, "an array of tokens", value)
    contents = [token.get("content") if isinstance(token, dict) else token for token in value]
    names = [content for content in contents if isinstance(content, str)]
    if len(names) < len(value):
        raise config.error(key, "an array of tokens", value)
    return names


def _token_name(section: Section, key: str, default: str) -> str:
    """The name of a token, which a file gives as a string or as an object with its content."""
    if isinstance(section.values.get(key), dict):
        return section.section(key).text("content", default)
    return section.text(key, default)


def _warn_of_contradictions(settings: Settings, config: Section, description: Description | None) -> None:
    if settings.lowercase and is_cased(settings.tokens):
        what = "lower case is asked for, but the vocabulary is a cased one: its tokens with capitals are never found"
        warn(what, at=config.path, key="do_lower_case")
    if description is None:
        return
    accents = description.lowercase if description.strip_accents is None else description.strip_accents
    said = (description.lowercase, accents, description.chinese)
    for key, used, other in zip(
        ("do_lower_case", "strip_accents", "tokenize_chinese_chars"),
        (settings.lowercase, settings.strip_accents, settings.chinese),
        said,
        strict=True,
    ):
        if used != other:
            what = f"{json.dumps(used)} is used, although {DESCRIPTION} says {json.dumps(other)}"
            warn(what, at=config.path, key=key)
