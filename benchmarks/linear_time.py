"""Time by the number of texts, and by the number of layers: both should grow as a straight line.

    python benchmarks/linear_time.py [--repeats 5]

The model has random weights and BERT-base's sizes but for its layers (2 for the texts). Texts have 32 tokens each, so
the work is proportional to texts and to layers. Sizes take turns; each figure is a median.
"""

from __future__ import annotations

import argparse
import time

import numpy as np

from numpy_bert.cli.output import table
from numpy_bert.config import BertConfig
from numpy_bert.inference import batching
from numpy_bert.inference.inputs import Text
from numpy_bert.training import initialization

TEXTS = (250, 500, 1000, 2000)
LAYERS = (1, 2, 4, 8, 12)
TOKENS = 32
MANY = 128  # texts through each number of layers


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=5)
    repeats = parser.parse_args().repeats
    show("texts", medians([(texts, runner(texts, 2)) for texts in TEXTS], repeats))
    show("layers", medians([(layers, runner(MANY, layers)) for layers in LAYERS], repeats))


def runner(texts: int, layers: int):
    """A function that takes so many texts through so many layers."""
    config = BertConfig(vocab_size=1000, num_hidden_layers=layers)
    params = initialization.params(config, (), 0).bert
    rng = np.random.default_rng(0)
    made = [Text(rng.integers(0, config.vocab_size, TOKENS).astype(np.int32), None) for _ in range(texts)]
    return lambda: batching.run(made, params, config, lambda encoded, inputs: [h[0].copy() for h in encoded.hidden])


def medians(runs: list, repeats: int) -> list[tuple[int, float]]:
    """(size, seconds), the first round not counted."""
    seconds: dict[int, list[float]] = {size: [] for size, _ in runs}
    for _ in range(repeats + 1):
        for size, run in runs:
            begun = time.perf_counter()
            run()
            seconds[size].append(time.perf_counter() - begun)
    return [(size, float(np.median(result[1:]))) for size, result in seconds.items()]


def show(name: str, medians_of_sizes: list[tuple[int, float]]) -> None:
    """The times, and beside them the straight line through the origin with the least squared distance in proportion."""
    slope = np.mean([seconds / size for size, seconds in medians_of_sizes])
    rows = [
        (str(size), f"{seconds:.3f}", f"{1e3 * seconds / size:.2f}", f"{seconds / (slope * size) - 1:+.1%}")
        for size, seconds in medians_of_sizes
    ]
    print(table((name, "s", f"ms by {name}", "off the line"), rows, "rrrr"), flush=True)
    print()


if __name__ == "__main__":
    main()
