"""Cleaning, casing and accents: exact answers, the slow definition as oracle, and where each character comes from."""

import re
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.text_samples import lines, random_strings

from numpy_bert.tokenizer.basic import BasicTokenizer
from numpy_bert.tokenizer.character_classes import (
    is_chinese,
    is_nonspacing_mark,
    is_punctuation,
    is_removed,
    is_white_space,
)
from numpy_bert.tokenizer.normalizer import MOST_REMEMBERED, CharacterTable, Normalizer, decompose, lower_sigmas

UNCASED, CASED = Normalizer(), Normalizer(lowercase=False)

TEXTS = st.text(max_size=40) | st.text("aΣσςİ'.: \u0301\u0323\u302e\u1baa\u0315\u200d\x00中한é", max_size=30)


def by_definition(text, lowercase, strip_accents, chinese):
    """Google's steps one after the other, each over the whole text."""
    cleaned = "".join(" " if is_white_space(c) else c for c in text if is_white_space(c) or not is_removed(c))
    if chinese:
        cleaned = "".join(f" {c} " if is_chinese(c) else c for c in cleaned)
    if lowercase:
        cleaned = cleaned.lower()
    if strip_accents:
        cleaned = "".join(c for c in unicodedata.normalize("NFD", cleaned) if not is_nonspacing_mark(c))
    return cleaned


@given(TEXTS, st.booleans(), st.booleans(), st.booleans())
def test_character_by_character_is_step_by_step(text, lowercase, strip_accents, chinese):
    made = Normalizer(lowercase, strip_accents, chinese).normalize(text)
    assert made == by_definition(text, lowercase, strip_accents, chinese)


@pytest.mark.parametrize("lowercase", [True, False])
@pytest.mark.parametrize("strip_accents", [True, False])
def test_many_scripts_by_definition(lowercase, strip_accents):
    normalizer = Normalizer(lowercase, strip_accents)
    for text in lines(500) + random_strings(1500):
        assert normalizer.normalize(text) == by_definition(text, lowercase, strip_accents, True), ascii(text)


@pytest.mark.parametrize("lowercase", [True, False])
@pytest.mark.parametrize("strip_accents", [True, False])
def test_every_code_point_by_definition(lowercase, strip_accents):
    """In one text: a letter between them keeps each from its neighbors."""
    normalizer = Normalizer(lowercase, strip_accents)
    for first in [*range(0, 0x20000, 0x4000), 0x2F800, 0xE0000]:
        text = "".join(f"{chr(code)}b" for code in range(first, first + (0x4000 if first < 0x20000 else 0x220)))
        assert normalizer.normalize(text) == by_definition(text, lowercase, strip_accents, True)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("", ""),
        ("a\u200bb\u200c\u200d", "ab"),
        ("a\x00b\ufffdc\u00add\ufeffe\u200ef\u200fg\u180eh", "abcdefgh"),
        ("a\ue000b\U000f0000c\U0010fffdd", "abcd"),  # private use
        ("a\ud800b", "ab"),  # half of a surrogate pair
        ("a\u0378b", "a\u0378b"),  # unassigned
        ("\U0001fae8", "\U0001fae8"),  # assigned in Unicode 15.0, unknown to Python 3.11
        ("a\x0b\x0c\x1c\x1f\x85b", "ab"),  # control characters, though str.split would split there
        ("a\tb\nc\rd\u00a0e\u3000f\u2028g\u2029h", "a b c d e f g h"),
        ("İ", "i"),
        ("ẞ", "ß"),
        ("ﬁ", "ﬁ"),  # NFD, not NFKC
        ("Ａ", "ａ"),
        ("한국", "\u1112\u1161\u11ab\u1100\u116e\u11a8"),
        ("Ǆ", "ǆ"),
        ("É", "e"),
        ("ÅNGSTRÖM", "angstrom"),
        ("ὈΔΥΣΣΕΎΣ", "οδυσσευς"),
        ("ΑΣ ΣΑ Σ ΑΣ. ΑΣ.Α ΑΣ'Α", "ας σα σ ας. ασ.α ασ'α"),
        ("Α\x00Σ", "ας"),
        ("ΑΣ\u0301", "ας"),
        ("İΣ", "ις".replace("ι", "i")),
        ("❤\ufe0f", "❤"),  # the variation selector is a nonspacing mark
        ("中国", " 中  国 "),
        ("豈", " 豈 ".replace("豈", "\u8c48")),  # U+F900 is U+8C48 in NFD
    ],
)
def test_uncased_answers(text, wanted):
    assert UNCASED.normalize(text) == wanted


@pytest.mark.parametrize(
    ("text", "wanted"), [("É ẞ ΑΣ 한 İ", "É ẞ ΑΣ 한 İ"), ("❤\ufe0f", "❤\ufe0f"), ("a\u200bb", "ab"), ("豈", " 豈 ")]
)
def test_cased_answers(text, wanted):
    assert CASED.normalize(text) == wanted


def test_lower_case_can_keep_accents_and_cased_text_can_lose_them():
    assert Normalizer(lowercase=True, strip_accents=False).normalize("ÉİΣ") == "éi\u0307ς"
    assert Normalizer(lowercase=False, strip_accents=True).normalize("ÉİΣ") == "EIΣ"


def test_chinese_characters_can_stay_together():
    assert Normalizer(chinese=False).normalize("中国") == "中国"


def test_combining_marks_that_stay_are_put_in_order_across_what_is_removed():
    """U+302E (class 224) and U+1BAA (class 9) are kept: NFD brings the second before the first."""
    assert UNCASED.normalize("a\u302e\u1baa") == "a\u1baa\u302e"
    assert UNCASED.normalize("a\u302e\u0301\x00\u1baab") == "a\u1baa\u302eb"
    assert UNCASED.normalize("a\u302eb\u1baa") == "a\u302eb\u1baa"
    assert CASED.normalize("a\u302e\u1baa") == "a\u302e\u1baa"


@given(TEXTS)
def test_decompose_is_nfd_of_the_cleaned_text(text):
    decomposed, sources = decompose(text)
    assert decomposed == unicodedata.normalize("NFD", "".join(c for c in text if not is_removed(c)))
    assert len(sources) == len(decomposed)
    assert list(sources) == sorted(sources)


@given(TEXTS)
def test_lower_sigmas_keeps_every_character_in_its_place(text):
    lowered = lower_sigmas(text)
    assert len(lowered) == len(text)
    assert "Σ" not in lowered
    assert UNCASED.normalize(lowered) == UNCASED.normalize(text)


@given(TEXTS, st.booleans(), st.booleans())
def test_sources_go_forward_and_point_at_what_each_character_comes_from(text, lowercase, strip_accents):
    normalizer = Normalizer(lowercase, strip_accents)
    normal, sources = normalizer.normalize_with_sources(text)
    assert normal == normalizer.normalize(text)
    assert len(sources) == len(normal)
    assert list(sources) == sorted(sources)
    moved = re.search("[\u302e\u1baa]", text)
    for c, source in zip(normal, sources, strict=True):
        alone = normalizer.normalize(text[source])
        assert c in alone or (c in "σς" and text[source] in "Σσς") or moved


@given(TEXTS)
def test_normalizing_twice_changes_nothing(text):
    once = UNCASED.normalize(text)
    assert UNCASED.normalize(once).split() == once.split()


def test_words_are_split_at_punctuation_by_definition():
    basic = BasicTokenizer()
    for text in lines(300) + random_strings(1000):
        spaced = "".join(f" {c} " if is_punctuation(c) else c for c in UNCASED.normalize(text))
        assert basic.words(text) == [word for word in spaced.split(" ") if word]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Don't stop!", ["don", "'", "t", "stop", "!"]),
        ("$1+1=2~`^|<>", list("$1+1=2~`^|<>")),
        ("a\u037eb\u1fefc", ["a", ";", "b", "`", "c"]),  # punctuation only after NFD
        ("x≠y≮z", ["x", "=", "y", "<", "z"]),
        ("中a国", ["中", "a", "国"]),
        ("a。b、c", ["a", "。", "b", "、", "c"]),
        (" \t\n", []),
    ],
)
def test_words(text, words):
    basic = BasicTokenizer()
    assert basic.words(text) == words
    result, sources = basic.words_with_starts(text)
    assert [word for word, _ in result] == words
    assert len(sources) == len(basic.normalize(text))


def test_the_table_of_characters_is_bounded():
    table = CharacterTable(lambda c: c)
    assert "".join(map(chr, range(0x8000))).translate(table) == "".join(map(chr, range(0x8000)))
    text = "".join(map(chr, range(0x20000, 0x20000 + 2 * MOST_REMEMBERED)))
    assert text.translate(table) == text
    assert len(table) == MOST_REMEMBERED
