"""The frozen tables against Python's own, as far as Python's Unicode reaches, and the facts that are pinned."""

import sys
import unicodedata

import pytest

from numpy_bert.tokenizer.character_classes import (
    CharacterClass,
    is_chinese,
    is_nonspacing_mark,
    is_punctuation,
    is_removed,
    is_reordered,
    is_white_space,
)

# Mn once, spacing marks (Mc) since Unicode 14.0 and 16.0: all that any Python from 3.10 on sees otherwise.
RECATEGORISED = {0x1734, 0x1171E}


def members(belongs):
    return {code for code in range(sys.maxunicode + 1) if belongs(chr(code))}


@pytest.fixture(scope="module")
def categories():
    return [unicodedata.category(chr(code)) for code in range(sys.maxunicode + 1)]


@pytest.mark.parametrize(
    ("belongs", "wanted"),
    [
        (is_nonspacing_mark, lambda category, code: category == "Mn"),
        (is_removed, lambda category, code: category in ("Cc", "Cf", "Co", "Cs") and chr(code) not in "\t\n\r"),
        (is_punctuation, lambda category, code: category[0] == "P"),
        (is_white_space, lambda category, code: category in ("Zs", "Zl", "Zp") or chr(code) in "\t\n\r"),
    ],
    ids=["marks", "removed", "punctuation", "white space"],
)
def test_tables_agree_with_this_python_on_all_it_knows(belongs, wanted, categories):
    ours = members(belongs)
    theirs = {code for code, category in enumerate(categories) if wanted(category, code)}
    assigned = {code for code, category in enumerate(categories) if category != "Cn"}
    ascii_signs = {ord(c) for c in "$+<=>^`|~"} if belongs is is_punctuation else set()
    replacement = {0xFFFD} if belongs is is_removed else set()
    assert theirs - ours <= RECATEGORISED
    assert (ours & assigned) - theirs - ascii_signs - replacement <= RECATEGORISED
    assert ascii_signs | replacement <= ours


def test_reordered_are_the_kept_characters_whose_nfd_has_a_combining_class(categories):
    def moves(code):
        parts = unicodedata.normalize("NFD", chr(code))
        return any(unicodedata.combining(c) and unicodedata.category(c) != "Mn" for c in parts)

    theirs = {code for code, category in enumerate(categories) if category != "Cn" and moves(code)}
    assigned = {code for code, category in enumerate(categories) if category != "Cn"}
    assert (members(is_reordered) & assigned) ^ theirs <= RECATEGORISED


def test_unassigned_code_points_are_kept_whatever_python_runs():
    for code in (0x0378, 0xFFFE, 0xFFFF, 0x2FE0, 0x1FFFF, 0x10FFFF, 0xE0FFF):
        assert not any(test(chr(code)) for test in (is_removed, is_white_space, is_punctuation, is_nonspacing_mark))


def test_mongolian_vowel_separator_is_a_format_character_and_no_space():
    assert is_removed("\u180e")
    assert not is_white_space("\u180e")


def test_chinese_is_the_ideographs_and_not_the_other_scripts_of_east_asia():
    assert all(map(is_chinese, "中㐀豈\U00020000\U0002b820\U0002f800"))
    assert not any(map(is_chinese, "あア한ㄅ。々〇"))


def test_ranges_may_touch_and_overlap():
    part = CharacterClass("61-63 62 64-66 70")
    assert "".join(c for c in map(chr, range(0x60, 0x72)) if part(c)) == "abcdefp"
    assert part.pattern() == "\\U00000061-\\U00000066\\U00000070-\\U00000070"
