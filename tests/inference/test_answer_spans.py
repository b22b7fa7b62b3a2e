"""Windows over long contexts, the max-context rule, the best spans."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.tiny import WORDS, tiny_bert

import numpy_bert
from numpy_bert import Error
from numpy_bert.inference import answer_spans, words
from numpy_bert.numerics import tree
from numpy_bert.tokenizer.frame import bert
from numpy_bert.tokenizer.pipeline import WordPieceTokenizer

CLS, SEP = 1, 2


def windows(question, tokens, max_length, stride):
    return answer_spans.windows([7] * question, range(100, 100 + tokens), bert(CLS, SEP).pair, max_length, stride)


def test_a_short_context_is_one_window():
    [window] = windows(3, 4, 20, 5)
    assert window.ids == [CLS, 7, 7, 7, SEP, 100, 101, 102, 103, SEP]
    assert window.segment_ids == [0] * 5 + [1] * 5
    assert (window.begin, window.first, window.size) == (5, 0, 4)


@given(st.integers(0, 9), st.integers(1, 200), st.integers(14, 40), st.integers(1, 30))
def test_windows_cover_the_context_and_fit(question, tokens, max_length, stride):
    result = windows(question, tokens, max_length, stride)
    assert all(len(window.ids) <= max_length for window in result)
    seen = set()
    for window in result:
        part = window.ids[window.begin : window.begin + window.size]
        assert part == list(range(100 + window.first, 100 + window.first + window.size))
        seen.update(part)
    assert seen == set(range(100, 100 + tokens))


def test_a_question_that_leaves_no_room():
    with pytest.raises(Error, match="room for the context"):
        windows(9, 5, 12, 4)


def test_a_token_is_judged_where_it_has_most_context():
    """The example of Google's comment: a token near the end of one window and in the middle of the next."""
    result = windows(0, 12, 11, 4)  # windows of 8 tokens: 0 to 7 and 4 to 11
    assert [(window.first, window.size) for window in result] == [(0, 8), (4, 8)]
    assert answer_spans.judged_in(result, 12) == [0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1]


def test_the_best_span_wins_wherever_it_lies():
    result = windows(2, 30, 15, 5)
    logits = []
    for window in result:
        values = np.zeros((len(window.ids), 2))
        for token, side in ((17, 0), (19, 1)):
            place = token - window.first
            if 0 <= place < window.size:
                values[window.begin + place, side] = 9.0
        values[0] = 50.0  # what the question or [CLS] gets is no answer
        logits.append(values)
    best = answer_spans.best_spans(result, logits)[0]
    assert (best.first, best.last, best.score) == (17, 19, 18.0)


def test_brute_force_agrees(rng):
    """One window: the best span by trying all of them."""
    [window] = windows(3, 20, 40, 9)
    values = rng.normal(size=(len(window.ids), 2))
    context = values[window.begin : window.begin + 20]
    pairs = [(s, e) for s in range(20) for e in range(s, 20)]
    wanted = max(pairs, key=lambda pair: context[pair[0], 0] + context[pair[1], 1])
    best = answer_spans.best_spans([window], [values])[0]
    assert (best.first, best.last) == wanted


def test_no_answer_is_longer_than_allowed(rng):
    [window] = windows(3, 100, 200, 9)
    values = np.zeros((len(window.ids), 2))
    values[window.begin, 0] = values[window.begin + 99, 1] = 9.0
    for span in answer_spans.best_spans([window], [values]):
        assert span.last - span.first < answer_spans.LONGEST_ANSWER


# Words, and no answer.


def test_an_answer_has_whole_words():
    """ "good" and "##ny" are tokens of one word only where nothing stands between them."""
    tokenizer = WordPieceTokenizer(WORDS)
    context = "Funny actors, it rained"
    encoded = tokenizer.encode(context, add_special_tokens=False)
    assert encoded.tokens == ["fun", "##ny", "actor", "##s", ",", "it", "[UNK]"]
    extents = answer_spans.word_extents(context, encoded, tokenizer)
    assert [context[start:end] for start, end in extents] == ["Funny"] * 2 + ["actors"] * 2 + [",", "it", "rained"]


def extents_one_by_one(text, encoded, tokenizer):
    """Each token looks both ways for the ends of its word: a step for each token of the word."""
    count = len(encoded.ids)
    joined = [place > 0 and words.continues(text, encoded, place, tokenizer) for place in range(count)] + [False]
    extents = []
    for place in range(count):
        first, last = place, place
        while joined[first]:
            first -= 1
        while joined[last + 1]:
            last += 1
        extents.append((encoded.offsets[first][0], encoded.offsets[last][1]))
    return extents


PARTS = st.sampled_from(
    ["fun", "ny", "actor", "s", "ed", "ing", "it", " ", "  ", ",", "!", "中", "é", "x", "[SEP]", "\n"]
)


@given(st.lists(PARTS, max_size=30).map("".join), st.booleans())
def test_the_words_of_tokens_are_those_found_one_by_one(text, has_marks):
    tokenizer = WordPieceTokenizer(WORDS)
    encoded = tokenizer.encode(text, add_special_tokens=False)
    if not has_marks:  # then white space tells words apart
        tokenizer.continuation = None
    assert answer_spans.word_extents(text, encoded, tokenizer) == extents_one_by_one(text, encoded, tokenizer)


def test_a_word_of_many_tokens():
    """Quadratic work would be ten thousand million steps."""
    tokenizer = WordPieceTokenizer([*WORDS, "##a"], max_chars=1 << 20)
    text = "a" * 100_000
    encoded = tokenizer.encode(text, add_special_tokens=False)
    assert answer_spans.word_extents(text, encoded, tokenizer) == [(0, len(text))] * len(text)


def reader(**changes):
    """A model whose start and end logit are those of a table, by token; 0 for any other."""
    start, end = {"[CLS]": 9.0, "berlin": 12.0, "##s": 10.0, "fun": 5.0}, {"[CLS]": 9.0, "berlin": 12.0, "fun": 11.0}
    bert = tiny_bert(("question_answering",), dtype="float64", hidden_size=64, num_attention_heads=1, **changes)
    params = tree.map(np.zeros_like, bert.params)
    word = params.bert.embedding.word
    for i, token in enumerate(WORDS):
        word[i, 2 + i] = 100.0
        word[i, :2] = start.get(token, 0.0), end.get(token, 0.0)
    norms = [params.bert.embedding.norm]
    for layer in params.bert.encoder.layers:
        norms += [layer.attention_norm, layer.feed_forward_norm]
    for norm in norms:
        norm.gamma[:] = 1.0
    params.question_answering.dense.W[[0, 1], [0, 1]] = 1.0
    return type(bert)(bert.config, params, bert.tokenizer)


def test_no_answer_is_given_by_the_threshold():
    asked = ("was it good", "it rains to berlin")
    nothing = ("was it good", "it rains")
    always = reader()
    assert always.answer(*asked)[0].text == "berlin"
    assert always.answer(*nothing)[0].text != ""
    null = reader(null_score_diff_threshold=0.0)
    assert null.answer(*asked)[0].text == "berlin"
    [none] = null.answer(*nothing)
    assert (none.text, none.start, none.end) == ("", 0, 0)
    difference = none.score - always.answer(*nothing)[0].score
    assert always.answer(*nothing, threshold=difference - 1e-9)[0] == none
    assert always.answer(*nothing, threshold=difference + 1e-9)[0].text != ""
    ranked = null.answer(*nothing, top_k=30)
    assert ranked[0] == none
    assert sum(answer.probability for answer in ranked) == pytest.approx(1.0)
    assert null.answer([asked, nothing], threshold=100.0)[1][0].text != ""
    for bad in ("0", float("nan"), True):
        with pytest.raises(Error, match="threshold: expected a number, got "):
            null.answer(*asked, threshold=bad)


def test_an_answer_that_begins_within_a_word_has_all_of_it():
    answer = reader().answer("was it good", "very bad actors")[0]
    assert answer.text == "actors"
    assert reader().answer("was it good", "a funny film")[0].text == "funny"


def test_the_threshold_is_saved_with_the_model(tmp_path):
    folder = reader(null_score_diff_threshold=-1.5).save(tmp_path / "model")
    assert numpy_bert.load(folder).config.null_score_diff_threshold == -1.5
    assert json.loads((folder / "config.json").read_bytes())["null_score_diff_threshold"] == -1.5
