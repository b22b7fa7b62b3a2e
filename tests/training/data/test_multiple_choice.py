"""Questions of multiple choice: a JSON object a line, K rows a question, accuracy."""

import json

import numpy as np
import pytest
from support.tiny import WORDS, tiny_config
from support.training_models import small_model

from numpy_bert import Error
from numpy_bert.model import Bert
from numpy_bert.tasks import objective
from numpy_bert.tokenizer.pipeline import WordPieceTokenizer
from numpy_bert.training import finetune
from numpy_bert.training.data import multiple_choice
from numpy_bert.training.data.batches import microbatches
from numpy_bert.training.data.multiple_choice import ChoiceQuestion
from numpy_bert.training.loop import Monitor

TOKENIZER = WordPieceTokenizer(WORDS)
QUESTIONS = [
    ChoiceQuestion("it rains", ("the film was good", "to berlin", "fun"), 1),
    ChoiceQuestion("i liked", ("bad", "dull", "the plot"), 2),
    ChoiceQuestion("the", ("movie", "rains", "to"), 0),
]


def written(folder, questions=QUESTIONS, more=""):
    path = folder / "choices.jsonl"
    path.write_text("".join(json.dumps(q._asdict()) + "\n" for q in questions) + more, encoding="utf-8")
    return path


def read(folder, max_length=24):
    return multiple_choice.read(written(folder), TOKENIZER, tiny_config(), max_length)


def test_questions(tmp_path):
    more = '\n{"id": 7, "prompt": "", "choices": ["a", "b", "c"], "label": 2}\r\n'
    assert multiple_choice.questions(written(tmp_path, more=more)) == [
        *QUESTIONS,
        ChoiceQuestion("", ("a", "b", "c"), 2),
    ]


@pytest.mark.parametrize(("line", "message"), [
    ("{", "line 4: column 2: expected valid JSON"),
    ("[]", "line 4: expected an object with prompt, choices and label, got an array"),
    ('{"choices": ["a", "b", "c"], "label": 2}', "line 4: prompt: expected a text, got null"),
    ('{"prompt": "", "choices": "abc", "label": 2}', "line 4: choices: expected an array of at least two texts"),
    ('{"prompt": "", "choices": ["a"], "label": 0}', "line 4: choices: .* at least two texts, got an array of 1$"),
    ('{"prompt": "", "choices": ["a", 2, "c"], "label": 0}', "line 4: choices: .* got one with 2 .integer. in it$"),
    ('{"prompt": "", "choices": ["a", "b", "c"], "label": 3}', "line 4: label: expected an integer from 0 to 2, got 3"),
    ('{"prompt": "", "choices": ["a", "b", "c"], "label": -1}', "line 4: label: expected an integer from 0 to 2"),
    ('{"prompt": "", "choices": ["a", "b", "c"], "label": true}', "line 4: label: expected an integer from 0 to 2"),
    ('{"prompt": "", "choices": ["a", "b", "c"], "label": "0"}', "line 4: label: expected an integer from 0 to 2"),
    ('{"prompt": "", "choices": ["a", "b"], "label": 0}', "line 4: choices: expected 3, as for the first"),
])  # fmt: skip
def test_bad_lines_are_named(tmp_path, line, message):
    with pytest.raises(Error, match=rf"choices.jsonl: {message}"):
        multiple_choice.questions(written(tmp_path, more=line))


def test_a_file_without_questions(tmp_path):
    with pytest.raises(Error, match=r"choices.jsonl: expected a question a line, got none"):
        multiple_choice.questions(written(tmp_path, [], "\n \n"))


def test_the_choices_of_a_question_are_rows_one_after_another(tmp_path):
    examples = read(tmp_path)
    inputs, labels = examples.batch([2, 0])
    assert labels.tolist() == [0, 1]
    rows = [" ".join(WORDS[i] for i in row if i) for row in inputs.ids.token]
    assert rows == [
        "[CLS] the [SEP] movie [SEP]", "[CLS] the [SEP] rains [SEP]", "[CLS] the [SEP] to [SEP]",
        "[CLS] it rains [SEP] the film was good [SEP]", "[CLS] it rains [SEP] to berlin [SEP]",
        "[CLS] it rains [SEP] fun [SEP]",
    ]  # fmt: skip
    assert inputs.ids.segment[0].tolist() == [0, 0, 0, 1, 1, 0, 0, 0, 0]


def test_lengths_count_the_padding_within_a_question(tmp_path):
    examples = read(tmp_path)
    assert examples.lengths == [3 * 9, 3 * 7, 3 * 5]
    for group in microbatches(examples.lengths, range(3), 60):
        assert examples.batch(group).inputs.ids.token.size <= 60


def test_long_texts_are_cut(tmp_path):
    assert max(len(text.ids) for text in read(tmp_path, 6).texts) == 6


def test_measures(tmp_path):
    examples = read(tmp_path)
    scores = np.log([0.2, 0.7, 0.1, 0.6, 0.3, 0.1, 0.5, 0.25, 0.25])
    figures = examples.measures(list(scores))
    assert figures["accuracy"] == pytest.approx(2 / 3)
    assert figures["loss"] == pytest.approx(-(np.log(0.7) + np.log(0.1) + np.log(0.5)) / 3)


def test_evaluation_is_the_loss_that_is_learned_and_the_choice_of_the_model(tmp_path):
    examples = read(tmp_path)
    params, config = small_model(heads=("multiple_choice",))
    figures = multiple_choice.evaluate(examples, params, config)
    loss, _ = objective.forward("multiple_choice", examples.batch(range(3)), params, config)
    assert figures["loss"] == pytest.approx(float(loss), abs=1e-12)
    bert = Bert(config, params, TOKENIZER)
    right = [bert.choose(q.prompt, list(q.choices)).best == q.label for q in QUESTIONS]
    assert figures["accuracy"] == pytest.approx(np.mean(right))


def test_fitted_forgets_the_labels_of_another_task():
    config = multiple_choice.fitted("", tiny_config(labels=("a", "b", "c"), problem_type="single_label_classification"))
    assert (config.num_labels, config.labels, config.problem_type) == (2, (), None)


def test_it_is_learned(tmp_path):
    examples = read(tmp_path)
    params, config = small_model(heads=("multiple_choice",), hidden_dropout=0.0)
    recipe = finetune.recipe("multiple_choice", examples, 60, learning_rate=1e-2)
    _, figures = finetune.train(
        params, config, examples, recipe, Monitor(lambda params: multiple_choice.evaluate(examples, params, config))
    )
    assert figures["accuracy"] == 1


SWAG = (
    ",video-id,fold-ind,startphrase,sent1,sent2,gold-source,ending0,ending1,ending2,ending3,label\n"
    '0,v_1,17,It rains. She,It rains.,She,gold,"opens the umbrella, slowly.",sings.,is red.,"says ""no"".",0\n'
    "1,v_2,18,Bo reads. He,Bo reads.,He,gold,turns a page.,flies.,is a page.,eats rain.,3\n"
)


def test_swag_as_it_is_published(tmp_path):
    path = tmp_path / "train.csv"
    path.write_text(SWAG)
    first, second = multiple_choice.questions(path)
    choices = ("She opens the umbrella, slowly.", "She sings.", "She is red.", 'She says "no".')
    assert first == ("It rains.", choices, 0)
    assert (second.prompt, second.choices[3], second.label) == ("Bo reads.", "He eats rain.", 3)
    for text, message in (
        (SWAG.replace("ending3", "ending4"), "expected the columns of SWAG .*, got none called ending3"),
        (SWAG.replace("sent2", "middle"), "expected the columns of SWAG .*, got none called sent2"),
        (SWAG.replace("eats rain.,3", "eats rain.,4"), "line 3: label: expected an integer from 0 to 3, got '4'"),
        (SWAG.splitlines()[0] + "\n", "expected a question a line, got a header alone"),
        (SWAG + "2,v\n", "line 4: expected 12 columns, as the header has, got 2"),
    ):
        path.write_text(text)
        with pytest.raises(Error, match=message):
            multiple_choice.questions(path)
