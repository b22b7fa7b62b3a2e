"""Texts with classes from tab-separated files, and what is measured on them."""

import math

import numpy as np
import pytest
from support.tiny import tiny_bert, tiny_config

from numpy_bert.errors import Error, UsageError
from numpy_bert.training.data import classification as data
from numpy_bert.training.data import labeled_texts
from numpy_bert.training.data.options import DataOptions

BERT = tiny_bert(("sequence_classification",), labels=("bad", "good", "dull"))


def written(folder, text):
    path = folder / "examples.tsv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode("utf-8"))
    return path


def test_lines_are_examples(tmp_path):
    path = written(tmp_path, "\ufeffa film\tgood\n\nit was bad \t bad \r\n")
    assert labeled_texts.rows(path) == [
        labeled_texts.LabeledText(1, "a film", None, ("good",)),
        labeled_texts.LabeledText(3, "it was bad ", None, ("bad",)),
    ]
    path = written(tmp_path, "7\tgood\ta film\tit rains\n")
    rows = labeled_texts.rows(path, DataOptions(("-", "label", "text", "pair")))
    assert rows == [labeled_texts.LabeledText(1, "a film", "it rains", ("good",))]


BAD = {
    "a film\tgood\na film\n": "line 2: expected 2 columns between tabs (text, label), got 1",
    "a\tfilm\tgood\n": "line 1: expected 2 columns between tabs (text, label), or --columns to say "
    "which of the 3 are text, pair and label, got 3",
    "a film\tgood\na film\t \n": "line 2: expected a label, got nothing",
    b"a film\tgood\n\xff\tbad\n": "line 2: expected UTF-8, got byte 0xff, perhaps Windows-1252 or Latin-1: "
    "convert it with iconv -f WINDOWS-1252 -t UTF-8",
    "a film\tgood\n".encode("utf-16"): "line 1: expected UTF-8, got UTF-16: convert it with iconv -f UTF-16 -t UTF-8",
    "\n\n": "expected one example a line, got none",
    "": "expected one example a line, got none",
    "a film\tgood\na film\tgreat\x1b[31m\n": "line 2: expected a label of the model ('bad', 'good', 'dull'), "
    "got 'great\\x1b[31m'",
}


@pytest.mark.parametrize("text", BAD)
def test_bad_files(tmp_path, text):
    with pytest.raises(Error) as caught:
        data.read(written(tmp_path, text), BERT.tokenizer, BERT.config, 20)
    assert str(caught.value).endswith(f"examples.tsv: {BAD[text]}")


@pytest.mark.parametrize(
    "columns", [(), ("text",), ("text", "text", "label"), ("text", "label", "weight"), ("label", "pair")]
)
def test_bad_columns(tmp_path, columns):
    with pytest.raises(UsageError, match=r"^columns: expected text and label, perhaps pair and -, got "):
        labeled_texts.rows(written(tmp_path, "a\tb\n"), DataOptions(columns))


def test_the_config_takes_the_classes_of_a_file(tmp_path):
    config = data.fitted(written(tmp_path, "a\t10\nb\t9\nc\t10\n"), tiny_config())
    assert (config.num_labels, config.labels, config.is_regression) == (2, ("9", "10"), False)
    config = data.fitted(written(tmp_path, "a\tgood\nb\t9\n"), tiny_config())
    assert config.labels == ("9", "good")
    count = ["7" * 5000, "8" * 4999, "10", "9", "09", "0", "00"]  # int() refuses more than 4300 digits
    config = data.fitted(written(tmp_path, "".join(f"a\t{name}\n" for name in count)), tiny_config())
    assert config.labels == ("0", "00", "09", "9", "10", "8" * 4999, "7" * 5000)
    with pytest.raises(Error, match=r"tsv: expected examples of two classes or more, got 'good' alone: "):
        data.fitted(written(tmp_path, "a\tgood\nb\tgood\n"), tiny_config())
    values = data.fitted(written(tmp_path, "a\t0.5\n"), tiny_config(problem_type="regression", num_labels=1))
    assert values.is_regression


def test_examples_are_tokenized_and_padded(tmp_path):
    path = written(tmp_path, "a film was good\tgood\tit rains\n[SEP]\tbad\tnot\n")
    read_back = data.read(path, BERT.tokenizer, BERT.config, 8, DataOptions(("text", "label", "pair")))
    ids = [BERT.tokenizer.encode("a film was good", "it rains", 8).ids]
    ids.append(BERT.tokenizer.encode("[SEP]", "not", 8, special=False).ids)
    batch, labels = read_back.batch([1, 0])
    assert labels.tolist() == [0, 1]
    assert read_back.lengths == [len(row) for row in ids]
    for row, mask, expected in zip(batch.ids.token, batch.mask, ids[::-1], strict=True):
        assert row[mask].tolist() == expected
        assert (row[~mask] == 0).all()


def test_the_digest_is_of_the_content(tmp_path):
    def digest(text):
        return data.read(written(tmp_path, text), BERT.tokenizer, BERT.config, 20).digest

    first = digest("a film\tgood\n")
    assert first == digest("\na film\tgood\r\n")
    assert first != digest("a film\tbad\n")
    assert first != digest("the film\tgood\n")


def test_measures(tmp_path):
    texts = ["a film", "it was bad", "the plot was very very dull", "good"]
    answers = BERT.classify(texts)
    labels = [answers[0].label, answers[1].label, "bad", "good"]
    path = written(tmp_path, "".join(f"{text}\t{label}\n" for text, label in zip(texts, labels, strict=True)))
    figures = data.evaluate(data.read(path, BERT.tokenizer, BERT.config, 20), BERT.params, BERT.config)
    right = sum(answer.label == label for answer, label in zip(answers, labels, strict=True))
    loss = -np.mean([math.log(answer.scores[label]) for answer, label in zip(answers, labels, strict=True)])
    assert figures["accuracy"] == right / 4
    assert abs(figures["loss"] - loss) < 1e-5


def test_measures_of_a_regression(tmp_path):
    bert = tiny_bert(("sequence_classification",), num_labels=1, problem_type="regression")
    texts, values = ["a film", "it was bad"], [0.5, -2.0]
    path = written(tmp_path, "".join(f"{text}\t{value}\n" for text, value in zip(texts, values, strict=True)))
    examples = data.read(path, bert.tokenizer, bert.config, 20)
    assert examples.batch([1, 0]).labels.tolist() == [[-2.0], [0.5]]
    errors = [answer.scores["value"] - value for answer, value in zip(bert.classify(texts), values, strict=True)]
    measured = data.evaluate(examples, bert.params, bert.config)
    assert abs(measured["mean_squared_error"] - np.mean(np.square(errors))) < 1e-5
    for text in ("a\tx\n", "a\tnan\n", "a\tinf\n"):
        with pytest.raises(Error, match=r"examples.tsv: line 1: expected a number as label, got "):
            data.read(written(tmp_path, text), bert.tokenizer, bert.config, 20)
