"""Side by side with Hugging Face's `tokenizers` library on a published vocabulary: ids, tokens and offsets.

A folder with tokenizer.json has the rules of the library: no difference for any string. One with vocab.txt
alone has Google's, which differ in this:

1. The characters of data/unicode/differences_from_tokenizers.json, with the reason for each class: the library has
   tables of Unicode 8.0. The list is exact.
2. Σ at the end of a word is ς, as in Python and so in Google's code; the library makes it σ.
"""

import functools
import json
import random
from pathlib import Path

import pytest
from support.checkpoints import published
from support.text_samples import lines, random_strings

from numpy_bert.tokenizer.character_classes import LIBRARY, CharacterClass
from numpy_bert.tokenizer.folder import read_tokenizer
from numpy_bert.tokenizer.pipeline import WordPieceTokenizer

tokenizers = pytest.importorskip("tokenizers")

FILE = "unicode/differences_from_tokenizers.json"
DIFFERENCES = json.loads((Path(__file__).parents[1] / "data" / FILE).read_text("utf-8"))
is_listed = CharacterClass(" ".join(entry["ranges"] for entry in DIFFERENCES["classes"]))


@pytest.fixture(scope="module")
def ours():
    return read_tokenizer(published("minilm"))


@pytest.fixture(scope="module")
def google(ours):
    return WordPieceTokenizer(ours.tokens)


@functools.cache
def library():
    """A fresh one for each test would be slow; those that change its settings change them back."""
    made = tokenizers.Tokenizer.from_file(str(published("minilm") / "tokenizer.json"))
    made.no_truncation()
    made.no_padding()
    return made


def assert_same(ours, theirs, text):
    mine, other = ours.encode(text), theirs.encode(text)
    assert mine.tokens == other.tokens, ascii(text)
    assert mine.ids == other.ids, ascii(text)
    assert mine.segment_ids == other.type_ids
    assert mine.offsets == other.offsets, ascii(text)
    return mine


def test_lines_in_many_scripts(ours):
    texts = lines(2500)
    assert len(set(texts)) > 2400
    encodings = [assert_same(ours, library(), text) for text in texts]
    assert ours.encode_ids(texts) == [encoding.ids for encoding in encodings]
    unknown = sum(token == "[UNK]" for encoding in encodings for token in encoding.tokens)
    assert unknown * 4 < sum(len(encoding.tokens) for encoding in encodings)  # the lines do test the tokens


def test_random_strings(ours):
    texts = random_strings(20_000)
    encodings = [assert_same(ours, library(), text) for text in texts]
    assert ours.encode_ids(texts) == [encoding.ids for encoding in encodings]


def test_marks_that_the_library_keeps_and_moves(ours):
    """Later marks are letters to the library, some of them with a combining class, some of those in its tables."""
    random_ = random.Random(0)
    marks = [chr(code) for code in (*range(0x300, 0x315), *range(0x8CA, 0x8E2), *range(0x1DF6, 0x1DFC), 0x1B44, 0x302E)]
    marks += [chr(first) for first, _ in LIBRARY.is_reordered.ranges()] + list("aéΣİ \u0344\u1e69\U0001d15e")
    for _ in range(3000):
        assert_same(ours, library(), "".join(random_.choices(marks, k=random_.randint(1, 9))))


@pytest.mark.parametrize("lowercase", [True, False])
@pytest.mark.parametrize("strip_accents", [True, False])
@pytest.mark.parametrize("chinese", [True, False])
def test_other_settings(ours, lowercase, strip_accents, chinese):
    other = WordPieceTokenizer(
        ours.tokens, lowercase=lowercase, strip_accents=strip_accents, chinese=chinese, library_rules=True
    )
    theirs = library()
    usual = theirs.normalizer
    theirs.normalizer = tokenizers.normalizers.BertNormalizer(
        clean_text=True, handle_chinese_chars=chinese, strip_accents=strip_accents, lowercase=lowercase
    )
    try:
        for text in lines(300, seed=1) + random_strings(700, seed=1):
            assert_same(other, theirs, text)
    finally:
        theirs.normalizer = usual


def probes(codes):
    """Each code point between two letters, so that joining, splitting and removing all show: in blocks of 2048."""
    for first in range(0, len(codes), 2048):
        yield [f"a{chr(code)}b" for code in codes[first : first + 2048]]


def test_every_code_point(ours):
    for block in probes([*range(0xD800), *range(0xE000, 0x110000)]):
        assert ours.encode_ids([" ".join(block)])[0] == library().encode(" ".join(block)).ids, ascii(block[0])


def test_the_listed_characters_are_all_in_which_googles_rules_differ(google):
    if tokenizers.__version__ != DIFFERENCES["tokenizers"]:
        pytest.skip(f"the list is of tokenizers {DIFFERENCES['tokenizers']}, this is {tokenizers.__version__}")
    planes = [*range(0xD800), *range(0xE000, 0x40000), *range(0xE0000, 0xF0000)]
    codes = sorted(planes + [*range(0x40000, 0xE0000, 16), *range(0xF0000, 0x110000, 16)])
    differing = []
    for block in probes(codes):
        if google.encode_ids([" ".join(block)])[0] == library().encode(" ".join(block)).ids:
            continue
        wanted = [encoding.ids for encoding in library().encode_batch(block)]
        differing += [
            ord(text[1]) for text, a, b in zip(block, google.encode_ids(block), wanted, strict=True) if a != b
        ]
    assert differing == [code for code in codes if is_listed(chr(code))]
    assert len(differing) == sum(entry["count"] for entry in DIFFERENCES["classes"])


def test_sigma_at_the_end_of_a_word(ours, google):
    assert google.tokenize("ΛΟΓΟΣ") == google.tokenize("λογος") != google.tokenize("λογοσ")
    assert library().encode("ΛΟΓΟΣ").ids == library().encode("λογοσ").ids
    for text in ("Σήμερα", "ΘΑΛΑΣΣΑ", "Σ", "ΑΣΑ ΣΑΣα", "λόγος λόγοσ", "ΛΟΓΟΣ"):
        assert_same(ours, library(), text)
        assert text == "ΛΟΓΟΣ" or google.encode(text) == ours.encode(text)


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
