"""Side by side with Hugging Face's `tokenizers` library on a published vocabulary: ids, tokens and offsets.

They differ, and may differ, in this:

1. The characters of data/unicode/differences_from_tokenizers.json, with the reason for each class: the library has
   tables of Unicode 8.0. The list is exact.
2. Σ at the end of a word is ς here, as in Python and so in Google's code; the library makes it σ.
3. Where a mark that is not removed is moved by NFD past one that is (22 ranges, `is_reordered`), ids and tokens are
   the same, but the offset of the word may differ by the marks: the library's alignment drifts there.
"""

import functools
import json
import random
from pathlib import Path

import pytest
from support.checkpoints import published
from support.text_samples import lines, random_strings

from numpy_bert.tokenizer.character_classes import CharacterClass, is_reordered
from numpy_bert.tokenizer.pipeline import Tokenizer, read_tokenizer

tokenizers = pytest.importorskip("tokenizers")

FILE = "unicode/differences_from_tokenizers.json"
DIFFERENCES = json.loads((Path(__file__).parents[1] / "data" / FILE).read_text("utf-8"))
is_listed = CharacterClass(" ".join(entry["ranges"] for entry in DIFFERENCES["classes"]))


@pytest.fixture(scope="module")
def ours():
    return read_tokenizer(published("minilm"))


@functools.cache
def library():
    """A fresh one for each test would be slow; those that change its settings change them back."""
    made = tokenizers.Tokenizer.from_file(str(published("minilm") / "tokenizer.json"))
    made.no_truncation()
    made.no_padding()
    return made


def assert_same(ours, theirs, text, offsets=True):
    mine, other = ours.encode(text), theirs.encode(text)
    assert mine.tokens == other.tokens, ascii(text)
    assert mine.ids == other.ids, ascii(text)
    assert mine.segment_ids == other.type_ids
    if offsets:
        assert mine.offsets == other.offsets, ascii(text)
    return mine


def comparable(text):
    """The text without the listed characters, and with every Σ as the library has it."""
    return "".join(c for c in text if not is_listed(c)).replace("Σ", "σ")


def test_lines_in_many_scripts(ours):
    texts = lines(2500)
    assert len(set(texts)) > 2400
    assert not any(map(is_listed, "".join(texts)))
    encodings = [assert_same(ours, library(), text) for text in texts]
    assert ours.encode_ids(texts) == [encoding.ids for encoding in encodings]
    unknown = sum(token == "[UNK]" for encoding in encodings for token in encoding.tokens)
    assert unknown * 4 < sum(len(encoding.tokens) for encoding in encodings)  # the lines do test the tokens


def test_random_strings(ours):
    texts = list(map(comparable, random_strings(20_000)))
    encodings = [assert_same(ours, library(), text, offsets=not any(map(is_reordered, text))) for text in texts]
    assert ours.encode_ids(texts) == [encoding.ids for encoding in encodings]


@pytest.mark.parametrize("lowercase", [True, False])
@pytest.mark.parametrize("strip_accents", [True, False])
@pytest.mark.parametrize("chinese", [True, False])
def test_other_settings(ours, lowercase, strip_accents, chinese):
    other = Tokenizer(ours.tokens, lowercase=lowercase, strip_accents=strip_accents, chinese=chinese)
    theirs = library()
    usual = theirs.normalizer
    theirs.normalizer = tokenizers.normalizers.BertNormalizer(
        clean_text=True, handle_chinese_chars=chinese, strip_accents=strip_accents, lowercase=lowercase
    )
    try:
        for text in lines(300, seed=1) + list(map(comparable, random_strings(700, seed=1))):
            assert_same(other, theirs, text, offsets=not any(map(is_reordered, text)))
    finally:
        theirs.normalizer = usual


def test_the_listed_characters_are_all_that_differ(ours):
    """Each code point between two letters, so that joining, splitting and removing all show.

    Of planes 4 to 13, which are unassigned, and of 15 and 16, which are private, every sixteenth is tried.
    """
    if tokenizers.__version__ != DIFFERENCES["tokenizers"]:
        pytest.skip(f"the list is of tokenizers {DIFFERENCES['tokenizers']}, this is {tokenizers.__version__}")
    planes = [*range(0xD800), *range(0xE000, 0x40000), *range(0xE0000, 0xF0000)]
    codes = sorted(planes + [*range(0x40000, 0xE0000, 16), *range(0xF0000, 0x110000, 16)])
    results = []
    for first in range(0, len(codes), 2048):
        block = codes[first : first + 2048]
        probes = [f"a{chr(code)}b" for code in block]
        if ours.encode_ids([" ".join(probes)])[0] != library().encode(" ".join(probes)).ids:
            wanted = [encoding.ids for encoding in library().encode_batch(probes)]
            got = ours.encode_ids(probes)
            results += [code for code, a, b in zip(block, got, wanted, strict=True) if a != b]
    assert results == [code for code in codes if is_listed(chr(code))]
    assert len(results) == sum(entry["count"] for entry in DIFFERENCES["classes"])


def test_sigma_at_the_end_of_a_word_differs_and_nowhere_else(ours):
    assert ours.tokenize("ΛΟΓΟΣ") == ours.tokenize("λογος") != ours.tokenize("λογοσ")
    assert library().encode("ΛΟΓΟΣ").ids == library().encode("λογοσ").ids
    for text in ("Σήμερα", "ΘΑΛΑΣΣΑ", "Σ", "ΑΣΑ ΣΑΣα", "λόγος λόγοσ"):
        assert_same(ours, library(), text)


def test_special_tokens_as_plain_text(ours):
    theirs = library()
    theirs.encode_special_tokens = True
    try:
        for text in [text for text in lines(1000, seed=2) if "[" in text]:
            assert ours.encode(text, special=False).tokens[1:-1] == theirs.encode(text, add_special_tokens=False).tokens
    finally:
        theirs.encode_special_tokens = False


def test_pairs_and_their_truncation(ours):
    random_ = random.Random(0)
    texts = lines(400, seed=3)
    theirs = library()
    try:
        for _ in range(2000):
            text, pair = (random_.choice(texts)[: random_.randint(0, 30)] for _ in range(2))
            max_length = random_.randint(3, 24)
            theirs.enable_truncation(max_length, strategy="longest_first")
            other, mine = theirs.encode(text, pair), ours.encode(text, pair, max_length=max_length)
            assert mine == (other.ids, other.tokens, other.type_ids, other.offsets), (text, pair, max_length)
            other, mine = theirs.encode(text), ours.encode(text, max_length=max_length)
            assert mine == (other.ids, other.tokens, other.type_ids, other.offsets), (text, max_length)
    finally:
        theirs.no_truncation()


def test_words_at_the_limit(ours):
    for length in (99, 100, 101, 200, 201):
        for word in ("a" * length, "é" * length, "e\u0301" * length, "中" * length, "!" * length, "한" * (length // 3)):
            assert_same(ours, library(), f"x {word} y")


def test_decoding(ours):
    random_ = random.Random(0)
    for _ in range(2000):
        ids = [random_.randrange(len(ours.tokens)) for _ in range(random_.randint(0, 12))]
        for skip in (True, False):
            assert ours.decode(ids, skip_special=skip) == library().decode(ids, skip_special_tokens=skip)
    for text in lines(500, seed=4):
        ids = ours.encode(text).ids
        assert ours.decode(ids) == library().decode(ids)
