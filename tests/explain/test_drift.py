"""How far the hidden states move when a constant or the precision changes."""

import dataclasses
import json
import math

import numpy as np
import pytest
from support.tiny import tiny_bert

from numpy_bert import Error
from numpy_bert.blocks import attention, bert
from numpy_bert.cli.drift import format_drift
from numpy_bert.explain import drift
from numpy_bert.explain import drift as module
from numpy_bert.explain.drift import measure
from numpy_bert.inference import inputs
from numpy_bert.model import Bert
from numpy_bert.numerics import tree

TEXTS = ["I liked this movie.", "bad", "the plot was not funny and the actor was very dull , it rains", "train", "",
         "a film", "berlin !", "good", "the movie was good", "training"]  # fmt: skip
GELU, EPS, MASK, FLOAT32, FLOAT16, INT8 = range(6)


@pytest.fixture(scope="module")
def model():
    return tiny_bert(())


@pytest.fixture(scope="module")
def table(model):
    return measure(model, TEXTS)


def layers_of(model, text, params=None, **changes):
    """The layers of one text alone, in float64, from the public interface."""
    params = model.params if params is None else params
    changed = dataclasses.replace(model.config, **changes)
    double = Bert(changed, tree.map(lambda array: array.astype("f8"), params), model.tokenizer)
    return double.forward([model.tokenizer.encode(text, special=False).ids], everything=True).layers


def largest(model, **changes):
    """The largest change of each layer, text by text without any padding: a second way to the same numbers."""
    moved = []
    for text in TEXTS:
        pairs = zip(layers_of(model, text), layers_of(model, text, **changes), strict=True)
        moved.append([np.abs(a - b).max() for a, b in pairs])
    return np.max(moved, axis=0)


def test_another_file_of_the_same_model_is_one_more_change(model, table):
    moved = Bert(model.config, tree.map(drift.int8, model.params), model.tokenizer)
    *changes, last = measure(model, TEXTS, other=moved).changes
    assert tuple(changes) == table.changes
    assert last.name == "other file"
    np.testing.assert_allclose(last.largest, table.changes[INT8].largest, rtol=1e-4)
    with pytest.raises(Error, match="other: intermediate_size: expected 20, got 24"):
        measure(model, TEXTS, other=tiny_bert((), intermediate_size=24))


def test_the_table_has_a_row_for_each_layer(model, table):
    assert [change.name for change in table.changes] == [
        "GELU erf to tanh", "epsilon 1e-12 to 1e-05", "mask added", "float32", "weights float16", "weights int8",
    ]  # fmt: skip
    assert all(len(change.largest) == model.config.num_hidden_layers + 1 for change in table.changes)
    assert table.texts == len(TEXTS)
    assert table.tokens == sum(len(model.tokenizer.encode(text).ids) for text in TEXTS)
    scale = np.max([[np.abs(h).max() for h in layers_of(model, text)] for text in TEXTS], axis=0)
    np.testing.assert_allclose(table.scale, scale, rtol=1e-12)


@pytest.mark.parametrize(
    ("index", "changes"),
    [(GELU, {"gelu": "tanh"}), (EPS, {"layer_norm_eps": 1e-5})],
)
def test_changes_of_a_constant(model, table, index, changes):
    np.testing.assert_allclose(table.changes[index].largest, largest(model, **changes), rtol=1e-6, atol=1e-14)


def test_the_embedding_knows_no_gelu(table):
    assert table.changes[GELU].largest[0] == 0
    assert min(table.changes[GELU].largest[1:]) > 1e-6


@pytest.mark.parametrize(
    ("index", "round_"),
    [(FLOAT16, lambda array: array.astype("f2").astype("f8")), (INT8, lambda array: by_hand(array.astype("f8")))],
)
def test_changes_of_the_weights(model, table, index, round_):
    rounded = tree.map(round_, model.params)
    np.testing.assert_allclose(table.changes[index].largest, largest(model, params=rounded), rtol=1e-6)


def by_hand(array):
    if array.ndim == 1:
        return array
    rows = []
    for row in array:
        step = max(abs(x) for x in row) / 127
        rows.append([round(x / step) * step for x in row])
    return np.array(rows)


def test_int8_of_a_row_of_zeros_and_of_extremes():
    array = np.array([[0.0, 0.0], [127.0, -63.4], [-1e-300, 1e-300]])
    np.testing.assert_array_equal(module.int8(array), [[0, 0], [127, -63], [-1e-300, 1e-300]])
    vector = np.array([0.3, 0.123])
    assert module.int8(vector) is vector


def test_float32_is_near(table):
    assert all(0 < change < 1e-4 for change in table.changes[FLOAT32].largest)


def test_the_added_mask_changes_nothing_in_an_ordinary_model(table):
    """But for rounding: added numbers are shifted before exp, the scores themselves need no shift."""
    assert max(table.changes[MASK].largest) < 1e-14


def test_the_added_mask_loses_against_a_large_score():
    """Queries and keys so large that padding scores more than 10000 above the text."""
    model = tiny_bert(())
    huge = tree.map(lambda array: array * 300, model.params.bert.encoder.layers[0].attention.qkv)
    params = tree.replace(model.params, "bert.encoder.layers.0.attention.qkv", huge)
    result = measure(Bert(model.config, params, model.tokenizer), TEXTS)
    assert result.changes[MASK].largest[0] < 1e-14
    assert result.changes[MASK].largest[1] > 0.01


def test_the_added_mask_is_that_of_google(rng):
    """Scores of padding are lowered by 10000, so a text of nothing but padding attends to it; blocks exclude it."""
    Q, K, V = (rng.standard_normal((2, 5, 4)) for _ in range(3))
    present = np.array([[True] * 5, [True, True, False, False, True]])[:, None, :]
    scores = Q @ K.swapaxes(1, 2) / 2
    weights = np.exp(scores + np.where(present, 0.0, -1e4) - scores.max())
    added = drift.additive_attention(Q, K, V, present)
    np.testing.assert_allclose(added, weights / weights.sum(axis=-1, keepdims=True) @ V, rtol=1e-12)
    assert drift.additive_attention(Q, K, V, np.zeros(5, bool)).any()
    assert not attention.forward(Q, K, V, np.zeros(5, bool))[0].any()


def test_padding_is_not_counted(model):
    """What happens at padded places does not show: the change is that of the texts one by one."""
    alone = measure(model, TEXTS[2:3])
    among = measure(model, [TEXTS[2], TEXTS[1]])
    short = measure(model, TEXTS[1:2])
    for together, single, other in zip(among.changes, alone.changes, short.changes, strict=True):
        if together.name in ("float32",):  # whose rounding depends on the shapes of the products
            continue
        expected = np.maximum(single.largest, other.largest)
        np.testing.assert_allclose(together.largest, expected, rtol=1e-6, atol=1e-14)


def test_a_model_of_the_other_constants():
    result = measure(tiny_bert((), gelu="tanh", layer_norm_eps=1e-5), TEXTS[:2])
    assert [change.name for change in result.changes][:2] == ["GELU tanh to erf", "epsilon 1e-05 to 1e-12"]
    assert max(result.changes[GELU].largest) > 0


def test_weights_beyond_float16():
    """Infinite is what it is, in the table, the figure and the JSON."""
    model = tiny_bert(())
    norm = model.params.bert.embedding.norm
    params = tree.replace(model.params, "bert.embedding.norm.gamma", np.full_like(norm.gamma, 1e6))
    result = measure(Bert(model.config, params, model.tokenizer), TEXTS[:2])
    assert result.changes[FLOAT16].largest == (math.inf,) * 3
    assert json.loads(json.dumps(module.to_json(result), allow_nan=False))["changes"]["weights float16"] == [None] * 3
    assert "inf" in format_drift(result)


def test_nothing_of_the_model_is_changed(model):
    before = tree.map(np.copy, model.params)
    measure(model, TEXTS[:3])
    assert all(np.array_equal(a, b) for a, b in zip(tree.leaves(model.params), tree.leaves(before), strict=True))
    batch = inputs.padded([inputs.Text([2, 5, 3], None), inputs.Text([2, 3], None)])
    assert batch.mask.dtype == bool
    assert bert.forward(batch, model.params.bert, model.config)[0].hidden.shape == (2, 3, 12)


def test_progress(model):
    steps = []
    measure(model, TEXTS[:1], progress=steps.append)
    assert steps == [1] * 6


@pytest.mark.parametrize("texts", [[], "one text", ()])
def test_refused(model, texts):
    with pytest.raises(Error, match="texts: expected a list of at least one text"):
        measure(model, texts)


def test_the_table_for_people(table):
    lines = format_drift(table).split("\n")
    assert lines[0] == f"largest change of a hidden state, {table.texts} texts, {table.tokens} tokens"
    assert lines[2].split("  ")[0] == "layer"
    assert [line.split()[0] for line in lines[3:]] == ["embedding", "0", "1"]
    assert len({len(line) for line in lines[3:]}) == 1


def test_the_figure(table, tmp_path):
    pytest.importorskip("matplotlib")
    path = tmp_path / "drift.png"
    module.figure(table, path)
    assert path.read_bytes().startswith(b"\x89PNG")
    first = path.read_bytes()
    module.figure(table, path)
    assert path.read_bytes() == first
    with pytest.raises(Error, match="cannot write"):
        module.figure(table, tmp_path / "none" / "drift.png")


def test_a_figure_without_matplotlib(table, tmp_path, monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(Error, match=r"a figure needs matplotlib; run: pip install 'numpy-bert\[plot\]'"):
        module.figure(table, tmp_path / "drift.png")
    assert not list(tmp_path.iterdir())
