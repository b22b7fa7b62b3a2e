"""The chunks of a job on the workers of a Dask scheduler.

A worker gets the texts of a chunk and gives back its vectors; the client alone reads the input and writes the output,
so that machines need to share no folder but the model's. Each worker process loads the model once, by memory map, and
refuses one that is not the client's. A chunk whose worker is lost is computed by another. A task has one thread, for
Dask runs as many at a time as a worker has threads.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

from ..errors import Error, show
from ..inference.vectors import Form
from ..model import Bert, Source, load
from .chunk import PLAIN, Embedded, embed, model_sha256
from .texts_file import Chunk

AHEAD = 3  # chunks under way for each thread of a worker
PATIENCE = 10.0  # seconds for a scheduler to answer, and for a first worker to be there
LOST = 60.0  # seconds without any worker, after which no other is waited for


class Model(NamedTuple):
    """The model as a worker needs to know it."""

    source: Source
    sha256: str


class Opened:
    """The model that a worker process has open: one at a time, loaded by the first task that asks for it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.model: Model | None = None
        self.bert: Bert | None = None

    def get(self, model: Model) -> Bert:
        """Error: the model that this process loads is another than the client's."""
        with self._lock:
            if self.bert is None or self.model != model:
                self.model = self.bert = None  # two need not fit into memory
                bert = load(**model.source._asdict())
                sha256 = model_sha256(bert)
                if sha256 != model.sha256:
                    expected = f"the client's model (sha256 {model.sha256[:12]}...)"
                    raise Error(f"{show(model.source.path)}: expected {expected}, got another ({sha256[:12]}...)")
                self.model, self.bert = model, bert
            return self.bert


_opened = Opened()  # of this process: Dask runs tasks, which are functions


def embed_on_worker(model: Model, chunk: Chunk, dtype: str, form: Form = PLAIN) -> Embedded:
    """The task."""
    return embed(_opened.get(model), chunk, dtype, workers=1, form=form)


@contextlib.contextmanager
def engine(
    address: str, source: Source | None, sha256: str, dtype: str, form: Form = PLAIN
) -> Iterator[Callable[[Iterable[Chunk]], Iterator[Embedded]]]:
    """What turns chunks into vectors, in their order. Error: no scheduler, no worker, no model to be loaded again."""
    if source is None:
        raise Error("model: expected one loaded from a path, which workers can load too, got one that is not")
    try:
        import distributed
        from distributed.comm.addressing import get_address_host_port
    except ImportError:
        raise Error("a Dask scheduler needs distributed; run: pip install 'numpy-bert[scale]'") from None
    connect: Any = distributed.Client  # without types
    where = f"scheduler {show(address)}"
    with contextlib.ExitStack() as stack:
        stack.enter_context(_quiet())
        try:
            get_address_host_port(address, strict=True)  # what Client makes of no address is noisy
            client = stack.enter_context(connect(address, timeout=PATIENCE, set_as_default=False))
            client.wait_for_workers(1, timeout=PATIENCE)
            client.run(importlib.import_module, __name__)  # a worker that lacks the package would end at the first task
        except Exception as error:  # of many kinds, with many texts
            raise Error(f"{where}: expected one that answers, with workers, got {_described(error)}") from None
        model = Model(source, sha256)
        yield lambda chunks: _embedded(client, where, chunks, lambda c: (embed_on_worker, model, c, dtype, form))


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """The client of Dask logs the way in which it lost a scheduler, which comes as an exception as well."""
    loggers = [logging.getLogger(f"distributed.{name}") for name in ("client", "batched")]
    before = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.CRITICAL + 1)
    try:
        yield
    finally:
        for logger, level in zip(loggers, before, strict=True):
            logger.setLevel(level)


def _embedded(
    client: Any, where: str, chunks: Iterable[Chunk], task: Callable[[Chunk], tuple[Any, ...]]
) -> Iterator[Embedded]:
    """A few chunks for each thread are under way at a time, so memory has a bound."""
    waiting: deque[Any] = deque()
    try:
        for chunk in chunks:
            waiting.append(client.submit(*task(chunk), pure=False))
            if len(waiting) >= AHEAD * max(1, sum(client.nthreads().values())):
                yield _result(client, waiting.popleft())
        while waiting:
            yield _result(client, waiting.popleft())
    except Error:  # of a line or of the model
        raise
    except Exception as error:
        raise Error(f"{where}: expected vectors, got {_described(error)}") from None


def _result(client: Any, future: Any) -> Embedded:
    """The result of a task. Error: it is not done, and for a while there has been no worker to do it."""
    until = time.monotonic() + LOST
    while True:
        try:
            embedded: Embedded = future.result(timeout=LOST / 10)
            return embedded
        except (TimeoutError, asyncio.TimeoutError):
            if future.status == "error":
                raise
        if client.nthreads():
            until = time.monotonic() + LOST
        elif time.monotonic() > until:
            raise TimeoutError(f"no worker for {LOST:g} s")


def _described(error: Exception) -> str:
    """Kind and text of a foreign error, the text in one line."""
    return show(f"{type(error).__name__}: {' '.join(str(error).split())}")[1:-1]
