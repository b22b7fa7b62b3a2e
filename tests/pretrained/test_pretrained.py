"""The model that comes with the package: what load() returns without a path, and what its card says of it."""

import json
import re
import subprocess
import sys

import numpy as np
import pytest

import numpy_bert
from numpy_bert.cli.main import main
from numpy_bert.model import PRETRAINED


@pytest.fixture(scope="module")
def bert():
    return numpy_bert.load()


def test_it_is_small_and_complete(bert):
    assert sum(path.stat().st_size for path in PRETRAINED.rglob("*") if path.is_file()) <= 12_000_000
    assert bert.heads == ("masked_lm", "next_sentence", "sequence_classification")
    assert bert.dtype == np.float32
    assert bert.config.labels == ("negative", "positive")
    assert bert.pooling.pooling == "mean"


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("I liked this movie.", "positive"),
        ("I Love this movie because the actors are funny and professional", "positive"),
        ("I did not like it at all.", "negative"),
        ("A dull, lifeless and boring film.", "negative"),
    ],
)
def test_clear_reviews(bert, text, label):
    assert bert.classify(text).label == label


def test_the_likeliest_words_are_those_of_the_card(bert):
    card = (PRETRAINED / "CARD.md").read_text(encoding="utf-8")
    said = card.split("## What it says")[1]
    rows = re.findall(r"^\| (.*\[MASK\].*) \| (.+) \|$", said, re.MULTILINE)
    assert len(rows) == 10
    assert rows[0][0] == "The movie was [MASK]."
    for text, listed in rows:
        assert [p.token for p in bert.fill_mask(text)[0]] == listed.split(", "), text


def test_commands_take_it_where_no_model_is_named(capsys):
    assert main(["classify", "a great film", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["label"] == "positive"
    assert main(["tokenize", "a great film", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["tokens"] == ["[CLS]", "a", "great", "film", "[SEP]"]


def test_plain_statements_are_no_reviews(bert):
    for text in ("The train to Berlin leaves at nine.", "He was born in Vienna in 1890."):
        assert 0.25 < bert.classify(text).scores["positive"] < 0.75, text


@pytest.fixture(scope="module")
def demo():
    command = [sys.executable, "-m", "numpy_bert", "demo", "--json"]
    return json.loads(subprocess.run(command, capture_output=True, check=True, timeout=60).stdout)


def test_the_demo_shows_everything(demo):
    assert set(demo) == {
        'The tokens of "I liked this movie."',
        "Cosine similarity of sentence vectors",
        "The likeliest words for [MASK]",
        "Next sentence",
        "Classification",
        "Gradient checks",
    }
    assert demo["Gradient checks"]["passed"]


def test_the_hits_of_the_demo_are_those_of_the_card(demo):
    """However the processor rounds: one example more or less may be right."""
    card = (PRETRAINED / "CARD.md").read_text(encoding="utf-8")
    listed = re.findall(r"^\| demo, (.*) \| (\d+) of (\d+) \|$", card, re.MULTILINE)
    assert len(listed) == 4
    for name, hits, of in listed:
        counted = demo.get(name) or demo["Classification"][name]
        assert counted["of"] == int(of), name
        assert abs(counted["hits"] - int(hits)) <= 1, name
