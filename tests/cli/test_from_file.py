"""--input of every command that asks a model, and the commands search, rank, sparse and quantize."""

import json

import numpy as np
import pytest
from scipy.sparse import csr_matrix, load_npz
from support import sentence_folders
from support.command import run, run_json
from support.tiny import tiny_bert

import numpy_bert
from numpy_bert import Error
from numpy_bert.cli import from_file
from numpy_bert.corpus import text_rows
from numpy_bert.corpus.text_rows import Columns


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tiny_bert().save(tmp_path_factory.mktemp("models") / "tiny")


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
    assert run(capsys, "quantize", vectors, "--output", codes)[:2] == (0, f"4 vectors of 12 bytes: {codes}\n")
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
    assert (status, f"expected the file that {vectors} was made from, got another" in err) == (1, True)


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


def embedded(capsys, tmp_path, folder, *options, texts=("it rains", "the film was good", "a dull movie")):
    """Texts, and their vectors as embed writes them with these options."""
    (tmp_path / "t.txt").write_text("".join(f"{text}\n" for text in texts))
    arguments = ("--input", tmp_path / "t.txt", "--output", tmp_path / "v.npy", "--model", folder)
    assert run(capsys, "embed", *arguments, *options)[0] == 0
    return list(texts), tmp_path / "v.npy"


@pytest.mark.parametrize("options", [("--truncate-dim", 5), ("--truncate-dim", 5, "--normalize"), ("--normalize",)])
def test_search_cuts_and_scales_the_queries_like_the_vectors(capsys, tmp_path, options):
    folder = tmp_path / "model"
    sentence_folders.write_embedding(folder, "euclidean")  # to which the length of a query matters
    bert, (texts, vectors) = numpy_bert.load(folder), embedded(capsys, tmp_path, folder, *options)
    how = {"truncate_dim": 5} if 5 in options else {}
    how |= {"normalize_embeddings": True} if "--normalize" in options else {}
    expected = bert.search(bert.embed(["good film"], **how), bert.embed(texts, **how))
    assert expected != bert.search(["good film"], texts)
    [found] = run_json(capsys, "search", "good film", "--vectors", vectors, "--model", folder)
    assert [hit["corpus_id"] for hit in found["hits"]] == [hit["corpus_id"] for hit in expected[0]]
    np.testing.assert_allclose([h["score"] for h in found["hits"]], [h["score"] for h in expected[0]], atol=1e-6)
    (tmp_path / "v.npy.json").unlink()  # without a manifest a person must say it
    status, _, err = run(capsys, "search", "good film", "--vectors", vectors, "--model", folder)
    if 5 in options:
        expected_line = f"{vectors}: expected vectors of 12 numbers, got 5; if they were cut, pass --truncate-dim 5"
        assert (status, err) == (1, f"numpy-bert: error: {expected_line}\n")
    [again] = run_json(capsys, "search", "good film", "--vectors", vectors, "--model", folder, *options)
    assert again == found


def test_search_in_quantized_vectors_that_were_cut(capsys, tmp_path, folder):
    _, vectors = embedded(capsys, tmp_path, folder, "--truncate-dim", 5)
    for precision in ("int8", "ubinary"):
        codes = tmp_path / f"{precision}.npy"
        assert run(capsys, "quantize", vectors, "--output", codes, "--precision", precision)[0] == 0
        [found] = run_json(capsys, "search", "good film", "--vectors", codes, "--model", folder)
        assert sorted(hit["corpus_id"] for hit in found["hits"]) == [0, 1, 2]


def test_search_tells_of_a_prompt_that_is_not_for_documents(capsys, tmp_path):
    folder = tmp_path / "model"
    sentence_folders.write_embedding(folder, "prompts")
    path = folder / "config_sentence_transformers.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"prompts": {"query": "the movie : ", "passage": "a "}}))
    bert = numpy_bert.load(folder)
    for name, options, got in (
        ("document", ("--prompt-name", "document"), None),
        ("passage", ("--prompt-name", "passage"), None),
        ("query", ("--prompt-name", "query"), "that of queries"),
        (None, (), "none"),
        (None, ("--prompt", "very "), "'very '"),
    ):
        place = tmp_path / str(len(list(tmp_path.iterdir())))
        place.mkdir()
        texts, vectors = embedded(capsys, place, folder, *options)
        status, out, err = run(capsys, "search", "good film", "--vectors", vectors, "--model", folder, "--json")
        how = {"prompt": "very "} if "--prompt" in options else {"prompt_name": name}
        expected = bert.search(["good film"], bert.embed(texts, **how))[0]
        assert (status, [hit["corpus_id"] for hit in json.loads(out)["hits"]]) == (
            0,
            [h["corpus_id"] for h in expected],
        )
        assert ("warning" in err) == (got is not None)
        if got is not None:
            told = f"expected texts with the checkpoint's prompt for documents, 'a ', got {got}; embed the texts again"
            assert f"{told} with --prompt-name document\n" in err


def test_search_takes_another_prompt_for_the_queries(capsys, tmp_path, folder):
    """As for models that need prompts and whose folder has none."""
    bert, (texts, vectors) = numpy_bert.load(folder), embedded(capsys, tmp_path, folder, "--prompt", "a ")
    expected = bert.search(["the good film"], bert.embed([f"a {text}" for text in texts]))[0]
    arguments = ("search", "good film", "--vectors", vectors, "--prompt", "the ", "--model", folder)
    [found] = run_json(capsys, *arguments)
    np.testing.assert_allclose([h["score"] for h in found["hits"]], [h["score"] for h in expected], atol=1e-6)


def test_search_refuses_vectors_of_another_pooling(capsys, tmp_path):
    folder = tmp_path / "model"
    sentence_folders.write_embedding(folder, "mean")
    _, vectors = embedded(capsys, tmp_path, folder)
    path = folder / "1_Pooling" / "config.json"
    path.write_text(path.read_text().replace("mean", "max"))
    status, _, err = run(capsys, "search", "good film", "--vectors", vectors, "--model", folder)
    assert (status, "v.npy: expected vectors made with pooling 'max', got 'mean'\n" in err) == (1, True)


def test_search_in_sparse_vectors(capsys, tmp_path, folder):
    bert, texts = numpy_bert.load(folder), ["it rains", "the film was good", "a dull movie"]
    (tmp_path / "t.txt").write_text("".join(f"{text}\n" for text in texts))
    out = tmp_path / "s.npz"
    arguments = ("--input", tmp_path / "t.txt", "--output", out, "--model", folder)
    assert run(capsys, "sparse", *arguments, "--prompt", "a ")[0] == 0
    matrix = bert.sparse(texts, prompt="a ")
    assert (load_npz(out) != matrix).nnz == 0
    expected = bert.search(["good film"], matrix, 2)[0]
    assert bert.search(["good film"], str(out), 2)[0] == bert.search(["good film"], out, 2)[0] == expected
    found = run_json(
        capsys, "search", "good film", "--vectors", out, "--texts", tmp_path / "t.txt", "--top-k", 2, "--model", folder
    )
    assert found[0]["hits"] == [hit | {"text": texts[hit["corpus_id"]]} for hit in expected]
    (tmp_path / "empty.txt").touch()
    arguments = ("--input", tmp_path / "empty.txt", "--output", tmp_path / "e.npz", "--model", folder)
    assert run(capsys, "sparse", *arguments)[0] == 0
    status, _, err = run(capsys, "search", "good", "--vectors", tmp_path / "e.npz", "--model", folder)
    assert (status, f"e.npz: expected vectors of shape (n, S), got shape (0, {bert.config.vocab_size})" in err) == (
        1,
        True,
    )


class Trap:
    """An object whose unpickling would leave a file."""

    def __reduce__(self):
        return open, ("unpickled", "w")


def damaged(kind, path):
    """An .npz file that is no matrix, or would have its reader follow an index beyond it."""
    matrix = csr_matrix(np.eye(3, 9))
    parts = {"format": b"csr", "data": matrix.data, "indices": matrix.indices, "indptr": matrix.indptr, "shape": (3, 9)}
    parts |= {
        "index": {"indices": np.array([0, 1, 1 << 20], np.int32)},
        "negative index": {"indices": np.array([0, -7, 2], np.int32)},
        "pointer": {"indptr": np.array([0, 9, 2, 3], np.int32)},
        "pickle": {"data": np.array([Trap()] * 3, object)},
        "nan": {"data": np.array([1, np.nan, 2])},
        "other format": {"format": b"csc", "shape": (9, 3)},
        "no matrix": {"format": b"x"},
        "cut": {},
    }[kind]
    np.savez(path, **parts)
    if kind == "cut":
        path.write_bytes(path.read_bytes()[:200])


@pytest.mark.parametrize(
    "kind", ["index", "negative index", "pointer", "pickle", "nan", "other format", "no matrix", "cut"]
)
def test_a_sparse_file_is_read_with_care(tmp_path, monkeypatch, folder, kind):
    monkeypatch.chdir(tmp_path)
    damaged(kind, tmp_path / "s.npz")
    with pytest.raises(Error, match=r"^.*s.npz: expected a CSR matrix of finite numbers, .*, got [^\n]+$"):
        numpy_bert.load(folder).search(["it rains"], tmp_path / "s.npz")
    assert not (tmp_path / "unpickled").exists()


def test_the_column_of_the_texts_is_called_as_the_option_is(capsys, tmp_path, folder):
    (tmp_path / "t.csv").write_text("x,y\n1,2\n")
    (tmp_path / "t.txt").write_text("it rains\n")
    for arguments, status, message in (
        (("--texts", "t.csv"), 1, "t.csv: expected --text-column, one of 'x', 'y'"),
        (("--texts", "t.csv", "--text-column", "z"), 1, "t.csv: --text-column: expected one of 'x', 'y', got 'z'"),
        (("--texts", "t.txt", "--text-column", "z"), 2, "--text-column: expected a .csv, .tsv or .jsonl file"),
        (("--vectors", "v.npy", "--text-column", "z"), 2, "--text-column: expected it with --texts FILE"),
    ):
        arguments = [tmp_path / name if name.startswith("t.") else name for name in arguments]
        got, _, err = run(capsys, "search", "good film", *arguments, "--model", folder)
        assert (got, message in err) == (status, True), err


def test_an_empty_cell_and_an_empty_corpus_are_told(capsys, tmp_path, folder):
    (tmp_path / "t.csv").write_text('n,text\n1,"a\nb"\n2,\n')
    (tmp_path / "e.txt").touch()
    for command in (("embed", "--input"), ("search", "good", "--texts"), ("rank", "good", "--input")):
        status, _, err = run(capsys, *command, tmp_path / "t.csv", "--model", folder)
        told = f"{tmp_path / 't.csv'}: line 4: text: expected a text, got an empty cell; fill it or leave the row out"
        assert (status, err) == (1, f"numpy-bert: error: {told}\n")
    status, _, err = run(capsys, "search", "good", "--texts", tmp_path / "e.txt", "--model", folder)
    assert (status, "e.txt: expected at least one text to search in, got none\n" in err) == (1, True)


def test_ranks_on_the_command_line_count_rows_as_python_does(capsys, folder):
    expected = numpy_bert.load(folder).rank("good film", ["it rains", "a dull movie"])
    _, out, _ = run(capsys, "rank", "good film", "it rains", "a dull movie", "--model", folder)
    assert out.splitlines()[0].split() == ["rank", "score", "row", "text"]
    assert [line.split()[2] for line in out.splitlines()[-2:]] == [str(hit["corpus_id"]) for hit in expected]
