"""Texts with several labels: lists and columns, read, trained and measured as what they are."""

import json

import numpy as np
import pytest
from support.tiny import tiny_bert, tiny_config

import numpy_bert
from numpy_bert.cli.main import main
from numpy_bert.errors import Error
from numpy_bert.training.data import classification
from numpy_bert.training.data.options import DataOptions

TEXTS = ["a good film", "it was bad", "it rains", "good"]
LISTS = [["anger", "joy"], [], ["joy"], ["fear"]]
TARGETS = [[1, 0, 1], [0, 0, 0], [0, 0, 1], [0, 1, 0]]  # anger, fear, joy
NAMES = ("anger", "fear", "joy")
MULTI = "multi_label_classification"


def written(folder, name, lines):
    path = folder / name
    path.write_text("".join(line + "\n" for line in lines), encoding="utf-8")
    return path


def lists(folder, name="train.jsonl"):
    rows = [json.dumps({"text": text, "labels": labels}) for text, labels in zip(TEXTS, LISTS, strict=True)]
    return written(folder, name, rows)


def columns(folder, rows=TARGETS, names=NAMES, between="\t", name="train.tsv"):
    lines = [["id", "comment_text", *names], *([str(i), text, *map(str, row)] for i, (text, row) in
             enumerate(zip(TEXTS, rows, strict=True)))]  # fmt: skip
    return written(folder, name, map(between.join, lines))


def examples(path, config=None, options=None):
    """The config that the file gives, and its targets."""
    bert, options = tiny_bert(("sequence_classification",)), options or DataOptions()
    config = config or classification.fitted(path, tiny_config(), options)
    read = classification.read(path, bert.tokenizer, config, 20, options)
    return config, read.labels.tolist(), read


def test_lists_of_names(tmp_path):
    config, targets, read = examples(lists(tmp_path))
    assert (config.problem_type, config.labels, targets) == (MULTI, NAMES, TARGETS)
    assert read.summary[1] == "several classes a text: 'anger' 1, 'fear' 1, 'joy' 2; 1 texts with none"
    assert read.batch([2, 0]).labels.tolist() == [TARGETS[2], TARGETS[0]]


def test_names_between_commas_where_the_option_says_so(tmp_path):
    path = written(
        tmp_path, "train.tsv", [f"{text}\t{','.join(names)}" for text, names in zip(TEXTS, LISTS, strict=True)]
    )
    config, targets, _ = examples(path, options=DataOptions(multi_label=True))
    assert (config.problem_type, config.labels, targets) == (MULTI, NAMES, TARGETS)
    assert examples(path, config)[1] == TARGETS  # as for evaluate: the model says it
    known = DataOptions(multi_label=True, labels=("joy", "fear", "anger"))
    assert examples(path, options=known)[1] == [row[::-1] for row in TARGETS]


@pytest.mark.parametrize(("between", "name"), [("\t", "train.tsv"), (",", "train.csv")])
def test_columns_of_0_and_1(tmp_path, between, name):
    config, targets, read = examples(columns(tmp_path, between=between, name=name))
    assert (config.problem_type, config.labels, targets) == (MULTI, NAMES, TARGETS)
    assert "text 'comment_text', label 'anger', label 'fear', label 'joy'" in read.summary[0]


def test_columns_by_option(tmp_path):
    path = written(tmp_path, "x.tsv", ["1\ta good film\t0", "0\tit was bad\t1"])
    config, targets, _ = examples(path, options=DataOptions(("label", "text", "label"), labels=("a", "b")))
    assert (config.problem_type, config.labels, targets) == (MULTI, ("a", "b"), [[1, 0], [0, 1]])
    named = DataOptions(("text=comment_text", "label=joy", "label=anger"))
    config, targets, _ = examples(columns(tmp_path), options=named)
    assert (config.labels, targets) == (("joy", "anger"), [[1, 1], [0, 0], [1, 0], [0, 0]])


def test_columns_of_numbers_are_outputs_of_a_regression(tmp_path):
    values = [[0.5, 2.0, 1.0], [1.5, 0.0, 3.0], [2.0, 1.0, 1.0], [0.0, 0.0, 1.0]]
    config, targets, read = examples(columns(tmp_path, values))
    assert (config.problem_type, config.labels, targets) == ("regression", NAMES, values)
    assert read.summary[1] == "regression: 'anger' from 0 to 2, 'fear' from 0 to 2, 'joy' from 1 to 3"
    config, targets, _ = examples(columns(tmp_path), options=DataOptions(regression=True))
    assert (config.problem_type, targets) == ("regression", TARGETS)
    path = written(
        tmp_path, "x.jsonl", [json.dumps({"text": t, "scores": v}) for t, v in zip(TEXTS, values, strict=True)]
    )
    config, targets, _ = examples(path, options=DataOptions(("text=text", "label=scores")))
    assert (config.problem_type, config.labels, config.num_labels, targets) == ("regression", (), 3, values)


def test_columns_are_matched_by_name(tmp_path):
    config, *_ = examples(columns(tmp_path))
    turned = columns(tmp_path, [row[::-1] for row in TARGETS], NAMES[::-1], name="dev.tsv")
    assert examples(turned, config)[1] == TARGETS
    with pytest.raises(Error, match="expected columns for the labels of the model"):
        examples(columns(tmp_path, names=("anger", "fear", "love"), name="dev.tsv"), config)


@pytest.mark.parametrize(("labels", "options", "message"), [
    ([[0, 1], [1, 1]], {}, r"labels such as '\[0, 1\]' may be classes, or 0 and 1 for each: say --multi-label"),
    ([[], []], {"multi_label": True}, "expected a class in at least one example, got none"),
    ([[0.5, 1.0], [1.0, 0.0]], {"labels": ("a",)}, "expected 2 names of labels, one for each column, got 1"),
])  # fmt: skip
def test_what_may_be_read_in_two_ways_is_asked(tmp_path, labels, options, message):
    path = written(tmp_path, "x.jsonl", [json.dumps({"text": "good", "labels": label}) for label in labels])
    with pytest.raises(Error, match=message):
        classification.fitted(path, tiny_config(), DataOptions(**options))


def test_lists_of_0_and_1_with_names(tmp_path):
    path = written(tmp_path, "x.jsonl", [json.dumps({"text": "good", "labels": label}) for label in ([0, 1], [1, 1])])
    config, targets, _ = examples(path, options=DataOptions(labels=("a", "b")))
    assert (config.problem_type, config.labels, targets) == (MULTI, ("a", "b"), [[0, 1], [1, 1]])
    config, targets, _ = examples(path, options=DataOptions(multi_label=True))
    assert (config.labels, targets) == (("0", "1"), [[1, 1], [0, 1]])


def test_a_label_that_the_model_lacks_is_named(tmp_path):
    config, *_ = examples(lists(tmp_path))
    path = written(tmp_path, "dev.jsonl", [json.dumps({"text": "good", "labels": ["joy", "love"]})])
    with pytest.raises(Error, match=r"line 1: expected labels of the model \('anger', 'fear', 'joy'\), got 'love'"):
        examples(path, config)


def test_a_model_that_is_trained_is_one_for_several_classes(tmp_path, capsys):
    folder = tiny_bert((), has_pooler=True).save(tmp_path / "model")
    train, run = lists(tmp_path), tmp_path / "run"
    task = ["--task", "sequence_classification"]
    arguments = [*task, "--train", str(train), "--dev", str(train), "--epochs", "150", "--learning-rate", "1e-2"]
    assert (
        main(
            [
                "finetune",
                "--model",
                str(folder),
                *arguments,
                "--output",
                str(run),
                "--evaluate-every",
                "500",
                "--save-every",
                "500",
                "--json",
            ]
        )
        == 0
    )
    figures = json.loads(capsys.readouterr().out)["figures"]
    assert set(figures) == {"loss", "f1_micro", "f1_macro", "exact_match"}
    assert figures["f1_micro"] > 0.5
    settings = json.loads((run / "model" / "config.json").read_bytes())
    assert (settings["problem_type"], settings["id2label"]) == (MULTI, {"0": "anger", "1": "fear", "2": "joy"})
    bert = numpy_bert.load(run / "model")
    answer = bert.classify(TEXTS[0])
    logits = bert.logits("sequence_classification", [bert.tokenizer.encode(TEXTS[0]).ids])[0]
    assert list(answer.scores.values()) == pytest.approx(1 / (1 + np.exp(-logits)), rel=1e-5)
    assert main(["evaluate", *task, "--input", str(train), "--model", str(run / "model"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["figures"] == pytest.approx(figures, rel=1e-4)


def test_options_that_exclude_each_other_are_refused(tmp_path, capsys):
    arguments = ["--task", "sequence_classification", "--input", str(lists(tmp_path)), "--regression", "--multi-label"]
    assert main(["evaluate", *arguments]) == 2
    assert "--regression: expected it without --multi-label, got both" in capsys.readouterr().err


@pytest.mark.parametrize("sign", ['"', "'"])
def test_lists_in_columns_as_json_or_python_writes_them(tmp_path, sign):
    rows = [
        f"{text}\t[{', '.join(sign + name + sign for name in names)}]" for text, names in zip(TEXTS, LISTS, strict=True)
    ]
    config, targets, _ = examples(written(tmp_path, "train.tsv", rows))
    assert (config.problem_type, config.labels, targets) == (MULTI, NAMES, TARGETS)


@pytest.mark.parametrize("bad", ["[a, b]", "['it's']", "[" * 100_000 + "]"])
def test_what_only_looks_like_a_list_is_one_line(tmp_path, bad):
    with pytest.raises(Error, match=r'x\.tsv: line 2: expected a list such as \["a", "b"\], got '):
        examples(written(tmp_path, "x.tsv", ["a\t[1]", f"b\t{bad}"]))
