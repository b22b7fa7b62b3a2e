"""Kill the commands that write with `kill -9` at random moments, run them again, and compare what they leave.

    python benchmarks/kill_commands.py [convert embed finetune pretrain] [--kills 20] [--seed 0]

A tiny BERT is converted, embeds a file in chunks of 20 lines, is fine-tuned and is pretrained with dropout, saving
after every chunk or step, so that most of the time is spent on writing. Each command is run once undisturbed. Then it
is run in a new folder, killed after a random time and run again until it is done, and so on in the next folder until
there were enough kills. What was announced when a process died (a save, rows in the manifest) must be there for the
next one. In the end the folder must hold the files of the undisturbed run with the same bytes, and no others. Prints a
line for each command; exit status 1 if anything was lost.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import select
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from numpy_bert.checkpoints import conversion  # noqa: F401 - here and not in each process
from numpy_bert.cli.main import main as numpy_bert_main
from numpy_bert.config import BertConfig
from numpy_bert.corpus import job, texts_file
from numpy_bert.model import Bert
from numpy_bert.tokenizer.pipeline import WordPieceTokenizer
from numpy_bert.training import finetune, initialization, pretrain  # noqa: F401

LONGEST = 120.0  # seconds for a run without a kill
WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *(f"w{i}" for i in range(40))]
CONFIG = BertConfig(
    vocab_size=len(WORDS), hidden_size=12, num_hidden_layers=2, num_attention_heads=3, intermediate_size=20,
    max_position_embeddings=24,
)  # fmt: skip
TRAINING = ["--model", "../model", "--output", "out", "--batch-size", "4", "--save-every", "1"]
COMMANDS = {  # run in a folder beside the inputs
    "convert": ["../model", "out", "--to", "npz"],
    "embed": ["--model", "../model", "--input", "../texts.txt", "--output", "out"],
    "finetune": ["--task", "sequence_classification", "--train", "../train.tsv", "--epochs", "2", *TRAINING],
    "pretrain": ["--train", "../corpus.txt", "--steps", "20", "--max-length", "24", *TRAINING],
}
RESUMABLE = ("finetune", "pretrain")


class Lost(Exception):
    """Something that was announced is not there, or something is there that should not be."""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("commands", nargs="*", metavar="COMMAND", help=", ".join(COMMANDS))
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    texts_file.ROWS, job.SAVED_EVERY = 20, 0.0
    with tempfile.TemporaryDirectory() as name:
        write_inputs(Path(name))
        for command in options.commands or COMMANDS:
            print(kill_command(command, Path(name), options.kills, np.random.default_rng(options.seed)), flush=True)
    return 0


def kill_command(command: str, place: Path, most: int, rng: np.random.Generator) -> str:
    """Kill a command until there were `most` kills; a line that says so."""
    quiet = place / f"{command}-undisturbed"
    quiet.mkdir()
    begun = time.monotonic()
    status, log = run(quiet, [command, *COMMANDS[command]], LONGEST)
    usual = time.monotonic() - begun
    if status != 0 or "warning" in log:
        raise Lost(f"{command}: the undisturbed run ended with {status}: {log}")
    kills = folders = 0
    while kills < most:
        folder = place / f"{command}-{folders}"
        folder.mkdir()
        kills += kill_repeatedly(command, folder, quiet, [float(rng.uniform(0, usual)) for _ in range(most - kills)])
        folders += 1
    return (
        f"{command}: {kills} kills in {folders} folders: nothing announced was lost, all ends equal, nothing left over"
    )


def kill_repeatedly(command: str, folder: Path, quiet: Path, patience: Sequence[float]) -> int:
    """Kill a command in one folder and run it again until it is done, with these times; how often it was killed."""
    announced, kills = 0, 0
    while True:
        arguments = [command, *COMMANDS[command]]
        if any((folder / "out").glob("save-??????")):
            arguments.append("--resume")
        status, log = run(folder, arguments, patience[kills] if kills < len(patience) else LONGEST)
        if "warning" in log or "error" in log or status not in (0, None):
            raise Lost(f"{folder.name}: ended with {status}: {log}")
        resumed = [int(step) for step in re.findall(r"^resumes after step (\d+):", log, re.MULTILINE)]
        if resumed and resumed[0] < announced:
            raise Lost(f"{folder.name}: resumed at step {resumed[0]} after step {announced} was announced")
        if status == 0 or (status is None and is_done(command, folder)):
            compare(folder, quiet)
            return kills + (status is None)
        kills += 1
        if command == "embed":
            announced = rows_done(folder, quiet, announced)
        else:
            announced = max([announced, *map(int, re.findall(r"^saved step (\d+):", log, re.MULTILINE))])


def is_done(command: str, folder: Path) -> bool:
    """Whether a command that was killed had nothing to do any more, so that it would refuse to write a second time."""
    return (folder / "out" / "model" if command in RESUMABLE else folder / "out").exists()


def rows_done(folder: Path, quiet: Path, announced: int) -> int:
    """How many rows the manifest of a killed job counts. Lost: fewer than before, or they are not in the array."""
    if not (folder / "out.json").exists() or not (folder / "out.partial").exists():
        return announced
    done: int = json.loads((folder / "out.json").read_text())["rows_done"]
    if done < announced:
        raise Lost(f"{folder.name}: {done} rows are announced after {announced} were")
    if done and not np.array_equal(np.load(folder / "out.partial")[:done], np.load(quiet / "out")[:done]):
        raise Lost(f"{folder.name}: of {done} announced rows not all are there")
    return done


def compare(folder: Path, quiet: Path) -> None:
    ours, theirs = contents(folder), contents(quiet)
    names = sorted({name for name in ours.keys() | theirs.keys() if ours.get(name) != theirs.get(name)})
    if names:
        raise Lost(f"{folder.name}: differs from the undisturbed run in {', '.join(names)}")


def contents(folder: Path) -> dict[str, bytes]:
    """Every file by its name, but for locks: a killed process leaves an empty one, which the next one takes."""
    files = (path for path in folder.rglob("*") if path.is_file() and path.suffix != ".lock")
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def run(folder: Path, arguments: list[str], patience: float) -> tuple[int | None, str]:
    """A command in a process of its own, killed when the patience is at its end: its exit status, None if it was
    killed, and what it printed.
    """
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        status = 1
        try:
            os.dup2(writing, 1)
            os.dup2(writing, 2)
            os.chdir(folder)
            status = numpy_bert_main(arguments)
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(status)
    os.close(writing)
    log, until = b"", time.monotonic() + patience
    while (left := until - time.monotonic()) > 0 and select.select([reading], [], [], left)[0]:
        data = os.read(reading, 1 << 16)
        if not data:
            break  # it has ended by itself
        log += data
    os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    while data := os.read(reading, 1 << 16):
        log += data
    os.close(reading)
    return os.WEXITSTATUS(status) if os.WIFEXITED(status) else None, log.decode()


def write_inputs(place: Path) -> None:
    """A model, texts, examples of two classes, and six documents of eight sentences, all of random words."""
    rng = np.random.default_rng(0)

    def texts(count: int) -> list[str]:
        return [" ".join(rng.choice(WORDS[5:], rng.integers(3, 9))) for _ in range(count)]

    Bert(CONFIG, initialization.params(CONFIG, pretrain.HEADS, 0), WordPieceTokenizer(WORDS)).save(place / "model")
    (place / "texts.txt").write_text("\n".join(texts(600)) + "\n")
    (place / "train.tsv").write_text("".join(f"{text}\tc{i % 2}\n" for i, text in enumerate(texts(40))))
    (place / "corpus.txt").write_text("\n\n".join("\n".join(texts(8)) for _ in range(6)))


if __name__ == "__main__":
    sys.exit(main())
