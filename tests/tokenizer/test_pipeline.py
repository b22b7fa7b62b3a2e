"""Encoding and decoding: exact answers on a small vocabulary, and what must hold for every text."""

import copy
import pickle
import threading

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.text_samples import lines, random_strings

from numpy_bert.errors import Error
from numpy_bert.tokenizer.added_tokens import AddedToken
from numpy_bert.tokenizer.normalizer import Normalizer
from numpy_bert.tokenizer.pipeline import LONGEST_CACHED, MOST_CACHED, StretchCache, WordPieceTokenizer
from numpy_bert.tokenizer.truncation import longest_first
from numpy_bert.tokenizer.windows import SHORTEST, windows


def words(text):
    return text.split(" ")


TOKENS = [
    *words("[PAD] [UNK] [CLS] [SEP] [MASK] the film was un ##aff ##able don ' t . , ! ? [ ] mask sep # cafe"),
    *words("a ##a b ##b ab α ##ς σ ##σ i ß ﬁ 中 国 \u1112 ##\u1161 ##\u11ab ❤ ##\ufe0f"),
]
UNCASED = WordPieceTokenizer(TOKENS)
CASED = WordPieceTokenizer(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "The", "É", "❤", "##\ufe0f"], lowercase=False)

TEXTS = st.text(max_size=60) | st.text("aAbBé\u0301 .,'!?[]#中ΣαΑ\u200b\x0b\x00\t\ud800\U0001f600", max_size=40)
PLAIN = st.text("abAB .,'!?", max_size=30)


# Exact answers.


@pytest.mark.parametrize("text", ["", " \t\n", "\x00\x01\x0b\x7f", "\u200b\ufeff", "\u0301", "\ud800", "\ue000"])
def test_nothing_is_left(text):
    assert UNCASED.encode(text) == ([2, 3], ["[CLS]", "[SEP]"], [0, 0], [(0, 0), (0, 0)])
    assert UNCASED.encode_ids([text]) == [[2, 3]]
    assert UNCASED.tokenize(text) == []


def test_an_encoding_in_full():
    encoding = UNCASED.encode("The film\twas unaffable, don't!")
    assert encoding.tokens == words("[CLS] the film was un ##aff ##able , don ' t ! [SEP]")
    assert encoding.ids == [UNCASED.vocab[token] for token in encoding.tokens]
    assert encoding.segment_ids == [0] * 13
    assert encoding.offsets == [
        (0, 0), (0, 3), (4, 8), (9, 12), (13, 15), (15, 18), (18, 22), (22, 23), (24, 27), (27, 28), (28, 29), (29, 30),
        (0, 0),
    ]  # fmt: skip


def test_a_pair_in_full():
    encoding = UNCASED.encode("the film", "un")
    assert encoding.tokens == ["[CLS]", "the", "film", "[SEP]", "un", "[SEP]"]
    assert encoding.segment_ids == [0, 0, 0, 0, 1, 1]
    assert encoding.offsets == [(0, 0), (0, 3), (4, 8), (0, 0), (0, 2), (0, 0)]


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("a\u200bb", "ab"),
        ("a\x0bb a\x1cb", "ab ab"),
        ("A\u0301\u0323B", "ab"),
        ("café CAFE\u0301", "cafe cafe"),
        ("İ ẞ ﬁ", "i ß ﬁ"),
        ("ΑΣ αΣα", "α ##ς [UNK]"),
        ("한", "\u1112 ##\u1161 ##\u11ab"),
        ("中国", "中 国"),
        ("👩‍👩‍👧‍👦", "[UNK]"),
        ("🇫🇷👍🏽", "[UNK]"),
        ("❤️", "❤"),
        ("\u202eab\u202c", "ab"),
        ("x" * 1000, "[UNK]"),
        ("!" * 3, "! ! !"),
        ("##a", "# # a"),
        ("[MASK]", "[MASK]"),
        ("[mask]", "[ mask ]"),
        ("a[SEP]b", "a [SEP] b"),
        ("[[MASK]]", "[ [MASK] ]"),
        ("[MAS\u200bK]", "[ mask ]"),
        ("\u0301a", "a"),
    ],
)
def test_tokens(text, tokens):
    assert UNCASED.tokenize(text) == tokens.split(" ")
    assert UNCASED.encode(text).tokens == ["[CLS]", *tokens.split(" "), "[SEP]"]


def test_special_tokens_in_a_text_can_be_plain_text():
    """A text from a stranger cannot end itself and begin a second one."""
    text = "the [SEP] [MASK]"
    assert UNCASED.encode(text, special=True).ids.count(UNCASED.sep_id) == 2
    plain = UNCASED.encode(text, special=False)
    assert plain.tokens == ["[CLS]", "the", "[", "sep", "]", "[", "mask", "]", "[SEP]"]
    assert UNCASED.encode_ids([text], special=False) == [plain.ids]
    assert UNCASED.tokenize(text, special=False) == plain.tokens[1:-1]


def test_a_special_token_has_its_place_in_the_text():
    encoding = UNCASED.encode("é [MASK]!", add_special_tokens=False)
    assert encoding.tokens == ["[UNK]", "[MASK]", "!"]
    assert encoding.offsets == [(0, 1), (2, 8), (8, 9)]


def test_of_two_special_tokens_at_one_place_the_longer_is_meant():
    tokenizer = WordPieceTokenizer([*TOKENS, "<e>", "<e>x"], added=[AddedToken("<e>"), AddedToken("<e>x")])
    assert tokenizer.tokenize("<e>xa<e>a") == ["<e>x", "a", "<e>", "a"]


def test_variation_selectors_are_accents():
    assert CASED.tokenize("❤️ The É") == ["❤", "##\ufe0f", "The", "É"]


def test_the_limits_on_words():
    google = WordPieceTokenizer(TOKENS, max_chars=200)
    for tokenizer, limit in ((UNCASED, 100), (google, 200)):
        assert tokenizer.tokenize("a" * limit) == ["a"] + ["##a"] * (limit - 1)
        assert tokenizer.tokenize("a" * (limit + 1)) == ["[UNK]"]
        assert tokenizer.tokenize("á" * limit) == ["a"] + ["##a"] * (limit - 1)  # counted when normalized


def test_offsets_through_everything_that_changes_the_length():
    text = "\u200bCafe\u0301 한İ 中ﬁ"
    result = {token: (start, end) for _, token, _, (start, end) in zip(*UNCASED.encode(text), strict=True)}
    assert result["cafe"] == (1, 5)
    assert result["[UNK]"] == (7, 9)  # one word of Hangul and Latin
    assert text[slice(*result["中"])] == "中"
    assert text[slice(*result["ﬁ"])] == "ﬁ"
    jamo = UNCASED.encode("a 한", add_special_tokens=False)
    assert jamo.offsets == [(0, 1), (2, 3), (2, 3), (2, 3)]


# Bad arguments.


@pytest.mark.parametrize("value", [b"text", None, 3, ["text"], ("a", "b")])
def test_what_is_no_text(value):
    kind = type(value).__name__
    for call in (UNCASED.encode, UNCASED.tokenize, lambda text: UNCASED.encode_ids([text])):
        with pytest.raises(Error, match=f"^text must be str, got {kind}$"):
            call(value)
    if value is not None:
        with pytest.raises(Error, match=f"^pair must be str, got {kind}$"):
            UNCASED.encode("a", value)


@pytest.mark.parametrize("texts", ["a text", b"bytes", None, 3])
def test_what_is_no_list_of_texts(texts):
    with pytest.raises(Error, match=r"^texts must be a list of str, got "):
        UNCASED.encode_ids(texts)


@pytest.mark.parametrize("value", [1, 0, -1, True, 2.0, "5", float("nan")])
def test_lengths_without_room(value):
    with pytest.raises(Error, match=r"^max_length: expected an integer of at least 2, for the special tokens, got "):
        UNCASED.encode("a", max_length=value)
    with pytest.raises(Error, match=r"^max_length: expected an integer of at least 2"):
        UNCASED.encode_ids(["a"], max_length=value)


def test_lengths_with_just_enough_room():
    assert UNCASED.encode("a b", max_length=2).tokens == ["[CLS]", "[SEP]"]
    assert UNCASED.encode("a b", "a", max_length=3).tokens == ["[CLS]", "[SEP]", "[SEP]"]
    assert UNCASED.encode("a b", max_length=0, add_special_tokens=False).ids == []
    assert UNCASED.encode("a b", max_length=np.int64(3)).tokens == ["[CLS]", "a", "[SEP]"]
    with pytest.raises(Error, match="at least 3"):
        UNCASED.encode("a", "b", max_length=2)


def test_vocabularies_that_cannot_be_used():
    with pytest.raises(Error, match=r"vocabulary: expected each token once, got 'a' with ids 5 and 6"):
        WordPieceTokenizer([*TOKENS[:5], "a", "a"])
    with pytest.raises(Error, match=r"got 4 tokens without '\[MASK\]'"):
        WordPieceTokenizer(TOKENS[:4])
    with pytest.raises(Error, match="without ''"):
        WordPieceTokenizer([*TOKENS, ""], added=[AddedToken("")])


# Truncation.


@pytest.mark.parametrize(
    ("first", "second", "room", "kept"),
    [
        (5, 9, 8, (4, 4)),
        (2, 9, 8, (2, 6)),
        (9, 2, 8, (6, 2)),
        (9, 9, 7, (3, 4)),
        (10, 9, 7, (4, 3)),
        (3, 3, 6, (3, 3)),
        (0, 9, 4, (0, 4)),
        (5, 5, 0, (0, 0)),
        (5, 5, 1, (0, 1)),
    ],
)
def test_longest_first(first, second, room, kept):
    assert longest_first(first, second, room) == kept


@given(TEXTS, TEXTS, st.integers(3, 12), st.booleans())
def test_truncation_keeps_the_special_tokens(text, pair, max_length, special):
    single = UNCASED.encode(text, max_length=max_length, special=special)
    full = UNCASED.encode(text, special=special)
    assert single.ids == [*full.ids[:-1][: max_length - 1], 3]
    assert UNCASED.encode_ids([text], max_length, special=special) == [single.ids]
    both = UNCASED.encode(text, pair, max_length=max_length, special=special)
    whole = UNCASED.encode(text, pair, special=special)
    assert len(both.ids) == min(max_length, len(whole.ids))
    assert both.segment_ids == sorted(both.segment_ids)
    first, second = both.segment_ids.count(0), both.segment_ids.count(1)
    assert both.ids[0] == 2
    assert both.ids[first - 1] == both.ids[-1] == 3
    assert both.ids[: first - 1] == whole.ids[: first - 1]
    start = whole.segment_ids.count(0)
    assert both.ids[first:-1] == whole.ids[start : start + second - 1]


# What holds for every text.


@given(TEXTS, st.booleans())
def test_any_text_gives_ids_of_the_vocabulary_and_both_ways_the_same(text, special):
    for tokenizer in (UNCASED, CASED):
        encoding = tokenizer.encode(text, special=special)
        assert all(0 <= index < len(tokenizer.tokens) for index in encoding.ids)
        assert encoding.tokens == [tokenizer.tokens[index] for index in encoding.ids]
        assert len(set(map(len, encoding))) == 1
        assert tokenizer.encode_ids([text], special=special) == [encoding.ids]


@given(TEXTS)
def test_offsets_go_forward_and_map_back(text):
    encoding = UNCASED.encode(text, add_special_tokens=False)
    before = (0, 0)
    for token, (start, end) in zip(encoding.tokens, encoding.offsets, strict=True):
        assert 0 <= start < end <= len(text)
        assert before[0] <= start
        assert before[1] <= end
        before = start, end
        if token not in UNCASED.special_tokens:
            again = Normalizer().normalize(text[start:end]).replace("ς", "σ")
            assert token.removeprefix("##").replace("ς", "σ") in again


@given(TEXTS, TEXTS)
def test_texts_with_a_space_between_are_their_tokens_together(first, second):
    assert UNCASED.tokenize(f"{first} {second}") == UNCASED.tokenize(first) + UNCASED.tokenize(second)


@given(TEXTS)
def test_white_space_may_be_repeated(text):
    assert UNCASED.tokenize(text.replace(" ", " \t\n \u3000")) == UNCASED.tokenize(text)


@given(st.text(st.characters(max_codepoint=127), max_size=40))
def test_capitals_do_not_matter_to_an_uncased_model(text):
    assert UNCASED.tokenize(text.upper(), special=False) == UNCASED.tokenize(text.lower(), special=False)


@given(TEXTS)
def test_decoded_text_encodes_to_itself(text):
    once = UNCASED.decode(UNCASED.encode(text, special=False).ids)
    assert UNCASED.decode(UNCASED.encode(once, special=False).ids) == once


@given(PLAIN)
def test_decoding_loses_no_known_token(text):
    ids = UNCASED.encode(text).ids
    if UNCASED.unk_id not in ids:
        assert UNCASED.encode(UNCASED.decode(ids)).ids == ids


def test_many_scripts_both_ways():
    texts = lines(500) + random_strings(2000)
    for special in (True, False):
        encodings = [UNCASED.encode(text, special=special).ids for text in texts]
        assert UNCASED.encode_ids(texts, special=special) == encodings


# Decoding.


def test_decode():
    ids = UNCASED.encode("The film, was unaffable! [MASK] Xyz").ids
    assert UNCASED.decode(ids) == "the film, was unaffable!"
    assert UNCASED.decode(ids, skip_special=False) == "[CLS] the film, was unaffable! [MASK] [UNK] [SEP]"
    assert UNCASED.decode(np.array(ids)) == UNCASED.decode(ids)
    assert UNCASED.decode([]) == ""
    assert UNCASED.decode([UNCASED.vocab["##aff"], UNCASED.vocab["##able"]]) == "##affable"


@pytest.mark.parametrize(
    ("ids", "message"),
    [
        ([len(TOKENS)], f"ids: expected an integer from 0 to {len(TOKENS) - 1}, got {len(TOKENS)}"),
        ([-1], "got -1"),
        ([2**70], "got 1180591620717411303424"),
        ([1.0], r"ids: expected an integer from 0 to \d+, got 1.0 \(number\)"),
        ("12", r"ids: expected an integer from 0 to \d+, got '1'"),
        ([None], "got null"),
        ([[1]], "got an array"),
        (7, "ids must be a list of integers, got int"),
    ],
)
def test_ids_that_cannot_be_decoded(ids, message):
    with pytest.raises(Error, match=message):
        UNCASED.decode(ids)


# Long texts, the cache, threads.


def test_long_texts_in_windows_are_as_in_one(monkeypatch):
    """With cuts everywhere, also beside marks, sigmas, control characters and special tokens."""
    texts = lines(100) + random_strings(600) + ["ΑΣ!Α Σ'-'ΑΣ,\u0301Α -\u0301\x0bΣ 中\u0301国\u302e\u1baa,\u302e\u1baa"]
    joined = "\n".join(texts)
    assert len(joined) > SHORTEST
    for tokenizer in (UNCASED, WordPieceTokenizer(TOKENS, lowercase=False, strip_accents=True, chinese=False)):
        monkeypatch.setattr("numpy_bert.tokenizer.windows.SHORTEST", 1 << 40)
        whole = [tokenizer.encode(text) for text in texts]
        whole_joined = tokenizer.encode(joined)
        for shortest in (0, 5):
            monkeypatch.setattr("numpy_bert.tokenizer.windows.SHORTEST", shortest)
            assert [tokenizer.encode(text) for text in texts] == whole
            assert tokenizer.encode_ids(texts) == [encoding.ids for encoding in whole]
        monkeypatch.undo()
        assert tokenizer.encode(joined) == whole_joined


def test_windows_cover_the_text():
    text = "a" * (3 * SHORTEST) + " " + "b" * SHORTEST + "-" + "c" * 10
    spans = list(windows(text, 2, len(text), chinese=True))
    assert [text[start:end][-1] for start, end in spans] == [" ", "-", "c"]
    assert "".join(text[start:end] for start, end in spans) == text[2:]
    assert list(windows(text, 5, 5, chinese=True)) == []
    assert next(windows("中" * 100_000, 0, 100_000, chinese=True)) == (0, SHORTEST + 1)
    assert list(windows("中" * 100_000, 0, 100_000, chinese=False)) == [(0, 100_000)]


def test_the_cache_is_bounded():
    cache = StretchCache(lambda stretch: (len(stretch),))
    for number in range(MOST_CACHED + 10):
        assert cache[str(number)] == (len(str(number)),)
    assert len(cache) == 10
    assert cache["x" * (LONGEST_CACHED + 1)] == (LONGEST_CACHED + 1,)
    assert len(cache) == 10


def test_threads_share_a_tokenizer():
    texts = lines(200) + random_strings(300)
    wanted = WordPieceTokenizer(TOKENS).encode_ids(texts)
    shared, results = WordPieceTokenizer(TOKENS), {}
    threads = [
        threading.Thread(target=lambda n=n: results.update({n: [shared.encode_ids(texts) for _ in range(2)]}))
        for n in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [results[n] for n in range(4)] == [[wanted, wanted]] * 4


def test_tokenizers_can_be_copied_and_pickled():
    for other in (copy.deepcopy(UNCASED), pickle.loads(pickle.dumps(UNCASED))):
        assert other.encode("The café [MASK]") == UNCASED.encode("The café [MASK]")
        assert other.encode_ids(["unaffable!"]) == UNCASED.encode_ids(["unaffable!"])
