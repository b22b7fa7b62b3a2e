"""The commands that train and evaluate: from files to a model that load() opens, and on after an interruption."""

import json
import re
import shutil

import numpy as np
import pytest
from support.command import run
from support.tiny import tiny_bert
from support.training_models import equal

import numpy_bert
from numpy_bert.checkpoints.sentence_pooling import SentencePooling
from numpy_bert.checkpoints.sentence_settings import SentenceSettings
from numpy_bert.checkpoints.sentence_steps import Normalize
from numpy_bert.cli import finetune as finetuning
from numpy_bert.cli import training_run
from numpy_bert.model import Bert
from numpy_bert.tasks import objective
from numpy_bert.tokenizer.folder import read_tokenizer
from numpy_bert.training import neighbor_heads, pretrain, recipe
from numpy_bert.training.data import datasets
from numpy_bert.training.optim import schedules
from numpy_bert.training.optim import update as optimizers
from numpy_bert.training.run import curve

CONTEXT = "the movie was good and it rains to berlin"
SQUAD = {"data": [{"paragraphs": [{"context": CONTEXT, "qas": [
    {"id": "a", "question": "was it good", "answers": [{"text": "good", "answer_start": CONTEXT.index("good")}]},
    {"id": "b", "question": "to berlin", "answers": [{"text": "it rains", "answer_start": CONTEXT.index("it rains")}]},
]}]}]}  # fmt: skip
FILES = {
    "sequence_classification": "good fun\tgood\nbad plot\tbad\nvery dull\tbad\ni liked it\tgood\nnot bad\tgood\n",
    "token_classification": "the\tO\ntrain\tB-work\n\nto\tO\nberlin\tB-place\n\nit\tO\n",
    "question_answering": json.dumps(SQUAD),
    "multiple_choice": '{"prompt": "it", "choices": ["rains", "plot"], "label": 0}\n' * 3,
}
MEASURES = {
    "sequence_classification": ["loss", "accuracy"],
    "token_classification": ["loss", "precision", "recall", "f1", "f1_place", "f1_work"],
    "question_answering": ["loss", "exact_match", "f1"],
    "multiple_choice": ["loss", "accuracy"],
}
TEXT = "\n\n".join("\n".join(["the film was good", "it rains", "i liked this movie"][i:] * 3) for i in range(3))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A model that was pretrained and knows none of the tasks."""
    return tiny_bert(heads=("masked_lm", "next_sentence"), num_labels=2).save(tmp_path_factory.mktemp("m") / "tiny")


@pytest.fixture(params=FILES)
def task(request):
    return request.param


@pytest.fixture
def file(tmp_path):
    """Writes the examples of a task."""

    def write(task):
        path = tmp_path / f"{task}.txt"
        path.write_text(FILES[task], encoding="utf-8")
        return path

    return write


def run_json(capsys, *arguments):
    status, out, err = run(capsys, *arguments, "--json")
    assert status == 0, err
    return json.loads(out)


def finetune(folder, task, path, output, *more):
    fixed = ("--batch-size", 2, "--learning-rate", "1e-3")
    return ("finetune", "--task", task, "--model", folder, "--train", path, "--output", output, *fixed, *more)


def test_a_run_ends_with_a_model(capsys, folder, tmp_path, file, task):
    path, output = file(task), tmp_path / "run"
    result = run_json(capsys, *finetune(folder, task, path, output, "--dev", path, "--epochs", 2))
    assert list(result["figures"]) == MEASURES[task]
    bert = numpy_bert.load(result["model"])
    assert bert.heads == (task,)
    assert result["model"] == str(output / "model")
    assert curve.read(output / "steps.csv")["step"] == list(range(1, result["steps"] + 1))
    evaluations = curve.read(output / "evaluations.csv")
    assert evaluations["step"] == [result["steps"] / 2, result["steps"]]
    assert {name: values[-1] for name, values in evaluations.items() if name != "step"} == result["figures"]
    assert (output / "curve.png").read_bytes().startswith(b"\x89PNG")
    again = run_json(capsys, "evaluate", "--task", task, "--model", result["model"], "--input", path)
    assert again["figures"] == pytest.approx(result["figures"], rel=1e-6)


def test_the_table_for_people(capsys, folder, tmp_path, file, task):
    path, output = file(task), tmp_path / "run"
    status, out, err = run(capsys, *finetune(folder, task, path, output, "--dev", path, "--epochs", 1))
    assert status == 0
    assert [line.rpartition("  ")[0].strip() for line in out.splitlines()[:-2]] == [
        "measure", *(name.replace("_", " ") for name in MEASURES[task]),
    ]  # fmt: skip
    assert out.splitlines()[-1].endswith(f"steps; the model: {output / 'model'}")
    assert "saved step" in err
    status, again, _ = run(capsys, "evaluate", "--task", task, "--model", output / "model", "--input", path)
    assert (status, again.splitlines()) == (0, out.splitlines()[:-2])


def test_without_held_out_data_there_are_no_figures(capsys, folder, tmp_path, file):
    task = "multiple_choice"
    output = run_json(capsys, *finetune(folder, task, file(task), tmp_path / "run"))
    assert (output["figures"], output["steps"]) == ({}, 6)


def test_resume_ends_where_the_whole_run_ends(capsys, folder, tmp_path, file):
    task = "token_classification"
    path, whole, cut = file(task), tmp_path / "whole", tmp_path / "cut"
    more = ("--dev", path, "--epochs", 3, "--save-every", 1)
    first = run_json(capsys, *finetune(folder, task, path, whole, *more))
    shutil.copytree(whole, cut)
    shutil.rmtree(cut / "model")
    shutil.rmtree(cut / "save-000006")
    assert (cut / "save-000005").is_dir()
    second = run_json(capsys, *finetune(folder, task, path, cut, *more, "--resume"))
    assert second["figures"] == first["figures"]
    assert equal(numpy_bert.load(first["model"]).params, numpy_bert.load(second["model"]).params)
    assert (cut / "steps.csv").read_text() == (whole / "steps.csv").read_text()


def test_another_run_is_not_resumed_unless_forced(capsys, folder, tmp_path, file):
    task = "multiple_choice"
    path, output = file(task), tmp_path / "run"
    run_json(capsys, *finetune(folder, task, path, output, "--epochs", 1))
    shutil.rmtree(output / "model")
    arguments = finetune(folder, task, path, output, "--epochs", 1, "--seed", 7, "--resume")
    status, _, err = run(capsys, *arguments)
    assert status == 1
    assert "recipe.seed: 7 now, 0 then" in err
    status, _, err = run(capsys, *arguments, "--force")
    assert status == 0
    assert "numpy-bert: warning: " in err
    assert "recipe.seed: 7 now, 0 then" in err


def test_the_model_of_a_finished_run_stays(capsys, folder, tmp_path, file):
    task = "multiple_choice"
    path, output = file(task), tmp_path / "run"
    run_json(capsys, *finetune(folder, task, path, output, "--epochs", 1))
    before = (output / "model" / "model.safetensors").read_bytes()
    for more in ((), ("--resume",)):
        status, _, err = run(capsys, *finetune(folder, task, path, output, "--epochs", 1, *more))
        assert status == 1
        assert "model: expected a new name or an empty folder" in err
    assert (output / "model" / "model.safetensors").read_bytes() == before


def test_options_reach_the_recipe(capsys, folder, tmp_path, file):
    path, output = file("sequence_classification"), tmp_path / "run"
    run_json(capsys, *finetune(
        folder, "sequence_classification", path, output, "--epochs", 1, "--optimizer", "sgd", "--weight-decay", "0",
        "--clip", "0.5", "--warmup", "2", "--schedule", "cosine", "--layer-decay", "0.9", "--recompute", "--seed", "5",
        "--freeze", "bert.embedding", "bert.encoder.layers.0", "--save-every", "2", "--evaluate-every", "1",
        "--dev", path,
    ))  # fmt: skip
    identity = json.loads((output / "save-000003" / "manifest.json").read_text())["identity"]
    expected = {
        "task": "sequence_classification", "steps": 3, "learning_rate": 1e-3, "batch_size": 2, "optimizer": "sgd",
        "weight_decay": 0.0, "clip": 0.5, "warmup": 2, "decay": "cosine", "layer_decay": 0.9, "recompute": True,
        "frozen": ["bert.embedding", "bert.encoder.layers.0"], "seed": 5,
    }  # fmt: skip
    assert {name: identity["recipe"][name] for name in expected} == expected
    assert (output / "save-000002").is_dir()
    assert curve.read(output / "evaluations.csv")["step"] == [1, 2, 3]
    old, new = numpy_bert.load(folder).params, numpy_bert.load(output / "model").params
    assert equal(old.bert.embedding, new.bert.embedding)
    assert not equal(old.bert.encoder, new.bert.encoder)


def test_columns_and_stride(capsys, folder, tmp_path, file):
    path = tmp_path / "pairs.tsv"
    path.write_text("good\t7\tgood\tfun\nbad\t7\tbad\tplot\n")
    more = ("--epochs", 1, "--columns", "label,-,text,pair")
    run_json(capsys, *finetune(folder, "sequence_classification", path, tmp_path / "run", *more))
    assert numpy_bert.load(tmp_path / "run" / "model").config.labels == ("bad", "good")
    task = "question_answering"
    more = ("--epochs", 1, "--max-length", 13, "--stride", 1, "--batch-size", 1)
    output = run_json(capsys, *finetune(folder, task, file(task), tmp_path / "questions", *more))
    assert output["steps"] == 3 + 2  # windows of seven and of eight of the nine tokens


def test_a_pooler_that_nothing_reads_is_not_made_up(capsys, tmp_path, file):
    bare = tiny_bert(heads=("masked_lm",), has_pooler=False, num_labels=2).save(tmp_path / "bare")
    for task in FILES:
        run_json(capsys, *finetune(bare, task, file(task), tmp_path / task, "--epochs", 1))
        pooler = numpy_bert.load(tmp_path / task / "model").params.bert.pooler
        assert (pooler is None) == (task in ("token_classification", "question_answering"))


def sentence_model(folder, heads, **settings):
    """A model that is more than its weights and tokens."""
    bert = tiny_bert(heads, num_labels=1)
    pooling = SentencePooling("cls", (Normalize(),), 16)
    return Bert(bert.config, bert.params, bert.tokenizer, pooling, settings=SentenceSettings(**settings)).save(folder)


def test_a_trained_model_keeps_what_its_folder_says_of_vectors(capsys, tmp_path, file):
    settings = {"prompts": (("query", "the movie "),), "default_prompt_name": "query", "similarity_fn_name": "dot",
                "truncate_dim": 5, "kind": "SentenceTransformer"}  # fmt: skip
    first = numpy_bert.load(sentence_model(tmp_path / "model", ("masked_lm", "next_sentence"), **settings))
    text = tmp_path / "text.txt"
    text.write_text(TEXT)
    common = ("--model", first.path, "--learning-rate", "1e-9", "--max-length", 14)
    runs = {
        task: ("finetune", "--task", task, "--train", file(task), "--epochs", 1) for task in FILES
    } | {"pretrain": ("pretrain", "--train", text, "--steps", 1)}  # fmt: skip
    for name, arguments in runs.items():
        trained = numpy_bert.load(
            run_json(capsys, *arguments, *common, "--output", tmp_path / name, "--optimizer", "sgd")["model"]
        )
        assert (trained.pooling, trained.settings) == (first.pooling, first.settings), name
        np.testing.assert_allclose(trained.embed("it rains"), first.embed("it rains"), rtol=1e-5)
    longer = run_json(capsys, *runs["multiple_choice"], *common, "--max-length", 20, "--output", tmp_path / "longer")
    assert numpy_bert.load(longer["model"]).pooling.max_length == 20  # else its own texts would be cut


def test_a_new_head_has_nothing_of_what_the_folder_said_of_another(capsys, tmp_path):
    settings = {"activation_fn": "torch.nn.modules.activation.Sigmoid", "kind": "CrossEncoder"}
    model = sentence_model(tmp_path / "model", ("sequence_classification",), **settings)
    assert 0 < numpy_bert.load(model).classify("it rains").scores["value"] < 1
    path = tmp_path / "scores.tsv"
    path.write_text("it rains\t3.5\nvery good\t-2\n")
    made = run_json(capsys, *finetune(model, "sequence_classification", path, tmp_path / "run", "--epochs", 1))
    bert = numpy_bert.load(made["model"])
    assert bert.settings == SentenceSettings()
    encoded = bert.tokenizer.encode("it rains")
    [[logit]] = bert.logits("sequence_classification", [encoded.ids])
    assert bert.classify("it rains").scores["value"] == pytest.approx(logit)


@pytest.mark.parametrize("arguments", [
    ["finetune"],
    ["finetune", "--task", "masked_lm", "--train", "x", "--output", "y", "--model", "z"],
    ["finetune", "--task", "multiple_choice", "--train", "x", "--output", "y", "--model", "z", "--epochs", "0"],
    ["finetune", "--task", "multiple_choice", "--train", "x", "--output", "y", "--model", "z", "--batch-size", "1e3"],
    ["finetune", "--task", "multiple_choice", "--train", "x", "--output", "y", "--model", "z", "--seed", "-1"],
    *(["finetune", "--task", "multiple_choice", "--train", "x", "--output", "y", "--model", "z", "--learning-rate", bad]
      for bad in ("0", "-1", "nan", "inf", "1e999", "1_0", "٣", " 1", "", "0." + "0" * 50 + "1", "0e5")),
    ["finetune", "--task", "multiple_choice", "--train", "x", "--output", "y", "--model", "z", "--layer-decay", "1.5"],
    ["evaluate", "--task", "multiple_choice", "--model", "z"],
    ["pretrain", "--train", "x", "--output", "y", "--steps", "1"],
    ["pretrain", "--train", "x", "--output", "y", "--steps", "1", "--model", "z", "--vocabulary", "v"],
])  # fmt: skip
def test_bad_usage_is_one_line_and_status_2(capsys, arguments):
    status, out, err = run(capsys, *arguments)
    assert (status, out, err.count("\n")) == (2, "", 1)


def test_options_of_another_task_are_refused(capsys, folder, tmp_path, file):
    task = "multiple_choice"
    for option, value in (("--columns", "text,label"), ("--stride", 5)):
        status, _, err = run(capsys, *finetune(folder, task, file(task), tmp_path / "run", option, value))
        assert status == 2
        assert re.search(rf"{option}: expected it with --task \w+ alone, got it with multiple_choice\n$", err)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(("task", "shortest"), [*((task, 3 if "class" in task else 5) for task in FILES), ("", 5)])
def test_lengths_that_cannot_be_are_told_alike(capsys, folder, tmp_path, file, task, shortest):
    text = tmp_path / "text.txt"
    text.write_text(TEXT)
    for length in (1, 2, shortest - 1, 25):
        more = ("--output", tmp_path / "run", "--max-length", length)
        if task:
            arguments = ("finetune", "--task", task, "--train", file(task), *more)
        else:
            arguments = ("pretrain", "--train", text, "--steps", 1, *more)
        status, _, err = run(capsys, *arguments, "--model", folder)
        expected = f"--max-length: expected an integer from {shortest} to 24, the positions of the model, got {length}"
        assert (status, err) == (2, f"numpy-bert: error: {expected}\n")
    assert not (tmp_path / "run").exists()


WRONG = [
    (["--freeze", "bert.embedding", "nonsense"], 2, "--freeze: expected parts of the model such as bert.embedding,"),
    (["--batch-size", "1000000000"], 2, "--batch-size: expected a whole number above 0 and at most 999999999, got"),
    (["--batch-size", "2000000"], 2, "--batch-size: expected an integer from 1 to 1000000, got 2000000"),
    (["--learning-rate", "0." + "0" * 50], 2, "--learning-rate: expected a number of at most 40 characters, got 52"),
    (["--resume"], 1, "run: expected a good save to resume from, got none"),
    (["--output", ""], 2, "--output: expected the name of a folder, got nothing"),
    (["--output", __file__], 1, "test_training_run.py: expected a folder, got a file"),
]


@pytest.mark.parametrize(("more", "status", "message"), WRONG)
def test_what_is_refused_before_anything_is_written(capsys, monkeypatch, folder, tmp_path, file, more, status, message):
    monkeypatch.chdir(tmp_path)
    path = file("multiple_choice") if more[-1] == "2000000" else "absent"  # the others before any data are read
    before = sorted(tmp_path.iterdir())
    for arguments in (
        ("finetune", "--task", "multiple_choice", "--train", path, "--model", folder),
        ("pretrain", "--train", "absent", "--steps", 1, "--model", folder),
        ("pretrain", "--train", "absent", "--steps", 1, "--vocabulary", folder),
    ):
        result, out, err = run(capsys, *arguments, "--output", tmp_path / "run", *more)
        assert (result, out, err.count("\n")) == (status, "", 1)
        assert message in err
        assert sorted(tmp_path.iterdir()) == before


def test_bounds_of_a_recipe_name_the_option(capsys, folder, tmp_path, file):
    arguments = finetune(folder, "multiple_choice", file("multiple_choice"), tmp_path / "run", "--batch-size", 1)
    status, _, err = run(capsys, *arguments, "--epochs", 999999999)
    assert (status, "--epochs: steps in all: expected an integer from 0 to 1000000000, got" in err) == (2, True)
    sizes = (("--hidden", 70000, "--hidden: expected an integer from 1 to 65536"),
             ("--heads", 3, "--hidden: expected a multiple of --heads 3, got 128"),
             ("--positions", 4, "expected a model of at least 5 positions for this, got one of 4"))  # fmt: skip
    for option, value, message in sizes:
        status, _, err = run(capsys, "pretrain", "--train", "x", "--steps", 1, "--vocabulary", folder, "--output",
                             tmp_path / "run", option, value)  # fmt: skip
        assert (status, message in err) == (2, True)
    status, _, err = run(capsys, "learn-vocabulary", "--input", "x", "--output", "")
    assert (status, "--output: expected the name of a folder, got nothing" in err) == (2, True)


def test_labels_without_names_are_called_as_the_answers_call_them(capsys, tmp_path):
    tasks = ("sequence_classification", "token_classification")
    bert = tiny_bert(heads=tasks, num_labels=3)
    folder, path = bert.save(tmp_path / "model"), tmp_path / "examples"
    path.write_text(f"good film\t{bert.classify('good film').label}\n")
    output = run_json(capsys, "evaluate", "--task", tasks[0], "--model", folder, "--input", path)
    assert output["figures"]["accuracy"] == 1.0
    path.write_text(f"good\t{bert.tag('good')[0].label}\n")
    output = run_json(capsys, "evaluate", "--task", tasks[1], "--model", folder, "--input", path)
    assert output["figures"]["f1"] == 1.0
    assert [name for name in output["figures"] if name.startswith("f1_")] == [f"f1_LABEL_{i}" for i in range(3)]
    for task in tasks:
        path.write_text("good\tLABEL_3\n")
        status, _, err = run(capsys, "evaluate", "--task", task, "--model", folder, "--input", path)
        assert (status, "examples: line 1: expected " in err) == (1, True)


def test_bad_data_are_one_line_and_status_1(capsys, folder, tmp_path, file, task):
    path = file(task)
    status, _, err = run(capsys, "evaluate", "--task", task, "--model", folder, "--input", path)
    assert status == 1
    assert f"expected a {task} head, got a checkpoint with heads: masked_lm, next_sentence" in err
    path.write_bytes(b"\xff\n")
    status, _, err = run(capsys, *finetune(folder, task, path, tmp_path / "run"))
    assert (status, err.count("\n")) == (1, 1)
    assert path.name in err
    assert not (tmp_path / "run").exists()


def test_pretraining_from_random_numbers_and_further(capsys, folder, tmp_path):
    text = tmp_path / "text.txt"
    text.write_text(TEXT)
    common = ("--train", text, "--dev", text, text, "--batch-size", 4, "--max-length", 20)
    first = run_json(capsys, "pretrain", "--vocabulary", folder, "--output", tmp_path / "new", "--steps", 11, *common,
                     "--layers", 1, "--hidden", 8, "--heads", 4, "--positions", 30, "--whole-words")  # fmt: skip
    bert = numpy_bert.load(first["model"])
    config = bert.config
    assert (config.num_hidden_layers, config.hidden_size, config.num_attention_heads) == (1, 8, 4)
    assert (config.intermediate_size, config.max_position_embeddings) == (32, 30)
    assert bert.heads == ("masked_lm", "next_sentence")
    assert bert.tokenizer.tokens == numpy_bert.load(folder).tokenizer.tokens
    assert set(first["figures"]) == {
        "masked_lm_loss", "masked_lm_accuracy", "next_sentence_loss", "next_sentence_accuracy",
    }  # fmt: skip
    assert curve.read(tmp_path / "new" / "evaluations.csv")["step"] == [2, 4, 6, 8, 10, 11]
    data = json.loads((tmp_path / "new" / "save-000011" / "manifest.json").read_text())["identity"]["data"]
    assert (data["whole_words"], data["max_length"]) == (True, 20)
    further = ("pretrain", "--model", first["model"], "--output", tmp_path / "more", "--steps", 3, *common)
    second = run_json(capsys, *further)
    assert second["steps"] == 3
    assert np.isfinite(list(second["figures"].values())).all()
    status, _, err = run(capsys, *further, "--output", tmp_path / "third", "--layers", 1)
    assert status == 2
    assert "--layers: expected with --vocabulary" in err


def test_the_first_weights_have_a_name(capsys, folder, tmp_path):
    text = tmp_path / "text.txt"
    text.write_text(TEXT)
    sizes = ("--layers", 1, "--hidden", 16, "--heads", 4, "--positions", 16)
    arguments = ("pretrain", "--train", text, "--max-length", 12, "--steps", 1, "--warmup", 1)  # at the rate 0

    def position(name, *more):
        made = run_json(capsys, *arguments, "--vocabulary", folder, "--output", tmp_path / name, *sizes, *more)
        return numpy_bert.load(made["model"]).params.bert.embedding.position

    assert np.array_equal(position("usual"), position("random", "--first-weights", "random"))
    config = numpy_bert.load(tmp_path / "usual" / "model").config
    neighbors = neighbor_heads.params(config, pretrain.HEADS, 0).bert.embedding.position
    assert np.array_equal(position("neighbors", "--first-weights", "neighbors"), neighbors)

    further = (*arguments, "--model", tmp_path / "usual" / "model", "--output", tmp_path / "further")
    status, _, err = run(capsys, *further, "--first-weights", "neighbors")
    assert (status, "--first-weights: expected with --vocabulary" in err) == (2, True)
    odd = (*arguments, "--vocabulary", folder, "--output", tmp_path / "odd", "--hidden", 12, "--heads", 4)
    status, _, err = run(capsys, *odd, "--first-weights", "neighbors")
    assert (status, "--heads: expected heads of an even size" in err) == (2, True)


def test_the_small_recipe(capsys, folder, tmp_path):
    text = tmp_path / "text.txt"
    text.write_text(TEXT)
    sizes = ("--layers", 1, "--hidden", 16, "--heads", 4, "--positions", 80)
    arguments = ("pretrain", "--train", text, "--steps", 1, "--warmup", 1, "--recipe", "small")  # at the rate 0
    made = run_json(capsys, *arguments, "--vocabulary", folder, "--output", tmp_path / "new", *sizes)
    bert = numpy_bert.load(made["model"])
    assert (bert.config.initializer_range, bert.config.hidden_dropout) == (0.04, 0.1)
    begun = neighbor_heads.params(bert.config, pretrain.HEADS, 0).bert.embedding.position
    assert np.array_equal(bert.params.bert.embedding.position, begun)
    identity = json.loads((tmp_path / "new" / "save-000001" / "manifest.json").read_text())["identity"]
    assert identity["data"]["max_length"] == 64
    assert identity["config"]["hidden_dropout"] == 0.0
    assert {name: identity["recipe"][name] for name in pretrain.SMALL} == pretrain.SMALL

    further = run_json(capsys, *arguments, "--model", made["model"], "--output", tmp_path / "further")
    assert equal(numpy_bert.load(further["model"]).params, bert.params)


def test_pretraining_further_needs_the_heads(capsys, tmp_path):
    bare = tiny_bert(heads=("sequence_classification",)).save(tmp_path / "bare")
    text = tmp_path / "text.txt"
    text.write_text(TEXT)
    status, _, err = run(capsys, "pretrain", "--model", bare, "--train", text, "--output", tmp_path / "r", "--steps", 1)
    assert status == 1
    assert "bare: expected a masked_lm head, got a checkpoint with heads: sequence_classification" in err


def test_masked_words_alone_where_the_model_has_no_next_sentence_head(capsys, tmp_path):
    model = tiny_bert(heads=("masked_lm",), has_pooler=False).save(tmp_path / "model")
    lines, document = tmp_path / "lines.txt", tmp_path / "one.txt"
    lines.write_text("the film was good\n\nit rains\n\n" * 4)
    document.write_text("the film was good\nit rains\n" * 4)
    for i, text in enumerate((lines, document)):
        output = tmp_path / f"run-{i}"
        fixed = ("pretrain", "--train", text, "--dev", text, "--steps", 2, "--output", output, "--max-length", 12)
        status, out, err = run(capsys, *fixed, "--model", model, "--json")
        assert status == 0, err
        assert "the model has no next_sentence head: masked words alone are learned" in err
        assert list(json.loads(out)["figures"]) == ["masked_lm_loss", "masked_lm_accuracy"]
        assert numpy_bert.load(output / "model").heads == ("masked_lm",)
    new = run_json(capsys, "pretrain", "--vocabulary", model, "--train", document, "--steps", 1, "--output",
                   tmp_path / "new", "--max-length", 12, "--masked-only")  # fmt: skip
    assert numpy_bert.load(new["model"]).params.bert.pooler is None


def test_a_vocabulary_is_learned_and_a_model_begins_with_it(capsys, tmp_path):
    text, folder = tmp_path / "text.txt", tmp_path / "vocabulary"
    text.write_text(TEXT + "\nÉté")
    output = run_json(capsys, "learn-vocabulary", "--input", text, text, "--output", folder, "--size", 90)
    tokenizer = read_tokenizer(folder)
    lost = {"characters": 0, "of_characters": output["lost"]["of_characters"], "share_of_words": 0.0}
    assert output == {"folder": str(folder), "tokens": len(tokenizer.tokens), "lost": lost}
    assert tokenizer.tokenize("Film ete") == ["film", "ete"]
    fewer = run_json(capsys, "learn-vocabulary", "--input", text, "--output", tmp_path / "fewer", "--size", 50)
    assert fewer["tokens"] == 50 < output["tokens"]
    status, _, err = run(capsys, "learn-vocabulary", "--input", text, "--output", folder)
    assert status == 1
    assert "vocabulary: expected a new name or an empty folder" in err
    more = ("--cased", "--min-count", 99, "--alphabet", 40)
    status, out, _ = run(capsys, "learn-vocabulary", "--input", text, "--output", tmp_path / "cased", *more)
    assert (status, out.endswith(f"tokens: {tmp_path / 'cased'}\n")) == (0, True)
    cased = read_tokenizer(tmp_path / "cased")
    assert not cased.lowercase
    assert cased.tokenize("Été") == ["É", "##t", "##é"]
    few = ("--input", text, "--output", tmp_path / "few", "--alphabet", 3)
    status, out, _ = run(capsys, "learn-vocabulary", *few)
    left_out = f"{lost['of_characters'] - 3} of {lost['of_characters']} characters are left out: "
    assert (status, out.splitlines()[1][: len(left_out)]) == (0, left_out)
    assert out.endswith("% of the words become [UNK]; --alphabet takes more\n")
    made = run_json(capsys, "pretrain", "--vocabulary", folder, "--train", text, "--output", tmp_path / "run",
                    "--steps", 1, "--hidden", 4, "--positions", 16)  # fmt: skip
    assert numpy_bert.load(made["model"]).tokenizer.tokens == tokenizer.tokens


def test_the_names_on_the_command_line_are_all_there_are():
    """They are written out there so that --help needs no NumPy."""
    assert tuple(datasets.DATASETS) == finetuning.TASKS
    assert set(finetuning.TASKS) <= set(objective.HEADS)
    assert tuple(optimizers.RULES) == training_run.OPTIMIZERS
    assert training_run.SCHEDULES == schedules.DECAYS
    assert set(training_run.RECIPE) <= set(recipe.RULES)
