"""A tokenizer that is not WordPiece (Unigram, byte-pair encoding, ...), as the `tokenizers` library reads its file.

    "▁the ▁film s"    The ids, the positions and the special tokens are the library's; what else the package asks of a
                      tokenizer is interface.py's.

The library is the extra `tokenizers`, and imported here alone. Which of the added tokens are [CLS], [SEP], ... is for
tokenizer_config.json and special_tokens_map.json to say.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import sys
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate
from typing import Any, SupportsIndex

from ..errors import Error, show
from ..files.atomic import replacing
from ..files.reading import Path
from .frame import NOTHING, Frame, Frames
from .interface import Token, Tokenizer
from .special_tokens import SpecialTokens

PROBES = ("a", "the", ".", "1", "中", "\u0430")  # texts of which a vocabulary has a token of at least one
METASPACE, BYTE_SPACE = "▁", "Ġ"  # begin the tokens that begin a word, in SentencePiece and in byte-level BPE
BYTE_LEVEL, SENTENCE_PIECE = "ByteLevel", "Metaspace"


class LibraryTokenizer(Tokenizer):
    """The tokenizer of a `tokenizer.json`.

    path, text: the file and what it holds, JSON. special_tokens: their names, "" for those it lacks. config: what
    `write` puts into tokenizer_config.json. segments: whether the model gets the segments; False: all 0.
    Error: the library is not installed, or refuses the file.
    """

    def __init__(
        self, path: Path, text: str, special_tokens: SpecialTokens, config: dict[str, Any], segments: bool = True
    ) -> None:
        self._source, self._text, self._config = path, text, config
        backend = self._backend = _read(text, path)
        vocab = backend.get_vocab(with_added_tokens=True)
        tokens = [""] * (max(vocab.values(), default=-1) + 1)
        for token, index in vocab.items():
            tokens[index] = token
        super().__init__(tokens, special_tokens, NOTHING, typed_special=True)
        self.vocab = vocab
        self._plain: Any = None
        self._segments = segments
        self.frames = Frames(self._frame(None), self._frame(""))
        self.continuation = getattr(backend.model, "continuing_subword_prefix", None) or None

    def _frame(self, pair: str | None) -> Frame:
        """The special tokens around a text, or around two, found by looking at one."""
        for probe in PROBES:
            with _errors("expected a tokenizer that reads a text", self._source):
                encoding = self._backend.encode(probe, None if pair is None else probe)
            if 0 in encoding.sequence_ids:
                break
        else:
            raise Error("expected a vocabulary with a token of some text, got none", at=self._source)
        texts = 1 if pair is None else 2
        around: list[list[int]] = [[] for _ in range(texts + 1)]
        segments: list[list[int]] = [[] for _ in range(texts + 1)]
        text_segments, place = [0] * texts, 0
        for index, segment, text in zip(encoding.ids, encoding.type_ids, encoding.sequence_ids, strict=True):
            segment = segment if self._segments else 0
            if text is None:
                around[place].append(index)
                segments[place].append(segment)
            else:
                if text + 1 < place:
                    raise Error("post_processor: expected the first text before the second", at=self._source)
                place, text_segments[text] = text + 1, segment
        return Frame(tuple(map(tuple, around)), tuple(map(tuple, segments)), tuple(text_segments))

    def _encoded(self, text: str, special: bool) -> Any:
        backend = self._backend if special else self._without_special()
        with _errors("tokenizer: expected a text that the library reads", None):
            return backend.encode(_valid(text), add_special_tokens=False)

    def _without_special(self) -> Any:
        """The same, to which the special tokens are plain text where they are typed; others that were added are not."""
        if self._plain is None:
            values = json.loads(self._text)
            for entry in values.get("added_tokens") or []:
                entry["special"] = entry["content"] in self.special_tokens
            backend = _read(json.dumps(values), self._source)
            backend.encode_special_tokens = True
            self._plain = backend
        return self._plain

    def _tokens(self, text: str, special: bool, most: int) -> list[Token]:
        encoding = self._encoded(text, special)
        ids = self._allowed(encoding.ids[:most], special)
        return [(i, *span) for i, span in zip(ids, encoding.offsets[:most], strict=True)]

    def _ids(self, text: str, special: bool, most: int) -> list[int]:
        return self._allowed(self._encoded(text, special).ids[:most], special)

    def word_ids(self, words: Sequence[str], most: int, *, special: bool = True) -> list[list[int]]:
        # Together, as a word may have other tokens behind a space. The space counts to the word behind it.
        ends = list(accumulate((len(word) + 1 for word in words), initial=-1))[1:]
        ids: list[list[int]] = [[] for _ in words]
        for index, _, end in self._tokens(" ".join(words), special, sys.maxsize):
            ids[min(bisect_left(ends, max(end, 1)), len(words) - 1)].append(index)
        return [word[:most] for word in ids]

    def _allowed(self, ids: list[int], special: bool) -> list[int]:
        """The ids; without special tokens [UNK] for those that the vocabulary itself finds: it has "</s>" as a word."""
        if special:
            return ids
        own = {self.vocab[name] for name in self.special_tokens if name in self.vocab}
        return [self.unk_id if index in own else index for index in ids]

    def decode(self, ids: Iterable[SupportsIndex], *, skip_special: bool = True) -> str:
        return str(self._backend.decode(self._checked_ids(ids), skip_special_tokens=skip_special))

    def continues(self) -> list[bool]:
        if self.continuation is not None:
            return [token.startswith(self.continuation) for token in self.tokens]
        values = json.loads(self._text)
        steps = json.dumps([values.get("pre_tokenizer"), values.get("decoder")])
        for kind, space in ((BYTE_LEVEL, BYTE_SPACE), (SENTENCE_PIECE, METASPACE)):
            if kind in steps:
                return [not token.startswith(space) for token in self.tokens]
        return [False] * len(self.tokens)

    def settings(self) -> dict[str, Any]:
        side = {} if self.truncation_side == "right" else {"truncation_side": self.truncation_side}
        return {"tokenizer.json": hashlib.sha256(self._text.encode()).hexdigest(), "segments": self._segments, **side}

    def write(self, folder: Path, model_max_length: int | None = None) -> None:
        limit = {} if model_max_length is None else {"model_max_length": model_max_length}
        config = json.dumps({**self._config, **limit}, ensure_ascii=False, indent=2) + "\n"
        for name, text in (("tokenizer.json", self._text), ("tokenizer_config.json", config)):
            with replacing(os.path.join(folder, name)) as file:
                file.write(text.encode("utf-8"))

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_backend": None, "_plain": None}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._backend = _read(self._text, self._source)


def _valid(text: str) -> str:
    """The text without lone surrogates, which the library cannot take."""
    return text.encode("utf-8", "replace").decode("utf-8") if not text.isascii() else text


def _read(text: str, path: Path) -> Any:
    """The library's tokenizer, which leaves truncation and padding to the caller."""
    try:
        import tokenizers
    except ImportError:
        kind = show(json.loads(text)["model"].get("type"))
        expected = "expected WordPiece, or the tokenizers library: pip install 'numpy-bert[tokenizers]'"
        raise Error(f"{expected}; got {kind}", at=path, key="model.type") from None
    with _errors("expected a file that the tokenizers library reads", path):
        backend = tokenizers.Tokenizer.from_str(text)
        backend.no_truncation()
        backend.no_padding()
        return backend


@contextlib.contextmanager
def _errors(expected: str, path: Path | None) -> Iterator[None]:
    """Whatever the library raises becomes one Error."""
    try:
        yield
    except BaseException as error:  # a panic of the library is not an Exception
        if not isinstance(error, Exception) and type(error).__name__ != "PanicException":
            raise
        raise Error(f"{expected}, got {show(str(error))}", at=path) from None
