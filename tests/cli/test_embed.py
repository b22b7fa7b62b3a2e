"""`numpy-bert embed --input FILE --output OUT.npy`: what it prints and how it ends."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from support.tiny import tiny_bert

import numpy_bert
from numpy_bert import corpus
from numpy_bert.cli import main as cli

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tiny_bert().save(tmp_path_factory.mktemp("models") / "tiny")


@pytest.fixture
def place(tmp_path):
    (tmp_path / "texts.txt").write_text("i liked this movie\n\nit rains\n")
    return tmp_path


def run(capsys, place, folder, *options):
    texts, output = place / "texts.txt", place / "out.npy"
    arguments = ["embed", "--model", folder, "--input", texts, "--output", output, *options]
    status = cli.main([str(argument) for argument in arguments])
    printed = capsys.readouterr()
    return status, printed.out, printed.err


def test_it_says_what_it_made(capsys, place, folder):
    assert run(capsys, place, folder) == (0, f"3 vectors of 12 numbers: {place / 'out.npy'}\n", "")
    np.testing.assert_array_equal(
        np.load(place / "out.npy"), numpy_bert.load(folder).embed(["i liked this movie", "", "it rains"])
    )


def test_json_and_float16(capsys, place, folder):
    status, out, err = run(capsys, place, folder, "--json", "--dtype", "float16")
    assert (status, json.loads(out), err) == (0, {"output": str(place / "out.npy"), "shape": [3, 12]}, "")
    assert np.load(place / "out.npy").dtype == np.float16


def test_cut_texts_are_told(capsys, place, folder):
    (place / "texts.txt").write_text("good " * 30)
    assert run(capsys, place, folder)[2] == "numpy-bert: warning: 1 text was longer than 24 tokens and cut there\n"


def test_an_interruption_says_how_to_go_on(capsys, place, folder, monkeypatch):
    def interrupted(*args, **kwargs):
        (place / "out.npy.partial").touch()
        raise KeyboardInterrupt

    monkeypatch.setattr(corpus, "embed_file", interrupted)
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        status, out, err = run(capsys, place, folder)
        after = signal.getsignal(signal.SIGINT)
    finally:
        signal.signal(signal.SIGINT, before)
    assert (status, out) == (130, "")
    message = f"interrupted; {place / 'out.npy.partial'} holds what is done, and the same command resumes"
    assert err == f"numpy-bert: error: {message}\n"
    assert after is signal.default_int_handler  # for whoever called, and for their children


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs signals")
# A job of a shell in the background begins with an interrupt that is ignored.
@pytest.mark.parametrize(
    ("number", "ignored"), [(signal.SIGINT, False), (signal.SIGINT, True), (signal.SIGTERM, False)]
)
def test_a_signal_in_a_real_process_and_then_going_on(place, folder, number, ignored):
    (place / "texts.txt").write_text("the movie was good and not dull\n" * 6_000)
    options = ["embed", "--model", folder, "--input", "texts.txt", "--output", "o"]
    # So slow that it cannot end before the signal reaches it, however busy the machine is.
    slowly = "import time; "
    slowly += "from numpy_bert.inference import batching as i; run = i.run; "
    slowly += "i.run = lambda *given, **named: (time.sleep(0.1), run(*given, **named))[1]; "
    slowly += "from numpy_bert.corpus import job, texts_file as f; job.SAVED_EVERY, f.ROWS = 0.0, 40; "
    command = [
        sys.executable,
        "-c",
        slowly + "from numpy_bert.cli.main import main; raise SystemExit(main())",
        *options,
    ]
    settings = {"cwd": place, "env": os.environ | {"PYTHONPATH": str(ROOT)}, "stderr": subprocess.PIPE, "text": True}
    before = signal.signal(signal.SIGINT, signal.SIG_IGN if ignored else signal.default_int_handler)
    try:
        process = subprocess.Popen(command, **settings)
    finally:
        signal.signal(signal.SIGINT, before)
    while not (place / "o.json").exists() or not json.loads((place / "o.json").read_text())["rows_done"]:
        assert process.poll() is None, process.stderr.read()
        time.sleep(0.02)
    process.send_signal(number)
    err = process.communicate(timeout=60)[1]
    assert (process.returncode, err.count("\n")) == (128 + number, 1)
    done = json.loads((place / "o.json").read_text())["rows_done"]
    assert 0 < done < 6_000
    command = [sys.executable, "-m", "numpy_bert", *options]
    assert subprocess.run(command, check=True, stdout=subprocess.PIPE, **settings).stderr == ""
    vectors = np.load(place / "o")
    assert vectors.shape == (6_000, 12)
    np.testing.assert_allclose(vectors, np.broadcast_to(vectors[:1], vectors.shape), atol=1e-6)


@pytest.mark.parametrize("options", [
    ["text", "--output", "o.npy", "--dtype", "float16"],
    ["--input", "-", "--output", "o.npy", "--dtype", "float16"],
    ["--input", "texts.txt", "--dask", "tcp://127.0.0.1:1"],
    ["--input", "texts.txt", "--output", "o.npy", "--dtype", "float64"],
    ["text", "--input", "texts.txt", "--output", "o.npy"],
])  # fmt: skip
def test_bad_usage_is_told_before_the_model_is_loaded(capsys, place, monkeypatch, options):
    monkeypatch.chdir(place)
    assert cli.main(["embed", "--model", "not looked at", *options]) == 2
    err = capsys.readouterr().err
    assert err.startswith("numpy-bert: error: ")
    assert err.count("\n") == 1


def test_an_output_that_exists_is_told_before_the_model_is_loaded(capsys, place):
    (place / "out.npy").touch()
    status, _, err = run(capsys, place, "not looked at")
    assert (status, err) == (1, f"numpy-bert: error: {place / 'out.npy'}: expected a new file, got one that exists; "
                                "nothing is written over\n")  # fmt: skip
