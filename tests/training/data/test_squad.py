"""SQuAD 1.1 files: read strictly, each error with its place."""

import copy
import json

import pytest

from numpy_bert import Error
from numpy_bert.training.data import squad
from numpy_bert.training.data.squad import GoldAnswer, SquadQuestion

FILE = {
    "version": "1.1",
    "data": [
        {"title": "empty", "paragraphs": []},
        {
            "title": "films",
            "paragraphs": [
                {
                    "context": "Émile liked the movie.",
                    "qas": [
                        {
                            "id": "a",
                            "question": "Who?",
                            "answers": [{"text": "Émile", "answer_start": 0}, {"text": "movie", "answer_start": 16}],
                        },
                        {"id": "b", "question": "What?", "answers": [{"text": "movie.", "answer_start": 16}]},
                    ],
                }
            ],
        },
    ],
}
PLACE = ["data", 1, "paragraphs", 0]
ANSWER = [*PLACE, "qas", 0, "answers", 1]


def written(folder, document):
    path = folder / "squad.json"
    path.write_text(json.dumps(document), encoding="utf-8")
    return path


def test_paragraphs(tmp_path):
    [paragraphs] = squad.paragraphs(written(tmp_path, FILE))
    assert paragraphs.context == "Émile liked the movie."
    assert paragraphs.questions == (
        SquadQuestion("data[1].paragraphs[0].qas[0]", "a", "Who?", (GoldAnswer("Émile", 0), GoldAnswer("movie", 16))),
        SquadQuestion("data[1].paragraphs[0].qas[1]", "b", "What?", (GoldAnswer("movie.", 16),)),
    )


def changed(place, value):
    """The file with something else at a place; with None it is left out."""
    document = copy.deepcopy(FILE)
    result = document
    for key in place[:-1]:
        result = result[key]
    if value is None:
        del result[place[-1]]
    else:
        result[place[-1]] = value
    return document


@pytest.mark.parametrize(("place", "value", "message"), [
    (["data"], None, r"data: expected an array, got no such key"),
    (["data"], {}, r"data: expected an array, got an object"),
    (["data", 0], 7, r"data\[0\]: expected an object with the key paragraphs, got 7 \(integer\)"),
    (["data", 1, "paragraphs"], None, r"data\[1\]\.paragraphs: expected an array, got no such key"),
    ([*PLACE, "context"], 3, r"data\[1\]\.paragraphs\[0\]\.context: expected a text, got 3 \(integer\)"),
    ([*PLACE, "qas"], "x", r"data\[1\]\.paragraphs\[0\]\.qas: expected an array, got 'x' \(string\)"),
    ([*PLACE, "qas", 0, "question"], None, r"qas\[0\]\.question: expected a text, got no such key"),
    ([*PLACE, "qas", 1, "id"], "a", r"qas\[1\]\.id: expected one of its own, got that of data\[1\]\.paragraphs\[0\]\."),
    ([*PLACE, "qas", 1, "answers"], [], r"answers: expected at least one, or is_impossible: true as in SQuAD 2\.0"),
    ([*ANSWER, "text"], " ", r"answers\[1\]\.text: expected an answer, got ' '"),
    ([*ANSWER, "answer_start"], True, r"answers\[1\]\.answer_start: expected an integer, got True \(boolean\)"),
    ([*ANSWER, "answer_start"], 16.0, r"answers\[1\]\.answer_start: expected an integer, got 16.0 \(number\)"),
    ([*ANSWER, "answer_start"], 15, r"answers\[1\]: expected 'movie' at answer_start 15 of the context, got ' movi'"),
    ([*ANSWER, "answer_start"], -6, r"answers\[1\]: expected 'movie' at answer_start -6 of the context"),
    ([*ANSWER, "answer_start"], 10**30, r"answers\[1\]: expected 'movie' at answer_start 10000"),
    (["data"], [], r"expected at least one question, got none"),
])  # fmt: skip
def test_what_is_wrong_is_named_with_its_place(tmp_path, place, value, message):
    with pytest.raises(Error, match=rf"squad\.json: .*{message}"):
        squad.paragraphs(written(tmp_path, changed(place, value)))


@pytest.mark.parametrize("text", ["", "[]", "null", '{"data": [}', '{"data": [], "data": []}'])
def test_no_such_document(tmp_path, text):
    path = tmp_path / "squad.json"
    path.write_text(text)
    with pytest.raises(Error, match=r"squad\.json: .*expected "):
        squad.paragraphs(path)


def test_a_byte_order_mark_is_passed_over(tmp_path):
    path = written(tmp_path, FILE)
    paragraphs = squad.paragraphs(path)
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    assert squad.paragraphs(path) == paragraphs
