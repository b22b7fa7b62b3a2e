"""The job: lines of a file, chunk by chunk, to rows of an array on disk, here or on a cluster; begun or gone on with.

    OUT.npy.partial    the array while it is being filled; it becomes OUT.npy when it is done
    OUT.npy.json       the manifest: what is done, with what, of what
    OUT.npy.lock       while there is a partial array: held by whoever fills it

What the manifest says is done is on the disk (the array is flushed first), so `kill -9` and a power cut cost at most
the work of the last second and of the chunk that was under way.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import NamedTuple

from ..errors import Error, show
from ..files import terminal
from ..files.atomic import require_new
from ..files.lock import Lock
from ..files.reading import Path as AnyPath
from ..files.reading import label
from ..inference import encoding as pieces
from ..model import Bert
from . import manifest as manifests
from .chunk import Embedded, embed, model_sha256
from .manifest import Manifest
from .texts_file import Chunk, TextsFile
from .vectors_file import VectorsFile

DTYPES = ("float16", "float32", "float64")
SAVED_EVERY = 1.0  # seconds between two flushes of the array to the disk

Engine = Callable[[Iterable[Chunk]], Iterator[Embedded]]  # in the order of the chunks


class Done(NamedTuple):
    """A finished job."""

    output: Path
    shape: tuple[int, int]
    texts_cut: int  # longer than the model takes


def embed_file(
    bert: Bert,
    texts: AnyPath,
    output: AnyPath,
    dtype: str | None = None,
    *,
    dask: str | None = None,
    progress: bool = False,
) -> Done:
    """Sentence vectors of the lines of a file, as `bert.embed` makes them, in an .npy file: row i is line i + 1.

    The memory it takes does not grow with the file. Interrupted, the same call goes on where it stopped; with as many
    cores what comes out has the same bits. output must not exist. dtype: of the array, float16, float32 or float64;
    None is that of the model. dask: the address of a scheduler whose workers share the work (extra `scale`). progress:
    a bar with the time left, where stderr is a terminal.

    Error: in one line, which file cannot be read or written, which line is no text, or in what an interrupted job
    differs from this one.
    """
    output = Path(output)
    dtype = _checked(dtype, bert)
    partial, record = _beside(output, ".partial"), _beside(output, ".json")
    with contextlib.ExitStack() as stack:
        stack.enter_context(_alone(output, partial))
        source = stack.enter_context(TextsFile(texts))
        begun = _begun(partial, record)
        with terminal.progress(source.size, "B", hidden=not progress) as bar:
            source.scan(begun.rows_done if begun else 0, bar.update)
        wanted = _manifest(bert, source, dtype, {"model": _name(bert.path), "input": _name(texts)})
        if begun:
            manifests.check_same(begun, wanted, partial)
        engine = stack.enter_context(_engine(bert, dtype, dask, wanted.job["model"]))
        shape = (wanted.rows, wanted.columns)
        vectors = stack.enter_context(VectorsFile(partial, shape, dtype))
        if begun:
            vectors.reopen()
        else:
            _begin(vectors, wanted, record)
        state = begun or wanted
        with terminal.progress(state.rows, "text", hidden=not progress, done=state.rows_done) as bar:
            state = _run(engine(source.chunks()), vectors, state, record, bar.update)
        if source.changed:
            _remove(partial, record)
            raise Error(f"{label(texts)}: expected a file that stays as it is, got one that changed meanwhile")
        require_new(output)
        vectors.finish(output)
    if state.texts_cut:
        pieces.warn(state.texts_cut, bert.longest_embedded, stacklevel=3)
    return Done(output, shape, state.texts_cut)


def _run(
    found: Iterable[Embedded], vectors: VectorsFile, state: Manifest, record: Path, progress: Callable[[int], object]
) -> Manifest:
    """Write what comes; whatever ends it, what is done stays done."""
    saved = time.monotonic()
    try:
        for row, rows, cut in found:
            vectors.write(row, rows)
            state = state._replace(rows_done=row + len(rows), texts_cut=state.texts_cut + cut)
            progress(len(rows))
            if time.monotonic() - saved >= SAVED_EVERY:
                _save(vectors, state, record)
                saved = time.monotonic()
    except BaseException:
        if state.rows_done:
            _save(vectors, state, record)
        else:
            _remove(vectors.path, record)
        raise
    _save(vectors, state, record)
    return state


def _save(vectors: VectorsFile, state: Manifest, record: Path) -> None:
    vectors.flush()
    state.write(record)


# Beginning.


def _checked(dtype: str | None, bert: Bert) -> str:
    dtype = bert.dtype.name if dtype is None else dtype
    if not isinstance(dtype, str) or dtype not in DTYPES:
        raise Error(f"dtype: expected one of {', '.join(DTYPES)}, got {show(dtype)}")
    return dtype


@contextlib.contextmanager
def _alone(output: Path, partial: Path) -> Iterator[None]:
    """Only this process works on the output, which is not there yet."""
    require_new(output)
    taken = f"{label(output)}: expected an output that nobody else writes, got one that is locked"
    lock = Lock(_beside(output, ".lock"), taken)
    try:
        require_new(output)  # whoever had the lock before may have finished it
        yield
    finally:
        lock.release(remove=not os.path.lexists(partial))


def _begun(partial: Path, record: Path) -> Manifest | None:
    """The manifest of an interrupted job that got as far as rows worth keeping."""
    if not os.path.lexists(record):
        if os.path.lexists(partial):
            expected = f"its manifest {show(record.name)[1:-1]} beside it"
            raise Error(f"{label(partial)}: expected {expected}, got none; remove this file to start over")
        return None
    found = manifests.read(record)
    return found if found.rows_done and os.path.lexists(partial) else None


def _manifest(bert: Bert, source: TextsFile, dtype: str, files: dict[str, str | None]) -> Manifest:
    """What is to be done."""
    job = {
        "model": model_sha256(bert),
        "settings": {
            "pooling": bert.pooling.pooling,
            "normalise": bert.pooling.normalise,
            "max_length": bert.longest_embedded,
            "dtype": dtype,
        },
        "input": {"size": source.size, "sha256": source.sha256},
    }
    return Manifest(source.rows, bert.config.hidden_size, job, files, manifests.versions())


def _begin(vectors: VectorsFile, state: Manifest, record: Path) -> None:
    """The manifest first: an array without one is nobody's."""
    state.write(record)
    try:
        vectors.create()
    except BaseException:
        _remove(vectors.path, record)
        raise


def _engine(bert: Bert, dtype: str, dask: str | None, sha256: str) -> AbstractContextManager[Engine]:
    if dask is not None:
        from . import cluster

        return cluster.engine(dask, bert.source, sha256, dtype)
    return contextlib.nullcontext(lambda chunks: (embed(bert, chunk, dtype) for chunk in chunks))


def _remove(*paths: Path) -> None:
    for path in paths:
        with contextlib.suppress(OSError):
            os.unlink(path)


def _beside(output: Path, ending: str) -> Path:
    return output.with_name(output.name + ending)


def _name(path: AnyPath | None) -> str | None:
    """A path for the manifest, which is UTF-8."""
    return None if path is None else os.path.abspath(os.fsdecode(path)).encode("utf-8", "backslashreplace").decode()
