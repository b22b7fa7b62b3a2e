"""The interface of all tokenizers: text to token ids and back, and the position of each token.

    encode("A film.", pair="Yes")    [CLS] a film . [SEP] yes [SEP]
    segment ids                        0   0   0  0   0    1    1

`Tokenizer` does what all have in common: special tokens around a text, truncation, batches. How a text is cut differs:
`WordPieceTokenizer` (pipeline.py) is BERT's own; `LibraryTokenizer` (library.py) leaves it to the `tokenizers` library
and `FunctionTokenizer` (function.py) to a function of the caller's.
"""

from __future__ import annotations

import sys
from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple, SupportsIndex, TypeVar

from ..errors import Error
from ..files.reading import Path
from ..rules import as_integer
from .frame import NOTHING, Frames
from .special_tokens import SpecialTokens
from .truncation import longest_first, room_for_text


class Encoding(NamedTuple):
    """A text, or a pair, as the model takes it. Four lists of T values."""

    ids: list[int]
    tokens: list[str]
    segment_ids: list[int]  # 0 for the first text and its [CLS] and [SEP], 1 for the second and its [SEP]
    offsets: list[tuple[int, int]]  # the characters [start, end) of its text; (0, 0) where a special token was added


Item = TypeVar("Item")
Token = tuple[int, int, int]  # the id of a token of a text, and the characters [start, end) it stands for


class Tokenizer(ABC):
    """The tokenizer of one model. Threads may share it.

    Attributes: tokens (the index is the id; "" where an id has no token), vocab {token: id}, special_tokens (their
    names), frames (the special tokens around a text and a pair), typed_special (whether "[SEP]" typed in a text is
    the special token where the caller does not say), truncation_side (where a text that is too long loses tokens,
    "right" or "left"), continuation (what begins the tokens that continue a word; None where tokens do not tell) and
    unk_id, cls_id, sep_id, pad_id, mask_id.
    """

    def __init__(
        self, tokens: Sequence[str], special_tokens: SpecialTokens, frames: Frames, typed_special: bool = False
    ) -> None:
        self.tokens = list(tokens)
        self.vocab = {token: index for index, token in enumerate(self.tokens) if token}
        self.special_tokens = special_tokens
        self.frames = frames
        self.typed_special = typed_special
        self.continuation: str | None = None
        self.truncation_side = "right"

    @abstractmethod
    def _tokens(self, text: str, special: bool, most: int) -> list[Token]:
        """The first `most` tokens of the text, without special tokens around them."""

    @abstractmethod
    def settings(self) -> dict[str, Any]:
        """All that decides which ids a text gets, beside `tokens` and `special_tokens`, as JSON: for fingerprints."""

    @abstractmethod
    def write(self, folder: Path, model_max_length: int | None = None) -> None:
        """Write the files of the tokenizer into a folder, which Hugging Face's transformers opens.

        model_max_length: the most tokens the model takes. Error: a file cannot be written.
        """

    @abstractmethod
    def decode(self, ids: Iterable[SupportsIndex], *, skip_special: bool = True) -> str:
        """Readable text. What encoding lost (capitals, accents, spacing, unknown words) does not come back.

        Error: an id that is not an integer or not in the vocabulary.
        """

    @abstractmethod
    def continues(self) -> list[bool]:
        """For each id whether its token continues the word before it."""

    def _ids(self, text: str, special: bool, most: int) -> list[int]:
        """The ids of the first `most` tokens of the text."""
        return [index for index, _, _ in self._tokens(text, special, most)]

    def encode(
        self,
        text: str,
        pair: str | None = None,
        max_length: SupportsIndex | None = None,
        *,
        special: bool = True,
        add_special_tokens: bool = True,
    ) -> Encoding:
        """[CLS] text [SEP], or [CLS] text [SEP] pair [SEP], with where each token lies in its text.

        max_length: tokens at most, the special tokens among them. A pair loses tokens of its longer text until both are
        equally long, then of both; at their ends, unless truncation_side says otherwise.
        special: whether special tokens typed in the text, such as "[MASK]", count as such, as in Hugging Face;
        False takes them for plain text, which is right for text from untrusted sources. Tokens that a model added of
        its own are recognized either way.
        add_special_tokens: False leaves out [CLS] and [SEP].
        Error: `text` or `pair` is not a str, or `max_length` leaves no room for the special tokens.
        """
        frames = self.frames if add_special_tokens else NOTHING
        frame = frames.single if pair is None else frames.pair
        room = room_for_text(max_length, frame.added)
        if pair is None:
            parts = [self._kept(self._tokens(_checked(text, "text"), special, self._needed(room)), room)]
        else:
            parts = [
                self._tokens(_checked(text, "text"), special, sys.maxsize),
                self._tokens(_checked(pair, "pair"), special, sys.maxsize),
            ]
            kept = longest_first(len(parts[0]), len(parts[1]), room)
            parts = [self._kept(part, count) for part, count in zip(parts, kept, strict=True)]
        ids, segment_ids, begins = frame.join([[index for index, _, _ in part] for part in parts])
        offsets = [(0, 0)] * len(ids)
        for begin, part in zip(begins, parts, strict=True):
            offsets[begin : begin + len(part)] = [(start, end) for _, start, end in part]
        return Encoding(ids, self._names(ids), segment_ids, offsets)

    def encode_ids(
        self, texts: Iterable[str], max_length: SupportsIndex | None = None, *, special: bool = True
    ) -> list[list[int]]:
        """The `ids` that `encode` gives for each of many texts, several times faster.

        Error: as for `encode`; also if `texts` is itself a text.
        """
        if isinstance(texts, (str, bytes)) or not isinstance(texts, Iterable):
            raise Error(f"texts must be a list of str, got {type(texts).__name__}")
        frame = self.frames.single
        room = room_for_text(max_length, frame.added)
        before, after = frame.ids
        most = self._needed(room)
        return [
            [*before, *self._kept(self._ids(_checked(text, "text"), special, most), room), *after] for text in texts
        ]

    def _needed(self, count: int) -> int:
        """How many tokens of a text must be known to keep `count` of them."""
        return count if self.truncation_side == "right" else sys.maxsize

    def _kept(self, tokens: list[Item], count: int) -> list[Item]:
        """The `count` tokens that are kept of a text."""
        return tokens[:count] if self.truncation_side == "right" else tokens[max(0, len(tokens) - count) :]

    def word_ids(self, words: Sequence[str], most: int, *, special: bool = True) -> list[list[int]]:
        """For each word of a sentence the ids of its first `most` tokens, as in the text of all of them."""
        return [self._ids(_checked(word, "word"), special, most) for word in words]

    def tokenize(self, text: str, *, special: bool = True) -> list[str]:
        """The tokens of the text, nothing added and nothing cut off."""
        return self._names(self._ids(_checked(text, "text"), special, sys.maxsize))

    @property
    def unk_id(self) -> int:
        return self._required("unk")

    @property
    def cls_id(self) -> int:
        return self._required("cls")

    @property
    def sep_id(self) -> int:
        return self._required("sep")

    @property
    def pad_id(self) -> int:
        return self._required("pad")

    @property
    def mask_id(self) -> int:
        return self._required("mask")

    def special_id(self, role: str) -> int | None:
        """The id of the special token "unk", "cls", "sep", "pad" or "mask"; None where the model has none."""
        return self.vocab.get(getattr(self.special_tokens, role))

    def _required(self, role: str) -> int:
        index = self.special_id(role)
        if index is None:
            raise Error(f"tokenizer: expected a {role} token, got none; {role}_token in tokenizer_config.json names it")
        return index

    def _names(self, ids: list[int]) -> list[str]:
        """The tokens of ids; "" for those that have none, as where there is no vocabulary."""
        tokens = self.tokens
        if max(ids, default=0) < len(tokens):
            return [tokens[index] for index in ids]
        return [tokens[index] if index < len(tokens) else "" for index in ids]

    def _checked_ids(self, ids: Any) -> list[int]:
        """Integers of the vocabulary."""
        if not isinstance(ids, Iterable):
            raise Error(f"ids must be a list of integers, got {type(ids).__name__}")
        return [as_integer("ids", value, 0, len(self.tokens) - 1) for value in ids]


def _checked(text: object, name: str) -> str:
    if not isinstance(text, str):
        raise Error(f"{name} must be str, got {type(text).__name__}")
    return text
