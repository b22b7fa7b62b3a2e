"""Greedy longest match against its definition, and the limits of the two published forms."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from numpy_bert.tokenizer.wordpiece import GOOGLE_MAX_CHARS, HUGGING_FACE_MAX_CHARS, WordPiece, token_lengths

LETTERS = "abc"
TOKENS = st.sets(st.text(LETTERS, min_size=1, max_size=4), max_size=12)


def wordpiece(*tokens, max_chars=HUGGING_FACE_MAX_CHARS):
    return WordPiece({token: index for index, token in enumerate(tokens)}, "[UNK]", max_chars)


def by_definition(word, vocab, start=0):
    """The tokens of word[start:], or None: the longest token that fits is taken, and nothing is ever taken back."""
    if start == len(word):
        return []
    prefix = "##" if start else ""
    ends = [end for end in range(start + 1, len(word) + 1) if prefix + word[start:end] in vocab]
    if not ends:
        return None
    rest = by_definition(word, vocab, max(ends))
    return None if rest is None else [prefix + word[start : max(ends)], *rest]


@given(TOKENS, TOKENS, st.text(LETTERS, min_size=1, max_size=10))
def test_greedy_against_the_definition(starts, continuations, word):
    vocab = [*starts, *(f"##{token}" for token in continuations)]
    wanted = by_definition(word, set(vocab))
    tokens = wordpiece(*vocab).split(word)
    assert tokens == (("[UNK]",) if wanted is None else tuple(wanted))
    lengths = token_lengths(word, tokens)
    assert sum(lengths) == len(word)
    assert min(lengths) > 0
    if wanted is not None:
        assert "".join([tokens[0], *(token.removeprefix("##") for token in tokens[1:])]) == word


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
    model = wordpiece("a", "##a", max_chars=limit)
    assert model.split("a" * limit) == ("a",) + ("##a",) * (limit - 1)
    assert model.split("a" * (limit + 1)) == ("[UNK]",)


def test_a_token_longer_than_the_limit_is_never_found():
    assert wordpiece("a" * 101).split("a" * 101) == ("[UNK]",)


def test_the_limits_are_the_published_ones():
    assert (HUGGING_FACE_MAX_CHARS, GOOGLE_MAX_CHARS) == (100, 200)


def test_an_empty_vocabulary_knows_no_word():
    assert wordpiece().split("a") == ("[UNK]",)
