"""Kill a training run with `kill -9` at random moments, resume it each time, and compare what comes out in the end.

    python benchmarks/kill_resume.py [--kills 200] [--seed 0]

A tiny BERT is pretrained with dropout and saves after every step, so that most of the time it is saving. One process
trains to the end undisturbed. Then others train the same, each killed after a random time and followed by one that
resumes. Of each the step it resumed at must be at or after the last save that was announced before, no save may be
found damaged, and a run that reaches its end must have the same bits as the undisturbed one: weights, moments,
generator, place in the data, learning curve. Prints a line; exit status 1 if anything was lost.
"""

from __future__ import annotations

import argparse
import os
import re
import select
import signal
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from numpy_bert.config import BertConfig
from numpy_bert.tokenizer.pipeline import WordPieceTokenizer
from numpy_bert.training import initialization, loop, pretrain
from numpy_bert.training.data.corpus import Corpus
from numpy_bert.training.data.pretraining import PretrainingData, PretrainingSettings

STEPS = 30
LONGEST = 0.5  # seconds before a kill
PATIENCE = 120  # seconds for a run without a kill
WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *(f"w{i}" for i in range(40))]
CONFIG = BertConfig(
    vocab_size=len(WORDS), hidden_size=12, num_hidden_layers=2, num_attention_heads=3, intermediate_size=20,
    max_position_embeddings=24,
)  # fmt: skip


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    rng = np.random.default_rng(options.seed)
    begun = time.monotonic()
    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        text = write_corpus(place)
        finished, _ = watch(place / "undisturbed", text, PATIENCE)
        assert finished, "the undisturbed run did not finish"
        expected = contents(place / "undisturbed")
        kills = runs = 0
        while kills < options.kills:
            kills += kill_repeatedly(place / f"run-{runs}", text, rng, options.kills - kills)
            if contents(place / f"run-{runs}") != expected:
                raise Lost(f"run {runs}: its end differs from that of the undisturbed run")
            runs += 1
    seconds = time.monotonic() - begun
    print(f"{kills} kills in {runs} runs of {STEPS} steps: nothing announced was lost, all ends equal; {seconds:.0f} s")
    return 0


class Lost(Exception):
    """Something that was announced is not there."""


def kill_repeatedly(folder: Path, text: Path, rng: np.random.Generator, most: int) -> int:
    """Kill and resume one run until it is done; returns how often it was killed."""
    kills, announced = 0, -1
    while True:
        patience = float(rng.uniform(0, LONGEST)) if kills < most else PATIENCE
        finished, log = watch(folder, text, patience)
        resumed = [int(step) for step in re.findall(r"^goes on after step (\d+)", log, re.MULTILINE)]
        if "falling back" in log or "rror" in log:
            raise Lost(log)
        if announced >= 0 and resumed and resumed[0] < announced:
            raise Lost(f"resumed at step {resumed[0]} after step {announced} was announced")
        saved = [int(step) for step in re.findall(r"^saved step (\d+)", log, re.MULTILINE)]
        announced = max([announced, *saved])
        if finished:
            return kills
        kills += 1


def watch(folder: Path, text: Path, patience: float) -> tuple[bool, str]:
    """Train in a process of its own, killed when the patience is at its end: whether it finished, what it told."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        os.dup2(writing, 2)
        status = 1
        try:
            train(folder, text)
            status = 0
        except BaseException as error:
            print(f"error: {error!r}", file=sys.stderr)
        finally:
            os._exit(status)
    os.close(writing)
    log, until = b"", time.monotonic() + patience
    while (left := until - time.monotonic()) > 0:
        if select.select([reading], [], [], left)[0]:
            data = os.read(reading, 1 << 16)
            if not data:
                break  # it has ended by itself
            log += data
    os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    while data := os.read(reading, 1 << 16):
        log += data
    os.close(reading)
    return status == 0, log.decode()


def train(folder: Path, text: Path) -> None:
    """The run: begun if there is no save yet, else resumed."""
    data = PretrainingData(Corpus([text]), WordPieceTokenizer(WORDS), PretrainingSettings(max_length=24), 4, 0, 64)
    recipe = pretrain.recipe(STEPS, learning_rate=1e-2, batch_size=4, max_tokens_per_microbatch=64)
    params = initialization.params(CONFIG, pretrain.HEADS, 0)
    resume = folder.exists() and any(re.fullmatch(r"save-[\d.]+", path.name) for path in folder.iterdir())
    monitor = loop.Monitor(evaluate=lambda params: {"word": float(params.bert.embedding.word.sum())}, save_every=1)
    # The picture of the curve takes a second that has nothing to do with saving.
    loop.RunFolder.draw = lambda folder: None  # type: ignore[method-assign]
    loop.train(params, data, recipe, CONFIG, monitor, loop.RunOptions(folder, resume))


def write_corpus(place: Path) -> Path:
    """Six documents of eight sentences of random words."""
    rng = np.random.default_rng(0)
    documents = [[" ".join(rng.choice(WORDS[5:], rng.integers(3, 9))) for _ in range(8)] for _ in range(6)]
    path = place / "corpus.txt"
    path.write_text("\n\n".join("\n".join(document) for document in documents))
    return path


def contents(folder: Path) -> dict[str, bytes]:
    """Everything in the last save, and the curves beside it."""
    last = max(path for path in folder.iterdir() if re.fullmatch(r"save-\d+", path.name))
    result = {path.name: path.read_bytes() for path in last.iterdir()}
    return result | {f"run/{name}": (folder / name).read_bytes() for name in ("steps.csv", "evaluations.csv")}


if __name__ == "__main__":
    sys.exit(main())
