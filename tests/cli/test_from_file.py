"""--input of every command that asks a model, and the commands search, rank, sparse and quantize."""

import json

import numpy as np
import pytest
from scipy.sparse import load_npz
from support import sentence_folders
from support.tiny import tiny_bert

import numpy_bert
from numpy_bert import Error
from numpy_bert.cli import from_file
from numpy_bert.cli import main as cli
from numpy_bert.corpus import text_rows
from numpy_bert.corpus.text_rows import Columns


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tiny_bert().save(tmp_path_factory.mktemp("models") / "tiny")


def run(capsys, *arguments):
    status = cli.main([str(argument) for argument in arguments])
    printed = capsys.readouterr()
    return status, printed.out, printed.err


def run_json(capsys, *arguments):
    status, out, err = run(capsys, *arguments, "--json")
    assert (status, err) == (0, "")
    return [json.loads(line) for line in out.splitlines()]


# Rows.


@pytest.mark.parametrize(
    ("name", "content", "columns", "rows"),
    [
        ("a.txt", "one\n\nthree, four\n", Columns(), [(1, "one"), (2, ""), (3, "three, four")]),
        ("a.txt", "a\tb\n", Columns(is_pair=True), [(1, "a", "b")]),
        ("a.csv", 'id,text\n1,"a ""b"",\nc"\n\n2,d\n', Columns(), [(3, 'a "b",\nc'), (5, "d")]),
        ("a.csv", "x\none\n", Columns(), [(2, "one")]),
        ("a.CSV", "x,y\none,two\n", Columns("y"), [(2, "two")]),
        ("a.csv", "id;text\n1;a, b\n2;c\n", Columns(), [(2, "a, b"), (3, "c")]),
        ("a.csv", '\ufeff"id", "text"\n1, "a, b"\n', Columns(), [(2, "a, b")]),
        ("a.csv", "x,y\none,two\n", Columns("y", "x", True), [(2, "two", "one")]),
        ("a.tsv", 'sentence1\tsentence2\n"a\tb"\n', Columns(is_pair=True), [(2, '"a', 'b"')]),
        ("a.jsonl", '{"text": "a"}\n\n"b"\n', Columns(), [(1, "a"), (3, "b")]),
        ("a.ndjson", '{"question": "a", "context": "b"}\n', Columns(is_pair=True), [(1, "a", "b")]),
    ],
)
def test_rows(tmp_path, name, content, columns, rows):
    (tmp_path / name).write_text(content, encoding="utf-8")
    assert [(row.line, *row.texts) for row in text_rows.read(tmp_path / name, columns)] == rows


@pytest.mark.parametrize(
    ("name", "content", "columns", "message"),
    [
        ("a.csv", "", Columns(), "expected a header with the names of the columns, got an empty file"),
        ("a.csv", "x,y\n1,2\n", Columns(), "expected --column, one of 'x', 'y'"),
        ("a.csv", "x,y\n1,2\n", Columns("z"), "--column: expected one of 'x', 'y', got 'z'"),
        ("a.csv", "x,y\n1,2\n", Columns("x", None, True), "expected --column and --pair-column, two of 'x', 'y'"),
        ("a.csv", "x,y\n1\n", Columns("x"), "line 2: expected 2 columns, as the header has, got 1"),
        ("a.csv", 'x\n"a', Columns(), "line 2: expected CSV, got"),
        ("a.txt", "a\tb\tc\n", Columns(is_pair=True), "line 1: expected two texts with a tab between them, got 3"),
        ("a.txt", "a\n", Columns("x"), r"--column: expected a .csv, .tsv or .jsonl file"),
        ("a.jsonl", '{"text": "a"}\n{"text": null}\n', Columns(), "line 2: text: expected a text, got a missing value"),
        ("a.jsonl", '{"text": "a"}\n{}\n', Columns(), "line 2: text: expected a text, got a missing value"),
        ("a.jsonl", '{"text": 1}\n', Columns(), "line 1: text: expected a text, got 1"),
        ("a.jsonl", "[1]\n", Columns(), "line 1: expected a JSON object, got an array"),
        ("a.jsonl", '{"text": "a"\n', Columns(), "line 1: .*expected valid JSON"),
    ],
)
def test_rows_that_are_refused(tmp_path, name, content, columns, message):
    (tmp_path / name).write_text(content, encoding="utf-8")
    with pytest.raises(Error, match=message):
        list(text_rows.read(tmp_path / name, columns))


# Commands.


def test_each_command_answers_a_file_as_python_does(capsys, tmp_path, folder):
    bert = numpy_bert.load(folder)
    texts, masked = (
        ["it rains", "the film was good", "not a movie"],
        ["the [MASK] was", "[MASK] good [MASK]", "a [MASK]"],
    )
    pairs = list(zip(texts, ["berlin ?", "good , very", "fun"], strict=True))
    (tmp_path / "t.txt").write_text("".join(f"{text}\n" for text in texts))
    (tmp_path / "m.csv").write_text("id,text\n" + "".join(f"{i},{text}\n" for i, text in enumerate(masked)))
    (tmp_path / "p.tsv").write_text("first\tsecond\n" + "".join(f"{a}\t{b}\n" for a, b in pairs))
    (tmp_path / "c.jsonl").write_text("".join(json.dumps({"prompt": a, "choices": [b, a]}) + "\n" for a, b in pairs))

    def asked(command, name, *options):
        return run_json(capsys, command, "--input", tmp_path / name, "--model", folder, *options)

    as_dicts = json.loads(json.dumps([[e._asdict() for e in entities] for entities in bert.tag(texts)]))
    assert asked("tag", "t.txt") == as_dicts
    assert asked("classify", "t.txt") == [answer._asdict() for answer in bert.classify(texts)]
    assert asked("classify", "p.tsv", "--pair") == [answer._asdict() for answer in bert.classify(pairs)]
    found = [[[p._asdict() for p in mask] for mask in masks] for masks in bert.fill_mask(masked, 2)]
    assert asked("fill-mask", "m.csv", "--top-k", 2) == found
    assert [answer["probability"] for answer in asked("next-sentence", "p.tsv")] == bert.next_sentence(pairs)
    assert asked("answer", "p.tsv") == [[a._asdict() for a in answers] for answers in bert.answer(pairs)]
    choices = bert.choose([(a, [b, a]) for a, b in pairs])
    assert asked("choose", "c.jsonl") == [json.loads(json.dumps(choice._asdict())) for choice in choices]
    for command, name in (("tag", "t.txt"), ("fill-mask", "m.csv"), ("next-sentence", "p.tsv"), ("choose", "c.jsonl")):
        assert run(capsys, command, "--input", tmp_path / name, "--model", folder)[::2] == (0, "")


def test_a_file_is_answered_a_few_rows_at_a_time(capsys, tmp_path, folder, monkeypatch):
    monkeypatch.setattr(from_file, "AT_ONCE", 2)
    (tmp_path / "t.txt").write_text("it rains\ngood\n\nbad\nfun\n")
    found = run_json(capsys, "classify", "--input", tmp_path / "t.txt", "--model", folder)
    expected = numpy_bert.load(folder).classify(["it rains", "good", "", "bad", "fun"])
    np.testing.assert_allclose([f["probability"] for f in found], [e.probability for e in expected], atol=1e-6)


def test_pairs_on_the_command_line(capsys, folder):
    bert = numpy_bert.load(folder)
    found = run_json(capsys, "classify", "--pair", "it rains", "fun", "good", "bad", "--model", folder)
    assert found == [answer._asdict() for answer in bert.classify([("it rains", "fun"), ("good", "bad")])]
    status, _, err = run(capsys, "classify", "--pair", "it rains", "--model", folder)
    assert (status, err) == (2, "numpy-bert: error: --pair: expected an even number of texts, got 1\n")


def test_an_error_names_the_line(capsys, tmp_path, folder):
    (tmp_path / "m.csv").write_text('id,text\n1,"a\n[MASK]"\n2,no mask\n')
    status, _, err = run(capsys, "fill-mask", "--input", tmp_path / "m.csv", "--model", folder)
    assert status == 1
    assert "m.csv: line 4: expected at least one [MASK], got none" in err


@pytest.mark.parametrize(
    "arguments",
    [
        ["tag"],
        ["tag", "a", "--input", "b"],
        ["next-sentence", "a"],
        ["answer", "a", "b", "--input", "c"],
        ["choose", "a"],
        ["classify", "a", "--column", "x"],
        ["search", "a"],
        ["rank", "a"],
    ],
)
def test_usage(capsys, folder, arguments):
    status, out, err = run(capsys, *arguments, "--model", folder)
    assert (status, out) == (2, "")
    assert err.startswith("numpy-bert: error: ")


def test_commands_of_others_are_told_ours(capsys):
    status, _, err = run(capsys, "encode", "a")
    assert status == 2
    assert "expected a command, got 'encode'; here it is embed" in err


# search, rank, sparse, quantize.


def test_search_in_what_embed_wrote(capsys, tmp_path, folder):
    bert = numpy_bert.load(folder)
    texts = ["it rains", "the film was good", "a dull movie", "i liked this film"]
    (tmp_path / "t.csv").write_text("n,text\n" + "".join(f"{i},{text}\n" for i, text in enumerate(texts)))
    vectors, codes = tmp_path / "v.npy", tmp_path / "q.npy"
    assert run(capsys, "embed", "--input", tmp_path / "t.csv", "--output", vectors, "--model", folder)[0] == 0
    expected = bert.search(["good film"], texts, 2)[0]
    ids = [hit["corpus_id"] for hit in expected]
    for corpus in (["--vectors", vectors, "--texts", tmp_path / "t.csv"], ["--texts", tmp_path / "t.csv"]):
        [found] = run_json(capsys, "search", "good film", *corpus, "--top-k", 2, "--model", folder)
        assert found["query"] == "good film"
        assert [(hit["corpus_id"], hit["text"]) for hit in found["hits"]] == [(i, texts[i]) for i in ids]
    assert run(capsys, "quantize", vectors, codes)[:2] == (0, f"4 vectors of 12 bytes: {codes}\n")
    status, out, _ = run(capsys, "search", "good film", "--vectors", codes, "--model", folder)
    assert (status, "text nearest to: good film" in out) == (0, True)
    other = tiny_bert(seed=1).save(tmp_path / "other")
    status, _, err = run(capsys, "search", "good film", "--vectors", vectors, "--model", other)
    assert (status, f"expected vectors of {other}, got those of {folder}" in err) == (1, True)
    status, _, err = run(capsys, "search", "good film", "--vectors", codes, "--model", other)
    assert (status, f"expected vectors of {other}, got those of {folder}" in err) == (1, True)
    (tmp_path / "t.csv").write_text("n,text\n0,another text\n")
    status, _, err = run(
        capsys, "search", "film", "--vectors", vectors, "--texts", tmp_path / "t.csv", "--model", folder
    )
    assert (status, f"expected the file that {vectors} was made of, got another" in err) == (1, True)


def test_rank(capsys, tmp_path):
    sentence_folders.write_scoring(tmp_path / "model", "sigmoid")
    bert = numpy_bert.load(tmp_path / "model")
    texts = ["it rains", "the film was good", "a dull movie"]
    expected = bert.rank("good film", texts, 2, return_documents=True)
    assert run_json(capsys, "rank", "good film", *texts, "--top-k", 2, "--model", tmp_path / "model") == expected
    (tmp_path / "t.jsonl").write_text("".join(json.dumps({"text": text}) + "\n" for text in texts))
    arguments = ("rank", "good film", "--input", tmp_path / "t.jsonl", "--model", tmp_path / "model")
    assert [hit["line"] for hit in run_json(capsys, *arguments)][:2] == [hit["corpus_id"] + 1 for hit in expected]
    assert run(capsys, *arguments)[0] == 0


def test_sparse(capsys, tmp_path, folder):
    matrix = numpy_bert.load(folder).sparse(["it rains", "good"])
    found = run_json(capsys, "sparse", "it rains", "good", "--top-k", 3, "--model", folder)
    assert [row["tokens"] for row in found] == np.diff(matrix.indptr).tolist()
    assert all(len(row["weights"]) == 3 for row in found)
    out = tmp_path / "s.npz"
    assert run_json(capsys, "sparse", "it rains", "good", "--output", out, "--model", folder)[0]["shape"] == list(
        matrix.shape
    )
    assert (load_npz(out) != matrix).nnz == 0
