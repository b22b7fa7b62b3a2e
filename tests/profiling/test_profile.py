"""The cost profile: what is timed, where it is counted, what the command prints and refuses."""

import json
import sys
import threading

import numpy as np
import pytest
from support.command import run as run_command
from support.tiny import tiny_bert

from numpy_bert import Error
from numpy_bert.blocks import bert, gelu, layer_norm, linear
from numpy_bert.cli import profile as command
from numpy_bert.cli.profile import format_profile
from numpy_bert.config import BertConfig
from numpy_bert.profiling import costs, machine, passes, roofline, timer
from numpy_bert.profiling.passes import Workload

PEAK = machine.Peak(flops=2e9, bandwidth=1e9)


@pytest.fixture(autouse=True)
def _fixed_peak(monkeypatch):
    """Measuring it takes a second; one test does."""
    monkeypatch.setattr(machine, "peak", lambda dtype: PEAK)


@pytest.fixture(scope="module")
def model():
    return tiny_bert(("masked_lm",))


@pytest.fixture(scope="module")
def folder(model, tmp_path_factory):
    return model.save(tmp_path_factory.mktemp("models") / "tiny")


class Ticks:
    """A clock that moves by one at each look."""

    def __init__(self):
        self.looks = 0

    def __call__(self):
        self.looks += 1
        return float(self.looks)


def test_own_time_is_without_that_of_the_called(model):
    """Each call looks twice, so with n blocks timed 2 n - 1 ticks pass from first to last, and all are counted."""
    batch = passes._batch(model.config, Workload(T=6), has_head=False)
    ticks = Ticks()
    with timer.timed(ticks) as result:
        bert.forward(batch.inputs, model.params.bert, model.config)
    assert sum(result.values()) == ticks.looks - 1
    assert result[costs.NORM] == 2 * 2 + 1  # nothing is called within a norm: one tick each
    assert result[costs.GELU] == 2
    assert result[costs.QKV] == result[costs.OUTPUT] == result[costs.EXPAND] == result[costs.CONTRACT] == 2
    assert result[costs.RESIDUAL] == 2 * 7  # six calls within each layer
    assert costs.DECODER not in result


def test_only_the_own_thread_is_timed_and_the_profiler_before_comes_back(rng):
    seen = []
    before = sys.getprofile()

    def mine(frame, event, _):
        seen.append(event)

    sys.setprofile(mine)
    try:
        with timer.timed() as result:
            assert sys.getprofile() is not mine
            other = threading.Thread(target=gelu.forward, args=(rng.standard_normal(3), "erf"))
            other.start()
            other.join()
            layer_norm.forward(rng.standard_normal((2, 3)), layer_norm.Params(np.ones(3), np.ones(3)), 1e-12)
        assert sys.getprofile() is mine
        with pytest.raises(TypeError), timer.timed():
            gelu.forward()
        assert sys.getprofile() is mine
    finally:
        sys.setprofile(before)
    assert set(result) == {costs.NORM}
    assert result[costs.NORM] > 0


def test_a_call_that_fails_is_closed(rng):
    wrong = linear.Params(np.ones((4, 5)), np.ones(4))
    with timer.timed(Ticks()) as result:
        with pytest.raises(ValueError, match="reshape"):
            linear.forward(np.ones((2, 3)), wrong)
        gelu.forward(rng.standard_normal(3), "erf")
    assert dict(result) == {costs.REST: 1.0, costs.GELU: 1.0}


@pytest.mark.parametrize(
    ("workload", "heads"),
    [
        (Workload(2, 9, 2), ("masked_lm",)),
        (Workload(1, 1, 1, dropout=True), ("masked_lm",)),
        (Workload(2, 9, 1), ()),
        (Workload(2, 9, 1, backward=False), ("masked_lm",)),
    ],
)
def test_a_profile(workload, heads):
    model = tiny_bert(heads)
    calls = []
    result = passes.measure(model.params, model.config, workload, calls.append)
    assert sum(calls) == workload.repeats + 1
    names = [row.name for row in result.rows]
    assert names == [name for name in costs.ROWS if name in names]
    assert (costs.DROPOUT in names) == workload.dropout
    assert (costs.DECODER in names) == (heads != () and workload.backward)
    assert all(row.forward_seconds > 0 for row in result.rows if row.forward.flops)
    assert all(row.backward_seconds > 0 for row in result.rows if row.backward.flops)
    assert any(row.backward_seconds > 0 for row in result.rows) == workload.backward
    assert result.seconds == pytest.approx(sum(row.forward_seconds + row.backward_seconds for row in result.rows))
    if workload.backward and heads:
        masked_tokens = workload.B * max(1, round(0.15 * workload.T))
        assert masked_tokens == result.sizes.M
    text = format_profile(result)
    assert f"{workload.B} x {workload.T} tokens" in text
    assert ("backward" in text) == workload.backward
    table = text.split("\n")[3 : 4 + len(names)]
    assert [line.split("  ")[0] for line in table[1:]] == names
    starts = {line.rindex(word) for line in table[1:] for word in ("computing", "memory") if word in line}
    assert len(starts) == 1  # the columns align
    json.dumps(roofline.to_json(result), allow_nan=False)


def test_least_time_and_bound():
    """2 GFLOP/s and 1 GB/s: 4e6 FLOPs take 2 ms, 3e6 float32 numbers take 12 ms."""
    computing = costs.Cost((costs.Product(1, 1000, 2, 1000),), 0, 1000)
    memory = costs.Cost((), 10, 3_000_000)
    rows = (
        roofline.ProfileRow("a", computing, computing, 0.004, 0.004),
        roofline.ProfileRow("b", memory, roofline.NOTHING, 0.012, 0.0),
    )
    config = BertConfig(vocab_size=5)
    result = roofline.Profile(costs.Sizes(1, 2), config, np.dtype("f4"), 1, 1, True, PEAK, rows)
    assert result.least(rows[0]) == pytest.approx(0.004)
    assert result.bound(rows[0]) == "computing"
    assert result.least(rows[1]) == pytest.approx(0.012)
    assert result.bound(rows[1]) == "memory"
    assert result.seconds == pytest.approx(0.020)
    first, second = format_profile(result).split("\n")[4:6]
    assert first.split()[-3:] == ["1000.00", "computing", "50%"]
    assert second.split()[-2:] == ["memory", "100%"]


def test_the_peak_is_measured(monkeypatch):
    monkeypatch.undo()
    monkeypatch.setattr(machine, "SIDE", 64)
    monkeypatch.setattr(machine, "COPIED", 1 << 16)
    result = machine.peak("float32")
    assert 1e6 < result.flops < 1e14
    assert 1e6 < result.bandwidth < 1e13
    described = machine.describe()
    assert described["NumPy"] == np.__version__
    assert all(described.values())


def test_random_weights_for_times():
    config = tiny_bert(()).config
    params = passes.random_params(config)
    assert params.bert.embedding.word.shape == (config.vocab_size, config.hidden_size)
    assert params.bert.embedding.word.dtype == np.float32
    assert params.bert.encoder.layers[0].attention_norm.gamma.mean() == pytest.approx(1, abs=0.1)


@pytest.mark.parametrize(
    ("workload", "message"),
    [
        (Workload(T=25), r"length: expected at most 24 \(max_position_embeddings\), got 25"),
        (Workload(T=5, threads=10**9), "threads: expected at most [0-9]+, the cores there are, got 1000000000"),
        (Workload(B=10**9, T=20), r"batch: expected one that fits into the [0-9.]+ GB .* got 1000000000 x 20, which"),
        (Workload(B=10**9, T=20, backward=False), "batch: expected one that fits .* needs about [0-9,]+[.][0-9] GB"),
    ],
)
def test_refused(model, workload, message):
    with pytest.raises(Error, match=message):
        passes.measure(model.params, model.config, workload)


def run(capsys, *arguments):
    return run_command(capsys, "profile", *arguments)


def test_the_command(capsys, folder, tmp_path):
    pytest.importorskip("matplotlib")
    figure = tmp_path / "profile.png"
    size = ("--model", folder, "--length", 12, "--batch", 2, "--repeats", 1)
    status, out, err = run(capsys, *size, "--output", figure)
    assert (status, err) == (0, "")
    assert "feed-forward W_1" in out
    assert figure.read_bytes().startswith(b"\x89PNG")
    status, out, _ = run(capsys, *size, "--json", "--forward-only")
    output = json.loads(out)
    assert output["length"] == 12
    assert all(row["backward"] is None for row in output["rows"])
    [expand] = [row for row in output["rows"] if row["block"] == costs.EXPAND]
    assert expand["forward"]["product_flops"] == 2 * 2 * (2 * 12) * 12 * 20


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (["--length", "25"], 1, "length: expected at most 24"),
        (["--batch", "999999999"], 1, "batch: expected one that fits"),
        (["--batch", "0"], 2, "expected a whole number above 0"),
        (["--batch", "1e9"], 2, "expected a whole number above 0"),
        (["--threads", "999"], 1, "threads: expected at most"),
        (["--dropout", "--forward-only"], 2, "--dropout: expected without --forward-only"),
        (["--output", "/nowhere/at/all.png"], 1, "its folder does not exist"),
    ],
)
def test_one_clear_line(capsys, folder, arguments, status, message):
    result, out, err = run(capsys, "--model", folder, *arguments)
    assert (result, out) == (status, "")
    assert message in err
    assert err.count("\n") == 1


def test_without_a_model_the_sizes_are_those_of_bert_base(capsys, monkeypatch):
    """Not run, which would take seconds: what would be run."""
    asked = []
    monkeypatch.setattr(passes, "random_params", lambda config: config)
    monkeypatch.setattr(passes, "measure", lambda params, config, workload, progress: asked.append((config, workload)))
    monkeypatch.setattr(command, "format_profile", lambda profile: "")
    monkeypatch.setattr(roofline, "to_json", lambda profile: {})
    assert run(capsys, "--batch", 4)[0] == 0
    [(config, workload)] = asked
    assert (config.num_hidden_layers, config.hidden_size, config.vocab_size) == (12, 768, 30522)
    assert workload == Workload(B=4, T=128)


def test_the_length_is_what_the_model_has(capsys, folder):
    status, out, _ = run(capsys, "--model", folder, "--repeats", 1)
    assert status == 0
    assert "1 x 24 tokens" in out
