"""Files of texts and labels in the forms in which they are published, made of our own words: read as what they are, or
refused with a line that names the option.
"""

import json

import pytest
from support.tiny import tiny_bert, tiny_config

from numpy_bert.errors import Error, UsageError
from numpy_bert.training.data import classification, labeled_texts
from numpy_bert.training.data.options import DataOptions

TEXTS = [
    "the film was great", "the film was bad", "it rains", "you sat on the mat", "nobody laughed", "a quiet joy",
    "they missed the train", "the plot is thin", "she sings well", "we left early",
]  # fmt: skip
OTHERS = [text.replace("the", "a") + " again" for text in TEXTS]
BINARY = ["1", "0", "0", "1", "0", "1", "0", "0", "1", "0"]
NLI = ["entailment", "neutral", "contradiction", "neutral", "entailment", "neutral", "contradiction", "entailment"]
NLI += ["neutral", "contradiction"]
SCORES = ["4.25", "0.6", "3.8", "2.4", "3.000", "5.000", "1.75", "0.0", "2.0", "4.6"]
PARSE = "(ROOT (S ...))"


def tsv(header, rows):
    lines = [header, *rows] if header else rows
    return "".join("\t".join(row) + "\n" for row in lines)


def sst2():
    return tsv(["sentence", "label"], [[f"{text} ", label] for text, label in zip(TEXTS, BINARY, strict=True)])


def mrpc():
    rows = [[label, str(i), str(i + 90), text, f'"{other}'] for i, (label, text, other) in enumerate(
        zip(BINARY, TEXTS, OTHERS, strict=True))]  # fmt: skip
    return "\ufeff" + tsv(["Quality", "#1 ID", "#2 ID", "#1 String", "#2 String"], rows)


def stsb_glue():
    header = [
        "index",
        "genre",
        "filename",
        "year",
        "old_index",
        "source1",
        "source2",
        "sentence1",
        "sentence2",
        "score",
    ]
    rows = [[str(i), "main-news", "MSRvid", "2012", f"{i:04d}", "none", "none", text, other, score]
            for i, (text, other, score) in enumerate(zip(TEXTS, OTHERS, SCORES, strict=True))]  # fmt: skip
    return tsv(header, rows)


def stsb_csv():
    """The published sts-train.csv: no header, tabs, no quoting, sources at the end of some lines."""
    rows = [["main-captions", "MSRvid", "2012test", f"{i:04d}", score, text, other] + ["source"] * (2 * (i % 2))
            for i, (text, other, score) in enumerate(zip(TEXTS, OTHERS, SCORES, strict=True))]  # fmt: skip
    return tsv(None, rows)


MNLI_NAMES = [
    "index", "promptID", "pairID", "genre", "sentence1_binary_parse", "sentence2_binary_parse", "sentence1_parse",
    "sentence2_parse", "sentence1", "sentence2", "label1", "gold_label",
]  # fmt: skip


def mnli_records():
    for i, (text, other, label) in enumerate(zip(TEXTS, OTHERS, NLI, strict=True)):
        gold = "-" if i == 3 else label
        yield dict(zip(MNLI_NAMES, [str(i), str(i + 7), f"{i}e", "fiction", *[PARSE] * 4, text, other, label, gold],
                       strict=True))  # fmt: skip


def mnli_glue():
    return tsv(MNLI_NAMES, [list(record.values()) for record in mnli_records()])


def mnli_original():
    names = ["gold_label", *(name for name in MNLI_NAMES[1:] if name != "gold_label")]
    return tsv(names, [[record[name] for name in names] for record in mnli_records()])


def mnli_json():
    return "".join(json.dumps({"annotator_labels": [r["label1"]], **r}) + "\n" for r in mnli_records())


def csv_of(*rows):
    return "".join(",".join('"' + field.replace('"', '""') + '"' for field in row) + "\n" for row in rows)


def examples(folder, name, text, options=None):
    """(text, pair, label) of each example, and the config."""
    path = folder / name
    path.write_bytes(text.encode("utf-8"))
    options = options or DataOptions()
    rows = labeled_texts.rows(path, options)
    return [(row.text, row.pair, row.label) for row in rows], classification.fitted(path, tiny_config(), options)


PAIRED = list(zip(TEXTS, OTHERS, strict=True))
GOLD = [(text, other, label) for i, ((text, other), label) in enumerate(zip(PAIRED, NLI, strict=True)) if i != 3]


def test_sst2(tmp_path):
    rows, config = examples(tmp_path, "train.tsv", sst2())
    assert rows == [(f"{text} ", None, label) for text, label in zip(TEXTS, BINARY, strict=True)]
    assert config.labels == ("0", "1")


def test_mrpc(tmp_path):
    rows, config = examples(tmp_path, "msr_paraphrase_train.txt", mrpc())
    assert rows == [(text, f'"{other}', label) for (text, other), label in zip(PAIRED, BINARY, strict=True)]
    assert config.labels == ("0", "1")


def test_stsb(tmp_path):
    expected = [(text, other, score) for (text, other), score in zip(PAIRED, SCORES, strict=True)]
    rows, config = examples(tmp_path, "train.tsv", stsb_glue())
    assert (rows, config.is_regression, config.num_labels) == (expected, True, 1)
    with pytest.raises(Error, match="--columns to say which of the 7 are text, pair and label"):
        examples(tmp_path, "sts-train.csv", stsb_csv())
    asked = DataOptions(("-", "-", "-", "-", "label", "text", "pair", "..."))
    rows, config = examples(tmp_path, "sts-train.csv", stsb_csv(), asked)
    assert (rows, config.is_regression) == (expected, True)


@pytest.mark.parametrize(
    ("name", "text"),
    [("train.tsv", mnli_glue), ("multinli_1.0_train.txt", mnli_original), ("multinli_1.0_train.jsonl", mnli_json)],
)
def test_mnli(tmp_path, name, text):
    rows, config = examples(tmp_path, name, text())
    assert rows == GOLD
    assert config.labels == ("contradiction", "entailment", "neutral")
    assert "; left out: 1 without a gold label" in labeled_texts.parse(tmp_path / name).recognized


OTHER_FORMS = {
    "QQP": ("train.tsv", tsv(["id", "qid1", "qid2", "question1", "question2", "is_duplicate"],
                             [["7", "1", "2", "who?", "what?", "0"], ["8", "3", "4", "when?", "now?", "1"]]),
            [("who?", "what?", "0"), ("when?", "now?", "1")]),
    "QNLI": ("dev.tsv", tsv(["index", "question", "sentence", "label"],
                            [["0", "who?", "Bo.", "entailment"], ["1", "who?", "It rains.", "not_entailment"]]),
             [("who?", "Bo.", "entailment"), ("who?", "It rains.", "not_entailment")]),
    "IMDb": ("imdb.csv", csv_of(["review", "sentiment"], ['He said "no", twice', "negative"],
                                ["good\nfun", "positive"]),
             [('He said "no", twice', None, "negative"), ("good\nfun", None, "positive")]),
    "tweets": ("tweets.csv", csv_of(["tweet_id", "airline_sentiment", "tweet"], *[["1", "a", "x"], ["2", "b", "y"]]),
               "which of the 3 are text, pair and label"),
    "one unknown name": ("x.tsv", "utt\tlabel\nit rains\ta\nbo\tb\n", [("it rains", None, "a"), ("bo", None, "b")]),
    "numbers below a name": ("x.tsv", "Tweet\tStance\nit rains\t1\nbo\t0\n",
                             [("it rains", None, "1"), ("bo", None, "0")]),
    "semicolons": ("x.csv", "text;label\nit rains, here;1\nbo;0\n", [("it rains, here", None, "1"), ("bo", None, "0")]),
    "semicolons and commas": ("x.csv", "text;label;id\nit rains, here;1;7\nbo, and, so on;0;8\n",
                              [("it rains, here", None, "1"), ("bo, and, so on", None, "0")]),
    "semicolons and commas, no header": ("x.csv", "it rains, here;1\nbo;0\na, b, c;1\n",
                                         [("it rains, here", None, "1"), ("bo", None, "0"), ("a, b, c", None, "1")]),
    "commas and semicolons": ("x.csv", '"a; b",x\n"c",y\n"d; e; f",x\n',
                              [("a; b", None, "x"), ("c", None, "y"), ("d; e; f", None, "x")]),
    "spaces behind commas": ("x.csv", '"text", "label"\n"it, rains", "1"\nbo, 0\n',
                             [("it, rains", None, "1"), ("bo", None, "0")]),
    "a byte-order mark before quotes": ("x.csv", '\ufeff"text","label"\n"a","x"\n"b","y"\n', [("a", None, "x"),
                                                                                          ("b", None, "y")]),
    "the index of pandas": ("x.csv", ",text,label\n0,it rains,1\n1,bo,0\n",
                            [("it rains", None, "1"), ("bo", None, "0")]),
    "decimal commas": ("x.csv", "text;score\na;0,5\nb;1,25\nc;2\n",
                       "labels such as '0,5' may be numbers: write them as 0.5"),
    "percentages": ("x.tsv", "a\t80%\nb\t12.5 %\nc\t5%\n", "labels such as '12.5 %' may be numbers"),
    "several labels": ("x.tsv", "text\tlabel\na\tx|y\nb\tx\nc\ty|z\n",
                       r"labels such as 'x\|y' may be several labels of a text: say --multi-label, with commas"),
    "all quoted": ("x.csv", '"text"\t"label"\n"a"\t"x"\n"b"\t"y"\n', [("a", None, "x"), ("b", None, "y")]),
    "quoted where it must be": ("x.tsv", 'text\tlabel\n"He said ""no"""\tx\nb\ty\n',
                                [('He said "no"', None, "x"), ("b", None, "y")]),
    "marks without quoting": ("x.tsv", '"He said\tx\n"b"\ty\n', [('"He said', None, "x"), ('"b"', None, "y")]),
    "marks around a text": ("x.tsv", 'it\tx\n"b"\ty\n', [("it", None, "x"), ('"b"', None, "y")]),
    "missing labels": ("x.tsv", "a\t1\nb\tnan\nc\t0\n",
                       "expected labels, got 'nan' beside numbers, as of missing values"),
    "an array of JSON": ("x.json", '[{"text": "a", "label": "x"}]\n',
                         "expected a JSON object a line, got an array: jq"),
    "nested labels": ("x.jsonl", '{"text": "a", "label": {"name": "x"}}\n',
                      "line 1: expected a text or a number as label, got '{\"name\": \"x\"}'"),
    "labels in lists in lists": ("x.jsonl", '{"text": "a", "labels": [["x", "y"]]}\n',
                                 "line 1: expected a text or a number as label, got"),
    "words in place of a text": ("x.jsonl", '{"text": ["a", "b"], "label": "x"}\n',
                                 "line 1: expected a text as text, got '\\[\"a\", \"b\"\\]'"),
    "a text that is missing": ("x.jsonl", '{"text": "a", "label": "x"}\n{"text": null, "label": "y"}\n{"label": "y"}\n',
                               "line 2: expected a text as text, got null"),
    "datasets": ("x.jsonl", '{"idx": 0, "text": "it rains", "label": 1}\n{"idx": 1, "text": "bo", "label": 0}\n',
                 [("it rains", None, "1"), ("bo", None, "0")]),
    "BoolQ": ("x.jsonl", '{"question": "is it", "passage": "It is.", "answer": true}\n'
                         '{"question": "was it", "passage": "It is.", "answer": false}\n',
              [("is it", "It is.", "true"), ("was it", "It is.", "false")]),
    "CoLA": ("train.tsv", "gj04\t1\t\tit rains\ngj04\t0\t*\trains it\n", "which of the 4 are text, pair and label"),
    "AG News": ("train.csv", csv_of(["3", "a title", "a text"], ["1", "b", "c"]), "which of the 3 are text, pair and"),
    "one label alone at the top": ("x.tsv", "Text A\tStance\na\tpro\nb\tpro\nc\tcon\nd\tcon\n",
                                   "line 1: the names of columns or an example of a class that no other line has "
                                   r"\('Stance'\): say --header or --no-header"),
    "floats of pandas": ("x.tsv", "a\t1.0\nb\t0.0\nc\t1.0\n",
                         r"labels such as '1.0' may be classes or numbers: say --regression, or --labels with"),
    "decimals beside names": ("x.tsv", "a\t1.5\nb\tnone\nc\t1.0\n", "labels such as '1.5' beside 'none': say --regr"),
    "ids": ("x.tsv", "".join(f"text {i}\t{i * 7 + 300}\n" for i in range(9)), "9 different labels in 9 examples"),
    "texts and labels swapped": ("x.tsv", "".join(f"{i % 2}\ttext {i}\n" for i in range(9)),
                                 "9 different labels in 9 examples"),
    "marks to 100": ("x.tsv", "".join(f"text {i}\t{i // 2 * 3 + 5}\n" for i in range(60)),
                     "30 different numbers as labels may be classes or not: say --regression, or --labels"),
    "an empty column": ("x.tsv", "text\tpair\tlabel\na\t \tx\nb\t\ty\n",
                        "expected texts in the column of the pair, got"),
    "an empty label": ("x.tsv", "text\tlabel\na\tx\nb\t\n", "line 3: expected a label, got nothing"),
    "a header alone": ("x.tsv", "text\tlabel\n", "expected one example a line, got a header alone"),
    "another width": ("x.tsv", "text\tlabel\na\tx\nb\ty\tz\n", "line 3: expected 2 columns, as the header has, got 3"),
    "a quote left open": ("x.csv", 'text,label\n"a,x\n', "line 2: expected CSV, got: unexpected end of data"),
    "JSON that stops": (
        "x.jsonl", '{"text": "a", "label": 1}\n[1]\n', "line 2: expected a JSON object as in the first"),
}  # fmt: skip


@pytest.mark.parametrize("form", OTHER_FORMS)
def test_other_forms(tmp_path, form):
    name, text, expected = OTHER_FORMS[form]
    if isinstance(expected, str):
        with pytest.raises(Error, match=expected):
            examples(tmp_path, name, text)
    else:
        assert examples(tmp_path, name, text)[0] == expected


def test_options_answer_what_is_asked(tmp_path):
    cola = "gj04\t1\t\tit rains\ngj04\t0\t*\trains it\n"
    rows, config = examples(tmp_path, "train.tsv", cola, DataOptions(("-", "label", "-", "text")))
    assert rows == [("it rains", None, "1"), ("rains it", None, "0")]
    news = csv_of(["3", "a title", "a text"], ["1", "b", "c"])
    rows, _ = examples(tmp_path, "train.csv", news, DataOptions(("label", "-", "text")))
    assert rows == [("a text", None, "3"), ("c", None, "1")]
    tweets = csv_of(["tweet_id", "airline_sentiment", "tweet"], ["1", "a", "x"], ["2", "b", "y"])
    rows, _ = examples(tmp_path, "t.csv", tweets, DataOptions(("text=tweet", "label=airline_sentiment")))
    assert rows == [("x", None, "a"), ("y", None, "b")]
    stance = "Text A\tStance\na\tpro\nb\tpro\nc\tcon\nd\tcon\n"
    assert len(examples(tmp_path, "x.tsv", stance, DataOptions(header=True))[0]) == 4
    rows, config = examples(tmp_path, "x.tsv", stance, DataOptions(header=False))
    assert (len(rows), config.labels) == (5, ("Stance", "con", "pro"))
    floats = "a\t1.0\nb\t0.0\nc\t1.0\n"
    assert examples(tmp_path, "x.tsv", floats, DataOptions(regression=True))[1].is_regression
    assert examples(tmp_path, "x.tsv", floats, DataOptions(labels=("0.0", "1.0")))[1].labels == ("0.0", "1.0")
    assert examples(tmp_path, "x.tsv", "a\t1\nb\t2\n", DataOptions(regression=True))[1].is_regression


def test_columns_that_the_file_lacks(tmp_path):
    with pytest.raises(UsageError, match=r"^columns: expected a column of .*x.tsv \('text', 'label'\), got 'stance'$"):
        examples(tmp_path, "x.tsv", "text\tlabel\na\tx\n", DataOptions(("text=text", "label=stance")))
    with pytest.raises(
        UsageError, match=r"^columns: expected roles and keys of the JSON such as text=a, with 'a', 'b'$"
    ):
        examples(tmp_path, "x.jsonl", '{"a": "x", "b": 1}\n', DataOptions(("text", "label")))


def test_a_head_of_one_output_stays_a_regression(tmp_path):
    path = tmp_path / "x.tsv"
    path.write_text("a\t1\nb\t3\n")
    config = tiny_config(num_labels=1)
    assert classification.fitted(path, config).problem_type == "regression"
    path.write_text("a\tx\nb\ty\n")
    assert classification.fitted(path, config).labels == ("x", "y")


def test_what_was_recognized_is_said_with_the_classes(tmp_path):
    bert = tiny_bert(("sequence_classification",), labels=("0", "1"), num_labels=2)
    path = tmp_path / "sst2.tsv"
    path.write_text(sst2())
    read_back = classification.read(path, bert.tokenizer, bert.config, 20)
    assert read_back.summary[0].endswith(
        "sst2.tsv: 10 examples, tab-separated with a header: text 'sentence', label 'label'"
    )
    assert read_back.summary[1] == "classes: '0' 6, '1' 4"
    regression = tiny_bert(("sequence_classification",), num_labels=1, problem_type="regression")
    path.write_text("a\t0.5\nb\t-2\n")
    read_back = classification.read(path, regression.tokenizer, regression.config, 20)
    assert read_back.summary[0].endswith("2 examples, tab-separated without a header: text 1, label 2")
    assert read_back.summary[1] == "regression: labels from -2 to 0.5"


def test_negative_classes_are_in_order(tmp_path):
    assert labeled_texts.classes(["1", "-1", "0", "-10", "-2"]) == ("-10", "-2", "-1", "0", "1")
