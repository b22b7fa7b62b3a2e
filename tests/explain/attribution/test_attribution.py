"""Attribution: scores that add up, the gradients of the model, rollout as its equation, and how it is told."""

import io
import json
import re

import numpy as np
import pytest
from support.command import run
from support.tiny import tiny_bert

from numpy_bert import Error
from numpy_bert.cli import explain as command
from numpy_bert.cli.main import main
from numpy_bert.explain import targets
from numpy_bert.explain.attribution import integrated_gradients, methods, output_gradient, rollout, score_page
from numpy_bert.explain.attribution.methods import explain
from numpy_bert.explain.attribution.result import Attribution
from numpy_bert.explain.predictions import HeadPrediction
from numpy_bert.tokenizer.interface import Encoding

TEXT = "i liked this funny movie"
TASKS = {
    "masked_lm": ("i liked [MASK] funny movie", "good"),
    "next_sentence": ((TEXT, "it rains"), "random"),
    "sequence_classification": (TEXT, "good"),
    "token_classification": (TEXT, None),
    "question_answering": (("was it good", TEXT), None),
    "sentence_embedding": (TEXT, None),
}


@pytest.fixture(scope="module")
def model():
    return tiny_bert(labels=("bad", "so so", "good"), dtype="float64")


def made(tokens, scores, value, baseline, label="good"):
    """An attribution of these scores, as if computed for a text with the label."""
    encoding = Encoding([0] * len(tokens), list(tokens), [0] * len(tokens), [(0, 0)] * len(tokens))
    target = targets.Target((" ".join(tokens),), encoding, None, "task", None, ((0,),), f"the class {label}")
    predictions = (HeadPrediction(None, label, 0.9, True), HeadPrediction(None, "other", 0.1, False))
    return Attribution("integrated-gradients", target, predictions, scores, value, baseline)


# Integrated gradients.


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("task", TASKS)
def test_scores_add_up_to_the_difference_of_the_logits(task, dtype):
    text, target = TASKS[task]
    model = tiny_bert(labels=("bad", "so so", "good"), dtype=dtype)
    explanation = explain(model, text, "integrated-gradients", task, target)
    assert explanation.error < 1e-3
    assert explanation.total == pytest.approx(explanation.value - explanation.baseline, rel=1e-3)
    kept = [i for i, token in enumerate(explanation.tokens) if token in ("[CLS]", "[SEP]", "[MASK]")]
    assert [explanation.scores[i] for i in kept] == [0.0] * len(kept)


def test_what_is_explained_is_the_logit(model):
    explanation = explain(model, TEXT, "integrated-gradients", "sequence_classification", "good", steps=16)
    ids = model.tokenizer.encode(TEXT).ids
    assert explanation.value == pytest.approx(model.logits("sequence_classification", [ids])[0, 2], rel=1e-12)
    padded = [i if i in (2, 3) else 0 for i in ids]
    assert explanation.baseline == pytest.approx(model.logits("sequence_classification", [padded])[0, 2], rel=1e-12)
    masked, target = TASKS["masked_lm"]
    explanation = explain(model, masked, "gradient-times-input", "masked_lm", target)
    ids = model.tokenizer.encode(masked).ids
    wanted = model.logits("masked_lm", [ids])[0, 3, model.tokenizer.vocab["good"]]
    assert explanation.value == pytest.approx(wanted, rel=1e-12)


def test_the_steps_are_all_taken_and_more_of_them_are_nearer(model):
    messages = []
    few, count = (
        integrated_gradients.attribute(model, TEXT, steps=steps, progress=messages.append) for steps in (2, 64)
    )
    assert sum(messages) == 66
    assert count.error < few.error
    for steps in (0, 2049, 1.5, True):
        with pytest.raises(Error, match="steps: expected an integer from 1 to 2048"):
            explain(model, TEXT, steps=steps)


def test_completeness_tells_when_it_fails():
    far = made(("a",), (1.0,), 2.0, 0.5)
    assert far.error == pytest.approx(1 / 3)
    assert methods.completeness(far).startswith("Check FAILED: the scores add up to 1.0000, but the explained output")
    assert "changed by 1.5000 from the baseline (relative error 3e-01)" in methods.completeness(far)
    near = made(("a",), (1.0,), 1.0, 0.0)
    assert methods.completeness(near).startswith("Check passed: the scores add up to 1.0000, which is the change of")
    assert made((), (), 1.0, 1.0).error == 0.0
    assert made(("a",), (1.0,), 1.0, 1.0).error == np.inf


# The gradient.


@pytest.mark.parametrize("task", TASKS)
def test_the_gradient_by_the_embeddings(model, task):
    """Against central differences along random directions, for two texts at once."""
    text, target = TASKS[task]
    chosen = targets.choose(model, text, task, target)
    rng = np.random.default_rng(5)
    x = output_gradient.embedded(chosen.batch.ids, model.params.bert)
    points = np.stack([x, x + rng.normal(0, 0.3, x.shape)])
    value, gradient = output_gradient.value_and_gradient(points, chosen, model)
    assert value == pytest.approx(
        sum(output_gradient.value_and_gradient(point[None], chosen, model)[0] for point in points)
    )
    for _ in range(3):
        v = rng.normal(size=points.shape)
        ahead, behind = (output_gradient.value_and_gradient(points + h * v, chosen, model)[0] for h in (1e-5, -1e-5))
        assert (gradient * v).sum() == pytest.approx((ahead - behind) / 2e-5, rel=1e-6)


def test_it_is_the_gradient_of_the_trace(model):
    """The size of the vector is both what is traced and what is explained."""
    traced = model.trace(TEXT, "sentence_embedding")
    chosen = targets.choose(model, TEXT, "sentence_embedding")
    x = output_gradient.embedded(chosen.batch.ids, model.params.bert)
    np.testing.assert_allclose(x, traced["bert.embedding.forward.total"][0], rtol=1e-14)
    value, gradient = output_gradient.value_and_gradient(x[None], chosen, model)
    np.testing.assert_allclose(gradient, traced["bert.embedding.backward.dtotal"], rtol=1e-10, atol=1e-15)
    assert value == pytest.approx(traced.asked.loss)
    explanation = explain(model, TEXT, "gradient-times-input", "sentence_embedding")
    E, ids = model.params.bert.embedding.word, chosen.encoding.ids
    moved = E[ids] - E[0]
    moved[[0, -1]] = 0.0
    np.testing.assert_allclose(explanation.scores, (moved * gradient[0]).sum(axis=1), rtol=1e-10)


def test_counted_from_zero_every_score_would_be_zero(model):
    """Why there is a baseline: the layer norm does not see the length of what it is given."""
    chosen = targets.choose(model, TEXT, "sequence_classification")
    x = output_gradient.embedded(chosen.batch.ids, model.params.bert)
    _, gradient = output_gradient.value_and_gradient(x[None], chosen, model)
    scores = (x * gradient[0]).sum(axis=1)
    assert np.abs(scores).max() < 1e-9 * np.abs(gradient).max()


# Rollout.


def test_rows_of_rollout_sum_to_one(model):
    P = np.random.default_rng(3).dirichlet(np.ones(5), size=(4, 3, 5))  # 4 layers of 3 heads
    R = rollout.followed(list(P))
    np.testing.assert_allclose(R.sum(axis=1), 1.0, rtol=1e-12)
    wanted = np.linalg.multi_dot([0.5 * np.eye(5) + 0.5 * layer.mean(axis=0) for layer in P[::-1]])
    np.testing.assert_allclose(R, wanted, rtol=1e-12)


def test_rollout_reads_what_the_head_reads(model):
    ids = model.tokenizer.encode(TEXT).ids
    layers = [P[0] for P in model.forward([ids], everything=True).attentions]
    R = rollout.followed(layers)
    cases = {
        "sequence_classification": R[0],
        "sentence_embedding": R.mean(axis=0),
        "token_classification": R[1:-1].mean(axis=0),
    }
    for task, wanted in cases.items():
        explanation = explain(model, TEXT, "rollout", task)
        np.testing.assert_allclose(explanation.scores, wanted, rtol=1e-12)
        assert explanation.total == pytest.approx(1.0)
        assert explanation.error is None
    text, _ = TASKS["masked_lm"]
    masked = explain(model, text, "rollout", "masked_lm")
    layers = [P[0] for P in model.forward([model.tokenizer.encode(text).ids], everything=True).attentions]
    np.testing.assert_allclose(masked.scores, rollout.followed(layers)[3], rtol=1e-12)


# How it is told.


@pytest.fixture(scope="module")
def folder(model, tmp_path_factory):
    return model.save(tmp_path_factory.mktemp("models") / "tiny")


def test_methods_by_name(model):
    with pytest.raises(Error, match=r"method: expected integrated-gradients, .*, rollout, got 'guess'"):
        explain(model, TEXT, "guess")
    assert command.METHODS == methods.METHODS == tuple(methods.MEANING) == tuple(methods.CAVEAT)


@pytest.mark.parametrize("method", methods.METHODS)
def test_the_table_reads_without_color(capsys, folder, model, method):
    status, out, err = run(capsys, "explain", TEXT, "--method", method, "--model", folder)
    assert (status, err) == (0, "")
    assert "\x1b" not in out
    rows = {line.split()[0]: line.split() for line in out.splitlines() if re.match(r"\S+ +[-+\d]", line)}
    explanation = explain(model, TEXT, method)
    for token, score in zip(explanation.tokens, explanation.scores, strict=True):
        assert float(rows[token][1]) == pytest.approx(score, abs=6e-5)
        if method != "rollout" and abs(score) > 1e-3:
            assert rows[token][1][0] == ("-" if score < 0 else "+")
    assert ("Check passed" in out) == (method == "integrated-gradients")


def test_json(capsys, folder, model):
    status, out, _ = run(capsys, "explain", TEXT, "--target", "bad", "--json", "--model", folder)
    assert status == 0
    output = json.loads(out)
    explanation = explain(model, TEXT, target="bad")
    assert output["scores"] == pytest.approx(explanation.scores)
    assert output["tokens"] == list(explanation.tokens)
    assert output["target"] == "the class bad"
    assert output["error"] < 1e-3


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.mark.parametrize(("environment", "colored"), [
    ({"TERM": "xterm"}, True),
    ({"TERM": "xterm", "NO_COLOR": ""}, True),
    ({"TERM": "xterm", "NO_COLOR": "1"}, False),
    ({"TERM": "dumb"}, False),
])  # fmt: skip
def test_color_only_where_it_is_wanted(folder, monkeypatch, environment, colored):
    monkeypatch.delenv("NO_COLOR", raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    screen = Terminal()
    monkeypatch.setattr("sys.stdout", screen)
    assert main(["explain", TEXT, "--method", "gradient-times-input", "--model", str(folder)]) == 0
    assert ("\x1b[30;48;5;" in screen.getvalue()) == colored


def test_colors_have_their_sign(monkeypatch):
    monkeypatch.setattr("sys.stdout", Terminal())
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    text = command._colored(["up", "down", "none\x1b[31m"], [1.0, -0.5, 0.01])
    assert f"48;5;{command.ORANGE[-1]}mup" in text
    assert f"48;5;{command.BLUE[1]}mdown" in text
    assert text.endswith(" none\\x1b[31m")


EVIL = "<script>alert(1)</script>\"'&\u202e"


def test_the_page_is_inert(tmp_path):
    result = made((EVIL, "b"), (2.0, -1.0), 1.0, 0.0, EVIL)
    score_page.write(result, tmp_path / "page.html")
    html = (tmp_path / "page.html").read_text("utf-8")
    assert "<script" not in html
    assert html.count("&lt;script&gt;alert(1)&lt;/script&gt;&quot;&#x27;&amp;") == 8
    assert html.count("Why &quot;&lt;script&gt;") == 2  # title and heading
    assert "http" not in html.replace("http-equiv", "")
    assert "+2.0000" in html
    assert "−1.0000" in html
    assert 'class="token above5"' in html
    assert 'x="25.00" y="2" width="25.00"' in html


def test_output_from_the_command_line(capsys, folder, tmp_path):
    page = tmp_path / "page.html"
    arguments = ["explain", "it rains", "--pair", "good", "--task", "next_sentence", "--target", "next", "--steps", "8"]
    status, out, err = run(capsys, *arguments, "--output", page, "--model", folder)
    assert (status, err) == (0, "")
    assert "the second text follows" in out
    assert "the second text follows" in page.read_text("utf-8")


@pytest.mark.parametrize(("arguments", "status", "message"), [
    ([""], 1, "text: expected at least one word, got none"),
    (["good " * 30], 1, "text: expected at most 24 tokens"),
    (["good", "--method", "guess"], 2, "expected integrated-gradients"),
    (["good", "--method", "rollout", "--steps", "3"], 2, "--steps: expected with --method integrated-gradients"),
    (["good", "--steps", "9999"], 1, "steps: expected an integer from 1 to 2048"),
    (["good", "--output", "there.html"], 1, "there.html: expected a new file, got one that exists"),
    (["good", "--output", "missing/x.html"], 1, "missing/x.html: cannot write: its folder does not exist"),
    (["good", "--task", "masked_lm", "--target", "x"], 1, "target: expected none for a text without [MASK]"),
])  # fmt: skip
def test_bad_usage_of_explain(capsys, folder, tmp_path, monkeypatch, arguments, status, message):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "there.html").write_text("mine", encoding="utf-8")
    result, out, err = run(capsys, "explain", *arguments, "--model", folder)
    assert (result, out) == (status, "")
    assert message in err
    assert err.count("\n") == 1


def test_a_head_that_is_not_there_is_told(capsys, tmp_path):
    bare = tiny_bert((), has_pooler=False).save(tmp_path / "bare")
    status, _, err = run(capsys, "explain", "good", "--task", "masked_lm", "--model", bare)
    assert status == 1
    assert "expected a masked_lm head, got a checkpoint with heads: none" in err
