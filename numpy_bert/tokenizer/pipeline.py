"""BERT's own tokenizer: added tokens, words, WordPiece, and the position of each token in the text.

Two ways lead to the same ids. `_tokens` keeps count of every character and knows the offsets. `_ids` needs no offsets,
and looks up whole stretches between white space (most of a text are ones met before) in a cache.

Rules: Google's `tokenization.py` for words and WordPiece; the fast tokenizer of Hugging Face for added tokens typed in
a text, truncation of pairs ("longest first") and decoding.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain
from typing import Any, SupportsIndex

from ..errors import Error, show
from ..files.reading import Path
from . import files, frame
from .added_tokens import AddedToken, Matcher
from .basic import BasicTokenizer
from .character_classes import GOOGLE, LIBRARY
from .interface import Token, Tokenizer
from .normalizer import Normalizer
from .special_tokens import SpecialTokens
from .vocabulary import first_twice
from .windows import windows
from .wordpiece import CONTINUATION, HUGGING_FACE_MAX_CHARS, WordPiece, token_lengths

LONGEST_CACHED = 32  # characters of a stretch worth remembering
MOST_CACHED = 1 << 16  # stretches; with their ids some 16 MB
# Control characters, so cleaning removes them and joins what they stand between, where str.split would separate it.
JOINING = "\x0b\x0c\x1c\x1d\x1e\x1f\x85"
WITHOUT_JOINING = dict.fromkeys(map(ord, JOINING))


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


class WordPieceTokenizer(Tokenizer):
    """The tokenizer of a BERT with a WordPiece vocabulary.

    tokens: the vocabulary, each token at the index that is its id. lowercase: whether the model is uncased.
    strip_accents: whether accents are removed; None means as `lowercase`. chinese: whether each Chinese character is
    a word. max_chars: a longer word is [UNK]. added: tokens recognized in a text beside the five special ones, and
    those of the five that are looked for in a way of their own. size: how many of the tokens are WordPiece's; those
    after them are recognized as added tokens alone; None: all are. library_rules: characters are what they are to the
    `tokenizers` library, and "[SEP]" typed in a text is the special token unless the caller says otherwise, both as for
    transformers; False: Google's rules.

    Attributes: those, and the ones of every Tokenizer. Error: a token is there twice, or a special token is not there.
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
        added: Sequence[AddedToken] = (),
        size: int | None = None,
        library_rules: bool = False,
        has_segments: bool = True,
        truncation_side: str = "right",
    ) -> None:
        super().__init__(tokens, special_tokens, frame.NOTHING, typed_special=library_rules)
        self.continuation = CONTINUATION
        self.added = tuple(added)
        self._check_vocabulary()
        self.frames = frame.bert(self.cls_id, self.sep_id, has_segments)
        rules = LIBRARY if library_rules else GOOGLE
        self._basic = BasicTokenizer(lowercase, strip_accents, chinese, rules)
        self._normalizer = Normalizer(lowercase, strip_accents, chinese, rules)
        self._punctuation = BasicTokenizer(False, False, False, rules)
        self.size = len(self.tokens) if size is None else size
        words = {token: index for token, index in self.vocab.items() if index < self.size}
        self._wordpiece = WordPiece(words, special_tokens.unk, max_chars)
        self.lowercase, self.strip_accents, self.chinese = lowercase, self._basic.strip_accents, chinese
        self.max_chars, self.library_rules, self.has_segments = max_chars, library_rules, has_segments
        self.truncation_side = truncation_side
        self._make_matchers()
        self._stretches = StretchCache(self._stretch_ids)

    def _make_matchers(self) -> None:
        own = {token.content: token for token in self.added}
        special = [own.get(name, AddedToken(name)) for name in self.special_tokens]
        others = [token for token in self.added if token.content not in self.special_tokens]
        # With the special tokens, and without: what is typed is then plain text.
        self._matchers = {
            with_special: (
                Matcher(token for token in known if not token.normalized),
                Matcher((token for token in known if token.normalized), self._normalizer.normalize),
            )
            for with_special, known in ((True, special + others), (False, others))
        }

    def _check_vocabulary(self) -> None:
        named = [token for token in self.tokens if token]
        if len(self.vocab) < len(named):
            token, first, second = first_twice(named)
            raise Error(f"vocabulary: expected each token once, got {show(token)} with ids {first} and {second}")
        names = [*filter(None, self.special_tokens), *(token.content for token in self.added)]
        missing = [name for name in dict.fromkeys(names) if name not in self.vocab]
        if missing:
            names = [show(name) for name in missing]
            got = f"got {len(self.tokens)} tokens without {', '.join(names)}"
            raise Error(f"vocabulary: expected the special tokens, {got}")

    def decode(self, ids: Iterable[SupportsIndex], *, skip_special: bool = True) -> str:
        """Readable text: tokens joined to words, words with spaces between, none before . , ? and !

        What encoding lost (capitals, accents, spacing, unknown words) does not come back.
        Error: an id that is not an integer or not in the vocabulary.
        """
        hidden: set[str] = set()
        if skip_special:
            hidden = {*self.special_tokens, *(token.content for token in self.added if token.special)}
        words: list[str] = []
        for token in map(self.tokens.__getitem__, self._checked_ids(ids)):
            if token in hidden:
                continue
            if not words or token.startswith((".", ",", "?", "!")):
                words.append(token)
            elif token.startswith(CONTINUATION):
                words.append(token.removeprefix(CONTINUATION))
            else:
                words.append(f" {token}")
        return "".join(words)

    def continues(self) -> list[bool]:
        return [token.startswith(CONTINUATION) for token in self.tokens]

    def settings(self) -> dict[str, Any]:
        added = {"added": [list(token) for token in self.added], "size": self.size} if self.added else {}
        rules = {"library_rules": True} if self.library_rules else {}
        segments = {} if self.has_segments else {"segments": False}
        side = {} if self.truncation_side == "right" else {"truncation_side": self.truncation_side}
        casing = [self.lowercase, self.strip_accents, self.chinese, self.max_chars]
        return {"casing": casing, **added, **rules, **segments, **side}

    def write(self, folder: Path, model_max_length: int | None = None) -> None:
        fields = {name: getattr(self, name) for name in files.Settings._fields if name != "source"}
        files.write_settings(files.Settings(folder, **fields), folder, model_max_length)

    def _ids(self, text: str, special: bool, most: int) -> list[int]:
        raw, normalized = self._matchers[special]
        if normalized.search(self._normalizer.normalize(text)) if normalized else False:
            return super()._ids(text, special, most)
        ids: list[int] = []
        for start, end, token in raw.split(text):
            if token is not None:
                ids.append(self.vocab[token.content])
                continue
            for first, last in windows(text, start, end, self.chinese):
                part = text[first:last]
                if any(map(part.__contains__, JOINING)):
                    part = part.translate(WITHOUT_JOINING)
                ids.extend(chain.from_iterable(map(self._stretches.__getitem__, part.split())))
                if len(ids) >= most:
                    return ids[:most]
        return ids[:most]

    def _stretch_ids(self, stretch: str) -> tuple[int, ...]:
        split, vocab = self._wordpiece.split, self.vocab
        return tuple(vocab[token] for word in self._basic.words(stretch) for token in split(word))

    def _tokens(self, text: str, special: bool, most: int) -> list[Token]:
        raw, normalized = self._matchers[special]
        tokens: list[Token] = []
        for start, end, token in raw.split(text):
            if token is not None:
                tokens.append((self.vocab[token.content], start, end))
                continue
            # An added token may lie across the end of a window.
            for first, last in [(start, end)] if normalized else windows(text, start, end, self.chinese):
                part = text[first:last]
                tokens.extend(self._with_added(part, first, normalized) if normalized else self._plain(part, first))
                if len(tokens) >= most:
                    return tokens[:most]
        return tokens[:most]

    def _plain(self, text: str, base: int) -> Iterator[Token]:
        words, sources = self._basic.words_with_starts(text)
        return self._cut(words, sources, base)

    def _with_added(self, text: str, base: int, matcher: Matcher) -> Iterator[Token]:
        """As `_plain`, with the added tokens of the normalized text."""
        normal, sources = self._normalizer.normalize_with_sources(text)
        for start, end, token in matcher.split(normal):
            if token is not None:
                yield self.vocab[token.content], base + sources[start], base + sources[end - 1] + 1
                continue
            words, places = self._punctuation.words_with_starts(normal[start:end])
            yield from self._cut(words, [sources[start + place] for place in places], base)

    def _cut(self, words: Iterable[tuple[str, int]], sources: Sequence[int], base: int) -> Iterator[Token]:
        vocab, split = self.vocab, self._wordpiece.split
        for word, first in words:
            tokens = split(word)
            for token, length in zip(tokens, token_lengths(word, tokens), strict=True):
                yield vocab[token], base + sources[first], base + sources[first + length - 1] + 1
                first += length
