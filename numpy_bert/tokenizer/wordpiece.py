"""WordPiece: a word is the longest token of the vocabulary it begins with, then the longest that follows, and so on.

    unaffable -> un ##aff ##able

A token that does not begin a word is written with ## before it. A word that cannot be cut so, or is longer than
`max_chars`, becomes the one token [UNK].

Rule: Google's `tokenization.py` (WordpieceTokenizer), whose limit is 200 characters; Hugging Face's is 100.
"""

from __future__ import annotations

from collections.abc import Mapping

CONTINUATION = "##"
HUGGING_FACE_MAX_CHARS = 100
GOOGLE_MAX_CHARS = 200


class WordPiece:
    """Greedy longest match first. The time for a word is bounded: no candidate is longer than the longest token."""

    def __init__(self, vocab: Mapping[str, int], unk: str, max_chars: int) -> None:
        self._vocab = vocab
        self._unknown = (unk,)
        self._max_chars = max_chars
        self._longest = max(map(len, vocab), default=0)

    def split(self, word: str) -> tuple[str, ...]:
        """The tokens of a word that is not empty."""
        if len(word) > self._max_chars:
            return self._unknown
        if word in self._vocab:
            return (word,)
        tokens: list[str] = []
        start, prefix = 0, ""
        while start < len(word):
            for end in range(min(len(word), start + self._longest), start, -1):
                token = prefix + word[start:end]
                if token in self._vocab:
                    break
            else:
                return self._unknown
            tokens.append(token)
            start, prefix = end, CONTINUATION
        return tuple(tokens)


def token_lengths(word: str, tokens: tuple[str, ...]) -> list[int]:
    """How many characters of the word each of its tokens covers; [UNK] covers them all."""
    if len(tokens) == 1:
        return [len(word)]
    return [len(tokens[0])] + [len(token) - len(CONTINUATION) for token in tokens[1:]]
