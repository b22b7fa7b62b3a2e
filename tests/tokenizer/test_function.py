"""A function of the caller's as the tokenizer of a folder, and the tokenizer of another folder."""

import re

import numpy as np
import pytest
from support.checkpoints import published
from support.tiny import WORDS, tiny_bert

from numpy_bert.errors import Error
from numpy_bert.model import load
from numpy_bert.tokenizer.folder import other_tokenizer
from numpy_bert.tokenizer.function import FunctionTokenizer

SMILES = re.compile(
    r"\[[^\]]+]|Br?|Cl?|N|O|S|P|F|I|b|c|n|o|s|p|\(|\)|\.|=|#|-|\+|\\|\/|:|~|@|\?|>>?|\*|\$|%[0-9]{2}|[0-9]"
)
# The reaction of the README of rxnfp, and how its vector begins there.
REACTION = (
    "Nc1cccc2cnccc12.O=C(O)c1cc([N+](=O)[O-])c(Sc2c(Cl)cncc2Cl)s1>>"
    "O=C(Nc1cccc2cnccc12)c1cc([N+](=O)[O-])c(Sc2c(Cl)cncc2Cl)s1"
)
PUBLISHED = [-2.0174954, 1.7602036, -1.3323538, -1.1095022, 1.2254544]


@pytest.fixture
def folder(tmp_path):
    return tiny_bert().save(tmp_path / "model")


def test_the_published_fingerprint_of_a_reaction():
    bert = load(published("rxnfp") / "bert_ft", tokenizer=SMILES.findall)
    vector = bert(REACTION)[0]
    np.testing.assert_allclose(vector[:5], PUBLISHED, rtol=0, atol=1e-5)
    assert bert.tokenizer.encode(REACTION).offsets[1:3] == [(0, 1), (1, 2)]
    assert bert.embed([REACTION]).shape == (1, 256)


def test_tokens_words_and_ids(folder):
    usual = load(folder).tokenizer
    ids = usual.encode("this movie was good").ids
    for function in (
        str.split,  # words: WordPiece cuts them
        lambda text: ids,  # with [CLS] and [SEP]
        lambda text: np.array(ids[1:-1]),
    ):
        bert = load(folder, tokenizer=function)
        assert bert.tokenizer.encode("this movie was good").ids == ids
        np.testing.assert_array_equal(bert.embed("this movie was good"), load(folder).embed("this movie was good"))
    words = load(folder, tokenizer=str.split).tokenizer
    assert words.encode("movies xyz").tokens == ["[CLS]", "movie", "##s", "[UNK]", "[SEP]"]
    assert words.encode("good", "bad film").segment_ids == [0, 0, 0, 1, 1, 1]
    assert words.encode("a good movie", max_length=4).tokens == ["[CLS]", "a", "good", "[SEP]"]
    assert words.tokens == WORDS


def test_a_folder_without_a_vocabulary(folder):
    (folder / "vocab.txt").unlink()
    bert = load(folder, tokenizer=lambda text: [2, 5, 3])
    np.testing.assert_array_equal(bert("x"), load(folder).forward([[2, 5, 3]]).hidden[0])
    with pytest.raises(Error, match="expected ids, as there is no vocabulary, got 'x'"):
        load(folder, tokenizer=str.split).embed("x")


def test_a_text_of_no_tokens_alone_is_as_among_others(folder):
    (folder / "vocab.txt").unlink()
    bert = load(folder, tokenizer=lambda text: [5] * len(text))
    assert bert("").shape == (0, bert.config.hidden_size)
    np.testing.assert_array_equal(bert.embed(""), bert.embed(["", "ab"])[0])


def test_the_tokenizer_of_another_folder(folder, tmp_path):
    cased = tmp_path / "cased"
    cased.mkdir()
    (cased / "vocab.txt").write_text("".join(f"{word}\n" for word in WORDS), encoding="utf-8")
    (cased / "tokenizer_config.json").write_text('{"do_lower_case": false}', encoding="utf-8")
    bert = load(folder, tokenizer=cased)
    assert bert.tokenizer.tokenize("Good") == ["[UNK]"]
    assert load(**bert.source._asdict()).tokenizer.tokenize("Good") == ["[UNK]"]


@pytest.mark.parametrize(("function", "message"), [
    (lambda text: [1.5], "expected ids or strings from the function, got 1.5"),
    (lambda text: [2, -1], "expected ids from 0 on from the function, got -1"),
    (lambda text: [None], "expected ids or strings from the function, got null"),
])  # fmt: skip
def test_functions_that_give_something_else(function, message):
    with pytest.raises(Error, match=message):
        FunctionTokenizer(function, WORDS).encode("x")


def test_what_is_no_tokenizer(folder):
    with pytest.raises(Error, match=r"tokenizer: expected a folder, or a function from a text to ids, got 3"):
        other_tokenizer(3, folder)


def test_a_mistyped_path_is_not_the_folder_above(folder):
    with pytest.raises(Error, match="no-such: tokenizer: expected a folder or a file, got nothing of this name"):
        load(folder, tokenizer=folder / "no-such")
