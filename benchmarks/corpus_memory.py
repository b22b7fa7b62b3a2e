"""Memory and time of an embedding job by the number of lines, each in a process of its own.

    python benchmarks/corpus_memory.py [--lines 10000 100000 1000000] [--model PATH]

The lines are random words, 46 bytes on average; without --model it is a tiny BERT (L = 2, H = 32), so that a million
lines take a minute or two. `peak` is the most memory that the process ever had in use, the libraries among it
(VmHWM of Linux).
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

import numpy_bert
from numpy_bert.cli.output import table
from numpy_bert.config import BertConfig
from numpy_bert.corpus import embed_file
from numpy_bert.model import Bert
from numpy_bert.tokenizer.pipeline import WordPieceTokenizer
from numpy_bert.training import initialization

WORDS = [
    "the", "a", "film", "was", "good", "bad", "very", "it", "rains", "in", "berlin", "train", "to", "actor", "plot",
    "fun", "not", "i", "liked", "this", "movie", "dull",
]  # fmt: skip
SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
CONFIG = BertConfig(
    vocab_size=len(SPECIAL) + len(WORDS), hidden_size=32, num_hidden_layers=2, num_attention_heads=2,
    intermediate_size=64, max_position_embeddings=32,
)  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lines", type=int, nargs="+", default=[10_000, 100_000, 1_000_000])
    parser.add_argument("--model")
    parser.add_argument("--child", nargs=3, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        measure(*options.child)
        return
    rows = []
    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        model = options.model or Bert(
            CONFIG, initialization.params(CONFIG, (), 0), WordPieceTokenizer(SPECIAL + WORDS)
        ).save(place / "model")
        for count in options.lines:
            source, target = place / "texts.txt", place / "vectors.npy"
            write(source, count)
            command = [sys.executable, __file__, "--child", str(model), str(source), str(target)]
            output = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
            sizes = [f"{path.stat().st_size / 1e6:.1f}" for path in (source, target)]
            rate = f"{count / output['seconds']:,.0f}"
            rows.append((f"{count:,}", *sizes, f"{output['peak'] / 1024:.1f}", f"{output['seconds']:.1f}", rate))
            for path in (source, target, place / "vectors.npy.json"):
                path.unlink()
    print(table(("lines", "input MB", "output MB", "peak MiB", "seconds", "lines/s"), rows, "rrrrrr"))


def write(path: Path, count: int) -> None:
    rng = np.random.default_rng(0)
    with path.open("w", encoding="utf-8") as stream:
        for done in range(0, count, 10_000):
            rows = min(10_000, count - done)
            ends = np.cumsum(rng.integers(1, 20, rows))
            words = np.array(WORDS)[rng.integers(0, len(WORDS), ends[-1])].tolist()
            for start, end in zip([0, *ends[:-1].tolist()], ends.tolist(), strict=True):
                stream.write(" ".join(words[start:end]) + "\n")


def measure(model: str, source: str, target: str) -> None:
    bert = numpy_bert.load(model)
    begun = time.perf_counter()
    embed_file(bert, source, target)
    seconds = time.perf_counter() - begun
    with open("/proc/self/status", encoding="ascii") as lines:
        peak = next(int(line.split()[1]) for line in lines if line.startswith("VmHWM"))
    print(json.dumps({"seconds": seconds, "peak": peak}))


if __name__ == "__main__":
    main()
