"""The command line: what it prints, its exit status, and what it does with bad usage."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from support.command import run, run_json
from support.tiny import tiny_bert

import numpy_bert
from numpy_bert.cli.main import main
from numpy_bert.model import Bert
from numpy_bert.tokenizer.pipeline import WordPieceTokenizer


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tiny_bert(labels=("bad", "so so", "good")).save(tmp_path_factory.mktemp("models") / "tiny")


@pytest.fixture(scope="module")
def bert(folder):
    return numpy_bert.load(folder)


def run_help(capsys, *arguments):
    with pytest.raises(SystemExit) as caught:
        main(list(arguments))
    assert caught.value.code == 0
    return capsys.readouterr().out


def test_tokenize(capsys, folder, bert):
    output = run_json(capsys, "tokenize", "i liked this", "funny", "--model", folder)
    assert [row["ids"] for row in output] == [bert.tokenizer.encode(text).ids for text in ("i liked this", "funny")]
    assert output[1]["tokens"] == ["[CLS]", "fun", "##ny", "[SEP]"]
    status, out, _ = run(capsys, "tokenize", "funny", "--model", folder)
    assert status == 0
    assert out.splitlines()[2].split() == ["fun", str(bert.tokenizer.vocab["fun"]), "0-3"]


def test_embed_to_the_screen_as_json_and_to_a_file(capsys, folder, bert, tmp_path):
    texts = ["i liked this movie", "it rains", "good"]
    status, out, _ = run(capsys, "embed", *texts, "--model", folder)
    assert status == 0
    assert "cosine similarity" in out
    output = run_json(capsys, "embed", *texts, "--model", folder)
    np.testing.assert_allclose([row["vector"] for row in output], bert.embed(texts), atol=1e-6)
    source, target = tmp_path / "texts.txt", tmp_path / "vectors.npy"
    source.write_text("\n".join(texts) + "\n", encoding="utf-8")
    assert run(capsys, "embed", "--input", source, "--output", target, "--model", folder)[0] == 0
    np.testing.assert_allclose(np.load(target), bert.embed(texts), atol=1e-6)
    before = target.read_bytes()
    status, _, err = run(capsys, "embed", *texts, "--output", target, "--model", folder)
    assert status == 1
    assert "expected a new file" in err
    assert target.read_bytes() == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["texts.txt", "vectors.npy", "vectors.npy.json"]


def test_fill_mask(capsys, folder, bert):
    [output] = run_json(capsys, "fill-mask", "the [MASK] was [MASK]", "--top-k", 3, "--model", folder)
    wanted = bert.fill_mask("the [MASK] was [MASK]", 3)
    assert [[row["id"] for row in answer] for answer in output] == [[p.id for p in answer] for answer in wanted]
    assert set(output[0][0]) == {"token", "id", "probability"}


def test_next_sentence_tag_answer_choose(capsys, folder, bert):
    [output] = run_json(capsys, "next-sentence", "it rains", "good", "--model", folder)
    assert output["probability"] == pytest.approx(bert.next_sentence("it rains", "good"), abs=1e-6)
    [output] = run_json(capsys, "tag", "the train to berlin", "--model", folder)
    assert [tuple(row.values()) for row in output] == [tuple(entity) for entity in bert.tag("the train to berlin")]
    [output] = run_json(capsys, "answer", "was it good", "the movie was good", "--top-k", 2, "--model", folder)
    assert [row["text"] for row in output] == [a.text for a in bert.answer("was it good", "the movie was good", 2)]
    [output] = run_json(capsys, "choose", "i liked", "this movie", "it rains", "--model", folder)
    assert output["best"] == bert.choose("i liked", ["this movie", "it rains"]).best
    pairs = (("tag", "good"), ("answer", "good", "bad"), ("choose", "a", "b", "c"), ("next-sentence", "a", "b"))
    for arguments in pairs:
        status, out, err = run(capsys, *arguments, "--model", folder)
        assert (status, err) == (0, "")
        assert out


def test_classify(capsys, folder, bert):
    output = run_json(capsys, "classify", "good", "bad", "--model", folder)
    assert [row["label"] for row in output] == [answer.label for answer in bert.classify(["good", "bad"])]
    assert set(output[0]) == {"label", "probability", "scores"}
    assert set(output[0]["scores"]) == {"bad", "so so", "good"}


def test_lines_are_split_at_newlines_alone(capsys, folder, tmp_path):
    source = tmp_path / "texts.txt"
    source.write_bytes("good\u2028bad\r\n\nit\x0brains".encode())
    assert len(run_json(capsys, "tokenize", "--input", source, "--model", folder)) == 3


def test_a_file_that_is_not_utf8_is_named_with_its_line(capsys, folder, tmp_path):
    source = tmp_path / "texts.txt"
    source.write_bytes(b"good\nb\xe4d\n")
    status, _, err = run(capsys, "tokenize", "--input", source, "--model", folder)
    assert status == 1
    assert "line 2: expected UTF-8, got byte 0xe4" in err


def test_gradcheck(capsys):
    status, out, _ = run(capsys, "gradcheck", "softmax", "layer_norm")
    assert status == 0
    assert "layer_norm" in out
    assert "none failed" in out
    [output] = run_json(capsys, "gradcheck", "tanh")
    assert output["passed"] is True
    assert all(row["passed"] for row in output["rows"])
    status, _, err = run(capsys, "gradcheck", "no_such_block")
    assert status == 2
    assert "no_such_block" in err


def test_inspect(capsys, folder):
    status, out, _ = run(capsys, "inspect", folder)
    assert status == 0
    assert "cls.predictions.bias" in out
    [output] = run_json(capsys, "inspect", folder)
    assert output


def test_demo(capsys, tmp_path):
    folder = tiny_bert(labels=("bad", "so so", "good"), max_position_embeddings=128).save(tmp_path / "model")
    status, out, _ = run(capsys, "demo", "--model", folder)
    assert status == 0
    assert "Gradient checks" in out
    assert "Classification" in out
    [output] = run_json(capsys, "demo", "--model", folder)
    assert output["Gradient checks"]["passed"] is True


def test_without_a_command_it_prints_the_help(capsys):
    status, out, err = run(capsys)
    assert (status, err) == (0, "")
    assert out == run_help(capsys, "--help")
    assert "numpy-bert COMMAND --help" in out


@pytest.mark.parametrize("arguments", [
    ["fly"],
    ["embed", "--mod", "x", "text"],
    ["embed", "--modle", "x", "text"],
    ["embed", "--model"],
    ["embed", "--model", "x"],
    ["embed", "--model", "x", "text", "--input", "file"],
    ["fill-mask"],
    ["fill-mask", "a", "b"],
    ["fill-mask", "[MASK]", "--top-k", "abc"],
    ["fill-mask", "[MASK]", "--top-k", "-5"],
    ["fill-mask", "[MASK]", "--top-k", "1e3"],
    ["fill-mask", "[MASK]", "--top-k", "0"],
    ["fill-mask", "[MASK]", "--top-k", "1" + "0" * 30],
    ["fill-mask", "[MASK]", "--top-k", "٣"],
    ["--model", "x", "embed", "text"],
    ["gradcheck", "--method", "guess"],
])  # fmt: skip
def test_bad_usage_is_one_line_and_status_2(capsys, arguments):
    status, out, err = run(capsys, *arguments)
    assert (status, out) == (2, "")
    assert err.startswith("numpy-bert: error: ")
    assert err.count("\n") == 1
    assert len(err) <= 330


@pytest.mark.parametrize("path", ["nowhere", "no\0where", "x" * 5000, "evil\x1b[31m\nname"])
def test_a_model_that_is_not_there_is_one_line_and_status_1(capsys, path):
    for command in (["embed", "text"], ["tokenize", "text"], ["demo"]):
        status, out, err = run(capsys, *command, "--model", path)
        assert (status, out) == (1, "")
        assert err.count("\n") == 1
        assert "\x1b" not in err
        assert len(err) <= 330


def test_texts_and_paths_may_begin_with_a_dash(capsys, folder, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("-texts").write_text("good\n", encoding="utf-8")
    assert run(capsys, "tokenize", "--model", folder, "--", "-good")[0] == 0
    assert run(capsys, "tokenize", f"--model={folder}", "--input=-texts")[0] == 0


def test_help_and_version_never_need_a_model():
    environment = {name: value for name, value in os.environ.items() if name != "HOME"}
    for flags in ([], ["-O"], ["-I"], ["-W", "error"]):
        for argument in ("--help", "--version"):
            code = "import sys; sys.path.insert(0, sys.argv.pop(1)); from numpy_bert.cli.main import main; main()"
            command = [sys.executable, *flags, "-c", code, str(Path(__file__).parents[2]), argument]
            done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False, cwd="/")
            assert done.returncode == 0, done.stderr
            assert done.stderr == ""
            assert "numpy-bert" in done.stdout


def test_a_reader_that_goes_away_is_no_error(folder, tmp_path):
    source = tmp_path / "texts.txt"
    source.write_text("good\n" * 20000, encoding="utf-8")
    command = f"{sys.executable} -m numpy_bert tokenize --input {source} --model {folder} --json | head -1"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout)["tokens"] == ["[CLS]", "good", "[SEP]"]
    assert done.stderr == ""


@pytest.mark.parametrize("encoding", ["ascii", "cp1252"])
def test_a_terminal_may_lack_any_character(folder, encoding):
    environment = os.environ | {"PYTHONIOENCODING": encoding}
    for command in (["tokenize", "日本 émile"], ["fill-mask", "a [MASK]"]):
        for json_too in ([], ["--json"]):
            done = subprocess.run(
                [sys.executable, "-m", "numpy_bert", *command, *json_too, "--model", folder],
                capture_output=True, env=environment, check=False,
            )  # fmt: skip
            assert done.returncode == 0, done.stderr
            if json_too:
                assert [json.loads(line) for line in done.stdout.decode(encoding).splitlines()]


@pytest.mark.parametrize("command", ["--help", "--version", "embed --help", ""])
def test_help_that_cannot_be_written_is_an_error(command):
    command = f"{sys.executable} -m numpy_bert {command} >/dev/full"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (1, "numpy-bert: error: output: cannot write: No space left on device\n")


@pytest.mark.parametrize("redirection", [">/dev/full", ">&-", "--input - <&-"])
def test_streams_that_are_full_or_closed(folder, redirection):
    text = "" if "input" in redirection else "hello"
    command = f"{sys.executable} -m numpy_bert tokenize {text} --model {folder} {redirection}"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False)
    assert "Traceback" not in done.stderr
    assert done.stderr.count("\n") <= 1


@pytest.mark.parametrize("name", ["x" * 300 + ".npy", "missing/out.npy", "dangling.npy", "no\0name.npy"])
def test_an_output_that_cannot_be_is_told_before_the_work(capsys, tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "dangling.npy").symlink_to("nowhere")
    status, out, err = run(capsys, "embed", "text", "--output", name, "--model", "not looked at")
    assert (status, out) == (1, "")
    assert err.count("\n") == 1
    assert ".npy" in err or "..." in err


def test_output_with_json_says_where_it_is(capsys, folder, tmp_path):
    [output] = run_json(capsys, "embed", "good", "bad", "--output", tmp_path / "v.npy", "--model", folder)
    assert output == {"output": str(tmp_path / "v.npy"), "shape": [2, 12]}


def test_plain_takes_special_tokens_for_text(capsys, folder):
    [special] = run_json(capsys, "tokenize", "[MASK]", "--model", folder)
    [plain] = run_json(capsys, "tokenize", "[MASK]", "--plain", "--model", folder)
    assert special["tokens"] == ["[CLS]", "[MASK]", "[SEP]"]
    assert "[MASK]" not in plain["tokens"]


@pytest.mark.skipif(os.name == "nt", reason="arguments are characters there")
def test_arguments_are_utf_8_in_any_locale(folder):
    """Python takes the bytes for ASCII here, and what is no ASCII for surrogates, which the tokenizer removes."""
    environment = {**os.environ, "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    command = [sys.executable, "-m", "numpy_bert", "tokenize", "--json", "--model", str(folder)]
    text = "gööd 中".encode()
    child = subprocess.run([*command, text], env=environment, capture_output=True, check=True)
    assert json.loads(child.stdout)["tokens"] == ["[CLS]", "good", "[UNK]", "[SEP]"]
    child = subprocess.run([*command, b"g\xf6d"], env=environment, capture_output=True, check=False)
    assert child.returncode == 2
    assert b"expected UTF-8, got byte 0xf6" in child.stderr


def test_the_tokenizer_of_another_folder(capsys, folder, tmp_path):
    (tmp_path / "vocab.txt").write_text((folder / "vocab.txt").read_text("utf-8"), "utf-8")
    (tmp_path / "tokenizer_config.json").write_text('{"do_lower_case": false}', "utf-8")
    [output] = run_json(capsys, "tokenize", "Good", "--model", folder, "--tokenizer", tmp_path)
    assert output["tokens"] == ["[CLS]", "[UNK]", "[SEP]"]
    [same] = run_json(capsys, "classify", "Good", "--model", folder, "--tokenizer", tmp_path)
    assert same == run_json(capsys, "classify", "Xyz", "--model", folder)[0]


def test_plain_reaches_the_methods(capsys, folder, tmp_path):
    made = tiny_bert(labels=("bad", "so so", "good"))
    tokenizer = WordPieceTokenizer(made.tokenizer.tokens, library_rules=True)
    path = Bert(made.config, made.params, tokenizer).save(tmp_path / "model")
    for options, special in (((), True), (("--plain",), False)):
        [output] = run_json(capsys, "classify", "good [SEP] bad", *options, "--model", path)
        assert output == json.loads(json.dumps(made.classify("good [SEP] bad", special=special)._asdict()))


def test_gradcheck_at_a_checkpoint(capsys, folder):
    [output] = run_json(capsys, "gradcheck", "masked_lm", "--model", folder)
    assert output["passed"] is True
    status, _, err = run(capsys, "gradcheck", "--model", folder, "--method", "central")
    assert status == 2
    assert "--method" in err


def test_debug_tells_where_an_error_came_from(capsys):
    _, _, err = run(capsys, "embed", "text", "--model", "nowhere", "--debug")
    assert "Traceback" in err
    assert err.splitlines()[-1].startswith("numpy-bert: error: nowhere")
