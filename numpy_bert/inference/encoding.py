"""Validation of texts, and their tokens: at most as many as the model takes, or one line that says what is wrong.

"[SEP]" in a user's text is the special token or plain text as the tokenizer's folder has it (`typed_special`), unless
the caller says which (`special`); a text that is to hold a [MASK] is read with special=True. A text that is too long is
cut, and a warning says so. A value that is not a text, or is missing (None, NaN), is named with its row.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

from ..errors import Error, show, warn
from ..tokenizer.interface import Encoding, Tokenizer
from .inputs import Text

ROW = re.compile(r"row (\d+)(?:: |, )(.*)|text: (.*)", re.DOTALL)  # an error of `row_name`


def rows(value: Any, name: str = "texts") -> list[Any]:
    """The items of any iterable but a text, bytes, a mapping, a table or a set, which has no order."""
    if not isinstance(value, (str, bytes, dict, set, frozenset)) and not hasattr(value, "columns"):
        try:
            return list(value)
        except TypeError:
            pass
    raise Error(f"{name}: expected a list of texts (str), got {_kind(value)}")


def listed(value: Any, or_pair: bool = False) -> tuple[list[Any], bool]:
    """What a method was called with as a list, and whether it was a single text or pair."""
    if isinstance(value, str) or (or_pair and isinstance(value, tuple)):
        return [value], True
    return rows(value), False


def pairs(first: Any, second: Any, names: tuple[str, str]) -> tuple[list[tuple[Any, Any]], bool]:
    """What a method of two arguments was called with -> pairs, and whether it was a single one.

    Accepts two values, two lists of one length, or a list of pairs (tuples or lists of two) and None.
    """
    if isinstance(first, str):
        if second is None:
            raise Error(f"{names[1]}: expected it beside {names[0]}, got None")
        return [(first, second)], True
    if second is None:
        items = rows(first, " and ".join(names))
        for i, item in enumerate(items):
            if not isinstance(item, (tuple, list)) or len(item) != 2:
                raise Error(f"row {i}: expected a pair, {names[0]} and {names[1]}, got {_kind(item)}")
        return [(item[0], item[1]) for item in items], False
    firsts, seconds = rows(first, names[0]), rows(second, names[1])
    if len(firsts) != len(seconds):
        raise Error(f"{names[1]}: expected one for each {names[0]} ({len(firsts)}), got {len(seconds)}")
    return list(zip(firsts, seconds, strict=True)), False


def row_name(number: int, rows: int) -> str:
    """How an error names one of so many texts. Rows count from 0, as `corpus_id` does."""
    return "text" if rows == 1 else f"row {number}"


def split_row(error: Error) -> tuple[int | None, str]:
    """The number of the row that an error names, and the rest; None where it names none."""
    match = ROW.fullmatch(str(error))
    return (None, str(error)) if match is None else (int(match[1] or 0), match[2] or match[3])


def text(value: Any, name: str) -> str:
    """The value, if it is a text."""
    if not isinstance(value, str):
        raise Error(f"{name}: expected a text (str), got {_kind(value)}")
    return value


def _kind(value: Any) -> str:
    """What a value is that should have been a text or texts, and the remedy where one is known."""
    kind = type(value).__name__
    if value is None or (isinstance(value, float) and value != value) or kind in ("NAType", "NaTType"):
        return f"a missing value ({value}); leave such rows out or fill them"
    if isinstance(value, (list, tuple)):
        return f"a {kind} of {len(value)}"
    remedy = "; decode it" if isinstance(value, bytes) else "; pass one of its columns" if kind == "DataFrame" else ""
    return f"{kind}{remedy}"


def encode(tokenizer: Tokenizer, items: Iterable[Any], limit: int, special: bool | None = None) -> list[Text]:
    """Texts (str) or pairs of texts (tuples or lists of two) -> their tokens, at most `limit`. Warns of cut texts."""
    texts, cut = encode_counting(tokenizer, items, limit, special)
    warn_of_cuts(cut, limit)
    return texts


def encode_counting(
    tokenizer: Tokenizer, items: Iterable[Any], limit: int, special: bool | None = None, prompt: str = ""
) -> tuple[list[Text], int]:
    """As `encode`, without a warning -> the tokens, and how many texts were cut. A prompt stands before each.

    Texts and pairs that occur more than once are tokenized once.
    """
    texts: list[Text] = []
    cut = 0
    special = tokenizer.typed_special if special is None else special
    values = rows(items)
    known: dict[Any, tuple[Text, bool]] = {}
    for number, item in enumerate(values):
        name = row_name(number, len(values))
        key = _key(item)
        encoded, is_cut = known.get(key) or _encode_one(tokenizer, item, name, limit, special, prompt)
        if key is not None:
            known[key] = encoded, is_cut
        texts.append(encoded)
        cut += is_cut
    return texts, cut


def _key(item: Any) -> Any:
    """The text or pair itself, as what it is looked up by. None: it is neither."""
    if isinstance(item, str):
        return item
    is_pair = isinstance(item, (tuple, list)) and len(item) == 2 and all(isinstance(part, str) for part in item)
    return tuple(item) if is_pair else None


def _encode_one(
    tokenizer: Tokenizer, item: Any, name: str, limit: int, special: bool, prompt: str
) -> tuple[Text, bool]:
    """The tokens of a text or pair, and whether it was cut."""
    # One token more than fits shows whether a text is cut; the rest of a long text is not looked at.
    encoded = _encode_to(tokenizer, item, name, limit + 1, special, prompt)
    if len(encoded.ids) <= limit:
        return encoded, False
    return _encode_to(tokenizer, item, name, limit, special, prompt), True


def _encode_to(tokenizer: Tokenizer, item: Any, name: str, limit: int, special: bool, prompt: str) -> Text:
    if isinstance(item, (tuple, list)) and len(item) == 2:
        a, b = text(item[0], f"{name}, first of the pair"), text(item[1], f"{name}, second of the pair")
        encoding = tokenizer.encode(prompt + a, b, max_length=limit, special=special)
        return Text(encoding.ids, encoding.segment_ids)
    return Text(tokenizer.encode_ids([prompt + text(item, name)], limit, special=special)[0], None)


def with_offsets(tokenizer: Tokenizer, texts: Sequence[Any], limit: int, special: bool | None = None) -> list[Encoding]:
    """The tokens of each text with the characters each comes from. Warns of cut texts. Error: they are not known."""
    encodings, cut = [], 0
    special = tokenizer.typed_special if special is None else special
    for number, value in enumerate(texts):
        encoding = tokenizer.encode(text(value, row_name(number, len(texts))), max_length=limit + 1, special=special)
        if len(encoding.ids) > limit:
            encoding = tokenizer.encode(value, max_length=limit, special=special)
            cut += 1
        require_offsets(tokenizer, encoding)
        encodings.append(encoding)
    warn_of_cuts(cut, limit)
    return encodings


def require_offsets(tokenizer: Tokenizer, encoding: Encoding) -> None:
    """Error: there are tokens, and of none is known which characters it stands for."""
    if len(encoding.ids) > tokenizer.frames.single.added and not any(end > start for start, end in encoding.offsets):
        raise Error("tokenizer: expected tokens that stand in the text, got ids alone; spans cannot be shown")


def choices(value: Any, name: str) -> list[str]:
    """At least two texts to choose from."""
    if isinstance(value, (str, bytes, dict, set, frozenset)) or not isinstance(value, Iterable):
        raise Error(f"{name}: expected a list of at least two texts, got {show(value)}")
    texts = [text(choice, f"{name}, choice {i}") for i, choice in enumerate(value)]
    if len(texts) < 2:
        raise Error(f"{name}: expected at least two texts to choose from, got {len(texts)}")
    return texts


def warn_of_cuts(cut: int, limit: int) -> None:
    """Warn that texts were longer than the limit and cut, and how many, if any were."""
    if cut:
        texts = "1 text was" if cut == 1 else f"{cut} texts were"
        warn(f"{texts} longer than {limit} tokens and cut there")
