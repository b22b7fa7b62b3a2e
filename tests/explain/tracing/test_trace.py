"""Traces: each value is what the blocks compute, the gradients are those of loss_and_gradients, files hold it all."""

import ast
import functools
import itertools
import json
import math
import re
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.command import run
from support.tiny import tiny_bert

from numpy_bert import Error
from numpy_bert.blocks.cross_entropy import IGNORED
from numpy_bert.checkpoints.formats import npz
from numpy_bert.cli.trace import format_comparison
from numpy_bert.explain import static_page, vector_norm
from numpy_bert.explain.tracing import comparison, explorer, explorer_data, manifest, quantize, source
from numpy_bert.explain.tracing.result import Trace
from numpy_bert.gradcheck import checker
from numpy_bert.numerics import tree
from numpy_bert.tasks import sentence_embedding

TEXT = "i liked [MASK] funny movie"
LAYER = "bert.encoder.layers.1"
ATTENTION = f"{LAYER}.attention.attention"


@pytest.fixture(scope="module")
def model():
    return tiny_bert(labels=("bad", "so so", "good"))


@pytest.fixture(scope="module")
def traced(model):
    return model.trace(TEXT, target="good")


def batch(model, traced, labels):
    asked = traced.asked
    return {"token_ids": [asked.ids], "segment_ids": [asked.segment_ids], "labels": labels}


# The values.


def test_gradients_are_those_of_loss_and_gradients(model):
    plain = [5, 6, 7, 8]
    cases = {
        "masked_lm": (("i liked this movie", None), [[IGNORED, *plain, IGNORED]]),
        "next_sentence": (("i liked", "this movie"), [0]),
        "sequence_classification": (("i liked this movie", None), [2]),
    }
    for task, (texts, labels) in cases.items():
        text = texts[0] if texts[1] is None else texts
        target = {"next_sentence": "next", "sequence_classification": "good"}.get(task)
        trace = model.trace(text, task, target)
        loss, gradients = model.loss_and_gradients(task, batch(model, trace, np.array(labels)))
        assert trace.asked.loss == loss
        wanted = {name: array for name, array in tree.items(gradients) if name.split(".")[0] in ("bert", task)}
        names = {name.removeprefix("gradients.") for name in trace.names if name.startswith("gradients.")}
        assert names == set(wanted)
        for name, array in wanted.items():
            np.testing.assert_array_equal(trace[f"gradients.{name}"], array)


@pytest.mark.parametrize("task", ["token_classification", "question_answering"])
def test_the_likeliest_answers_are_the_target(model, task):
    trace = model.trace("the movie was good", task)
    logits = model.logits(task, [trace.asked.ids])[0]
    if task == "token_classification":
        labels = np.array([[IGNORED, *logits[1:-1].argmax(axis=1), IGNORED]])
    else:
        spans = {(s, e): logits[s, 0] + logits[e, 1] for s in range(6) for e in range(s, 6)}
        labels = tuple(np.array([place]) for place in max(spans, key=spans.get))
    loss, gradients = model.loss_and_gradients(task, batch(model, trace, labels))
    assert trace.asked.loss == loss
    np.testing.assert_array_equal(trace["gradients.bert.embedding.word"], gradients.bert.embedding.word)


def test_values_of_the_forward(model, traced):
    hidden = model.forward([traced.asked.ids], everything=True)
    for layer in range(2):
        np.testing.assert_array_equal(
            traced[f"bert.encoder.layers.{layer}.attention.attention.forward.P"], hidden.attentions[layer]
        )
        np.testing.assert_array_equal(traced[f"bert.encoder.layers.{layer}.forward.y"], hidden.layers[layer + 1])
    np.testing.assert_array_equal(traced["bert.embedding.forward.y"], hidden.layers[0])
    logits = model.logits("masked_lm", [traced.asked.ids])[0, [traced.asked.outputs[0][0]]]
    np.testing.assert_allclose(traced["masked_lm.head.forward.logits"], logits, rtol=1e-5, atol=1e-6)


def test_each_line_has_what_it_wrote_when_it_wrote_it(traced):
    """Softmax writes p twice, in place: the exponentials, then divided by their sum."""
    block = f"{ATTENTION}.softmax.forward"
    p, total = (traced[f"{block}.{name}"] for name in ("p", "total"))
    np.testing.assert_array_equal(traced[f"{block}.p.1"] / total, p)
    lines = source.read_module("blocks.softmax").lines
    assert lines[traced.by_name[f"{block}.p.1"].first - 1].strip().startswith("p = ")
    assert lines[traced.by_name[f"{block}.p"].first - 1].strip().startswith("p /= ")


def test_gradients_inside_attention(traced):
    """From the equations, by another way than the block's."""
    dy, V, P, Q, K = (traced[f"{ATTENTION}.{name}"].astype(np.float64) for name in (
        "backward.dy", "forward.V", "forward.P", "forward.Q", "forward.K"))  # fmt: skip
    dP = np.einsum("batd,baud->batu", dy, V)
    jacobian = np.einsum("batu,uv->batuv", P, np.eye(P.shape[-1])) - P[..., :, None] * P[..., None, :]
    dS = np.einsum("batu,batuv->batv", dP, jacobian) / np.sqrt(Q.shape[-1])
    wanted = {
        "dP": dP,
        "dS": dS,
        "dS.1": dS * np.sqrt(Q.shape[-1]),
        "dV": np.einsum("batu,batd->baud", P, dy),
        "dQ": np.einsum("batu,baud->batd", dS, K),
        "dK": np.einsum("batu,batd->baud", dS, Q),
    }
    for name, value in wanted.items():
        np.testing.assert_allclose(traced[f"{ATTENTION}.backward.{name}"], value, rtol=1e-4, atol=1e-6)


def test_every_block_with_parameters_has_its_gradient_inside_it_too(traced):
    for name in traced.names:
        parameter = name.removeprefix("gradients.")
        if name.startswith("gradients.") and parameter.endswith((".W", ".b", ".gamma", ".beta")):
            block, _, variable = parameter.rpartition(".")
            block = block.replace("masked_lm.", "masked_lm.head.")
            if f"{block}.backward.d{variable}" in traced:
                np.testing.assert_array_equal(traced[name], traced[f"{block}.backward.d{variable}"])
    assert f"{LAYER}.feed_forward.expand.backward.dW" in traced


def test_order_and_names(traced):
    """The forward before the loss, the loss before the backward, the layers of the backward in reverse."""
    steps = ["0.forward.y", "1.forward.y", "1.backward.dy", "1.backward.dx", "0.backward.dx"]
    order = [f"bert.encoder.layers.{step}" for step in steps]
    places = [traced.names.index(name) for name in order]
    assert places == sorted(places)
    loss = traced.names.index("masked_lm.loss.forward.loss")
    assert places[1] < loss < places[2]
    assert len(set(traced.names)) == len(traced.names)
    assert len({name.lower() for name in traced.arrays}) == len(traced.arrays)
    assert "nothing" not in traced
    with pytest.raises(Error, match=r"trace: expected the name of one of its \d+ values, got 'nothing'"):
        traced["nothing"]


def test_parameters_are_not_recorded(model, traced):
    stored = {array.tobytes() for array in traced.arrays.values()}
    for name, array in tree.items(model.params):
        assert array.tobytes() not in stored, name


def test_nothing_is_recorded_from_memory_without_values(model, monkeypatch):
    """Whatever the memory held before, the trace does not show it."""
    wanted = model.trace(TEXT)
    empty = np.empty

    def poisoned(shape, dtype=float, **more):
        array = empty(shape, dtype, **more)
        array.fill(np.nan if array.dtype.kind == "f" else 0)
        return array

    monkeypatch.setattr(np, "empty", poisoned)
    trace = model.trace(TEXT)
    assert trace.names == wanted.names
    for name in trace.names:
        np.testing.assert_array_equal(trace[name], wanted[name], err_msg=name)
        assert not np.isnan(trace[name]).any(), name


def test_a_debugger_is_not_disturbed(model):
    def debugger(frame, event, value):
        return None

    previous = sys.gettrace()
    sys.settrace(debugger)
    try:
        model.trace("good")
        assert sys.gettrace() is debugger
    finally:
        sys.settrace(previous)


@pytest.mark.parametrize(("code", "writes", "parts", "blank", "result"), [
    ("a = b + 1", "a", "", "", None),
    ("a, (b, c) = f()", "a b c", "", "", None),
    ("a += b", "a", "", "", None),
    ("a: int = b + 1", "a", "", "", None),
    ("a[kept] = b", "a", "a", "", None),
    ("np.multiply(b, c, out=a)", "a", "", "", None),
    ("np.multiply(b, c, out=a[part])", "a", "a", "", None),
    ("np.copyto(a, b)", "a", "a", "", None),
    ("np.add.at(a, i, b)", "a", "a", "", None),
    ("a = np.empty_like(b)", "", "", "a", None),
    ("a, b = cache", "", "", "", None),
    ("a = cache.b", "", "", "", None),
    ("a = b", "", "", "", None),
    ("return a, Cache(b)", "", "", "", "a"),
    ("return a * b, Cache(b)", "", "", "", source.RESULT),
    ("return a", "", "", "", "a"),
])  # fmt: skip
def test_what_a_statement_writes(code, writes, parts, blank, result):
    [actual] = source._statements(ast.parse(textwrap.dedent(code)).body)
    assert (" ".join(actual.writes), " ".join(actual.parts), " ".join(actual.blank)) == (writes, parts, blank)
    assert actual.result == result


def test_statements_within_statements():
    body = ast.parse("for i in x:\n    if i:\n        a = (\n            -i)\n    else:\n        b = -i").body
    result = [(statement.first, statement.last, statement.writes) for statement in source._statements(body)]
    assert result == [(1, 1, ()), (2, 2, ()), (3, 4, ("a",)), (6, 6, ("b",))]


def test_the_size_of_a_vector_is_differentiated(rng):
    for pooling in sentence_embedding.POOLINGS:

        def forward(h, pooling=pooling):
            return vector_norm.loss(vector_norm.Output(h, None), pooling)

        def backward(dloss, cache):
            return vector_norm.loss_backward(dloss, cache).hidden

        rows = checker.check(forward, backward, {"h": rng.normal(size=(2, 5, 4))})
        assert all(row.passed for row in rows), rows


def test_a_model_without_a_head():
    bare = tiny_bert((), has_pooler=False)
    trace = bare.trace("i liked this movie")
    assert (trace.asked.task, trace.asked.predictions) == ("sentence_embedding", ())
    v = bare.embed("i liked this movie")
    assert trace.asked.loss == pytest.approx(float((v * v).mean()), rel=1e-5)
    assert trace["sentence_embedding.loss_backward.dhidden"].shape == (1, 6, 12)


def test_tasks_without_being_asked(model):
    assert model.trace(TEXT).asked.task == "masked_lm"
    assert model.trace("good").asked.task == "sequence_classification"
    assert tiny_bert(("masked_lm",)).trace("good film").asked.outputs == ((1, 13), (2, 11))
    assert tiny_bert(("multiple_choice",)).trace("good").asked.task == "sentence_embedding"
    regression = tiny_bert(("sequence_classification",), num_labels=1)
    logit = regression.logits("sequence_classification", [[2, 13, 3]])[0, 0]
    assert regression.trace("good", target=2).asked.loss == pytest.approx((logit - 2) ** 2, rel=1e-5)
    assert regression.trace("good").asked.predictions[0].answer == f"{logit:.6g}"


def test_predictions(model, traced):
    actual = traced.asked.predictions
    wanted = model.fill_mask(TEXT)[0]
    assert [(p.answer, p.place) for p in actual[:5]] == [(p.token, 3) for p in wanted]
    assert [p.probability for p in actual[:5]] == pytest.approx([p.probability for p in wanted])
    assert [p.answer for p in actual if p.wanted] == ["good"]
    classes = model.trace("good").asked.predictions
    assert {p.answer: p.probability for p in classes} == pytest.approx(model.classify("good").scores)


# Bad input.


@pytest.mark.parametrize(("arguments", "message"), [
    (("",), "text: expected at least one word, got none: ''"),
    ((" \n\t",), "text: expected at least one word"),
    (("good " * 23,), "text: expected at most 24 tokens, which the model takes, got more"),
    (((("good " * 12), "bad " * 12),), "text: expected at most 24 tokens"),
    ((7,), r"text: expected a str or a pair of them, got 7 \(integer\)"),
    ((("a", "b", "c"),), "text: expected a str or a pair of them"),
    (("good", "fly"), "task: expected sequence_classification, .* got 'fly'"),
    (("good", "multiple_choice"), "task: expected .* or sentence_embedding, for one text each, got 'multiple_choice'"),
    (("good", "sequence_classification", "awful"), "target: expected one of bad, so so, good, got 'awful'"),
    (("good", "sequence_classification", 3), "target: expected one of bad, so so, good, got 3"),
    (("good", "sequence_classification", True), "target: expected one of"),
    (("good", "masked_lm", "bad"), r"target: expected none for a text without \[MASK\], got one"),
    ((TEXT, "masked_lm", "gut"), "target: expected a token of the vocabulary, got 'gut'"),
    ((TEXT, "masked_lm", ["good", "bad"]), "target: expected 1 tokens, one for each mask, got 2"),
    (("good", "next_sentence", "maybe"), "target: expected next or random, got 'maybe'"),
    (("good", "question_answering", 1), "target: expected none for question_answering"),
    (("good", "sentence_embedding", 1), "target: expected none for sentence_embedding"),
    (("good", "token_classification", "X"), "target: expected one of"),
])  # fmt: skip
def test_bad_input_is_one_line(model, arguments, message):
    with pytest.raises(Error, match=message) as raised:
        model.trace(*arguments)
    assert str(raised.value).isprintable()


def test_a_head_that_is_not_there():
    with pytest.raises(Error, match="expected a masked_lm head, got a checkpoint with heads: next_sentence"):
        tiny_bert(("next_sentence",)).trace("good", "masked_lm")


def test_a_pair_of_texts_needs_two_segments():
    with pytest.raises(Error, match="text: expected a single text"):
        tiny_bert(type_vocab_size=1).trace(("good", "bad"))
    with pytest.raises(Error, match="target: expected a finite number"):
        tiny_bert(num_labels=1).trace("good", "sequence_classification", "nan")


@pytest.mark.parametrize("change", [
    ("def forward", "# a comment\ndef forward"), ("def forward", "def other"), ("1.0 /", "2.0 /"), ("x_hat", "x_hat +"),
])  # fmt: skip
def test_a_file_that_was_changed_after_its_import_is_one_line(model, monkeypatch, change):
    """The lines that run are no longer those in the file; the trace would name and show others."""
    getsource = source.inspect.getsource

    def changed(module):
        return getsource(module).replace(*change)

    monkeypatch.setattr(source.inspect, "getsource", changed)
    monkeypatch.setattr(source, "_code", lambda module: compile(changed(module), "", "exec", dont_inherit=True))
    monkeypatch.setattr(source, "read_module", functools.cache(source.read_module.__wrapped__))
    with pytest.raises(Error, match=r"numpy_bert\.[\w.]+: expected the source that is running, got a file that"):
        model.trace("good")
    assert sys.gettrace() is None


# Files.


def test_a_file_holds_all_of_it(traced, tmp_path):
    traced.save(tmp_path / "trace.npz")
    trace = Trace.load(tmp_path / "trace.npz")
    assert (trace.asked, trace.model, trace.calls, trace.values) == (
        traced.asked, traced.model, traced.calls, traced.values)  # fmt: skip
    for name in traced.names:
        np.testing.assert_array_equal(trace[name], traced[name])
        assert trace[name].dtype == traced[name].dtype
    with np.load(tmp_path / "trace.npz") as plain:  # NumPy alone reads it
        output = json.loads(plain["manifest"].tobytes().decode())
        assert output["asked"]["text"] == [TEXT]
        value = next(entry for entry in output["values"] if entry["name"] == f"{ATTENTION}.backward.dS")
        np.testing.assert_array_equal(
            plain[value["stored"]].reshape(value["shape"]), traced[f"{ATTENTION}.backward.dS"]
        )


def damaged(manifest, path, value):
    """The manifest with one thing changed; the path leads there."""
    changed = json.loads(json.dumps(manifest))
    inside = changed
    for step in path[:-1]:
        inside = inside[step]
    if value is KeyError:
        del inside[path[-1]]
    else:
        inside[path[-1]] = value
    return changed


@pytest.mark.parametrize(("path", "value"), [
    (["form"], "other"), (["form"], KeyError), (["asked"], []), (["asked", "text"], "text"), (["asked", "text"], [1]),
    (["asked", "loss"], "low"), (["asked", "ids"], [1.5]), (["asked", "ids"], [True]), (["asked", "more"], 1),
    (["asked", "outputs"], [1]), (["asked", "predictions"], [{}]), (["asked", "predictions", 0, "wanted"], 1),
    (["model", "versions"], {"numpy": 2}), (["model", "sha256"], None), (["calls"], {}), (["calls", 0, "parent"], 9999),
    (["calls", 0], "call"), (["values", 0, "call"], -1), (["values", 0, "call"], 9999),
    (["values", 0, "shape"], [-1, -6]),
    (["values", 0, "shape"], [7]), (["values", 0, "stored"], "nothing"), (["values", 0, "dtype"], "float64"),
    (["values"], KeyError),
])  # fmt: skip
def test_a_damaged_manifest_is_one_line(traced, tmp_path, path, value):
    message = manifest.to_json(traced.asked, traced.model, traced.calls, traced.values)
    data = json.dumps(damaged(message, path, value)).encode()
    npz.write(tmp_path / "bad.npz", {**traced.arrays, "manifest": np.frombuffer(data, np.uint8)})
    with pytest.raises(Error, match=r"bad\.npz: manifest: .*expected .*, got ") as error:
        Trace.load(tmp_path / "bad.npz")
    assert str(error.value).isprintable()


@pytest.mark.parametrize("content", [None, b"[1]", b"{", b"\xff", np.zeros(3), np.zeros((2, 2), np.uint8)])
def test_what_is_no_trace(tmp_path, content):
    arrays = {"x": np.zeros(2)}
    if content is not None:
        arrays["manifest"] = np.frombuffer(content, np.uint8) if isinstance(content, bytes) else content
    npz.write(tmp_path / "bad.npz", arrays)
    with pytest.raises(Error, match=r"bad\.npz: .*expected"):
        Trace.load(tmp_path / "bad.npz")
    (tmp_path / "text.npz").write_text("no archive", encoding="utf-8")
    with pytest.raises(Error, match=r"text\.npz: expected"):
        Trace.load(tmp_path / "text.npz")


# Comparing.


@pytest.fixture
def files(model, traced, tmp_path):
    """A trace, and one of a model whose second layer has another bias in its feed-forward network."""
    traced.save(tmp_path / "a.npz")
    layers = list(model.params.bert.encoder.layers)
    place = "feed_forward.expand.b"
    layers[1] = tree.replace(layers[1], place, layers[1].feed_forward.expand.b + np.float32(0.5))
    params = tree.replace(model.params, "bert.encoder.layers", tuple(layers))
    type(model)(model.config, params, model.tokenizer).trace(TEXT, target="good").save(tmp_path / "b.npz")
    return tmp_path / "a.npz", tmp_path / "b.npz"


def test_where_two_models_first_part(files):
    result = comparison.compare(*files)
    assert result.first.name.startswith(f"{LAYER}.feed_forward.expand.forward.y")
    assert result.first.largest == pytest.approx(0.5, rel=1e-5)
    assert result.notes == ("the models differ",)
    assert result.only == ((), ())
    before = list(itertools.takewhile(lambda row: row is not result.first, result.rows))
    assert all(row.largest == 0.0 for row in before)
    assert f"the first of these: {result.first.name}" in format_comparison(result)
    assert comparison.compare(files[0], files[0]).first is None
    # A tolerance as large as the differences lets them pass.
    assert comparison.compare(*files, tolerance=1e9).first is None


def test_arrays_of_another_program(traced, files, tmp_path):
    """Some of the names, other dtypes, no batch axis."""
    a, _ = files
    theirs = {f"{ATTENTION}.forward.P": traced[f"{ATTENTION}.forward.P"][0].astype(np.float64), "x": np.zeros(2)}
    np.savez(tmp_path / "port.npz", **theirs)
    result = comparison.compare(a, tmp_path / "port.npz")
    assert [row.name for row in result.rows] == [f"{ATTENTION}.forward.P"]
    assert result.rows[0].largest == 0.0
    assert result.only[1] == ("x",)
    theirs[f"{ATTENTION}.forward.P"] = theirs[f"{ATTENTION}.forward.P"].swapaxes(-1, -2)
    np.savez(tmp_path / "port.npz", **theirs)
    assert comparison.compare(a, tmp_path / "port.npz").first.relative > 0.1


def test_axes_may_be_put_together(files, traced, tmp_path):
    """As other programs have it: heads side by side as (T, H), a mean of each row without its axis."""
    a, _ = files
    concat, mu = f"{LAYER}.attention.forward.concat", f"{LAYER}.attention_norm.forward.mu"
    rows = traced[concat].reshape(traced[concat].shape[1], -1)
    np.savez(tmp_path / "port.npz", **{concat: rows, mu: traced[mu].reshape(-1)})
    assert [row.largest for row in comparison.compare(a, tmp_path / "port.npz").rows] == [0.0, 0.0]
    np.savez(tmp_path / "port.npz", **{concat: rows.T})
    assert comparison.compare(a, tmp_path / "port.npz").first.largest is None


def test_the_names_that_the_page_gives_to_ports(model, traced):
    """docs/trace.md: each name of its table is in a trace, with as many elements as the shape beside it says."""
    page = (Path(__file__).parents[3] / "docs" / "trace.md").read_text(encoding="utf-8")
    config = model.config
    sizes = {"A": config.num_attention_heads, "T": len(traced.asked.ids), "H": config.hidden_size,
             "F": config.intermediate_size, "D": config.hidden_size // config.num_attention_heads}  # fmt: skip
    rows = re.findall(r"^\| .* \| (`.*`) \| \(([ATHDF, ]+)\) \|$", page, re.MULTILINE)
    assert len(rows) == 16
    full = ""
    for names, shape in rows:
        for name in re.findall(r"`([^`]+)`", names):
            full = full.rpartition(".")[0] + name if name.startswith(".") else f"{LAYER}.{name}"
            assert traced[full].size == math.prod(sizes[letter] for letter in shape.split(", ")), full
    assert "masked_lm.head.forward.logits" in traced


def test_differences_that_are_no_numbers(files, traced, tmp_path):
    name, other = f"{ATTENTION}.forward.P", f"{ATTENTION}.forward.y"
    broken = traced[name].copy()
    broken[0, 0, 0, 0] = np.nan
    np.savez(tmp_path / "port.npz", **{name: broken, other: traced[other][:, :, :3]})
    result = comparison.compare(files[0], tmp_path / "port.npz")
    assert [(row.name, row.largest, row.beyond) for row in result.rows] == [(name, np.inf, True), (other, None, True)]
    message = json.dumps(comparison.to_json(result), allow_nan=False)
    assert '"largest": null' in message
    assert "other shape" in format_comparison(result)


def test_traces_of_different_texts(model, files, tmp_path):
    model.trace("good", "masked_lm").save(tmp_path / "c.npz")
    result = comparison.compare(files[0], tmp_path / "c.npz")
    assert result.notes == ("the texts differ", "the losses ask for different things")
    np.savez(tmp_path / "empty.npz", x=np.zeros(1))
    with pytest.raises(Error, match=r"empty\.npz: expected arrays with names of .*a\.npz, got none of them"):
        comparison.compare(files[0], tmp_path / "empty.npz")
    with pytest.raises(Error, match=r"empty\.npz: expected a trace, got an archive without manifest; .* second"):
        comparison.compare(tmp_path / "empty.npz", files[0])


# The page, as text; test_explorer_page.py opens it.

EVIL = "</script><script>alert(1)</script> <img src=x onerror=alert(1)> \"'& \u2028 \u202e good <!--"


def test_markup_stays_text():
    model = tiny_bert(max_position_embeddings=80, labels=("<script>", "</script>", "c"))
    html = explorer.render(model.trace(EVIL))
    assert html.count("<script") == 2
    assert html.count("</script") == 2
    assert "<img" not in html.replace("</style>", "")
    data = html.split('id="data">')[1].split("</script>")[0]
    assert not set("<>&\u2028\u2029") & set(data)
    assert json.loads(data)["asked"]["text"] == [EVIL]


def test_the_page_names_its_own_script_and_style_and_no_other(traced):
    html = explorer.render(traced)
    result = static_page.policy("style", "script")
    assert "default-src &#x27;none&#x27;" in result
    assert "unsafe" not in html
    assert "http://" not in html
    assert "https://" not in html
    style, script = html.split("<style>")[1].split("</style>")[0], html.split("<script>")[1].split("</script>")[0]
    assert static_page.policy(style, script) in html


def test_a_part_that_holds_braces_is_not_filled_again():
    assert static_page.filled("{{a}}-{{b}}", {"a": "{{b}}", "b": "2"}) == "{{b}}-2"


def test_damaged_weights_can_be_looked_at(model, tmp_path):
    layers = list(model.params.bert.encoder.layers)
    layers[0] = tree.map(lambda array: np.full_like(array, np.nan), layers[0])
    params = tree.replace(model.params, "bert.encoder.layers", tuple(layers))
    broken = type(model)(model.config, params, model.tokenizer)
    trace = broken.trace("good")
    assert np.isnan(trace.asked.loss)
    assert np.isfinite(trace["bert.embedding.forward.y"]).all()
    json.loads(static_page.inert_json(explorer_data.page_data(trace)))
    trace.save(tmp_path / "nan.npz")
    assert np.isnan(Trace.load(tmp_path / "nan.npz").asked.loss)


def test_page_data_fit_a_budget():
    """All arrays of 12 layers of BERT-base on 32 tokens, with as many of each shape as a layer has, and some more."""
    layer = [(1, 32, 768)] * 26 + [(1, 12, 32, 64)] * 12 + [(1, 12, 32, 32)] * 10 + [(1, 32, 3072)] * 12
    layer += [(98304,)] * 4 + [(32, 2304)] * 4 + [(3072, 768)] * 2 + [(768, 768)] * 4 + [(768,)] * 12 + [(1, 32, 1)] * 8
    shapes = 12 * layer + [(30522, 768)] * 2
    most = explorer_data.cells_each(shapes, explorer_data.BUDGET, explorer_data.FINEST)
    assert sum(quantize.grid(shape, most).cells for shape in shapes) <= explorer_data.BUDGET
    assert 4 * (explorer_data.BUDGET + explorer_data.ATTENTION_BUDGET) / 3 < 4.5e6
    whole = explorer_data.cells_each(
        24 * [(1, 12, 32, 32)], explorer_data.ATTENTION_BUDGET, explorer_data.FINEST_ATTENTION
    )
    assert quantize.grid((1, 12, 32, 32), whole)[3:] == (1, 1)
    long = explorer_data.cells_each(
        24 * [(1, 12, 512, 512)], explorer_data.ATTENTION_BUDGET, explorer_data.FINEST_ATTENTION
    )
    assert 24 * quantize.grid((1, 12, 512, 512), long).cells <= explorer_data.ATTENTION_BUDGET


@settings(max_examples=50)
@given(st.lists(st.floats(-(2.0**99), 2.0**99, width=32), min_size=1, max_size=40))
def test_quantized_values_are_as_close_as_promised(numbers):
    x = np.array(numbers, np.float32)
    q, scale = quantize.codes(x)
    shown = np.sign(q) * (q.astype(np.float64) / 127) ** 2 * scale
    error = np.abs(shown - x)
    assert (error <= np.sqrt(np.abs(x.astype(np.float64)) * scale) / 127 + scale / 64516 + 1e-300).all()
    assert (error <= scale / 127 * (1 + 1e-9)).all()
    assert (np.sign(shown) * np.sign(x) >= 0).all()


def test_codes_of_what_is_not_finite():
    q, scale = quantize.codes(np.array([np.nan, np.inf, -2.0, 0.0, 2.0]))
    assert q.tolist() == [-128, -128, -127, 0, 127]
    assert scale == 2.0


@settings(max_examples=30)
@given(st.integers(1, 9), st.integers(1, 9), st.integers(1, 3), st.integers(2, 40), st.randoms(use_true_random=False))
def test_a_cell_shows_the_element_of_largest_magnitude(R, C, G, most, random):
    x = np.array([random.uniform(-1, 1) for _ in range(G * R * C)]).reshape(G, R, C)
    of = quantize.grid(x.shape, most)
    assert of.cells <= max(most, G)
    result = quantize.reduced(x, of)
    for g, i, j in np.ndindex(*result.shape):
        part = x[g, i * of.r : (i + 1) * of.r, j * of.c : (j + 1) * of.c]
        assert result[g, i, j] == part.flat[np.abs(part).argmax()]


def test_arrays_without_elements_and_without_axes():
    assert quantize.packed(np.zeros((0, 4), np.float32), 10)["grid"] == [1, 0, 4, 1, 1]
    assert quantize.packed(np.float32(0.5).reshape(()), 10)["exact"] == [0.5]


# The command line.


@pytest.fixture(scope="module")
def folder(model, tmp_path_factory):
    return model.save(tmp_path_factory.mktemp("models") / "tiny")


def test_trace_and_compare_from_the_command_line(capsys, folder, tmp_path):
    data, html = tmp_path / "t.npz", tmp_path / "t.html"
    status, out, err = run(capsys, "trace", TEXT, "--model", folder, "--output", html, "--data", data)
    assert (status, err) == (0, "")
    assert "loss" in out
    assert html.read_text("utf-8").startswith("<!DOCTYPE html>")
    status, out, _ = run(capsys, "trace", TEXT, "--model", folder, "--data", tmp_path / "u.npz", "--json")
    assert json.loads(out)["values"] == len(Trace.load(data).values)
    assert run(capsys, "trace", "--compare", data, tmp_path / "u.npz")[0] == 0
    run(capsys, "trace", "good", "--task", "masked_lm", "--model", folder, "--data", tmp_path / "v.npz")
    status, out, _ = run(capsys, "trace", "--compare", data, tmp_path / "v.npz", "--tolerance", "0.1", "--json")
    assert status == 1
    assert json.loads(out)["first"] == "objective.forward.batch.inputs.ids.token"


@pytest.mark.parametrize(("arguments", "status", "message"), [
    ([], 2, "expected TEXT, or --compare"),
    (["good"], 2, "expected --open, --output PAGE.html or --data TRACE.npz, got none of them"),
    (["good", "--data", "same", "--output", "./same"], 2, "expected another file for each output, got the same"),
    (["good", "--output", "there.html"], 1, "there.html: expected a new file, got one that exists"),
    (["good", "--output", "missing/page.html"], 1, "missing/page.html: cannot write: its folder does not exist"),
    (["good", "--data", "missing/t.npz"], 1, "missing/t.npz: cannot write: its folder does not exist"),
    (["good", "--data", "t.npz", "--tolerance", "1"], 2, "--tolerance: expected with --compare"),
    (["good", "--compare", "a", "b"], 2, "--compare: expected it without TEXT"),
    (["--compare", "a"], 2, "expected 2 arguments"),
    (["--compare", "a", "b"], 1, "a: expected"),
    (["--compare", "a", "b", "--model", "x"], 2, "--compare: expected it without --model"),
    (["", "--data", "t.npz"], 1, "text: expected at least one word, got none"),
    (["good " * 50, "--data", "t.npz"], 1, "text: expected at most 24 tokens"),
    (["good", "--data", "t.npz", "--task", "fly"], 1, "task: expected"),
    (["--compare", "a", "b", "--tolerance", "-1"], 2, "expected a number"),
])  # fmt: skip
def test_bad_usage_of_trace(capsys, folder, tmp_path, monkeypatch, arguments, status, message):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "there.html").write_text("mine", encoding="utf-8")
    if "--compare" not in arguments:
        arguments = [*arguments, "--model", folder]
    result, out, err = run(capsys, "trace", *arguments)
    assert (result, out) == (status, "")
    assert message in err
    assert err.count("\n") == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["there.html"]


def test_open_shows_the_page_in_a_browser(capsys, folder, tmp_path, monkeypatch):
    """Without --output the page is a temporary file, and the command says where."""
    opened = []
    monkeypatch.setattr("webbrowser.open", lambda address: opened.append(address) or True)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    status, out, err = run(capsys, "trace", "good", "--model", folder, "--open")
    assert (status, err) == (0, "")
    status, result, _ = run(capsys, "explain", "good", "--model", folder, "--steps", "4", "--open")
    assert status == 0
    assert len(opened) == 2
    for address, name, text in zip(opened, ("trace.html", "scores.html"), (out, result), strict=True):
        [page] = tmp_path.glob(f"numpy-bert-*/{name}")
        assert address == page.as_uri()
        assert f"{page}: " in text


def test_open_without_a_browser(capsys, folder, tmp_path, monkeypatch):
    monkeypatch.setattr("webbrowser.open", lambda address: False)
    status, _, err = run(capsys, "trace", "good", "--model", folder, "--output", tmp_path / "p.html", "--open")
    assert status == 0
    assert err == f"--open: no browser found; open {tmp_path / 'p.html'} yourself\n"
