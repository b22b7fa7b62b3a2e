"""Greedy longest match against its definition, and the limits of the two published forms."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from numpy_bert.tokenizer.wordpiece import GOOGLE_MAX_CHARS, HUGGING_FACE_MAX_CHARS, WordPiece, token_lengths

LETTERS = "abc"
PIECES = st.sets(st.text(LETTERS, min_size=1, max_size=4), max_size=12)


def wordpiece(*tokens, max_chars=HUGGING_FACE_MAX_CHARS):
    return WordPiece({token: index for index, token in enumerate(tokens)}, "[UNK]", max_chars)


def by_definition(word, vocab, start=0):
    """The pieces of word[start:], or None: the longest token that fits is taken, and nothing is ever taken back."""
    if start == len(word):
        return []
    prefix = "##" if start else ""
    ends = [end for end in range(start + 1, len(word) + 1) if prefix + word[start:end] in vocab]
    if not ends:
        return None
    rest = by_definition(word, vocab, max(ends))
    return None if rest is None else [prefix + word[start : max(ends)], *rest]


@given(PIECES, PIECES, st.text(LETTERS, min_size=1, max_size=10))
def test_greedy_against_the_definition(starts, continuations, word):
    vocab = [*starts, *(f"##{piece}" for piece in continuations)]
    wanted = by_definition(word, set(vocab))
    pieces = wordpiece(*vocab).split(word)
    assert pieces == (("[UNK]",) if wanted is None else tuple(wanted))
    lengths = token_lengths(word, pieces)
    assert sum(lengths) == len(word)
    assert min(lengths) > 0
    if wanted is not None:
        assert "".join([pieces[0], *(piece.removeprefix("##") for piece in pieces[1:])]) == word


def test_the_example_of_the_paper():
    assert wordpiece("un", "##aff", "##able").split("unaffable") == ("un", "##aff", "##able")


def test_greedy_does_not_go_back():
    """ab + ##c would do, but abb is not there and the longest start is taken for good."""
    assert wordpiece("a", "ab", "##bc").split("abc") == ("[UNK]",)


def test_the_longest_token_of_the_vocabulary_can_begin_a_word():
    assert wordpiece("abcd", "a", "##e").split("abcde") == ("abcd", "##e")


def test_longest_match_counts_the_whole_word():
    assert wordpiece("a", "abc", "##b", "##c").split("abc") == ("abc",)


@pytest.mark.parametrize("limit", [HUGGING_FACE_MAX_CHARS, GOOGLE_MAX_CHARS])
def test_a_word_longer_than_the_limit_is_unknown(limit):
    pieces = wordpiece("a", "##a", max_chars=limit)
    assert pieces.split("a" * limit) == ("a",) + ("##a",) * (limit - 1)
    assert pieces.split("a" * (limit + 1)) == ("[UNK]",)


def test_a_token_longer_than_the_limit_is_never_found():
    assert wordpiece("a" * 101).split("a" * 101) == ("[UNK]",)


def test_the_limits_are_the_published_ones():
    assert (HUGGING_FACE_MAX_CHARS, GOOGLE_MAX_CHARS) == (100, 200)


def test_an_empty_vocabulary_knows_no_word():
    assert wordpiece().split("a") == ("[UNK]",)
