"""Words to labels and back."""

import re

import numpy as np
import pytest
from support import other_tokenizers

from numpy_bert.errors import Error
from numpy_bert.inference import entities, words
from numpy_bert.inference.entities import Span
from numpy_bert.inference.words import first_tokens
from numpy_bert.tokenizer.folder import read_tokenizer
from numpy_bert.tokenizer.pipeline import WordPieceTokenizer

SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]


@pytest.mark.parametrize(("labels", "expected"), [
    ("", []),
    ("O O", []),
    ("B-per I-per O B-loc", [Span("per", 0, 2), Span("loc", 3, 4)]),
    ("B-per B-per", [Span("per", 0, 1), Span("per", 1, 2)]),
    ("I-per I-per", [Span("per", 0, 2)]),
    ("B-per I-loc I-loc", [Span("per", 0, 1), Span("loc", 1, 3)]),
    ("B-per O I-per", [Span("per", 0, 1), Span("per", 2, 3)]),
    ("per per O loc", [Span("per", 0, 2), Span("loc", 3, 4)]),
    ("B-per-son I-per-son", [Span("per-son", 0, 2)]),
])  # fmt: skip
def test_bio(labels, expected):
    assert entities.spans(labels.split()) == expected


def test_entities_carry_the_characters_of_the_text():
    text = "Émilie Zola in Paris!"
    # [CLS] emi ##lie zola in paris ! [SEP]
    offsets = [(0, 0), (0, 3), (3, 6), (7, 11), (12, 14), (15, 20), (20, 21), (0, 0)]
    labels = ("O", "B-per", "I-per", "B-loc")
    p = np.full((8, 4), 0.1)
    for place, label in {0: 3, 1: 1, 2: 3, 3: 2, 4: 0, 5: 3, 6: 0, 7: 3}.items():
        p[place, label] = 0.7  # on special tokens and later tokens too, where it must not count
    result = entities.entities(text, [[1, 2], [3], [4], [5], [6]], offsets, p, labels)
    assert [(e.label, e.text, e.start, e.end) for e in result] == [
        ("per", "Émilie Zola", 0, 11),
        ("loc", "Paris", 15, 20),
    ]
    assert result[0].probability == pytest.approx(0.7)
    assert all(text[e.start : e.end] == e.text for e in result)


def test_a_text_without_words_has_no_entities():
    assert entities.entities("", [], [(0, 0), (0, 0)], np.ones((2, 3)), ("O", "B-a", "I-a")) == []


@pytest.mark.parametrize(("text", "words"), [
    ("the film-actor left.", ["the", "film-actor", "left", "."]),
    ("U.S. (and) @name", ["U.S", ".", "(", "and", ")", "@name"]),
    ("«Ja!», don't", ["«", "Ja", "!", "»", ",", "don't"]),
    ("...", [".", ".", "."]),
    ("in 北京x", ["in", "北", "京", "x"]),
])  # fmt: skip
def test_words_are_those_of_files_with_labels(text, words):
    """Each sign that is no letter is a token of its own, as the tokenizer cuts."""
    offsets = [match.span() for match in re.finditer(r"[^\W\u4e00-\u9fff]+|[^\s]", text)]
    firsts = first_tokens(text, [(0, 0), *offsets, (0, 0)])
    starts = [offsets[i - 1][0] for i in firsts]
    ends = [offsets[i - 2][1] for i in firsts[1:]] + [offsets[-1][1]]
    assert [text[a:b] for a, b in zip(starts, ends, strict=True)] == words


TOKENS = [
    "germany",
    "'",
    "s",
    "new",
    "york",
    "-",
    "based",
    "paris",
    "/",
    "london",
    "berlin",
    "(",
    ")",
    "delhi",
    "un",
    "##able",
    "दिल्ली",
    "।",
    "is",
]
LABELS = ("O", "B-LOC", "I-LOC")
PLACES = {"germany": 1, "new": 1, "york": 2, "paris": 1, "london": 1, "berlin": 1, "दिल्ली": 1, "un": 1, "##able": 2}


def tagged(text, strategy, probabilities=PLACES, labels=LABELS):
    """The entities of a text where the label of each token depends on that token alone."""
    tokenizer = WordPieceTokenizer([*SPECIAL, *TOKENS], strip_accents=False)
    encoding = tokenizer.encode(text)
    p = np.full((len(encoding.ids), len(labels)), 0.1)
    for row, token in zip(p, encoding.tokens, strict=True):
        row[probabilities.get(token, 0)] = 0.8
    groups = words.words(text, encoding, tokenizer, strategy)
    found = entities.entities(text, groups, encoding.offsets, p, labels, strategy)
    return [(e.label, e.text) for e in found]


@pytest.mark.parametrize(("text", "expected"), [
    ("Germany's is", ["Germany"]),
    ("new York-based", ["new York"]),
    ("paris/london", ["paris", "london"]),
    ("Berlin(Germany)", ["Berlin", "Germany"]),
    ("is दिल्ली।", ["दिल्ली"]),
    ("is new York.", ["new York"]),
    ("unable is", ["unable"]),
])  # fmt: skip
def test_words_are_cut_at_punctuation_of_any_script(text, expected):
    assert tagged(text, "first") == [("LOC", name) for name in expected]


def test_the_strategies_differ_where_tokens_of_a_word_do():
    p = np.array([[0.6, 0.3, 0.1], [0.0, 0.9, 0.1], [0.5, 0.2, 0.3]])
    assert words.decide(p, "first") == (0, 0.6)
    assert words.decide(p, "max") == (1, 0.9)
    assert words.decide(p, "average") == (1, pytest.approx(1.4 / 3))
    assert tagged("unable", "none") == [("B-LOC", "un"), ("I-LOC", "able")]
    assert tagged("unable", "simple", {"un": 1, "##able": 1}) == [("LOC", "un"), ("LOC", "able")]
    assert tagged("Germany's is", "words") == [("LOC", "Germany's")]
    with pytest.raises(Error, match=r"aggregation_strategy: expected one of none, simple, .* got 'last'"):
        words.check_strategy("last")


def test_last_words_and_single_ones_are_marked_in_other_schemes():
    labels = ("O", "B-LOC", "E-LOC", "S-LOC")
    places = {"new": 1, "york": 2, "paris": 3, "london": 3}
    assert tagged("new york paris london", "first", places, labels) == [
        ("LOC", "new york"), ("LOC", "paris"), ("LOC", "london")
    ]  # fmt: skip


def test_where_tokens_do_not_tell_white_space_does(tmp_path):
    """As in transformers, whose heuristic this is: an unknown token begins a word wherever it stands."""
    pytest.importorskip("tokenizers")
    tokenizer = read_tokenizer(other_tokenizers.write(tmp_path, other_tokenizers.unigram()))
    text = "the film-actor\ua66ex, 中国"
    encoding = tokenizer.encode(text)
    unknown = encoding.ids.index(tokenizer.unk_id)
    groups = words.words(text, encoding, tokenizer, "first")
    assert [place for group in groups for place in group] == list(range(1, len(encoding.ids) - 1))
    begins = {encoding.offsets[group[0]][0] for group in groups} - {0}
    spaces = {place for place, sign in enumerate(text) if sign == " "}
    assert {place for start in spaces for place in (start, start + 1)} >= begins - {encoding.offsets[unknown][0]}
    assert encoding.offsets[unknown][0] in begins
