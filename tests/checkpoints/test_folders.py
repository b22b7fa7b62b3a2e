"""Folders as releases of transformers and sentence-transformers save them: ids, logits and vectors are that library's.

tests/data/folders.json.gz, which tests/data/make_folders.py makes, holds of each form the text files as the library
wrote them, the names of the tensors, and what the library computes from the folder.
"""

import gzip
import json
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from numpy_bert import Error, load
from numpy_bert.checkpoints import known_keys
from numpy_bert.tasks import objective

DATA = Path(__file__).parents[1] / "data"
sys.path.insert(0, str(DATA))
from make_folders import PAIR, TEXTS, number  # noqa: E402

sys.path.remove(str(DATA))
STORED = json.loads(gzip.decompress((DATA / "folders.json.gz").read_bytes()))
FORMS, CONTENTS = STORED["forms"], STORED["contents"]
TASKS = {
    "BertForMaskedLM": "masked_lm",
    "BertForNextSentencePrediction": "next_sentence",
    "BertForSequenceClassification": "sequence_classification",
    "BertForTokenClassification": "token_classification",
    "BertForQuestionAnswering": "question_answering",
    "BertForMultipleChoice": "multiple_choice",
}
TOLERANCE = 1e-6  # of the number where it is above 1


def built(folder, form):
    """The folder of a form. PyTorch's files become safetensors, which its own tests compare with them."""
    for name, key in form["files"].items():
        if not name.endswith(".index.json"):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(CONTENTS[key].encode("utf-8"))
    tensors = {}
    for file, key in form["weights"].items():
        if "/" not in file:
            tensors |= CONTENTS[key]
        else:
            state = {name: np.array(values, np.float32) for name, values in form["numbers"].items()}
            save_file(state, folder / file.replace("pytorch_model.bin", "model.safetensors"))
    arrays = {name: number(name, tuple(shape)).astype(kind) for name, (kind, *shape) in tensors.items()}
    save_file(arrays, folder / "model.safetensors")
    return folder


def quietly(folder):
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # nothing that a library writes is worth a warning
        return load(folder)


def of(*kinds):
    return [name for name, form in FORMS.items() if any(kind in form for kind in kinds)]


def close(found, expected):
    np.testing.assert_allclose(np.ravel(found), expected, rtol=TOLERANCE, atol=TOLERANCE)


def test_every_library_is_there():
    libraries = {name.partition(":")[0] for name in FORMS}
    assert len(FORMS) >= 120
    for library in ("transformers 4.0.", "transformers 4.30.", "transformers 5."):
        assert any(name.startswith(library) for name in libraries)
    for release in (2, 3, 5, 6):
        assert any(name.startswith(f"sentence-transformers {release}.") for name in libraries)


@pytest.mark.parametrize("name", of("ids"))
def test_ids_are_those_of_transformers(tmp_path, name):
    form = FORMS[name]
    bert = quietly(built(tmp_path, form))
    assert [bert.tokenizer.encode(text).ids for text in TEXTS] == form["ids"]
    assert bert.tokenizer.encode_ids(TEXTS) == form["ids"]
    if "pair" in form:
        encoding = bert.tokenizer.encode(*PAIR)
        assert [encoding.ids, encoding.segment_ids] == form["pair"]


@pytest.mark.parametrize("name", of("outputs"))
def test_outputs_are_those_of_transformers(tmp_path, name):
    form = FORMS[name]
    bert = quietly(built(tmp_path, form))
    ids, segments = form["pair"] if "pair" in form else (form["ids"][0], None)
    architecture = form["architecture"]
    segments = None if segments is None else [segments]
    if architecture == "BertModel":
        close(bert.forward([ids], segments).hidden[0, 1], form["outputs"])
    elif architecture == "BertForPreTraining":
        heads = [bert.logits(task, [ids], segments) for task in ("masked_lm", "next_sentence")]
        close(np.concatenate([heads[0][0, 1], heads[1][0]]), form["outputs"])
    else:
        logits = bert.logits(TASKS[architecture], [ids], segments)
        close(logits[0, 1] if logits.ndim == 3 else logits[0], form["outputs"])


@pytest.mark.parametrize("name", [name for name in of("outputs") if "class" in name or "label" in name])
def test_classes_have_their_names_and_their_function(tmp_path, name):
    """What the pipeline of transformers makes of the outputs."""
    form = FORMS[name]
    bert = quietly(built(tmp_path, form))
    if form["architecture"] != "BertForSequenceClassification":
        assert bert.config.label_names == ("O", "B-X", "I-X")
        return
    named = {"three": ("sad", "glad", "mad"), "several": ("sad", "glad", "mad")}
    word = name.partition(": ")[2].split()[0]
    labels = named.get(word) or tuple(f"LABEL_{i}" for i in range({"two": 2, "five": 5}[word]))
    scores = bert.classify(tuple(PAIR)).scores
    logits = np.array(form["outputs"])
    expected = 1 / (1 + np.exp(-logits)) if word == "several" else np.exp(logits) / np.exp(logits).sum()
    assert tuple(scores) == labels
    close(list(scores.values()), expected)


@pytest.mark.parametrize("name", [name for name in of("outputs") if "regression" in name])
def test_a_regression_gives_its_outputs(tmp_path, name):
    form = FORMS[name]
    scores = quietly(built(tmp_path, form)).classify(tuple(PAIR)).scores
    assert list(scores) == (["sad", "glad", "mad"] if "three" in name else ["value"])
    close(list(scores.values()), form["outputs"])


@pytest.mark.parametrize("name", of("vectors"))
def test_vectors_are_those_of_sentence_transformers(tmp_path, name):
    form = FORMS[name]
    bert = quietly(built(tmp_path, form))
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", ".*longer than .* tokens and cut there")
        vectors = np.array([bert.embed(text) for text in TEXTS])
    close(vectors, np.ravel(form["vectors"]))


@pytest.mark.parametrize("name", of("scores"))
def test_scores_are_those_of_sentence_transformers(tmp_path, name):
    """Of a cross-encoder, with the activation that its folder names, or sentence-transformers takes."""
    form = FORMS[name]
    bert = quietly(built(tmp_path, form))
    if "three" in name:
        encoding = bert.tokenizer.encode(*PAIR)
        close(bert.logits("sequence_classification", [encoding.ids], [encoding.segment_ids]), form["scores"])
        return
    if bert.settings.activation_fn is not None:  # else classify gives what the head gives
        close(list(bert.classify(tuple(PAIR)).scores.values()), form["scores"])
    close(bert.rank(PAIR[0], PAIR[1:])[0]["score"], form["scores"])


def test_every_release_has_a_cross_encoder_of_each_kind():
    for release in ("2.2.2", "3.4.1", "5.1.2", "6.2.0"):
        kinds = {
            name.partition(": ")[2] for name in of("scores") if name.startswith(f"sentence-transformers {release}:")
        }
        assert kinds == {"cross-encoder", "cross-encoder without activation", "cross-encoder of three"}


@pytest.mark.parametrize("name", FORMS)
def test_no_key_that_a_library_writes_is_without_an_owner(tmp_path, name):
    assert known_keys.unowned(built(tmp_path, FORMS[name])) == []


def test_every_head_that_is_saved_is_there(tmp_path):
    for i, name in enumerate(of("outputs")):
        architecture = FORMS[name]["architecture"]
        heads = {"BertModel": (), "BertForPreTraining": ("masked_lm", "next_sentence")}
        (tmp_path / str(i)).mkdir()
        bert = quietly(built(tmp_path / str(i), FORMS[name]))
        assert bert.heads == heads.get(architecture, (TASKS.get(architecture),)), name
        assert not bert.closed
        assert set(bert.heads) <= set(objective.HEADS)


def test_numbers_of_another_release_would_be_seen(tmp_path):
    """The comparison can fail."""
    name = of("outputs")[0]
    form = json.loads(json.dumps(FORMS[name]))
    form["outputs"][0] += 10 * TOLERANCE
    bert = quietly(built(tmp_path, form))
    with pytest.raises(AssertionError):
        close(bert.forward([form["pair"][0]], [form["pair"][1]]).hidden[0, 1], form["outputs"])
    with pytest.raises(Error):
        bert.logits("masked_lm", [[2, 3]])
