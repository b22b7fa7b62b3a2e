"""Each task, forward and backward, against PyTorch in float64, at 1e-12: hidden states, attentions, logits, losses and
the gradient with respect to every parameter. The numbers, and the script that made them, lie in tests/data."""

import functools
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

from numpy_bert.blocks import bert
from numpy_bert.checkpoints import names
from numpy_bert.checkpoints.config_file import read_config
from numpy_bert.config import BertConfig
from numpy_bert.inference import inputs
from numpy_bert.numerics import tree
from numpy_bert.numerics.arrays import Array
from numpy_bert.tasks import masked_lm, next_sentence, objective, pretraining, question_answering

DATA = Path(__file__).parents[1] / "data"
TOLERANCE = 1e-12  # of the largest entry of a tensor
SMALLEST = 1e-2  # stands for the largest entry where that is less: that of the key bias is 0 but for rounding

TASKS = {
    "pretraining_erf": "pretraining",
    "pretraining_tanh": "pretraining",
    "masked_lm": "masked_lm",
    "next_sentence": "next_sentence",
    "sequence_classification": "sequence_classification",
    "regression": "sequence_classification",
    "regression_of_three": "sequence_classification",
    "multi_label": "sequence_classification",
    "token_classification": "token_classification",
    "question_answering": "question_answering",
    "multiple_choice": "multiple_choice",
}


class Reference(NamedTuple):
    """A model and a batch of the tests' data, and what PyTorch made of them."""

    task: str
    stored: dict[str, Array]
    config: BertConfig
    params: objective.Params
    batch: objective.Batch
    gradients: dict[str, Array]  # by Hugging Face name


@pytest.fixture(params=TASKS)
def reference(request: pytest.FixtureRequest, tmp_path: Path) -> Reference:
    return _reference(request.param, tmp_path)


def _reference(name: str, folder: Path) -> Reference:
    task = TASKS[name]
    with np.load(DATA / f"torch_{name}.npz") as file:
        stored = dict(file)
    (folder / "config.json").write_text(str(stored["config"]))
    config = read_config(folder)
    parameters = _by_name(stored["parameters"], stored)
    heads = objective.TASKS[task].heads
    shapes = objective.shapes(config, heads, has_pooler="bert.pooler.dense.weight" in parameters)
    params = tree.map_named(lambda leaf, _: np.concatenate([parameters[n] for n in names.sources(leaf)]), shapes)
    rows = [_rows(stored[key]) for key in ("token_ids", "segment_ids", "attention_mask")]
    batch = objective.Batch(inputs.checked(*rows, None, config), _labels(task, stored, config))
    return Reference(task, stored, config, params, batch, _by_name(stored["gradients"], stored))


def _by_name(flat: Array, stored: dict[str, Array]) -> dict[str, Array]:
    shapes = [tuple(dims[dims > 0]) for dims in stored["shapes"]]
    parts = np.split(flat, np.cumsum([np.prod(shape) for shape in shapes])[:-1])
    return {str(n): part.reshape(shape) for n, part, shape in zip(stored["names"], parts, shapes, strict=True)}


def _rows(ids: Array) -> Array:
    """(B, K, T), K choices for each question, -> (B·K, T)"""
    return ids.reshape(-1, ids.shape[-1])


def _labels(task: str, stored: dict[str, Array], config: BertConfig) -> Any:
    if task == "pretraining":
        return pretraining.Labels(stored["labels"], stored["next_sentence_label"])
    if task == "question_answering":
        return question_answering.Labels(stored["start_positions"], stored["end_positions"])
    if config.is_regression:
        return stored["labels"].reshape(-1, config.num_labels)
    return stored["labels"]


def _logits(task: str, encoded: bert.Output, params: objective.Params, config: BertConfig) -> dict[str, Array]:
    """What a task's head makes of the batch, under Hugging Face's names."""
    if task == "pretraining":
        heads = {"prediction_logits": "masked_lm", "seq_relationship_logits": "next_sentence"}
        return {key: _logits(head, encoded, params, config)["logits"] for key, head in heads.items()}
    head = objective.head_params(task, params)
    if task == "masked_lm":
        every = np.arange(encoded.hidden[..., 0].size)
        return {"logits": masked_lm.forward(encoded, head, config, positions=every)[0]}
    if task == "next_sentence":
        return {"logits": next_sentence.forward(encoded, head, config)[0]}
    if task == "question_answering":
        logits, _ = question_answering.forward(encoded, head, config)
        return {"start_logits": logits[:, :, 0], "end_logits": logits[:, :, 1]}
    return {"logits": objective.HEADS[task].forward(encoded, head, config)[0]}


def assert_close(ours: Array, theirs: Array, what: str) -> None:
    assert ours.dtype == np.float64
    allowed = TOLERANCE * max(float(np.abs(theirs).max()), SMALLEST)
    difference = float(np.abs(ours - theirs).max())
    assert difference <= allowed, f"{what}: expected a difference of at most {allowed:.1e}, got {difference:.1e}"


def test_hidden_states_and_attentions(reference: Reference) -> None:
    _, cache = bert.forward(reference.batch.inputs, reference.params.bert, reference.config)
    layers = cache.encoder.layers
    hidden = [layer.attention.qkv.x for layer in layers] + [cache.hidden]
    attentions = [layer.attention.attention.softmax.p for layer in layers]
    for key, ours in ("hidden_states", hidden), ("attentions", attentions):
        assert len(ours) == len(reference.stored[key])
        for i, theirs in enumerate(reference.stored[key]):
            assert ours[i].shape == theirs.shape
            assert_close(ours[i], theirs, f"{key}[{i}]")


def test_pooled_and_logits(reference: Reference) -> None:
    encoded, _ = bert.forward(reference.batch.inputs, reference.params.bert, reference.config)
    assert (encoded.pooled is None) == ("pooled" not in reference.stored)
    if encoded.pooled is not None:
        assert_close(encoded.pooled, reference.stored["pooled"], "pooled")
    logits = _logits(reference.task, encoded, reference.params, reference.config)
    assert set(logits) == {key for key in reference.stored if key.endswith("logits")}
    for key, ours in logits.items():
        theirs = reference.stored[key]
        assert_close(ours.reshape(theirs.shape), theirs, key)


@pytest.mark.parametrize("only_read", [False, True], ids=["all rows", "only what is read"])
def test_loss_and_every_gradient(reference: Reference, only_read: bool) -> None:
    batch = objective.only_read(reference.task, reference.batch) if only_read else reference.batch
    loss, cache = objective.forward(reference.task, batch, reference.params, reference.config)
    assert_close(np.asarray(loss), reference.stored["loss"], "loss")
    results = {}
    for leaf, gradient in tree.items(objective.backward(1.0, cache)):
        parts = names.sources(leaf)
        results |= zip(parts, np.split(gradient, len(parts)), strict=True)
    assert set(results) == set(reference.gradients)
    for name, theirs in reference.gradients.items():
        assert results[name].shape == theirs.shape
        assert_close(results[name], theirs, name)


def test_the_tolerance_tells_the_forms_of_gelu_apart(tmp_path: Path) -> None:
    erf, tanh = (_reference(f"pretraining_{form}", tmp_path) for form in ("erf", "tanh"))
    run = functools.partial(objective.forward, "pretraining", erf.batch, erf.params)
    assert run(erf.config)[0] != run(tanh.config)[0]
    with pytest.raises(AssertionError, match="loss: expected a difference"):
        assert_close(np.asarray(run(tanh.config)[0]), erf.stored["loss"], "loss")
