"""A tokenizer that is a function of the caller's, from a text to ids or to words: SMILES, Japanese, DNA, ...

    load("bert_ft", tokenizer=lambda reaction: SMILES.findall(reaction))
    load("folder-without-vocabulary", tokenizer=lambda text: [2, 17, 31, 3])

Strings are tokens of the folder's vocabulary, or words, which WordPiece cuts; what neither knows is [UNK]. Integers are
ids. [CLS] and [SEP] are set around them, unless the first and the last are those already.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, SupportsIndex

from ..errors import Error, describe, show
from ..files.reading import Path
from . import frame
from .interface import Token, Tokenizer
from .special_tokens import SpecialTokens
from .wordpiece import CONTINUATION, HUGGING_FACE_MAX_CHARS, WordPiece

Function = Callable[[str], Iterable[Any]]


def _listed(returned: Any) -> list[Any]:
    """The ids or strings that a function returned. Error: it returned something else, such as None or one string."""
    if not isinstance(returned, (str, bytes, Mapping)):
        try:
            return list(returned)
        except TypeError:
            pass
    remedy = "; return its input_ids" if isinstance(returned, Mapping) and "input_ids" in returned else ""
    got = "None" if returned is None else type(returned).__name__
    raise Error(f"tokenizer: expected a list of ids or strings from the function, got {got}{remedy}")


class FunctionTokenizer(Tokenizer):
    """A function as a tokenizer. tokens: the vocabulary, or none. base: the tokenizer of the folder, if it has one,
    which then is the one that is saved.
    """

    def __init__(
        self,
        function: Function,
        tokens: Sequence[str] = (),
        special_tokens: SpecialTokens = SpecialTokens(),  # noqa: B008 - a tuple, never changed
        base: Tokenizer | None = None,
    ) -> None:
        special_tokens = SpecialTokens(*(name if name in tokens else "" for name in special_tokens))
        super().__init__(tokens, special_tokens, frame.NOTHING)
        self._function, self._base = function, base
        self.continuation = CONTINUATION if base is None else base.continuation
        self.truncation_side = "right" if base is None else base.truncation_side
        if special_tokens.cls and special_tokens.sep:
            self.frames = frame.bert(self.cls_id, self.sep_id) if base is None else base.frames
        self._wordpiece = WordPiece(self.vocab, special_tokens.unk, HUGGING_FACE_MAX_CHARS)

    def _tokens(self, text: str, special: bool, most: int) -> list[Token]:
        values = _listed(self._function(text))
        tokens: list[Token] = []
        end = 0
        for value in values:
            if not isinstance(value, str):
                tokens.append((self._integer(value), 0, 0))
                continue
            surface = value.removeprefix(CONTINUATION)
            start = text.find(surface, end)
            start, end = (start, start + len(surface)) if start >= 0 else (end, end)
            tokens += [(index, start, end) for index in self._word(value)]
        before, after = self.frames.single.ids
        ids = [index for index, _, _ in tokens]
        if before and after and ids[: len(before)] == list(before) and ids[-len(after) :] == list(after):
            tokens = tokens[len(before) : -len(after)]
        return tokens[:most]

    def _word(self, word: str) -> list[int]:
        """The ids of a word or a token of the vocabulary."""
        if not self.vocab:
            raise Error(f"tokenizer: expected ids, as there is no vocabulary, got {show(word)}")
        try:
            return [self.vocab[token] for token in (self._wordpiece.split(word) if word else ())]
        except KeyError:
            raise Error(f"tokenizer: expected tokens of the vocabulary, got {show(word)}") from None

    def _integer(self, value: Any) -> int:
        try:
            index = operator.index(value)
        except TypeError:
            raise Error(f"tokenizer: expected ids or strings from the function, got {describe(value)}") from None
        if index < 0:
            raise Error(f"tokenizer: expected ids from 0 on from the function, got {index}")
        return index

    def decode(self, ids: Iterable[SupportsIndex], *, skip_special: bool = True) -> str:
        """The tokens with a space between, continuations joined."""
        hidden = set(self.special_tokens) if skip_special else set()
        tokens = [self.tokens[index] for index in self._checked_ids(ids)]
        return " ".join(token for token in tokens if token not in hidden).replace(f" {CONTINUATION}", "")

    def continues(self) -> list[bool]:
        return [token.startswith(CONTINUATION) for token in self.tokens]

    def settings(self) -> dict[str, Any]:
        name = getattr(self._function, "__qualname__", type(self._function).__qualname__)
        return {"function": [getattr(self._function, "__module__", ""), name]}

    def write(self, folder: Path, model_max_length: int | None = None) -> None:
        """The files of the folder's own tokenizer; a function fits in no file."""
        if self._base is not None:
            self._base.write(folder, model_max_length)
        elif self.tokens:
            from .vocabulary import write_vocabulary

            write_vocabulary(self.tokens, f"{folder}/vocab.txt")
