"""A vocabulary learned from text: the rule, against one that counts all anew; and that both tokenizers read it."""

from collections import Counter
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from numpy_bert.errors import Error
from numpy_bert.tokenizer import learn as vocabulary
from numpy_bert.tokenizer.learn import count_words, learn, lost
from numpy_bert.tokenizer.pipeline import WordPieceTokenizer
from numpy_bert.tokenizer.vocabulary import read_vocabulary, write_vocabulary

SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
WORDS = st.dictionaries(st.text("abcé", min_size=1, max_size=7), st.integers(1, 9), min_size=1, max_size=12)
TEXT = (
    """Low, lower, lowest: the lowest of the low!
The newest and the widest are newer and wider than the new and the wide.
Été à Évian; naïve façade. 東京 2024-2025, can't won't don't.
"""
    * 4
)


def learned_slowly(words, size, min_count):
    """The same rule with every pair counted anew each time."""
    spelled = {word: [word[0], *(f"##{c}" for c in word[1:])] for word in words}
    tokens = [*SPECIAL, *sorted(set("".join(words))), *sorted({p for ps in spelled.values() for p in ps[1:]})]
    while len(tokens) < size:
        counts = Counter()
        for word, spelling in spelled.items():
            for pair in pairwise(spelling):
                counts[pair] += words[word]
        if not counts or max(counts.values()) < min_count:
            break
        best = min(counts, key=lambda pair: (-counts[pair], pair))
        merged = best[0] + best[1][2:]
        if merged not in tokens:
            tokens.append(merged)
        for word, spelling in spelled.items():
            joined = []
            for token in spelling:
                if joined and (joined[-1], token) == best:
                    joined[-1] = merged
                else:
                    joined.append(token)
            spelled[word] = joined
    return tokens


@given(words=WORDS, more=st.integers(0, 25), min_count=st.integers(1, 4))
@settings(max_examples=60)
def test_it_is_the_rule(words, more, min_count):
    size = len(learned_slowly(words, 0, 10**9)) + more
    assert learn(words, size, min_count=min_count) == learned_slowly(words, size, min_count)


def test_the_example():
    words = {"low": 5, "lower": 2, "newest": 6, "widest": 3}
    tokens = learn(words, 40, min_count=3)
    assert tokens[:5] == SPECIAL
    assert tokens[5:15] == list("deilnorstw")
    assert tokens[15:23] == ["##d", "##e", "##i", "##o", "##r", "##s", "##t", "##w"]
    assert tokens[23:] == ["##es", "##est", "##ow", "low", "##ew", "##ewest", "newest", "##dest", "##idest", "widest"]


@given(words=WORDS, more=st.integers(0, 25), data=st.randoms())
@settings(max_examples=30)
def test_the_order_of_the_words_is_nothing_to_it(words, more, data):
    items = list(words.items())
    data.shuffle(items)
    size = len(learned_slowly(words, 0, 10**9)) + more
    assert learn(dict(items), size) == learn(words, size)


@given(words=WORDS, more=st.integers(0, 25))
@settings(max_examples=30)
def test_every_word_can_be_spelled(words, more):
    tokens = learn(words, len(learned_slowly(words, 0, 10**9)) + more)
    tokenizer = WordPieceTokenizer(tokens, lowercase=False)
    for word in words:
        assert "[UNK]" not in tokenizer.tokenize(word)


def test_words_are_those_of_the_tokenizer(tmp_path):
    path = tmp_path / "text.txt"
    path.write_text("Don't STOP\x1cnow, stop! Été 東京\n\nstop\n", encoding="utf-8")
    assert count_words([path]) == {
        "don": 1, "'": 1, "t": 1, "stopnow": 1, ",": 1, "stop": 2, "!": 1, "ete": 1, "東": 1, "京": 1,
    }  # fmt: skip
    assert count_words([path, path], lowercase=False)["STOPnow"] == 2
    assert count_words([path], lowercase=False)["Été"] == 1


def test_both_tokenizers_read_it(tmp_path):
    tokenizers = pytest.importorskip("tokenizers")
    path = tmp_path / "text.txt"
    path.write_text(TEXT, encoding="utf-8")
    tokens = learn(count_words([path]), 110)
    assert 90 < len(tokens) <= 110
    write_vocabulary(tokens, tmp_path / "vocab.txt")
    assert read_vocabulary(tmp_path / "vocab.txt") == tokens
    ours = WordPieceTokenizer(tokens)
    theirs = tokenizers.BertWordPieceTokenizer(str(tmp_path / "vocab.txt"), lowercase=True)
    for line in (TEXT, "lowly widened 北京 newness", "the lowest"):
        assert ours.encode(line).tokens == theirs.encode(line).tokens
    assert ours.tokenize("the lowest new wide") == ["the", "lowest", "new", "wide"]


def test_it_cuts_text_as_shortly_as_the_trainer_of_tokenizers(tmp_path):
    """Theirs breaks ties at random, so the two are not the same; how many tokens a text takes nearly is."""
    tokenizers = pytest.importorskip("tokenizers")
    path = tmp_path / "text.txt"
    path.write_text(TEXT, encoding="utf-8")
    trained = tokenizers.BertWordPieceTokenizer()
    trained.train([str(path)], vocab_size=110, show_progress=False)
    theirs = WordPieceTokenizer(sorted(trained.get_vocab(), key=trained.get_vocab().get))
    ours = WordPieceTokenizer(learn(count_words([path]), 110))
    assert abs(len(ours.tokenize(TEXT)) / len(theirs.tokenize(TEXT)) - 1) < 0.05


def test_rare_characters_and_long_words_are_left_out():
    words = {"ab": 5, "ba": 4, "az": 1, "b" * 101: 9}
    tokens = learn(words, 100, alphabet=2)
    assert not any("z" in token for token in tokens)
    assert max(map(len, tokens[5:])) <= 4
    assert tokens[5:7] == ["a", "b"]


def test_what_an_alphabet_leaves_out_is_counted():
    words = {"ab": 5, "az": 1, "中": 2}
    assert lost(words, learn(words, 100, alphabet=2)) == (2, 4, 3 / 8)
    assert lost(words, learn(words, 100)) == (0, 4, 0.0)


def test_a_large_vocabulary_has_room_for_many_characters():
    words = {chr(0x4E00 + i): 20 for i in range(2400)}
    assert lost(words, learn(words, 8000)).characters == 0
    assert lost(words, learn(words, 3000)).characters == 1400


def test_it_ends_where_no_pair_occurs_often_enough():
    assert learn({"ab": 1}, 100)[5:] == ["a", "b", "##b"]
    assert learn({"ab": 1}, 100, min_count=1)[5:] == ["a", "b", "##b", "ab"]


def test_progress_is_told():
    messages = []
    tokens = learn({"low": 5, "lower": 2}, 20, progress=messages.append)
    assert sum(messages) == len(tokens) - len(learn({"low": 5, "lower": 2}, 5 + 5 + 4))


def test_what_cannot_be(tmp_path):
    with pytest.raises(Error, match=r"^size: expected at least 14, the special tokens and all characters, got 13$"):
        learn({"low": 5, "lower": 2}, 13)
    for words in ({}, {"a" * 101: 3}):
        with pytest.raises(Error, match=r"^vocabulary: expected text with words to learn from, got none$"):
            learn(words, 100)
    (tmp_path / "text.txt").write_bytes(b"one\n\xff\n")
    with pytest.raises(
        Error, match=r"text.txt: line 2: expected UTF-8, got byte 0xff, perhaps Windows-1252 or Latin-1: convert it"
    ):
        count_words([tmp_path / "text.txt"])


def test_the_counts_stay_right(rng):
    """After many merges every pair is counted as if it had been counted anew."""
    words = {"".join(rng.choice(list("abc"), rng.integers(1, 9))): int(rng.integers(1, 5)) for _ in range(60)}
    segmentation = vocabulary.Segmentation(words)
    for _ in range(40):
        counts = Counter()
        for cut, count in zip(segmentation._words, segmentation._counts, strict=True):
            for pair in pairwise(cut):
                counts[pair] += count
        assert dict(segmentation._pairs) == dict(counts)
        best = segmentation.most_frequent(1)
        if best is None:
            break
        segmentation.merge(best, vocabulary.join(best))
