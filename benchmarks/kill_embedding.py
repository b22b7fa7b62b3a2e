"""Kill an embedding job with `kill -9` at random moments, go on each time, and compare what comes out in the end.

    python benchmarks/kill_embedding.py [--kills 200] [--seed 0]

A tiny BERT embeds a file in chunks of 20 lines and writes its manifest after each, so that most of the time it is
writing. One process embeds all of it undisturbed. Then others do the same, each killed after a random time and followed
by one that goes on. What the manifest said was done when a process died must be in the array of the next, bit for bit,
and the array in the end must be that of the undisturbed process. Prints a line; exit status 1 if anything was lost.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

import numpy_bert
from numpy_bert.config import BertConfig
from numpy_bert.corpus import embed_file, job, texts_file
from numpy_bert.model import Bert
from numpy_bert.tokenizer.pipeline import WordPieceTokenizer
from numpy_bert.training import initialization

LINES = 800
LONGEST = 0.3  # seconds before a kill
PATIENCE = 120.0  # seconds for a run without a kill
WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *(f"w{i}" for i in range(40))]
CONFIG = BertConfig(
    vocab_size=len(WORDS), hidden_size=12, num_hidden_layers=2, num_attention_heads=3, intermediate_size=20,
    max_position_embeddings=24,
)  # fmt: skip


class Lost(Exception):
    """Something that was announced is not there."""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    rng = np.random.default_rng(options.seed)
    texts_file.ROWS, job.SAVED_EVERY = 20, 0.0
    begun = time.monotonic()
    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        lines = [" ".join(rng.choice(WORDS[5:], rng.integers(0, 12))) for _ in range(LINES)]
        (place / "texts.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
        model = Bert(CONFIG, initialization.params(CONFIG, (), 0), WordPieceTokenizer(WORDS)).save(place / "model")
        bert = numpy_bert.load(model)
        if not watch(bert, place, "undisturbed.npy", PATIENCE):
            raise Lost("the undisturbed job did not finish")
        wanted = np.load(place / "undisturbed.npy")
        kills = jobs = most = 0
        while kills < options.kills:
            actual, begun_at = kill_repeatedly(bert, place, f"job-{jobs}.npy", rng, wanted, options.kills - kills)
            kills, jobs, most = kills + actual, jobs + 1, max(most, begun_at)
    seconds = time.monotonic() - begun
    message = "nothing announced was lost, all ends equal"
    print(f"{kills} kills in {jobs} jobs of {LINES} lines: {message}; gone on at up to line {most}; {seconds:.0f} s")
    return 0


def kill_repeatedly(
    bert: Bert, place: Path, output: str, rng: np.random.Generator, wanted: np.ndarray, most: int
) -> tuple[int, int]:
    """Kill and go on with one job until it is done; how often it was killed, and the last line it went on at."""
    kills = announced = 0
    while not watch(bert, place, output, float(rng.uniform(0, LONGEST)) if kills < most else PATIENCE):
        kills += 1
        record, partial = place / f"{output}.json", place / f"{output}.partial"
        if record.exists():
            done = json.loads(record.read_text())["rows_done"]
            if done < announced:
                raise Lost(f"{output}: {done} rows are announced after {announced} were")
            announced = done
        if announced and partial.exists() and not np.array_equal(np.load(partial)[:announced], wanted[:announced]):
            raise Lost(f"{output}: of {announced} announced rows not all are there")
    if not np.array_equal(np.load(place / output), wanted):
        raise Lost(f"{output}: differs from that of the undisturbed job")
    left = sorted(path.name for path in place.iterdir() if path.name.startswith(output))
    if left != [output, f"{output}.json"]:
        raise Lost(f"{output}: there are {left}")
    return kills, announced


def watch(bert: Bert, place: Path, output: str, patience: float) -> bool:
    """The job in a process of its own, killed when the patience is at its end: whether it finished."""
    child = os.fork()
    if child == 0:
        status = 1
        try:
            embed_file(bert, place / "texts.txt", place / output)
            status = 0
        except BaseException as error:
            print(f"error: {error!r}", file=sys.stderr)
        finally:
            os._exit(status)
    until = time.monotonic() + patience
    while (left := until - time.monotonic()) > 0:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            if status:
                raise Lost(f"{output}: the job failed")
            return True
        time.sleep(min(left, 0.005))
    os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    return status == 0


if __name__ == "__main__":
    sys.exit(main())
