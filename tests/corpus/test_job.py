"""A file of texts becomes a file of vectors: the same bits however often it is interrupted, and nothing by mistake."""

import contextlib
import errno
import json
import os
import tracemalloc

import numpy as np
import pytest
from support.tiny import PLAIN, tiny_bert

import numpy_bert
from numpy_bert.checkpoints.sentence_steps import Normalize
from numpy_bert.corpus import chunk, embed_file, job, texts_file, vectors_file
from numpy_bert.corpus import manifest as manifest_file
from numpy_bert.corpus.manifest import Manifest
from numpy_bert.corpus.vectors_file import VectorsFile
from numpy_bert.errors import Error
from numpy_bert.files import text_lines
from numpy_bert.files.lock import Lock
from numpy_bert.numerics import tree

ROWS = 7


@pytest.fixture(scope="module")
def bert(tmp_path_factory):
    return numpy_bert.load(tiny_bert().save(tmp_path_factory.mktemp("models") / "tiny"))


@pytest.fixture(scope="module")
def lines():
    rng = np.random.default_rng(0)
    return [" ".join(rng.choice(PLAIN.split(), rng.integers(0, 15))) for _ in range(50)]  # some are empty


@pytest.fixture
def place(tmp_path, lines, monkeypatch):
    """A folder with a file of texts, which is cut into chunks of seven; the manifest is written after each."""
    monkeypatch.setattr(texts_file, "ROWS", ROWS)
    monkeypatch.setattr(job, "SAVED_EVERY", 0.0)
    (tmp_path / "texts.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return tmp_path


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def run(bert, place, dtype=None, output="out.npy"):
    embed_file(bert, place / "texts.txt", place / output, dtype)
    return np.load(place / output)


def rows_done(place):
    return json.loads((place / "out.npy.json").read_text())["rows_done"]


@contextlib.contextmanager
def interrupted(after, error=KeyboardInterrupt):
    """The job ends by the error once so many chunks are written."""
    write, count = VectorsFile.write, 0

    def written(self, row, vectors):
        nonlocal count
        if count == after:
            raise error
        count += 1
        return write(self, row, vectors)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(VectorsFile, "write", written)
        with pytest.raises(error):
            yield


def uninterrupted(bert, place):
    """What comes out; nothing is left of it in the folder."""
    vectors = run(bert, place, output="whole.npy")
    (place / "whole.npy").unlink()
    (place / "whole.npy.json").unlink()
    return vectors


def stopped(bert, place, after=3):
    with interrupted(after):
        run(bert, place)
    assert rows_done(place) == after * ROWS
    assert names(place) == ["out.npy.json", "out.npy.lock", "out.npy.partial", "texts.txt"]


# What comes out.


def test_the_vectors_are_those_of_embed(bert, place, lines):
    actual = run(bert, place)
    wanted = np.concatenate([bert.embed(lines[i : i + ROWS]) for i in range(0, len(lines), ROWS)])
    assert (actual.dtype, actual.shape) == (np.float32, (50, 12))
    np.testing.assert_array_equal(actual, wanted)
    np.testing.assert_allclose(actual, bert.embed(lines), atol=1e-6)  # whatever the chunks are
    assert names(place) == ["out.npy", "out.npy.json", "texts.txt"]
    assert np.load(place / "out.npy", mmap_mode="r").shape == (50, 12)


def test_the_manifest_says_what_was_done(bert, place):
    run(bert, place, "float16")
    manifest = json.loads((place / "out.npy.json").read_text())
    assert (manifest["rows"], manifest["columns"], manifest["rows_done"], manifest["texts_cut"]) == (50, 12, 50, 0)
    assert manifest["job"]["settings"] == {
        "pooling": "mean", "steps": [], "include_prompt": True, "max_length": 24, "dtype": "float16",
        "prompt": "", "truncate_dim": None, "normalize": False, "special": None,
    }  # fmt: skip
    assert manifest["job"]["input"]["size"] == (place / "texts.txt").stat().st_size
    assert len(manifest["job"]["model"]) == 64
    assert manifest["files"] == {"model": str(bert.path), "input": str(place / "texts.txt")}
    assert manifest["versions"]["numpy"] == np.__version__


@pytest.mark.parametrize("data", [b"", b"\n", b"good", b"good\r\n\r\nbad", b"\xef\xbb\xbfgood\n", b"\n\n\n"])
def test_every_line_is_a_text(bert, place, data):
    (place / "texts.txt").write_bytes(data)
    texts = data.removeprefix(b"\xef\xbb\xbf").replace(b"\r", b"").decode().split("\n")
    texts = texts[: len(texts) - (texts[-1] == "")]
    np.testing.assert_array_equal(run(bert, place), bert.embed(texts))


def test_float16_is_the_rounded_float32(bert, place):
    wide, narrow = run(bert, place), run(bert, place, "float16", "narrow.npy")
    assert narrow.dtype == np.float16
    np.testing.assert_array_equal(narrow, wide.astype(np.float16))
    assert (place / "narrow.npy").stat().st_size < (place / "out.npy").stat().st_size


def test_float64_models_may_be_stored_as_they_are_or_narrower(place):
    bert = tiny_bert(dtype="float64")
    assert run(bert, place).dtype == np.float64
    assert run(bert, place, "float32", "narrow.npy").dtype == np.float32


def test_a_number_beyond_float16_is_told_with_its_row(place):
    bert = tiny_bert()
    large = tree.map(lambda array: array.copy(), bert.params)
    large.bert.encoder.layers[-1].feed_forward_norm.beta[:] = 1e5
    bert.params = large
    with pytest.raises(Error, match=r"^row 0: expected a vector of numbers that float16 holds, got 1000\d\d"):
        run(bert, place, "float16")
    assert names(place) == ["texts.txt"]


def test_texts_that_are_cut_are_counted_and_told_once(bert, place):
    (place / "texts.txt").write_text("good " * 40 + "\n" + ("bad\n" * 20) + "movie " * 50 + "\n")
    with interrupted(2):
        run(bert, place)
    with pytest.warns(UserWarning, match="2 texts were longer than 24 tokens and cut there") as warned:
        run(bert, place)
    assert len(warned) == 1
    assert warned[0].filename == __file__
    assert json.loads((place / "out.npy.json").read_text())["texts_cut"] == 2


# Interruptions.


@pytest.mark.parametrize("after", [1, 4, 7])
def test_an_interrupted_job_goes_on_and_ends_with_the_same_bits(bert, place, after):
    wanted = uninterrupted(bert, place)
    stopped(bert, place, after)
    begun = []
    with pytest.MonkeyPatch.context() as patch:
        write = VectorsFile.write
        patch.setattr(VectorsFile, "write", lambda self, row, v: (begun.append(row), write(self, row, v))[1])
        actual = run(bert, place)
    assert begun == list(range(after * ROWS, 50, ROWS))  # nothing is done twice
    np.testing.assert_array_equal(actual, wanted)
    assert names(place) == ["out.npy", "out.npy.json", "texts.txt"]


def test_interrupted_before_anything_is_done_nothing_is_left(bert, place):
    with interrupted(0):
        run(bert, place)
    assert names(place) == ["texts.txt"]


def test_what_is_said_to_be_done_is_on_the_disk_before(bert, place, monkeypatch):
    """Between two flushes of the array nothing is said of what was written meanwhile."""
    order = []
    write, flush, write_manifest = VectorsFile.write, os.fsync, Manifest.write
    partial = place / "out.npy.partial"

    def flushed(descriptor):
        flush(descriptor)
        if partial.exists() and os.path.samestat(os.fstat(descriptor), partial.stat()):
            order.append("flush")

    monkeypatch.setattr(VectorsFile, "write", lambda s, row, v: (order.append(row + len(v)), write(s, row, v))[1])
    monkeypatch.setattr(os, "fsync", flushed)
    monkeypatch.setattr(
        Manifest, "write", lambda s, path: (order.append(("told", s.rows_done)), write_manifest(s, path))
    )
    run(bert, place)
    written = safe = 0
    for event in order:
        if event == "flush":
            safe = written
        elif isinstance(event, tuple):
            assert event[1] <= safe
        else:
            written = event
    assert (written, safe, order[-1]) == (50, 50, ("told", 50))
    assert len([event for event in order if isinstance(event, tuple)]) > 8


def test_killed_after_the_last_row_it_only_takes_its_name(bert, place, monkeypatch):
    wanted = run(bert, place, output="whole.npy")
    monkeypatch.setattr(VectorsFile, "finish", lambda self, output: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        run(bert, place)
    assert rows_done(place) == 50
    monkeypatch.undo()
    monkeypatch.setattr(job, "embed", None)  # is not called
    np.testing.assert_array_equal(run(bert, place), wanted)


# Another job, another file.


def refused(bert, place, message, dtype=None):
    before = {name: (place / name).read_bytes() for name in names(place)}
    with pytest.raises(Error, match=message) as caught:
        run(bert, place, dtype)
    assert "\n" not in str(caught.value)
    assert {name: (place / name).read_bytes() for name in names(place) if name in before} == before


def test_only_the_same_job_goes_on(bert, place, tmp_path_factory):
    stopped(bert, place)
    refused(bert, place, r"got another: settings.dtype: 'float16' now, 'float32' then$", "float16")
    other = tiny_bert(seed=1)
    begun = r"out.npy.partial: expected the job that was begun \(.*\), got another: "
    refused(other, place, begun + r"model: '\w{12}' now, '\w{12}' then$")
    shorter = numpy_bert.load(bert.path)
    shorter._pooling = shorter.pooling._replace(max_length=20, steps=(Normalize(),))
    refused(shorter, place, r"settings.max_length: 20 now, 24 then; settings.steps: \[.*\] now, \[\] then")
    text = (place / "texts.txt").read_text()
    (place / "texts.txt").write_text(text.replace("g", "d", 1))
    refused(bert, place, "input.sha256: '")
    (place / "texts.txt").write_text(text + "more\n")
    refused(bert, place, "input.sha256: .* input.size: ")
    (place / "texts.txt").write_text("short\n")
    refused(bert, place, "input.sha256: .* input.size: ")
    (place / "texts.txt").write_text(text)
    assert run(bert, place).shape == (50, 12)


def test_a_finished_output_is_never_touched(bert, place):
    run(bert, place)
    refused(bert, place, "out.npy: expected a new file, got one that exists")
    assert names(place) == ["out.npy", "out.npy.json", "texts.txt"]


def test_an_output_made_by_another_meanwhile_is_not_touched(bert, place, monkeypatch):
    flush = VectorsFile.flush
    monkeypatch.setattr(VectorsFile, "flush", lambda self: ((place / "out.npy").write_bytes(b"mine"), flush(self)))
    with pytest.raises(Error, match="expected a new file"):
        run(bert, place)
    assert (place / "out.npy").read_bytes() == b"mine"


def test_removing_the_partial_array_starts_over(bert, place):
    stopped(bert, place)
    (place / "out.npy.partial").unlink()
    assert run(bert, place, "float16").dtype == np.float16


@pytest.mark.parametrize(("name", "content", "message"), [
    ("out.npy.partial", b"whose?", r"partial: expected its manifest out.npy.json beside it, got none; remove this"),
    ("out.npy.json", b"{}", "json: format: expected the manifest of a job, with an integer, got null"),
    ("out.npy.json", b"[]", "json: format: expected the manifest"),
    ("out.npy.json", b"no JSON", "json: line 1, column 1: expected valid JSON"),
    ("out.npy.json", b'{"format": 3}', "format: expected 2, got 3: a newer version wrote it; remove it and"),
    ("out.npy.json", b'{"format": 1}', "format: expected 2, got 1: an older version wrote it; remove it and"),
    ("out.npy.json", b'{"format": 2}', "json: expected the sha256 of the manifest, got another: it was changed"),
])  # fmt: skip
def test_what_is_not_ours_is_left_alone(bert, place, name, content, message):
    (place / name).write_bytes(content)
    refused(bert, place, message)


def edit(place, sealed=True, **changes):
    """Change the manifest of an interrupted job, with the checksum that belongs to it now or without."""
    path = place / "out.npy.json"
    content = json.loads(path.read_text()) | changes
    if sealed:
        content["sha256"] = manifest_file.seal(content)
    path.write_text(json.dumps(content))


@pytest.mark.parametrize("changes", [
    {"rows_done": 49}, {"rows_done": 7}, {"rows": 21}, {"columns": 6}, {"texts_cut": 1}, {"blocks": []}, {"more": 1},
    {"blocks": [[7, 0, 1]] * 7}, {"files": {}}, {"versions": {"numpy": "1.0"}}, {"job": {}}, {"sha256": "0" * 64},
])  # fmt: skip
def test_an_edited_manifest_is_refused(bert, place, changes):
    stopped(bert, place)
    edit(place, sealed=False, **changes)
    refused(bert, place, r"out.npy.json: expected the sha256 of the manifest, got another: it was changed; remove it")


@pytest.mark.parametrize(("changes", "message"), [
    ({"rows_done": 49}, "json: rows_done: expected the rows of the blocks, at most 50, got 49 with 21 in blocks"),
    ({"rows_done": -1}, "json: rows_done: expected an integer from 0, got -1"),
    ({"rows_done": True}, "json: rows_done: expected an integer from 0, got True"),
    ({"rows_done": 70, "blocks": [[7, 0, 1]] * 10}, "at most 50, got 70 with 70 in blocks"),
    ({"rows": 20}, "at most 20, got 21"),
    ({"rows": 40}, "partial: expected the job that was begun .* got another: rows: 50 now, 40 then"),
    ({"columns": 6}, "got another: columns: 12 now, 6 then"),
    ({"blocks": 7}, "json: blocks: expected lists of rows, texts_cut, crc32, got 7"),
    ({"blocks": [[7, 0]]}, "json: blocks: expected lists of rows, texts_cut, crc32, got an array"),
    ({"blocks": [[7, 0, "1"]]}, "json: blocks: expected lists"),
    ({"blocks": [[7, 0, -1]]}, "json: blocks: expected lists"),
    ({"job": 3}, "json: job: expected an object"),
])  # fmt: skip
def test_an_edited_manifest_with_a_new_checksum_is_refused(bert, place, changes, message):
    stopped(bert, place)
    edit(place, **changes)
    refused(bert, place, message)


@pytest.mark.parametrize("row", [0, 7, 13, 20])
def test_rows_that_were_damaged_are_computed_again(bert, place, row):
    wanted = uninterrupted(bert, place)
    stopped(bert, place)
    at = (place / "out.npy.partial").stat().st_size - (50 - row) * 12 * 4
    with open(place / "out.npy.partial", "r+b") as stream:
        stream.seek(at)
        byte = stream.read(1)[0]
        stream.seek(at)
        stream.write(bytes([byte ^ 1]))
    first = row // ROWS * ROWS
    with pytest.warns(UserWarning, match=f"partial: row {first} and those after it are not what was written") as warned:
        actual = run(bert, place)
    assert warned[0].filename == __file__
    np.testing.assert_array_equal(actual, wanted)


def test_rows_that_nobody_wrote_are_computed(bert, place):
    wanted = uninterrupted(bert, place)
    stopped(bert, place)
    blocks = json.loads((place / "out.npy.json").read_text())["blocks"]
    edit(place, rows_done=49, blocks=[*blocks, *[[7, 0, 1]] * 4])
    with pytest.warns(UserWarning, match="partial: row 21 and those after it are not what was written"):
        actual = run(bert, place)
    np.testing.assert_array_equal(actual, wanted)


def test_a_partial_array_that_is_not_the_one_begun_is_not_gone_on_with(bert, place):
    stopped(bert, place)
    whole = (place / "out.npy.partial").read_bytes()
    for data in (whole[:-1], whole + b"\0", b"\0" * len(whole), b""):
        (place / "out.npy.partial").write_bytes(data)
        refused(bert, place, "partial: expected the array of .* bytes that was begun, got another file; remove it")


def test_one_job_at_a_time(bert, place):
    stopped(bert, place)
    lock = Lock(place / "out.npy.lock", Error(""))
    refused(bert, place, "out.npy: expected an output that no other process writes, got one that is locked")
    lock.release()
    assert run(bert, place).shape == (50, 12)


def test_an_input_with_the_name_of_the_lock_is_not_removed(bert, place):
    (place / "texts.txt").rename(place / "out.npy.lock")
    text = (place / "out.npy.lock").read_text()
    embed_file(bert, place / "out.npy.lock", place / "out.npy")
    assert (place / "out.npy.lock").read_text() == text


def test_a_lock_that_its_holder_removed_is_not_taken(tmp_path, monkeypatch):
    """Between our opening and our locking, the holder finished, and another may have begun with a new file."""
    path = tmp_path / "lock"
    first = Lock(path, Error("taken"))
    opened = os.open
    monkeypatch.setattr(os, "open", lambda *args: (opened(*args), first.release(remove=True))[0])
    with pytest.raises(Error, match="taken"):
        Lock(path, Error("taken"))


# The world.


def test_an_input_that_changes_meanwhile_is_told_and_nothing_is_kept(bert, place):
    write = VectorsFile.write

    def changing(self, row, vectors):
        text = (place / "texts.txt").read_text()
        (place / "texts.txt").write_text(text[:-3] + "xx\n")
        return write(self, row, vectors)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(VectorsFile, "write", changing)
        patch.setattr(text_lines, "CHUNK", 50)  # else all of so small a file is read before the change
        with pytest.raises(Error, match=r"texts.txt: expected a file that stays as it is, got one that changed"):
            run(bert, place)
    assert names(place) == ["texts.txt"]


def test_a_disk_too_small_is_told_before_the_work(bert, place, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "posix_fallocate", full, raising=False)
    monkeypatch.setattr(job, "embed", None)  # is not called
    message = r"out.npy.partial: cannot write: No space left on device: expected 2,528 bytes free, got [\d,]+$"
    with pytest.raises(Error, match=message):
        run(bert, place)
    assert names(place) == ["texts.txt"]


def test_without_reservation_the_array_has_its_size_all_the_same(bert, place, monkeypatch):
    wanted = run(bert, place, output="reserved.npy")
    monkeypatch.delattr(os, "posix_fallocate", raising=False)
    np.testing.assert_array_equal(run(bert, place), wanted)


def test_a_disk_that_fills_up_keeps_what_is_done(bert, place, monkeypatch):
    put, count = VectorsFile._put, 0

    def full(self, at, data):
        nonlocal count
        count += 1
        if count == 4:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        put(self, at, data)

    monkeypatch.setattr(VectorsFile, "_put", full)
    with pytest.raises(Error, match=r"out.npy.partial: cannot write: No space left on device"):
        run(bert, place)
    assert rows_done(place) == 2 * ROWS  # the first that was put is the header
    monkeypatch.setattr(VectorsFile, "_put", put)
    assert run(bert, place).shape == (50, 12)


@pytest.mark.parametrize(("name", "message"), [
    ("missing/out.npy", "its folder does not exist"),
    ("texts.txt/out.npy", "its folder does not exist|Not a directory"),
    ("x" * 250, "File name too long"),
    ("no\0name.npy", "expected a path, got characters that no path holds"),
    ("folder", "expected a new file"),
])  # fmt: skip
def test_outputs_that_cannot_be(bert, place, name, message):
    (place / "folder").mkdir()
    with pytest.raises(Error, match=message):
        embed_file(bert, place / "texts.txt", place / name)
    assert names(place) == ["folder", "texts.txt"]


def test_inputs_that_cannot_be(bert, place):
    os.mkfifo(place / "pipe")
    for name, message in (("missing", "no such file"), ("pipe", "a named pipe"), (".", "a folder")):
        with pytest.raises(Error, match=message):
            embed_file(bert, place / name, place / "out.npy")
    (place / "texts.txt").write_bytes(b"good\n\xff\n")
    with pytest.raises(Error, match=r"texts.txt: line 2: expected UTF-8, got byte 0xff"):
        embed_file(bert, place / "texts.txt", place / "out.npy")
    for dtype, shown in (("int8", "'int8'"), (np.dtype("float16"), r"dtype\('float16'\)"), (np.zeros(2), "array")):
        with pytest.raises(Error, match=f"dtype: expected one of float16, float32, float64, got {shown}"):
            embed_file(bert, place / "texts.txt", place / "out.npy", dtype)
    assert names(place) == ["pipe", "texts.txt"]


def test_a_model_without_vocabulary_or_with_another_pooling_is_told(place):
    bare = tiny_bert()
    bare._tokenizer = None
    with pytest.raises(Error, match="expected vocab"):
        run(bare, place)
    strange = tiny_bert()
    strange._pooling = Error("pooling: expected another")
    with pytest.raises(Error, match="pooling: expected another"):
        run(strange, place)
    assert names(place) == ["texts.txt"]


def test_memory_does_not_grow_with_the_file(tmp_path, monkeypatch):
    """Of the job itself, without the model. By hand, with a million lines: benchmarks/corpus_memory.py."""
    bert = tiny_bert()
    vectors = np.zeros((texts_file.ROWS, 12), np.float32)
    monkeypatch.setattr(chunk.vectors, "of_sentences", lambda bert, texts, form, options: vectors[: len(texts)])
    peaks = []
    monkeypatch.setattr(text_lines, "CHUNK", 1 << 14)
    for count in (8_000, 24_000):
        path = tmp_path / f"{count}.txt"
        path.write_text("it rains in berlin and the film was good\n" * count)
        if not peaks:
            embed_file(bert, path, tmp_path / "warm.npy")
        tracemalloc.start()
        embed_file(bert, path, tmp_path / f"{count}.npy")
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < peaks[0] + 100_000


def test_the_header_is_numpys(tmp_path):
    for dtype in ("float16", "float32", "float64"):
        array = np.arange(6).reshape(2, 3).astype(dtype)
        np.save(tmp_path / "a.npy", array)
        data = (tmp_path / "a.npy").read_bytes()
        assert data.startswith(vectors_file._header((2, 3), np.dtype(dtype)))
