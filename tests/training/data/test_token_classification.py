"""CoNLL files: their quirks, the labels of tokens, long sentences, and the measures."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.tiny import WORDS, tiny_config
from support.training_models import small_model

from numpy_bert import Error
from numpy_bert.blocks.cross_entropy import IGNORED
from numpy_bert.tasks import objective
from numpy_bert.tokenizer.pipeline import WordPieceTokenizer
from numpy_bert.training import finetune
from numpy_bert.training.data import conll, token_classification
from numpy_bert.training.loop import Monitor

TOKENIZER = WordPieceTokenizer(WORDS)
LABELS = ("O", "B-loc", "I-loc", "B-work", "I-work")
CONFIG = tiny_config(num_labels=5, labels=LABELS)
FILE = """the\tB-work
train\tI-work
rains\tO
\t
funny\tO
berlin\tB-loc


it\tO
"""


def written(folder, text, name="words.conll"):
    path = folder / name
    path.write_bytes(text.encode())
    return path


def read(folder, text, max_length=24, config=CONFIG):
    return token_classification.read(written(folder, text), TOKENIZER, config, max_length)


def test_sentences(tmp_path):
    """Blank lines come one by one or several; in WNUT 17 they hold a tab."""
    sentences = conll.sentences(written(tmp_path, FILE)).sentences
    assert sentences == [
        (1, ["the", "train", "rains"], ["B-work", "I-work", "O"]),
        (5, ["funny", "berlin"], ["O", "B-loc"]),
        (9, ["it"], ["O"]),
    ]


def test_spaces_line_ends_and_a_byte_order_mark(tmp_path):
    text = "\ufeff\r\n  \r\nthe  B-work\r\nNew York\tB-loc\r\nx\xa0y O\r\n"
    [sentence] = conll.sentences(written(tmp_path, text)).sentences
    assert sentence == (3, ["the", "New York", "x\xa0y"], ["B-work", "B-loc", "O"])


@pytest.mark.parametrize("between", [" ", "\t"])
def test_columns_between_word_and_label_and_lines_between_documents(tmp_path, between):
    """The four columns of CoNLL-2003."""
    lines = ["-DOCSTART- -X- -X- O", "", "EU NNP B-NP B-ORG", "rejects VBZ B-VP O"]
    lines += ["-DOCSTART- -X- O O", "it PRP B-NP O"]
    path = written(tmp_path, "\n".join(lines).replace(" ", between))
    assert conll.sentences(path).sentences == [(3, ["EU", "rejects"], ["B-ORG", "O"]), (6, ["it"], ["O"])]
    with pytest.raises(Error, match=r"line 2: expected 4 columns, as in the first sentence, got 2"):
        conll.sentences(written(tmp_path, f"{lines[2]}\nit O\n"))


def test_a_file_of_words_that_the_tokenizer_drops(tmp_path):
    with pytest.raises(Error, match=r"words.conll: expected at least one word that the tokenizer finds tokens in"):
        read(tmp_path, "\ufe0f\tB-loc\n\n\ufe0f\tO\n")


@pytest.mark.parametrize(("line", "message"), [
    ("berlin", "expected a word and its label"),
    ("\tO", "expected a word and its label"),
    ("berlin\t", "expected a word and its label"),
    ("berlin\tNNP\tO", "expected 2 columns, as in the first sentence, got 3"),
    ("new berlin B-loc", "expected 2 columns, as in the first sentence, got 3"),
    ("berlin\tb-loc", "expected the label O, B-<type> or I-<type>, or another scheme's, got 'b-loc'; labels without"),
    ("berlin\tB-", "expected the label O, B-<type> or I-<type>, or another scheme's, got 'B-'"),
    ("berlin\tB-person", r"expected a label of the model \('O', 'B-loc'.*\), got 'B-person'"),
])  # fmt: skip
def test_bad_lines_are_named(tmp_path, line, message):
    with pytest.raises(Error, match=rf"words.conll: line 3: {message}"):
        read(tmp_path, f"it\tO\nrains\tO\n{line}\n")


@pytest.mark.parametrize("text", ["", "\n\t\n \n"])
def test_a_file_without_words(tmp_path, text):
    with pytest.raises(Error, match=r"words.conll: expected a word and its label a line, got none"):
        read(tmp_path, text)


def test_fitted_knows_both_labels_of_each_type(tmp_path):
    config = token_classification.fitted(written(tmp_path, FILE), tiny_config(problem_type="regression", num_labels=1))
    assert (config.labels, config.num_labels, config.problem_type) == (LABELS, 5, None)
    with pytest.raises(Error, match=r"words\.conll: expected labels of entities"):
        token_classification.fitted(written(tmp_path, "it\tO\n"), CONFIG)


def test_the_first_token_of_a_word_carries_its_label(tmp_path):
    examples = read(tmp_path, "Funny\tB-work\ntrain,\tI-work\nit\tO\n\nberlin\tB-loc\n")
    inputs, labels = examples.batch([0, 1])
    tokens = [[WORDS[i] for i in row] for row in inputs.ids.token]
    assert tokens == [["[CLS]", "fun", "##ny", "train", ",", "it", "[SEP]"],
                      ["[CLS]", "berlin", "[SEP]", *["[PAD]"] * 4]]  # fmt: skip
    n = IGNORED
    assert labels.tolist() == [[n, 3, n, 4, n, 0, n], [n, 1, n, n, n, n, n]]
    assert inputs.mask.sum(axis=1).tolist() == examples.lengths == [7, 3]
    assert not inputs.ids.segment.any()


def test_no_special_token_is_read_in_a_word(tmp_path):
    examples = read(tmp_path, "[SEP]\tO\n[MASK]\tO\n")
    [window] = examples.windows
    assert [WORDS[i] for i in window.ids] == ["[CLS]", *["[UNK]"] * 6, "[SEP]"]
    assert window.places == [1, 4]


SAMPLES = ["the", "funny", "rains", "train,!", "\ufe0f", "fun" + "ny" * 9]


@given(st.lists(st.sampled_from(SAMPLES), min_size=1, max_size=30), st.integers(3, 24))
def test_every_word_is_in_one_window(sentence, max_length):
    windows = token_classification.windows(7, sentence, TOKENIZER, max_length)
    seen = [word for window in windows for word in window.words]
    assert seen == [i for i, word in enumerate(sentence) if word != "\ufe0f"]
    for window in windows:
        assert window.sentence == 7
        assert len(window.ids) <= max_length
        assert (window.ids[0], window.ids[-1]) == (TOKENIZER.cls_id, TOKENIZER.sep_id)
        for place, word in zip(window.places, window.words, strict=True):
            tokens = TOKENIZER.encode(sentence[word], add_special_tokens=False).ids[: max_length - 2]
            assert window.ids[place : place + len(tokens)] == tokens


PLAIN = ["it", "rains", "to", "berlin"] * 5
CYCLE = ["O", "B-work", "I-work", "I-work"] * 5
LONG = "".join(f"{word}\t{label}\n" for word, label in zip(PLAIN, CYCLE, strict=True))


def test_no_label_of_a_long_sentence_is_lost(tmp_path):
    examples = read(tmp_path, LONG, max_length=7)
    assert len(examples.windows) == 4
    _, labels = examples.batch(range(4))
    assert [LABELS[i] for i in labels[labels != IGNORED]] == CYCLE


def logits_of(examples, predicted):
    """Logits that give each word of a window the predicted label; other tokens say B-loc, which must not count."""
    results = []
    for window in examples.windows:
        values = np.zeros((len(window.ids) + 2, 5))
        values[:, 1] = 5.0
        for place, word in zip(window.places, window.words, strict=True):
            values[place] = np.log(0.1)
            values[place, LABELS.index(predicted[window.sentence][word])] = np.log(0.6)
        results.append(values)
    return results


def test_measures(tmp_path):
    examples = read(tmp_path, FILE)
    right = [sentence.labels for sentence in examples.sentences]
    figures = examples.measures(logits_of(examples, right))
    assert figures == pytest.approx(
        {"loss": -np.log(0.6), "precision": 1, "recall": 1, "f1": 1, "f1_loc": 1, "f1_work": 1}
    )
    wrong = [["B-work", "O", "O"], ["O", "B-loc"], ["B-loc"]]
    figures = examples.measures(logits_of(examples, wrong))
    loss = -(4 * np.log(0.6) + 2 * np.log(0.1)) / 6
    assert figures == pytest.approx(
        {"loss": loss, "precision": 1 / 3, "recall": 1 / 2, "f1": 2 / 5, "f1_loc": 2 / 3, "f1_work": 0}
    )


def test_an_entity_may_go_on_in_the_next_window(tmp_path):
    examples = read(tmp_path, LONG, max_length=8)  # six words: between words 5 and 6, both of one entity
    assert examples.measures(logits_of(examples, [CYCLE]))["f1"] == 1


def test_a_word_without_tokens_counts_as_missed(tmp_path):
    examples = read(tmp_path, "\ufe0f\tB-loc\nberlin\tB-loc\n\n\ufe0f\tO\n")
    assert len(examples.windows) == 1
    figures = examples.measures(logits_of(examples, [["B-loc", "B-loc"]]))
    assert (figures["precision"], figures["recall"]) == (1, 0.5)


def test_the_digest_knows_the_content_and_not_the_place(tmp_path):
    digest = read(tmp_path, FILE).digest
    assert token_classification.read(written(tmp_path, f"\n\n{FILE}", "other"), TOKENIZER, CONFIG, 24).digest == digest
    assert read(tmp_path, FILE.replace("I-work", "O")).digest != digest


def test_max_length_leaves_room_for_a_token(tmp_path):
    with pytest.raises(Error, match="max_length: expected at least 3, got 2"):
        read(tmp_path, FILE, max_length=2)


def test_it_is_learned(tmp_path):
    """And the evaluation is that of the loss that is learned from."""
    examples = read(tmp_path, FILE)
    params, config = small_model(heads=("token_classification",), num_labels=5, labels=LABELS, hidden_dropout=0.0)
    batch = examples.batch(range(3))
    loss, _ = objective.forward("token_classification", batch, params, config)
    assert token_classification.evaluate(examples, params, config)["loss"] == pytest.approx(float(loss), abs=1e-12)
    recipe = finetune.recipe("token_classification", examples, 60, learning_rate=1e-2)
    monitor = Monitor(lambda params: token_classification.evaluate(examples, params, config))
    _, figures = finetune.train(params, config, examples, recipe, monitor)
    assert figures["f1"] == 1
