"""The job: the lines of a file become the rows of an array on disk, chunk by chunk, here or on a cluster.

    OUT.npy.partial    the array while it is being filled; it is renamed to OUT.npy when it is complete
    OUT.npy.json       the manifest: what has been computed, from what, and with what
    OUT.npy.lock       held by the process that fills the array, as long as it is partial

An interrupted job is resumed by the same call. The array is flushed to the disk before the manifest counts its rows, so
`kill -9` or a power cut costs at most the last second and the chunk that was being computed. Before a job is resumed
the rows on the disk are compared with their checksums.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import NamedTuple

from ..checkpoints.fingerprint import versions
from ..errors import Error, show, warn
from ..files.atomic import require_new
from ..files.lock import Lock
from ..files.reading import Path as AnyPath
from ..inference import encoding, vectors
from ..inference.vectors import Form
from ..model import Bert
from . import manifest as manifests
from . import text_rows
from .chunk import Embedded, embed, model_sha256, pooling_settings
from .manifest import Block, Manifest
from .texts_file import Chunk, TextsFile
from .vectors_file import VectorsFile

DTYPES = ("float16", "float32", "float64")
SAVED_EVERY = 1.0  # seconds between two flushes of the array to the disk

Engine = Callable[[Iterable[Chunk]], Iterator[Embedded]]  # in the order of the chunks
Progress = Callable[[int, int, str], object]  # done, total, unit


class Done(NamedTuple):
    """A finished job."""

    output: Path
    shape: tuple[int, int]
    texts_cut: int  # how many texts were longer than the model takes


class Counter:
    """What is done of one kind of work."""

    def __init__(self, progress: Progress, total: int, unit: str) -> None:
        self._progress, self._total, self._unit = progress, total, unit
        self._done = 0

    def add(self, more: int) -> None:
        self.reach(self._done + more)

    def reach(self, done: int) -> None:
        self._done = done
        self._progress(done, self._total, self._unit)


def embed_file(
    bert: Bert,
    texts: AnyPath,
    output: AnyPath,
    dtype: str | None = None,
    *,
    dask: str | None = None,
    progress: Progress = lambda done, total, unit: None,
    prompt_name: str | None = None,
    prompt: str | None = None,
    truncate_dim: int | None = None,
    normalize_embeddings: bool = False,
    column: str | None = None,
) -> Done:
    """Write the sentence vector of each line of a file to an .npy file: row i belongs to line i + 1.

    The vectors are those of `bert.embed`; memory does not grow with the file. After an interruption the same call
    resumes the job, and on the same machine the result has the same bits as that of an uninterrupted one.

    texts: a UTF-8 file with a text on each line, or a .csv, .tsv or .jsonl file, whose `column` has them.
    output: the file to write, which must not exist.
    dtype: of the array, float16, float32 or float64; None is that of the model.
    dask: the address of a Dask scheduler whose workers compute the vectors (extra `scale`).
    prompt_name, prompt, truncate_dim, normalize_embeddings: as `bert.embed` has them.
    progress: called with (done, total, unit): of the bytes that are read ("B"), then of the texts ("text").

    Warns (UserWarning) where texts were longer than the model takes and were cut, and where rows of an interrupted job
    were damaged meanwhile and are computed again.
    Error: a file cannot be read or written, a line is not text, or an interrupted job is not the same as this one.
    """
    output = Path(output)
    dtype = _checked(dtype, bert)
    form = vectors.form(bert, prompt_name, prompt, truncate_dim, normalize_embeddings)
    partial, record = _beside(output, ".partial"), _beside(output, ".json")
    with contextlib.ExitStack() as stack:
        stack.enter_context(_alone(output, partial))
        if column is not None and not text_rows.is_table(texts):
            raise Error("column: expected a .csv, .tsv or .jsonl file, got another", at=texts)
        source = stack.enter_context(TextsFile(texts, column))
        begun = _begun(partial, record)
        source.scan(Counter(progress, source.size, "B").add)
        wanted = _manifest(bert, source, dtype, form, {"model": _name(bert.path), "input": _name(texts)})
        if column is not None:
            wanted.job["input"]["column"] = column
        if begun:
            manifests.check_same(begun, wanted, partial)
        counter = Counter(progress, wanted.rows, "text")
        engine = stack.enter_context(_engine(bert, dtype, form, dask, wanted.job["model"], counter.add))
        shape = (wanted.rows, wanted.columns)
        rows = stack.enter_context(VectorsFile(partial, shape, dtype))
        state = _reopened(begun, rows) if begun else _begin(rows, wanted, record)
        counter.reach(state.rows_done)
        state = _run(engine(source.chunks(state.rows_done)), rows, state, record, counter.reach)
        if source.changed:
            _remove(partial, record)
            raise Error("expected a file that stays as it is, got one that changed meanwhile", at=texts)
        require_new(output)
        rows.finish(output)
    encoding.warn_of_cuts(state.texts_cut, vectors.limit(bert))
    return Done(output, shape, state.texts_cut)


def _reopened(begun: Manifest, vectors: VectorsFile) -> Manifest:
    """The manifest from which an interrupted job resumes. Warns where rows were damaged meanwhile."""
    vectors.reopen()
    state = _intact(begun, vectors)
    if state.rows_done < begun.rows_done:
        damaged = f"row {state.rows_done} and those after it are not what was written"
        warn(f"{damaged}; they are computed again", at=vectors.path)
    return state


def _intact(begun: Manifest, vectors: VectorsFile) -> Manifest:
    """The manifest up to the first block whose rows on the disk do not have its checksum."""
    row = 0
    for number, block in enumerate(begun.blocks):
        if vectors.checksum(row, block.rows) != block.crc32:
            return begun._replace(blocks=begun.blocks[:number])
        row += block.rows
    return begun


def _run(
    chunks: Iterable[Embedded], vectors: VectorsFile, state: Manifest, record: Path, progress: Callable[[int], object]
) -> Manifest:
    """Write chunk after chunk; whatever ends it, the rows that were written are kept."""
    blocks, saved = list(state.blocks), time.monotonic()

    def save() -> Manifest:
        manifest = state._replace(blocks=tuple(blocks))
        vectors.flush()
        manifest.write(record)
        return manifest

    try:
        for row, rows, texts_cut in chunks:
            blocks.append(Block(len(rows), texts_cut, vectors.write(row, rows)))
            progress(row + len(rows))
            if time.monotonic() - saved >= SAVED_EVERY:
                save()
                saved = time.monotonic()
    except BaseException:
        if blocks:
            save()
        else:
            _remove(vectors.path, record)
        raise
    return save()


# The start.


def _checked(dtype: str | None, bert: Bert) -> str:
    dtype = bert.dtype.name if dtype is None else dtype
    if not isinstance(dtype, str) or dtype not in DTYPES:
        raise Error(f"dtype: expected one of {', '.join(DTYPES)}, got {show(dtype)}")
    return dtype


@contextlib.contextmanager
def _alone(output: Path, partial: Path) -> Iterator[None]:
    """Keep other processes from this output, which must not exist yet."""
    require_new(output)
    taken = Error("expected an output that no other process writes, got one that is locked", at=output)
    lock = Lock(_beside(output, ".lock"), taken)
    try:
        require_new(output)  # the process that had the lock before may have finished it
        yield
    finally:
        lock.release(remove=not os.path.lexists(partial))


def _begun(partial: Path, record: Path) -> Manifest | None:
    """The manifest of an interrupted job; None where no rows were computed."""
    if not os.path.lexists(record):
        if os.path.lexists(partial):
            expected = f"its manifest {show(record.name)[1:-1]} beside it"
            raise Error(f"expected {expected}, got none; remove this file to start over", at=partial)
        return None
    manifest = manifests.read(record)
    return manifest if manifest.rows_done and os.path.lexists(partial) else None


def _manifest(bert: Bert, source: TextsFile, dtype: str, form: Form, files: dict[str, str | None]) -> Manifest:
    """The manifest of this job before its first row."""
    job = {
        "model": model_sha256(bert),
        "settings": {
            **pooling_settings(bert),
            "max_length": vectors.limit(bert),
            "dtype": dtype,
            **form._asdict(),
        },
        "input": {"size": source.size, "sha256": source.sha256},
    }
    return Manifest(source.rows, vectors.size(bert, form), job, files, versions())


def _begin(vectors: VectorsFile, state: Manifest, record: Path) -> Manifest:
    """Write the manifest, which is returned, before the array: one without a manifest could be anybody's."""
    state.write(record)
    try:
        vectors.create()
    except BaseException:
        _remove(vectors.path, record)
        raise
    return state


def _engine(
    bert: Bert, dtype: str, form: Form, dask: str | None, sha256: str, progress: Callable[[int], object]
) -> AbstractContextManager[Engine]:
    """progress is called with how many texts of a chunk are done since the last time, where they are embedded here."""
    if dask is not None:
        from . import cluster

        return cluster.engine(dask, bert.source, sha256, dtype, form)
    return contextlib.nullcontext(lambda chunks: (embed(bert, c, dtype, progress=progress, form=form) for c in chunks))


def _remove(*paths: Path) -> None:
    for path in paths:
        with contextlib.suppress(OSError):
            os.unlink(path)


def _beside(output: Path, ending: str) -> Path:
    return output.with_name(output.name + ending)


def _name(path: AnyPath | None) -> str | None:
    """A path for the manifest, which is UTF-8."""
    return None if path is None else os.path.abspath(os.fsdecode(path)).encode("utf-8", "backslashreplace").decode()
