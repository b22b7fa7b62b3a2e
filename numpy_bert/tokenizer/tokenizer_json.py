"""`tokenizer.json`: one file for the vocabulary and every step, as the `tokenizers` library writes it.

It can describe tokenizers of many kinds. Read here is BERT's: BertNormalizer, BertPreTokenizer, WordPiece, and the
template [CLS] A [SEP] B [SEP]. Anything else (`is_bert` is False) is for the library itself: library.py.
Of truncation it decides the side; the length, and padding, are for the caller to choose.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from ..errors import Error, describe, show
from ..files.json_object import Section, read_json_object
from ..files.reading import Path
from ..rules import is_integer
from .added_tokens import AddedToken
from .vocabulary import MOST_TOKENS
from .wordpiece import CONTINUATION, HUGGING_FACE_MAX_CHARS

LARGEST = 32 << 20  # bytes; that of XLM-R's 250,002 tokens has 17 MB
MOST_VALUES = 1 << 21


class Description(NamedTuple):
    """What a `tokenizer.json` says of a BERT tokenizer."""

    tokens: list[str]  # those of WordPiece, then the added ones; the index is the id
    size: int  # how many are WordPiece's
    added: tuple[AddedToken, ...]  # the tokens that are recognized in a text before it is cut into words
    unk: str | None  # None: not said
    lowercase: bool
    strip_accents: bool | None  # None: as lowercase
    chinese: bool
    max_chars: int
    truncation: Any  # where a text is cut
    post_processor: Any  # what adds [CLS] and [SEP]: `check_template` judges it once their names are known


def read_file(path: Path) -> Section:
    """The object in the file. Error: it is damaged, or too large."""
    return read_json_object(path, LARGEST, MOST_VALUES)


def is_bert(file: Section) -> bool:
    """Whether the steps are BERT's, all of them, so that `read_tokenizer_json` has them."""
    model, normalizer = file.values.get("model"), _unwrapped(file.values.get("normalizer"))
    if not isinstance(model, dict):
        return True  # no tokenizer of any kind: an error there
    return (
        model.get("type") == "WordPiece"
        and model.get("continuing_subword_prefix", CONTINUATION) == CONTINUATION
        and _kind(normalizer) == "BertNormalizer"
        and normalizer.get("clean_text") is not False
        and _kind(file.values.get("pre_tokenizer")) == "BertPreTokenizer"
        and _is_bert_template(file.values.get("post_processor"))
    )


def _kind(value: Any) -> Any:
    return value.get("type") if isinstance(value, dict) else None


def _unwrapped(normalizer: Any) -> Any:
    """A normalizer without the Sequence around it, where it is the only one in it."""
    inner = normalizer.get("normalizers") if _kind(normalizer) == "Sequence" else None
    return inner[0] if isinstance(inner, list) and len(inner) == 1 else normalizer


def read_tokenizer_json(file: Section) -> Description:
    """Error: the file is damaged, or describes a tokenizer of another kind."""
    path = file.path
    file.values["normalizer"] = _unwrapped(file.values.get("normalizer"))
    normalizer = part(file, "normalizer", "BertNormalizer")
    normalizer.require("clean_text", True, default=True)
    part(file, "pre_tokenizer", "BertPreTokenizer")
    model = part(file, "model", "WordPiece")
    model.require("continuing_subword_prefix", CONTINUATION, default=CONTINUATION)
    tokens = tokens_by_id(path, model.section("vocab").values)
    size = len(tokens)
    return Description(
        size=size,
        added=read_added_tokens(file, "added_tokens", tokens),
        tokens=tokens,
        unk=model.text("unk_token", "[UNK]"),
        lowercase=normalizer.flag("lowercase", True),
        strip_accents=normalizer.optional_flag("strip_accents"),
        chinese=normalizer.flag("handle_chinese_chars", True),
        max_chars=model.count("max_input_chars_per_word", HUGGING_FACE_MAX_CHARS),
        truncation=file.values.get("truncation"),
        post_processor=file.values.get("post_processor"),
    )


def part(file: Section, key: str, kind: str) -> Section:
    """The object under a key, which must be of the one type that is supported."""
    value = file.values.get(key)
    stated = value.get("type") if isinstance(value, dict) else None
    if stated != kind:
        got = show(stated)[1:-1] if isinstance(stated, str) else describe(value)
        raise Error(f"expected {kind}, got {got}", at=file.path, key=file.inner(key))
    return file.section(key)


def tokens_by_id(path: Path, vocab: dict[str, Any]) -> list[str]:
    """The tokens in the order of their ids, which must be 0, 1, 2, ... without a gap."""
    if not 0 < len(vocab) <= MOST_TOKENS:
        raise Error(f"expected 1 to {MOST_TOKENS} tokens, got {len(vocab)}", at=path, key="model.vocab")
    tokens: list[str | None] = [None] * len(vocab)
    for token, index in vocab.items():
        if not is_integer(index, 0, len(vocab) - 1):
            expected = f"an id from 0 to {len(vocab) - 1}"
            raise Error(f"{show(token)}: expected {expected}, got {describe(index)}", at=path, key="model.vocab")
        if tokens[index] is not None:
            raise Error(
                f"{show(token)}: expected an id of its own, got {index}, as {show(tokens[index])} has",
                at=path,
                key="model.vocab",
            )
        tokens[index] = token
    return [token for token in tokens if token is not None]


def read_added_tokens(file: Section, key: str, tokens: list[str]) -> tuple[AddedToken, ...]:
    """The added tokens under a key; those that have the next ids are appended to `tokens`.

    They are a list of objects with an id each, or an object of such objects by their ids.
    """
    ids = {token: index for index, token in enumerate(tokens)}
    added = []
    for place, index, entry in added_entries(file, key):
        section = Section(file.path, entry, place)
        content, special = section.text("content", ""), section.flag("special", False)
        single_word, lstrip, rstrip = (section.flag(flag, False) for flag in ("single_word", "lstrip", "rstrip"))
        if not content:
            raise section.error("content", "a token", content)
        expected = ids.setdefault(content, len(ids))
        if index != expected or isinstance(index, bool):
            raise section.error("id", f"{expected}, the id of {show(content)}", index)
        added.append(AddedToken(content, special, single_word, lstrip, rstrip, section.flag("normalized", not special)))
    tokens.extend(list(ids)[len(tokens) :])
    return tuple(added)


def added_entries(file: Section, key: str) -> list[tuple[str, Any, Any]]:
    """Place, id and description of each added token, in the order of the file."""
    entries = file.values.get(key)
    if entries is None:
        return []
    if isinstance(entries, dict):
        by_id = ((int(index) if index.isdecimal() else index, entry) for index, entry in entries.items())
        return [
            (f"{key}.{show(index)}", index, entry)
            for index, entry in sorted(by_id, key=lambda item: item[0] if isinstance(item[0], int) else MOST_TOKENS)
        ]
    if not isinstance(entries, list):
        raise file.error(key, "an array", entries)
    ids = (entry.get("id") if isinstance(entry, dict) else None for entry in entries)
    return [(f"{key}[{n}]", index, entry) for n, (index, entry) in enumerate(zip(ids, entries, strict=True))]


def check_template(path: Path, post_processor: Any, cls: str, sep: str) -> None:
    """An error unless a text becomes [CLS] A [SEP], a pair [CLS] A [SEP] B [SEP] with B and its [SEP] in segment 1.

    No post-processor is no contradiction: then the file leaves the special tokens to its reader.
    """
    if post_processor is None:
        return
    section = Section(path, post_processor, "post_processor")
    kind = section.text("type", "")
    if kind == "BertProcessing":
        pairs = {name: post_processor.get(name) for name in ("cls", "sep")}
        names = [value[0] if isinstance(value, list) and value else None for value in pairs.values()]
        if names != [cls, sep]:
            raise Error(f"post_processor: expected {show(cls)} and {show(sep)}, got {show(names)}", at=path)
        return
    if kind != "TemplateProcessing":
        raise section.error("type", "TemplateProcessing or BertProcessing", kind)
    single = [_special(cls, 0), _sequence("A", 0), _special(sep, 0)]
    pair = [*single, _sequence("B", 1), _special(sep, 1)]
    if post_processor.get("single") != single or post_processor.get("pair") != pair:
        raise Error(f"post_processor: expected {cls} A {sep} B {sep}, got another template", at=path)


def _is_bert_template(post_processor: Any) -> bool:
    """Whether one special token is set before, one after, whatever they are called."""
    kind = _kind(post_processor)
    if kind != "TemplateProcessing":
        return kind in (None, "BertProcessing")
    try:
        cls, sep = (post_processor["single"][place]["SpecialToken"]["id"] for place in (0, 2))
        check_template("", post_processor, cls, sep)
    except (KeyError, IndexError, TypeError, Error):
        return False
    return True


def _special(token: str, segment: int) -> dict[str, Any]:
    return {"SpecialToken": {"id": token, "type_id": segment}}


def _sequence(name: str, segment: int) -> dict[str, Any]:
    return {"Sequence": {"id": name, "type_id": segment}}
