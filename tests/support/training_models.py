"""What the tests of training share: a tiny model that learns, its batches, and the run that PyTorch made."""

import json
from pathlib import Path

import numpy as np

from numpy_bert.blocks.cross_entropy import IGNORED
from numpy_bert.checkpoints import names
from numpy_bert.checkpoints.config_file import read_config
from numpy_bert.inference.inputs import Text, checked, padded
from numpy_bert.numerics import tree
from numpy_bert.tasks import objective, pretraining
from numpy_bert.training import initialization
from numpy_bert.training.recipe import Recipe
from support.tiny import WORDS, tiny_config

DATA = Path(__file__).parents[1] / "data"
HEADS = ("masked_lm", "next_sentence")


def small_model(seed=0, dtype=np.float64, heads=HEADS, **changes):
    """Parameters and config of a fresh model; its weights are larger than usual, so that gradients are as well."""
    config = tiny_config(initializer_range=0.3, **changes)
    return initialization.params(config, heads, seed, dtype), config


def pretraining_batch(lengths, seed=0, share=0.3):
    """Random texts of these lengths; of each at least one token carries a label."""
    rng = np.random.default_rng(seed)
    rows = [rng.integers(5, len(WORDS), n) for n in lengths]
    batch = padded([Text(row, rng.integers(0, 2, len(row))) for row in rows])
    labels = np.full(batch.ids.token.shape, IGNORED)
    for i, n in enumerate(lengths):
        chosen = rng.permutation(n)[: max(1, round(share * n))]
        labels[i, chosen] = rng.integers(5, len(WORDS), len(chosen))
    return objective.Batch(batch, pretraining.Labels(labels, rng.integers(0, 2, len(lengths))))


class Repeated:
    """A source of batches that gives a few of them in turn."""

    def __init__(self, steps):
        self.steps = steps
        self.position = {"step": 0}
        self.description = {"steps": len(steps)}

    def seek(self, position):
        self.position = dict(position)

    def next(self):
        step = self.position["step"]
        self.position = {"step": step + 1}
        return self.steps[step % len(self.steps)]


class TorchRun:
    """A hundred steps of AdamW on the MLM and NSP losses, as PyTorch took them."""

    def __init__(self, folder, dtype):
        with np.load(DATA / "torch_training.npz") as file:
            self.stored = dict(file)
        (folder / "config.json").write_text(str(self.stored["config"]))
        self.config = read_config(folder)
        self.params = self.tree("parameters", dtype)
        output = json.loads(str(self.stored["recipe"]))
        self.recipe = Recipe(
            task="pretraining",
            steps=output["steps"],
            learning_rate=output["peak"],
            warmup=output["warm_up"],
            weight_decay=output["weight_decay"],
            clip=output["largest_norm"],
        )

    def tree(self, name, dtype):
        """Parameters by the names of ours."""
        shapes = [tuple(dims[dims > 0]) for dims in self.stored["shapes"]]
        parts = np.split(self.stored[name], np.cumsum([np.prod(shape) for shape in shapes])[:-1])
        called = zip(self.stored["names"], parts, shapes, strict=True)
        arrays = {str(name): part.reshape(shape).astype(dtype) for name, part, shape in called}
        ours = objective.shapes(self.config, HEADS)
        return tree.map_named(lambda leaf, _: np.concatenate([arrays[n] for n in names.sources(leaf)]), ours)

    def source(self):
        columns = ("token_ids", "segment_ids", "attention_mask", "labels", "next_sentence_label")
        steps = []
        for ids, segments, mask, labels, follows in zip(*(self.stored[name] for name in columns), strict=True):
            batch = checked(ids, segments, mask, None, self.config)
            steps.append([objective.Batch(batch, pretraining.Labels(labels, follows))])
        return Repeated(steps)


def largest_difference(a, b):
    """Of two trees, relative to the largest entry of each array of the second, or to 1e-2 where that is less: some
    gradients, such as that by the bias of a key, are 0 but for rounding.
    """
    pairs = zip(tree.leaves(a), tree.leaves(b), strict=True)
    return max(float(np.abs(x - y).max() / max(np.abs(y).max(), 1e-2)) for x, y in pairs)


def equal(a, b):
    """Whether two trees agree to the bit."""
    return all(x.tobytes() == y.tobytes() for x, y in zip(tree.leaves(a), tree.leaves(b), strict=True))
