"""Text to token ids and back: special tokens, words, WordPiece, and the position of each token in the text.

    encode("A film.", pair="Yes")    [CLS] a film . [SEP] yes [SEP]
    segment ids                        0   0   0  0   0    1    1

Two ways lead to the same ids. `encode` keeps count of every character and knows the offsets. `encode_ids` needs no
offsets, and looks up whole stretches between white space (most of a text are ones met before) in a cache.

Rules: Google's `tokenization.py` for words and WordPiece; the fast tokenizer of Hugging Face for special tokens typed
in a text, truncation of pairs ("longest first") and decoding.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain
from typing import NamedTuple, SupportsIndex

from ..errors import Error, show
from ..files.reading import Path
from ..rules import as_integer
from .basic import BasicTokenizer
from .files import Settings, read_settings, write_settings
from .special_tokens import SpecialTokens
from .truncation import longest_first, room_for_text
from .vocabulary import first_twice
from .windows import windows
from .wordpiece import CONTINUATION, HUGGING_FACE_MAX_CHARS, WordPiece, token_lengths

LONGEST_CACHED = 32  # characters of a stretch worth remembering
MOST_CACHED = 1 << 16  # stretches; with their ids some 16 MB
# Control characters, so cleaning removes them and joins what they stand between, where str.split would separate it.
JOINING = "\x0b\x0c\x1c\x1d\x1e\x1f\x85"
WITHOUT_JOINING = dict.fromkeys(map(ord, JOINING))


class Encoding(NamedTuple):
    """A text, or a pair, as the model takes it. Four lists of T values."""

    ids: list[int]
    tokens: list[str]
    segment_ids: list[int]  # 0 for the first text and its [CLS] and [SEP], 1 for the second and its [SEP]
    offsets: list[tuple[int, int]]  # the characters [start, end) of its text; (0, 0) where a special token was added


class StretchCache(dict[str, tuple[int, ...]]):
    """A stretch of text without white space -> the ids of its tokens, found on first use. Bounded in size."""

    def __init__(self, compute: Callable[[str], tuple[int, ...]]) -> None:
        self._compute = compute

    def __missing__(self, stretch: str) -> tuple[int, ...]:
        ids = self._compute(stretch)
        if len(stretch) <= LONGEST_CACHED:
            if len(self) >= MOST_CACHED:
                self.clear()
            self[stretch] = ids
        return ids


class Tokenizer:
    """The tokenizer of one model. Threads may share it.

    tokens: the vocabulary, each token at the index that is its id. lowercase: whether the model is uncased.
    strip_accents: whether accents are removed; None means as `lowercase`. chinese: whether each Chinese character is
    a word. max_chars: a longer word is [UNK].

    Attributes: those, and vocab {token: id}, special_tokens, cls_id, sep_id, pad_id, mask_id, unk_id.
    Error: a token is there twice, or a special token is not there.
    """

    def __init__(
        self,
        tokens: Sequence[str],
        special_tokens: SpecialTokens = SpecialTokens(),  # noqa: B008 - a tuple, never changed
        *,
        lowercase: bool = True,
        strip_accents: bool | None = None,
        chinese: bool = True,
        max_chars: int = HUGGING_FACE_MAX_CHARS,
    ) -> None:
        self.tokens = list(tokens)
        self.vocab = {token: index for index, token in enumerate(self.tokens)}
        self.special_tokens = special_tokens
        self._check_vocabulary()
        self._basic = BasicTokenizer(lowercase, strip_accents, chinese)
        self._wordpiece = WordPiece(self.vocab, special_tokens.unk, max_chars)
        self.lowercase, self.strip_accents, self.chinese = lowercase, self._basic.strip_accents, chinese
        self.max_chars = max_chars
        self.unk_id, self.cls_id, self.sep_id, self.pad_id, self.mask_id = (
            self.vocab[token] for token in special_tokens[:5]
        )
        self._special_token = special_tokens.pattern()
        self._stretches = StretchCache(self._stretch_ids)

    def _check_vocabulary(self) -> None:
        if len(self.vocab) < len(self.tokens):
            token, first, second = first_twice(self.tokens)
            raise Error(f"vocabulary: expected each token once, got {show(token)} with ids {first} and {second}")
        missing = [token for token in self.special_tokens.all if token == "" or token not in self.vocab]
        if missing:
            names = ", ".join(map(show, missing))
            raise Error(f"vocabulary: expected the special tokens, got {len(self.tokens)} tokens without {names}")

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

        max_length: tokens at most, the special tokens among them. A pair loses tokens from the end of its longer
        text until both are equally long, then from both.
        special: whether "[MASK]" and the like, typed in the text, are the special tokens, as for Hugging Face;
        False takes them for plain text, which is what text from strangers needs.
        add_special_tokens: False leaves out [CLS] and [SEP].
        Error: `text` or `pair` is no str, or `max_length` leaves no room for the special tokens.
        """
        added = 0 if not add_special_tokens else 2 if pair is None else 3
        room = room_for_text(max_length, added)
        if pair is None:
            parts = [self._tokens(_checked(text, "text"), special, room)]
        else:
            parts = [
                self._tokens(_checked(text, "text"), special, sys.maxsize),
                self._tokens(_checked(pair, "pair"), special, sys.maxsize),
            ]
            kept = longest_first(len(parts[0]), len(parts[1]), room)
            parts = [part[:count] for part, count in zip(parts, kept, strict=True)]
        return self._assemble(parts, add_special_tokens)

    def encode_ids(
        self, texts: Iterable[str], max_length: SupportsIndex | None = None, *, special: bool = True
    ) -> list[list[int]]:
        """The `ids` that `encode` gives for each of many texts, several times faster.

        Error: as for `encode`; also if `texts` is itself a text.
        """
        if isinstance(texts, (str, bytes)) or not isinstance(texts, Iterable):
            raise Error(f"texts must be a list of str, got {type(texts).__name__}")
        room = room_for_text(max_length, 2)
        return [[self.cls_id, *self._ids(_checked(text, "text"), special, room), self.sep_id] for text in texts]

    def tokenize(self, text: str, *, special: bool = True) -> list[str]:
        """The tokens of the text, nothing added and nothing cut off."""
        tokens = self.tokens
        return [tokens[index] for index in self._ids(_checked(text, "text"), special, sys.maxsize)]

    def decode(self, ids: Iterable[SupportsIndex], *, skip_special: bool = True) -> str:
        """Readable text: tokens joined to words, words with spaces between, none before . , ? and !

        What encoding lost (capitals, accents, spacing, unknown words) does not come back.
        Error: an id that is no integer or not in the vocabulary.
        """
        if not isinstance(ids, Iterable):
            raise Error(f"ids must be a list of integers, got {type(ids).__name__}")
        hidden = set(self.special_tokens.all) if skip_special else set()
        tokens = [token for token in map(self._token, ids) if token not in hidden]
        words: list[str] = []
        for token in tokens:
            if not words or token.startswith((".", ",", "?", "!")):
                words.append(token)
            elif token.startswith(CONTINUATION):
                words.append(token.removeprefix(CONTINUATION))
            else:
                words.append(f" {token}")
        return "".join(words)

    def _token(self, value: SupportsIndex) -> str:
        return self.tokens[as_integer("ids", value, 0, len(self.tokens) - 1)]

    def _spans(self, text: str, special: bool) -> Iterator[tuple[int, int, bool]]:
        """The text in order as [start, end) and whether that is a special token; plain text in short windows."""
        done = 0
        for match in self._special_token.finditer(text) if special else ():
            for start, end in windows(text, done, match.start(), self.chinese):
                yield start, end, False
            yield match.start(), match.end(), True
            done = match.end()
        for start, end in windows(text, done, len(text), self.chinese):
            yield start, end, False

    def _ids(self, text: str, special: bool, most: int) -> list[int]:
        """The ids of the first `most` tokens of the text."""
        ids: list[int] = []
        for start, end, is_special in self._spans(text, special):
            part = text[start:end]
            if is_special:
                ids.append(self.vocab[part])
            else:
                if any(map(part.__contains__, JOINING)):
                    part = part.translate(WITHOUT_JOINING)
                ids.extend(chain.from_iterable(map(self._stretches.__getitem__, part.split())))
            if len(ids) >= most:
                break
        return ids[:most]

    def _stretch_ids(self, stretch: str) -> tuple[int, ...]:
        split, vocab = self._wordpiece.split, self.vocab
        return tuple(vocab[token] for word in self._basic.words(stretch) for token in split(word))

    def _tokens(self, text: str, special: bool, most: int) -> list[tuple[str, int, int]]:
        """The first `most` tokens of the text with their offsets."""
        tokens: list[tuple[str, int, int]] = []
        for start, end, is_special in self._spans(text, special):
            if is_special:
                tokens.append((text[start:end], start, end))
            else:
                tokens.extend(self._plain_tokens(text[start:end], start))
            if len(tokens) >= most:
                break
        return tokens[:most]

    def _plain_tokens(self, text: str, base: int) -> Iterator[tuple[str, int, int]]:
        words, sources = self._basic.words_with_starts(text)
        for word, first in words:
            tokens = self._wordpiece.split(word)
            for token, length in zip(tokens, token_lengths(word, tokens), strict=True):
                yield token, base + sources[first], base + sources[first + length - 1] + 1
                first += length

    def _assemble(self, parts: list[list[tuple[str, int, int]]], add_special_tokens: bool) -> Encoding:
        cls, sep = (self.special_tokens.cls, 0, 0), (self.special_tokens.sep, 0, 0)
        encoding = Encoding([], [], [], [])
        for segment, part in enumerate(parts):
            if add_special_tokens:
                part = [cls, *part, sep] if segment == 0 else [*part, sep]
            encoding.tokens.extend(token for token, _, _ in part)
            encoding.segment_ids.extend([segment] * len(part))
            encoding.offsets.extend((start, end) for _, start, end in part)
        encoding.ids.extend(map(self.vocab.__getitem__, encoding.tokens))
        return encoding


def _checked(text: object, name: str) -> str:
    if not isinstance(text, str):
        raise Error(f"{name} must be str, got {type(text).__name__}")
    return text


def read_tokenizer(folder: Path) -> Tokenizer:
    """The tokenizer of a checkpoint's folder, from `vocab.txt` or from `tokenizer.json` alone.

    The text of numpy_bert/tokenizer/files.py says which file decides what. Warns (UserWarning) where files contradict
    each other. Error: a needed file is missing or damaged, or describes a tokenizer that is not BERT's.
    """
    return tokenizer_of(read_settings(folder))


def tokenizer_of(settings: Settings) -> Tokenizer:
    """The tokenizer that these settings describe. Error: a special token is missing."""
    try:
        return Tokenizer(
            settings.tokens,
            settings.special_tokens,
            lowercase=settings.lowercase,
            strip_accents=settings.strip_accents,
            chinese=settings.chinese,
            max_chars=settings.max_chars,
        )
    except Error as error:
        raise Error(f"{error}", at=settings.source) from None


def write_tokenizer(tokenizer: Tokenizer, folder: Path, model_max_length: int | None = None) -> None:
    """Write `vocab.txt` and `tokenizer_config.json` into a folder, which Hugging Face's transformers opens.

    model_max_length: the most tokens the model takes. Error: a file cannot be written, or a token fits on no line.
    """
    settings = Settings(
        source=folder,
        tokens=tokenizer.tokens,
        special_tokens=tokenizer.special_tokens,
        lowercase=tokenizer.lowercase,
        strip_accents=tokenizer.strip_accents,
        chinese=tokenizer.chinese,
        max_chars=tokenizer.max_chars,
    )
    write_settings(settings, folder, model_max_length)
