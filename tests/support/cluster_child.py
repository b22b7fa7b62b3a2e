"""A Dask cluster of two worker processes, embedding jobs on it, and what is done to it meanwhile.

    python cluster_child.py MODEL TEXTS FOLDER

For tests/corpus/test_cluster.py; prints what it saw as JSON. It is a process of its own because the threads and
processes of a cluster would outlive a test.
"""

import json
import os
import signal
import sys
from pathlib import Path

import numpy_bert
from numpy_bert.corpus import embed_file, job, texts_file
from numpy_bert.corpus.vectors_file import VectorsFile
from numpy_bert.errors import Error


def on_worker() -> tuple[int, int]:
    from numpy_bert.corpus import cluster

    return os.getpid(), int(cluster._opened.bert is not None)


class Watched:
    """The job, with something done to it when so many chunks are written."""

    def __init__(self, bert, texts, output, address):
        self.arguments = bert, texts, output
        self.address = address
        self.written = []  # the first rows of the chunks, in the order they came

    def run(self, after=None, action=None):
        write = VectorsFile.write

        def watched(vectors, row, rows):
            if len(self.written) == after:
                action()
            self.written.append(row)
            return write(vectors, row, rows)

        VectorsFile.write = watched
        try:
            embed_file(*self.arguments, dask=self.address)
        finally:
            VectorsFile.write = write


def interrupt():
    raise KeyboardInterrupt


def main(model, texts, folder):
    from distributed import Client, LocalCluster

    texts_file.ROWS, job.SAVED_EVERY = 10, 0.0
    bert, place, seen = numpy_bert.load(model), Path(folder), {}
    with LocalCluster(
        n_workers=2, threads_per_worker=2, processes=True, host="127.0.0.1", dashboard_address=None,
        worker_dashboard_address=None, silence_logs=60,
    ) as cluster, Client(cluster) as client:  # fmt: skip
        address = cluster.scheduler_address
        watched = Watched(bert, texts, place / "cluster.npy", address)
        try:
            watched.run(10, interrupt)
        except KeyboardInterrupt:
            seen["interrupted"] = len(watched.written)
        seen["workers"] = sorted(client.run(on_worker).values())
        victim = seen["workers"][0][0]
        watched.run(30, lambda: os.kill(victim, signal.SIGKILL))
        seen["written"] = watched.written
        client.wait_for_workers(2, timeout=60)
        seen["after"] = sorted(client.run(on_worker).values())
        job.model_sha256 = lambda bert: "0" * 64
        try:
            embed_file(bert, texts, place / "other.npy", dask=address)
        except Error as error:
            seen["another model"] = str(error)
    print(json.dumps(seen))


if __name__ == "__main__":
    main(*sys.argv[1:])
