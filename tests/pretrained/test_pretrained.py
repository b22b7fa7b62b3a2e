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
    assert sum(path.stat().st_size for path in PRETRAINED.rglob("*") if path.is_file()) <= 5_000_000
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
    rows = re.findall(r"^\| (.*\[MASK\].*) \| (.+) \|$", card, re.MULTILINE)
    assert len(rows) == 10
    assert rows[0][0] == "The movie was [MASK]."
    for text, listed in rows:
        assert [p.token for p in bert.fill_mask(text)[0]] == listed.split(", "), text


def test_commands_take_it_where_no_model_is_named(capsys):
    assert main(["classify", "a great film", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["label"] == "positive"
    assert main(["tokenize", "a great film", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["tokens"] == ["[CLS]", "a", "great", "film", "[SEP]"]


def test_the_demo_shows_everything():
    command = [sys.executable, "-m", "numpy_bert", "demo", "--json"]
    output = json.loads(subprocess.run(command, capture_output=True, check=True, timeout=60).stdout)
    assert set(output) == {
        'The tokens of "I liked this movie."',
        "Cosine similarity of sentence vectors",
        "The likeliest words for [MASK]",
        "Next sentence",
        "Classification",
        "Gradient checks",
    }
    assert output["Gradient checks"]["passed"]
