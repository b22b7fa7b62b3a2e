"""Files of words with labels in the forms in which they are published, made of our own words."""

import numpy as np
import pytest
from support.tiny import WORDS, tiny_config

from numpy_bert.errors import Error, UsageError
from numpy_bert.tokenizer.pipeline import WordPieceTokenizer
from numpy_bert.training.data import conll, token_classification
from numpy_bert.training.data.options import DataOptions

TOKENIZER = WordPieceTokenizer(WORDS)
GERMEVAL = "\n".join([
    "#\thttp://example.org/a [2009-10-17]", "1\tAufgrund\tO\tO", "2\tMoskauer\tB-LOCderiv\tO",
    "3\tUniversit\tI-ORG\tO", "",
    "#\thttp://example.org/b [2009-10-18]", "1\tFC\tB-ORG\tO", "2\tBerlin\tI-ORG\tB-LOC", "3\tgewinnt\tO\tO", "",
])  # fmt: skip
CONLL_2003 = "-DOCSTART- -X- -X- O\n\nEU NNP B-NP B-ORG\nsays VBZ B-VP O\n\nBo NNP B-NP B-PER\n"
INDEXED = (
    "1 EU NNP I-NP I-ORG\n2 rejects VBZ I-VP O\n3 German JJ I-NP I-MISC\n\n1 Peter NNP I-NP I-PER\n2 lived VBD I-VP O\n"
)
WNUT = "@bo\tO\n#\tO\n#berlin\tO\nrains\tO\n\t\nin\tO\nBerlin\tB-location\n"
CONLL_U = "# text = It rains\n# n = 1\n1\tIt\tit\tPRON\n2\trains\train\tVERB\n\n# text = Bo\n1\tBo\tBo\tPROPN\n"


def read(folder, text, options=None):
    path = folder / "words.txt"
    path.write_text(text, encoding="utf-8")
    return conll.sentences(path, options=options or DataOptions())


def pairs(sentences):
    return [list(zip(words, labels, strict=True)) for _, words, labels in sentences.sentences]


FORMS = {
    "GermEval 2014": (GERMEVAL, [
        [("Aufgrund", "O"), ("Moskauer", "B-LOCderiv"), ("Universit", "I-ORG")],
        [("FC", "B-ORG"), ("Berlin", "I-ORG"), ("gewinnt", "O")]]),
    "GermEval without inner entities": (GERMEVAL.replace("B-LOC\n", "O\n"), [
        [("Aufgrund", "O"), ("Moskauer", "B-LOCderiv"), ("Universit", "I-ORG")],
        [("FC", "B-ORG"), ("Berlin", "I-ORG"), ("gewinnt", "O")]]),
    "CoNLL-2003": (CONLL_2003, [[("EU", "B-ORG"), ("says", "O")], [("Bo", "B-PER")]]),
    "CoNLL-2003 with an index": (INDEXED, [
        [("EU", "I-ORG"), ("rejects", "O"), ("German", "I-MISC")], [("Peter", "I-PER"), ("lived", "O")]]),
    "WNUT 17": (WNUT, [
        [("@bo", "O"), ("#", "O"), ("#berlin", "O"), ("rains", "O")], [("in", "O"), ("Berlin", "B-location")]]),
    "a count from 0": ("0 a O\n1 b B-x\n\n0 c O\n", [[("a", "O"), ("b", "B-x")], [("c", "O")]]),
    "a count of all words": ("7 a O\n8 b B-x\n\n9 c O\n", [[("a", "O"), ("b", "B-x")], [("c", "O")]]),
    "words that are numbers": ("1 B-x\n1 O\n", [[("1", "B-x"), ("1", "O")]]),
    "line ends of Windows": (CONLL_2003.replace("\n", "\r\n"), [[("EU", "B-ORG"), ("says", "O")], [("Bo", "B-PER")]]),
    "a byte-order mark": ("\ufeff" + CONLL_2003, [[("EU", "B-ORG"), ("says", "O")], [("Bo", "B-PER")]]),
    "a document behind tabs": ("-DOCSTART-\tO\n\na\tB-x\n", [[("a", "B-x")]]),
}  # fmt: skip


@pytest.mark.parametrize("form", FORMS)
def test_published_forms(tmp_path, form):
    text, expected = FORMS[form]
    assert pairs(read(tmp_path, text)) == expected


def test_what_was_recognized_is_said(tmp_path):
    said = read(tmp_path, GERMEVAL).recognized
    assert said.endswith(
        "2 sentences, 6 words: word 2, label 3 of 4 columns; column 1 counts the words, "
        "inner entities (column 4) are not used"
    )
    assert read(tmp_path, WNUT).recognized.endswith("2 sentences, 6 words: word 1, label 2 of 2 columns")


def test_what_may_be_read_in_two_ways_is_asked_about(tmp_path):
    nested = "FC B-ORG O\nBerlin I-ORG B-ORG\n"
    expected = "columns 2 and 3 both hold labels of entities: say --columns with word, label and - for each other"
    with pytest.raises(Error, match=expected):
        read(tmp_path, nested)
    inner = read(tmp_path, nested, DataOptions(("word", "-", "label")))
    assert pairs(inner) == [[("FC", "O"), ("Berlin", "B-ORG")]]
    with pytest.raises(
        Error, match=r"line 3: expected the label O, .* got 'PRON'; labels without a scheme are named with"
    ):
        read(tmp_path, CONLL_U)
    options = DataOptions(("-", "word", "-", "label"), labels=("PRON", "VERB", "PROPN"))
    assert pairs(read(tmp_path, CONLL_U, options)) == [[("It", "PRON"), ("rains", "VERB")], [("Bo", "PROPN")]]
    numbers = "1 a O\n1 b B-x\n\n2 c O\n"
    with pytest.raises(
        Error, match="column 1 holds numbers alone: say --columns with word, label and - for each other"
    ):
        read(tmp_path, numbers)
    with pytest.raises(Error, match="column 1 holds numbers alone"):
        read(tmp_path, "1-2 ab _ O\n1 a _ B-x\n2 b _ O\n")  # a word of two, as CoNLL-U has it
    asked = read(tmp_path, numbers, DataOptions(("-", "word", "label")))
    assert pairs(asked) == [[("a", "O"), ("b", "B-x")], [("c", "O")]]
    with pytest.raises(UsageError, match=r"^columns: expected word and label, perhaps -, got "):
        read(tmp_path, nested, DataOptions(("text", "label")))


def test_a_comment_within_a_sentence_is_an_error(tmp_path):
    with pytest.raises(Error, match=r"line 2: expected 2 columns, as in the first sentence, got 3"):
        read(tmp_path, "a O\n# a comment\n")


SCHEMES = {
    "BIO": ("B-x I-x I-x O B-y", "BI"),
    "BIOES": ("B-x I-x E-x O S-y", "BIES"),
    "BILOU": ("B-x I-x L-x O U-y", "BILU"),
    "BMES": ("B-x M-x E-x O S-y", "BMES"),
}


@pytest.mark.parametrize("scheme", SCHEMES)
def test_a_scheme_is_trained_and_scored_as_what_it_is(tmp_path, scheme):
    labels, letters = SCHEMES[scheme]
    path = tmp_path / "words.txt"
    lines = zip(["the", "movie", "train", "rains", "berlin"], labels.split(), strict=True)
    path.write_text("".join(f"{word}\t{label}\n" for word, label in lines))
    config = token_classification.fitted(path, tiny_config())
    assert config.labels == ("O", *(f"{letter}-{kind}" for kind in "xy" for letter in letters))
    examples = token_classification.read(path, TOKENIZER, config, 24)
    assert examples.summary[1] == f"entities, {scheme}: 'x' 1, 'y' 1"
    [window] = examples.windows
    right = np.zeros((len(window.ids), config.num_labels))
    right[window.places, examples.labels(0)] = 5.0
    figures = examples.measures([right])
    assert [figures[name] for name in ("precision", "recall", "f1", "f1_x", "f1_y")] == [1.0] * 5
    wrong = right.copy()
    wrong[window.places[2]] = 0.0
    wrong[window.places[2], config.labels.index(f"{letters[1]}-x" if scheme != "BIO" else "O")] = 5.0
    expected = 1.0 if scheme in ("BIOES", "BILOU", "BMES") else 0.5  # an I- at the end still ends there
    assert examples.measures([wrong])["f1"] == expected


def test_prefixes_of_no_scheme(tmp_path):
    path = tmp_path / "words.txt"
    path.write_text("a\tB-x\nb\tE-x\nc\tU-x\n")
    with pytest.raises(Error, match=r"expected labels of one scheme \(BIO, BIOES, BILOU, BMES\), got B, E, U"):
        token_classification.fitted(path, tiny_config())


def test_labels_without_a_scheme_are_named(tmp_path):
    path, options = tmp_path / "words.txt", DataOptions(labels=("NOUN", "VERB"))
    path.write_text("it\tNOUN\nrains\tVERB\n")
    config = token_classification.fitted(path, tiny_config(), options)
    assert config.labels == ("NOUN", "VERB")
    assert token_classification.read(path, TOKENIZER, config, 24, options).batch([0]).labels.max() == 1
