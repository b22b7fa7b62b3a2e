"""The tokenizer of a checkpoint: which file of its folder says what.

    vocab.txt                the tokens, one a line
    tokenizer.json           the tokens and every step
    tokenizer_config.json    casing and accents, the names of the special tokens, tokens that were added
    special_tokens_map.json  those names, where the former does not give them
    added_tokens.json        tokens that were added, where neither tokenizer.json nor tokenizer_config.json has them
    config.json              the class of the tokenizer, where tokenizer_config.json does not name it

One of the first two is needed. Where both are there, `tokenizer.json` is read, because it says more (the limit on
words, added tokens, and that the steps are BERT's at all), and a `vocab.txt` with other tokens is passed over with a
warning. Casing and accents are as `tokenizer_config.json` says, whatever `tokenizer.json` holds, as for Hugging Face;
a contradiction is warned of. Where no file speaks of casing, a vocabulary with capitals is a cased model's.
"""

from __future__ import annotations

import json
import os
from typing import Any, NamedTuple

from ..errors import Error, show, warn
from ..files.atomic import replacing
from ..files.json_object import Section, read_json_object
from ..files.reading import Path, require_path
from . import encoding_settings
from .added_tokens import AddedToken
from .special_tokens import SpecialTokens
from .tokenizer_json import Description, check_template, read_added_tokens, read_file, read_tokenizer_json
from .vocabulary import is_cased, read_vocabulary, write_vocabulary
from .wordpiece import GOOGLE_MAX_CHARS, HUGGING_FACE_MAX_CHARS

VOCABULARY, DESCRIPTION = "vocab.txt", "tokenizer.json"
CONFIG, SPECIAL_TOKENS_MAP = "tokenizer_config.json", "special_tokens_map.json"
ADDED_TOKENS, MODEL_CONFIG = "added_tokens.json", "config.json"
LIBRARY_RULES = "library_rules"  # for this package: the characters are those of the `tokenizers` library
SPECIAL_TOKEN_KEYS = ("unk_token", "cls_token", "sep_token", "pad_token", "mask_token")


class Settings(NamedTuple):
    """What makes a tokenizer: but for the source, the arguments and attributes of WordPieceTokenizer."""

    source: Path  # the file that holds the tokens
    tokens: list[str]  # the index is the id
    special_tokens: SpecialTokens
    lowercase: bool
    strip_accents: bool
    chinese: bool
    max_chars: int
    added: tuple[AddedToken, ...] = ()
    size: int | None = None  # how many of the tokens are WordPiece's; the others are added ones; None: all
    library_rules: bool = False  # what characters are, and typed special tokens: as in the `tokenizers` library
    has_segments: bool = True  # whether the model gets the segments of a pair; False: all 0
    truncation_side: str = "right"


def read_settings(folder: Path) -> Settings:
    """What the files of a folder say of its tokenizer.

    Warns (UserWarning) where they contradict each other, or a cased vocabulary is to be read in lower case.
    Error: a needed file is missing or damaged, or describes a tokenizer that is not BERT's.
    """
    config = optional(folder, CONFIG)
    described = has(folder, DESCRIPTION)
    description = _described(folder) if described else _listed(folder, config)
    source = os.path.join(folder, DESCRIPTION if described else VOCABULARY)
    special_map = optional(folder, SPECIAL_TOKENS_MAP)
    names = special_tokens(config, special_map, description.tokens, description.unk)
    check_template(source, description.post_processor, names.cls, names.sep)
    added = _all_added(description, names, config, special_map)
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
        added=added,
        size=description.size,
        library_rules=described or config.flag(LIBRARY_RULES, False),
        has_segments=encoding_settings.has_segments(config, optional(folder, MODEL_CONFIG)),
        truncation_side=encoding_settings.truncation_side(config, description.truncation),
    )
    _warn_of_contradictions(settings, config, description if described else None)
    return settings


def write_settings(settings: Settings, folder: Path, model_max_length: int | None = None) -> None:
    """Write `vocab.txt` and `tokenizer_config.json`. Error: a file cannot be written, or a token fits on no line."""
    names = settings.special_tokens
    ids = {token: index for index, token in enumerate(settings.tokens)}
    own = {token.content for token in settings.added}
    added = [*(AddedToken(name) for name in names if name not in own), *settings.added]
    values: dict[str, Any] = {
        "tokenizer_class": encoding_settings.CLASSES[0],
        "do_lower_case": settings.lowercase,
        "strip_accents": settings.strip_accents,
        "tokenize_chinese_chars": settings.chinese,
        **{key: name or None for key, name in zip(SPECIAL_TOKEN_KEYS, names, strict=True)},
        "additional_special_tokens": [t.content for t in settings.added if t.special and t.content not in names],
        "added_tokens_decoder": {str(ids[token.content]): token._asdict() for token in added if token.content},
    }
    if settings.library_rules:
        values[LIBRARY_RULES] = True
    if not settings.has_segments:
        values["model_input_names"] = encoding_settings.WITHOUT_SEGMENTS
    if settings.truncation_side != "right":
        values["truncation_side"] = settings.truncation_side
    if settings.max_chars != HUGGING_FACE_MAX_CHARS:
        values["max_input_chars_per_word"] = settings.max_chars  # for this package; transformers knows only 100
    if model_max_length is not None:
        values["model_max_length"] = model_max_length
    write_vocabulary(settings.tokens[: settings.size], os.path.join(folder, VOCABULARY))
    with replacing(os.path.join(folder, CONFIG)) as file:
        file.write((json.dumps(values, indent=2) + "\n").encode("ascii"))


def has(folder: Path, name: str) -> bool:
    require_path(folder)
    return os.path.lexists(os.path.join(folder, name))


def optional(folder: Path, name: str) -> Section:
    """The object in a JSON file, or an empty one where there is no such file."""
    path = os.path.join(folder, name)
    return read_json_object(path) if has(folder, name) else Section(path, {})


def _described(folder: Path) -> Description:
    """What `tokenizer.json` says. A `vocab.txt` with other tokens is passed over, with a warning."""
    description = read_tokenizer_json(read_file(os.path.join(folder, DESCRIPTION)))
    path = os.path.join(folder, VOCABULARY)
    if not has(folder, VOCABULARY):
        return description
    listed, described = read_vocabulary(path), description.tokens
    for index, (ours, theirs) in enumerate(zip(listed, described, strict=False)):
        if ours != theirs:
            what = f"expected {show(theirs)} as in {DESCRIPTION}, which is used, got {show(ours)}"
            warn(what, at=path, line=index + 1)
            return description
    # vocab.txt may leave out added tokens
    least = len(described) - len({token.content for token in description.added} - set(listed))
    if not least <= len(listed) <= len(described):
        warn(f"expected the {len(described)} tokens of {DESCRIPTION}, which is used, got {len(listed)}", at=path)
    return description


def _listed(folder: Path, config: Section) -> Description:
    """What `vocab.txt` says, and the other files of added tokens."""
    if not has(folder, VOCABULARY):
        got = "neither" if os.path.isdir(folder) else "no folder"
        raise Error(f"expected a folder with {VOCABULARY} or {DESCRIPTION}, got {got}", at=folder)
    encoding_settings.check_class(config, optional(folder, MODEL_CONFIG))
    if not config.flag("do_basic_tokenize", True):
        remedy = "or load(path, tokenizer=str.split), which cuts at white space alone"
        raise config.error("do_basic_tokenize", f"true, as transformers 5 reads it, {remedy}", False)
    tokens = read_vocabulary(os.path.join(folder, VOCABULARY))
    lowercase, size = not is_cased(tokens), len(tokens)
    added = read_added_tokens(config, "added_tokens_decoder", tokens)
    if "added_tokens_decoder" not in config.values:
        added = _legacy_added_tokens(folder, config, tokens)
    # As Google published it: its config, and no file of Hugging Face's.
    googles = has(folder, "bert_config.json") and not has(folder, "config.json") and not config.values
    return Description(
        added=added,
        tokens=tokens,
        size=size,
        unk=None,
        lowercase=lowercase,
        strip_accents=None,
        chinese=True,
        max_chars=config.count("max_input_chars_per_word", GOOGLE_MAX_CHARS if googles else HUGGING_FACE_MAX_CHARS),
        post_processor=None,
        truncation=None,
    )


def _legacy_added_tokens(folder: Path, config: Section, tokens: list[str]) -> tuple[AddedToken, ...]:
    """The tokens of `added_tokens.json`, an object of ids by tokens, as transformers before 4.34 wrote it."""
    file, names = optional(folder, ADDED_TOKENS), optional(folder, SPECIAL_TOKENS_MAP)
    special = {token_name(section, key, "") for section in (config, names) for key in SPECIAL_TOKEN_KEYS}
    special.update(token.content for section in (config, names) for token in _extra_special(section))
    entries = [{"id": index, "content": token, "special": token in special} for token, index in file.values.items()]
    if not all(isinstance(entry["id"], int) for entry in entries):
        raise file.error("", "an id for each token", file.values)
    entries.sort(key=lambda entry: entry["id"])
    return read_added_tokens(Section(file.path, {"tokens": entries}), "tokens", tokens)


def special_tokens(config: Section, names: Section, tokens: list[str], unk: str | None) -> SpecialTokens:
    """The names that the model uses for its special tokens. unk: what tokenizer.json says it is called.

    A vocabulary may lack [PAD] and [MASK], where no file names them: "".
    """
    defaults = SpecialTokens(unk=unk or SpecialTokens().unk)
    absent = {"pad_token", "mask_token"}
    named = [
        token_name(
            config if config.values.get(key) is not None else names,
            key,
            "" if key in absent and default not in tokens else default,
        )
        for key, default in zip(SPECIAL_TOKEN_KEYS, defaults, strict=True)
    ]
    if unk not in (None, named[0]):
        raise config.error("unk_token", f"{show(unk)} as in {DESCRIPTION}", named[0])
    return SpecialTokens(*named)


def _all_added(
    description: Description, special: SpecialTokens, config: Section, names: Section
) -> tuple[AddedToken, ...]:
    """The added tokens of all files, each once; the tokens get those that are new. The five are left out as usual."""
    ids = dict.fromkeys(description.tokens)
    added = {token.content: token for token in description.added}
    for token in (*_extra_special(config), *_extra_special(names)):
        added.setdefault(token.content, token)
    description.tokens.extend(content for content in added if content not in ids)
    return tuple(t for t in added.values() if t.content not in special or t != AddedToken(t.content))


def _extra_special(section: Section) -> list[AddedToken]:
    """The special tokens that a model has beside the five: a list of them, or an object of them by their roles."""
    tokens = []
    for key in ("additional_special_tokens", "extra_special_tokens"):
        value = section.values.get(key) or []
        values = list(value.values()) if isinstance(value, dict) else value
        if not isinstance(values, list):
            raise section.error(key, "an array of tokens", value)
        for token in values:
            entry = Section(section.path, token if isinstance(token, dict) else {"content": token}, section.inner(key))
            content = entry.values.get("content")
            if not isinstance(content, str) or not content:
                raise section.error(key, "an array of tokens", value)
            flags = [entry.flag(flag, False) for flag in ("single_word", "lstrip", "rstrip", "normalized")]
            tokens.append(AddedToken(content, True, *flags))
    return tokens


def token_name(section: Section, key: str, default: str) -> str:
    """The name of a token, which a file gives as a string or as an object with its content."""
    if isinstance(section.values.get(key), dict):
        return section.section(key).text("content", default)
    return section.text(key, default)


def _warn_of_contradictions(settings: Settings, config: Section, description: Description | None) -> None:
    added = {token.content for token in settings.added}
    if settings.lowercase and is_cased([token for token in settings.tokens if token not in added]):
        what = "lower case is set, but the vocabulary is cased: its tokens with capitals are never found"
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
