"""SQuAD questions to windows with labels, and logits to exact match and F1."""

import json

import numpy as np
import pytest
from support.tiny import WORDS, tiny_config
from support.training_models import small_model

from numpy_bert import Error
from numpy_bert.inference import answer_spans
from numpy_bert.model import Bert
from numpy_bert.tasks import objective
from numpy_bert.tokenizer.pipeline import WordPieceTokenizer
from numpy_bert.training import finetune
from numpy_bert.training.data import question_answering
from numpy_bert.training.data.options import DataOptions
from numpy_bert.training.data.squad import GoldAnswer
from numpy_bert.training.loop import Monitor

TOKENIZER = WordPieceTokenizer(WORDS)
CONFIG = tiny_config()
CONTEXT = "The movie was funny. It rains, it rained: a train to Berlin!"
TOKENS = "the movie was fun ##ny . it rains , it [UNK] [UNK] a train to berlin !"


def written(folder, questions, context=CONTEXT):
    """questions: (question, answer, ...), each answer where it first stands in the context."""
    qas = [
        {"id": str(i), "question": text, "answers": [{"text": a, "answer_start": context.index(a)} for a in answers]}
        for i, (text, *answers) in enumerate(questions)
    ]
    path = folder / "squad.json"
    path.write_text(json.dumps({"data": [{"paragraphs": [{"context": context, "qas": qas}]}]}), encoding="utf-8")
    return path


def read(folder, questions, max_length=24, stride=128, context=CONTEXT):
    return question_answering.read(
        written(folder, questions, context), TOKENIZER, CONFIG, max_length, DataOptions(stride=stride)
    )


def labeled(examples, i):
    """The tokens of an example from the beginning of its answer to the end."""
    inputs, labels = examples.batch([i])
    return [WORDS[number] for number in inputs.ids.token[0, labels.start[0] : labels.end[0] + 1]]


def test_an_answer_is_found_among_the_tokens(tmp_path):
    questions = [("was it good", "funny"), ("good", "The movie"), ("good", "Berlin!"), ("good", "ovi"), ("a", "y. I")]
    examples = read(tmp_path, questions)
    assert " ".join(TOKENIZER.tokenize(CONTEXT)) == TOKENS
    assert [labeled(examples, i) for i in range(5)] == [
        ["fun", "##ny"], ["the", "movie"], ["berlin", "!"], ["movie"], ["##ny", ".", "it"],
    ]  # fmt: skip
    inputs, labels = examples.batch([1, 0])
    assert (labels.start.tolist(), labels.end.tolist()) == ([3, 8], [4, 9])
    assert [WORDS[i] for i in inputs.ids.token[0, :4]] == ["[CLS]", "good", "[SEP]", "the"]
    assert inputs.ids.segment[0].tolist() == [0] * 3 + [1] * 18 + [0] * 2
    assert inputs.mask.sum(axis=1).tolist() == [21, 23]
    assert examples.lengths[:2] == [23, 21]


def test_the_first_answer_is_learned(tmp_path):
    assert labeled(read(tmp_path, [("was it good", "to", "funny")]), 0) == ["to"]


@pytest.mark.parametrize(("answer", "expected"), [
    (GoldAnswer("bc", 1), (0, 1)),
    (GoldAnswer("c", 2), (1, 1)),
    (GoldAnswer("bcde", 1), (0, 2)),
    (GoldAnswer(" ", 6), None),
    (GoldAnswer("g", 7), (4, 4)),
])  # fmt: skip
def test_first_and_last(answer, expected):
    """Of the text "abcdef g" with the tokens ab, cd, e, f, g; an answer that begins within a token has it whole."""
    offsets = [(0, 2), (2, 4), (4, 5), (5, 6), (7, 8)]
    assert question_answering.first_and_last(answer, offsets) == expected


def test_windows_that_lack_the_answer_point_at_cls(tmp_path):
    """Of the tokens of the context each window holds ten, five further each time."""
    examples = read(tmp_path, [("was it good", "a train")], max_length=16, stride=5)
    [asked] = examples.asked
    assert [(window.first, window.size) for window in asked.windows] == [(0, 10), (5, 10), (10, 7)]
    assert examples.labels == [(0, 0), (5 + 7, 5 + 8), (5 + 2, 5 + 3)]  # tokens 12 and 13
    split = read(tmp_path, [("was it good", "it rained: a train to Berlin")], max_length=16, stride=5)
    assert split.labels == [(0, 0), (0, 0), (0, 0)]  # tokens 9 to 15


def pointing(examples, spans):
    """Logits that point at a span of tokens of each context, in every window that holds it."""
    results = []
    for asked, (first, last) in zip(examples.asked, spans, strict=True):
        for window in asked.windows:
            values = np.zeros((len(window.ids), 2))
            values[0] = 20.0  # [CLS] is never an answer
            for side, token in enumerate((first, last)):
                if window.first <= token < window.first + window.size:
                    values[window.begin + token - window.first, side] = 9.0
            results.append(values)
    return results


@pytest.mark.parametrize("max_length", [24, 16])
def test_measures(tmp_path, max_length):
    questions = [("good", "The movie"), ("it", "it", "a train"), ("was it good", "funny")]
    examples = read(tmp_path, questions, max_length, 5)
    figures = examples.measures(pointing(examples, [(1, 1), (12, 14), (3, 5)]))
    # "movie" for "The movie": exact, the article does not count. "a train to" for "a train": F1 2/3, not exact.
    # "funny." for "funny": exact, punctuation does not count.
    assert figures["exact_match"] == pytest.approx(2 / 3)
    assert figures["f1"] == pytest.approx((1 + 2 / 3 + 1) / 3)


def test_the_loss_is_that_of_windows_without_padding(tmp_path):
    examples = read(tmp_path, [("good", "The movie"), ("was it good", "to")], 16, 5)
    params, config = small_model(heads=("question_answering",))
    single = [examples.batch([i]) for i in range(len(examples.lengths))]
    losses = [float(objective.forward("question_answering", batch, params, config)[0]) for batch in single]
    figures = question_answering.evaluate(examples, params, config)
    assert figures["loss"] == pytest.approx(np.mean(losses), abs=1e-12)


def test_the_answers_are_those_of_the_model(tmp_path):
    """Evaluation and Bert.answer agree: what is asked for here is what the model answers."""
    params, config = small_model(heads=("question_answering",), seed=3)
    bert = Bert(config, params, TOKENIZER)
    context = CONTEXT * 3
    asked = ["good", "was it good", "to berlin", "film"]
    answers = [bert.answer(question, context, stride=6)[0] for question in asked]
    path = tmp_path / "squad.json"
    qas = [
        {"id": a, "question": a, "answers": [{"text": result.text, "answer_start": result.start}]}
        for a, result in zip(asked, answers, strict=True)
    ]
    path.write_text(json.dumps({"data": [{"paragraphs": [{"context": context, "qas": qas}]}]}))
    examples = question_answering.read(path, TOKENIZER, config, 24, DataOptions(stride=6))
    assert question_answering.evaluate(examples, params, config)["exact_match"] == 1


def test_no_span_at_all_is_an_empty_answer(tmp_path):
    """The likeliest starts lie behind the likeliest ends."""
    context = "it rains " * 40
    examples = question_answering.read(
        written(tmp_path, [("good", "it")], context), TOKENIZER, tiny_config(max_position_embeddings=200), 200
    )
    [asked] = examples.asked
    values = np.zeros((len(asked.windows[0].ids), 2))
    values[43:, 0] = values[:43, 1] = 9.0
    values[:3] = 0.0
    assert not answer_spans.best_spans(asked.windows, [values])
    assert examples.measures([values])["f1"] == 0


def test_errors_name_the_question(tmp_path):
    place = r"squad.json: data\[0\].paragraphs\[0\].qas\[1\]: "
    with pytest.raises(Error, match=place + "expected an answer that the tokenizer finds tokens in, got"):
        read(tmp_path, [("good", "it"), ("good", "\u200d")], context="it\u200d rains")
    with pytest.raises(Error, match=place + "question: expected room for the context in 8 tokens"):
        read(tmp_path, [("good", "it"), ("was it good or bad", "rains")], 8, context="it rains")


def test_fitted_has_the_two_labels_of_a_span(tmp_path):
    path = written(tmp_path, [("good", "it")])
    config = question_answering.fitted(path, tiny_config(labels=("a", "b", "c")), DataOptions(stride=7))
    assert (config.num_labels, config.labels, config.null_score_diff_threshold) == (2, (), None)
    assert question_answering.finished(config, {"f1": 1.0}) == config


def test_the_digest_knows_content_and_windows(tmp_path):
    questions = [("good", "it")]
    digest = read(tmp_path, questions).digest
    assert read(tmp_path, questions).digest == digest
    assert read(tmp_path, questions, stride=7).digest != digest
    assert read(tmp_path, questions, max_length=23).digest != digest
    assert read(tmp_path, [("good", "a")]).digest != digest


def test_it_is_learned(tmp_path):
    examples = read(tmp_path, [("good", "The movie"), ("was it good", "Berlin"), ("it", "funny")], 16, 5)
    params, config = small_model(heads=("question_answering",), hidden_dropout=0.0)
    recipe = finetune.recipe("question_answering", examples, 60, learning_rate=1e-2)
    _, figures = finetune.train(
        params, config, examples, recipe, Monitor(lambda params: question_answering.evaluate(examples, params, config))
    )
    assert figures["exact_match"] == 1


def test_squad_2_is_trained_and_scored_with_questions_without_an_answer(tmp_path):
    answer = {"text": "a train", "answer_start": CONTEXT.index("a train")}
    asked = [{"id": "1", "question": "was it good", "answers": [answer], "is_impossible": False},
             {"id": "2", "question": "to berlin", "answers": [], "is_impossible": True,
              "plausible_answers": [answer]}]  # fmt: skip
    path = tmp_path / "squad2.json"
    path.write_text(json.dumps({"version": "v2.0", "data": [{"paragraphs": [{"context": CONTEXT, "qas": asked}]}]}))
    examples = question_answering.read(path, TOKENIZER, CONFIG, 24)
    assert examples.labels[0] != (0, 0)
    assert examples.labels[-1] == (0, 0)
    assert examples.summary[0].endswith("; SQuAD 2.0: 1 questions without an answer")
    sure = [np.full((length, 2), -5.0) for length in examples.lengths]
    for values, (start, end) in zip(sure, examples.labels, strict=True):
        values[start, 0] = values[end, 1] = 5.0
    figures = examples.measures(sure)
    assert [figures[name] for name in ("exact_match", "f1", "no_answer_f1", "has_answer_f1", "best_f1")] == [1.0] * 5
    for values, window in zip(sure, [window for asked in examples.asked for window in asked.windows], strict=True):
        values[window.begin + 1] = 9.0  # the second word of each window instead
    wrong = examples.measures(sure)
    assert (wrong["no_answer_f1"], wrong["exact_match"]) == (0.0, 0.0)
    assert wrong["best_exact_match"] == 0.5
    config = question_answering.fitted(path, CONFIG)
    assert config.null_score_diff_threshold == 0.0
    trained = question_answering.finished(config, {"best_f1_threshold": -1.5})
    assert trained.null_score_diff_threshold == -1.5
    none = examples.measures(sure, threshold=-1e9)
    assert (none["no_answer_f1"], none["has_answer_f1"]) == (1.0, 0.0)
    for change, message in (
        ({"is_impossible": True}, "answers: expected none where is_impossible is true, got 1"),
        ({"is_impossible": 1}, r"is_impossible: expected true or false, got 1 \(integer\)"),
    ):
        bad = [asked[0] | change]
        path.write_text(json.dumps({"data": [{"paragraphs": [{"context": CONTEXT, "qas": bad}]}]}))
        with pytest.raises(Error, match=message):
            question_answering.read(path, TOKENIZER, CONFIG, 24)
