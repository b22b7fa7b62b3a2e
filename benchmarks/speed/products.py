"""The bare matrix products of a job in NumPy: the shapes that numpy_bert's batches have, and nothing else.

No step between the products, no copies, no results that anybody could use: what remains is what OpenBLAS takes. Two
ways to use the cores are sides of their own, and the faster of them counts: BLAS threads within a product
(products_blas.py), or a worker for each core with one BLAS thread (products_workers.py). Each layer has weights of its
own, as the model has.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable

import numpy as np
from jobs import Job

from numpy_bert.blocks.cross_entropy import IGNORED
from numpy_bert.checkpoints.config_file import read_config
from numpy_bert.inference import batching
from numpy_bert.numerics.threads import cores, ordered_map
from numpy_bert.profiling import costs
from numpy_bert.profiling.costs import Product, Sizes
from numpy_bert.training.data.batches import microbatches


class Products:
    def __init__(self, job: Job, workers: bool) -> None:
        config = read_config(job.settings.model)
        self.workers = workers
        self.batches = [
            [product for row in group.values() for product in row.products] for group in _batches(job, config)
        ]
        layers = config.num_hidden_layers
        self.batches = [_by_layer(products, layers) for products in self.batches]
        rng = np.random.default_rng(0)
        every = [product for products in self.batches for _, product in products]
        self.left = rng.standard_normal(max(p.many * p.m * p.k for p in every), np.float32)
        self.right = rng.standard_normal(max(p.many * p.k * p.n for p in every), np.float32)
        self.room = max(p.many * p.m * p.n for p in every)
        shapes = {(layer, p.k, p.n) for products in self.batches for layer, p in products if p.many == 1}
        self.weights = {key: rng.standard_normal((key[2], key[1]), np.float32).T for key in sorted(shapes)}
        self.own = threading.local()
        if workers and len(self.batches) < cores():
            self.batches = [part for products in self.batches for part in _split(products, cores())]

    def run(self) -> None:
        multiply: Callable[[list[tuple[int, Product]]], None] = self._multiply
        for _ in ordered_map(multiply, self.batches) if self.workers else map(multiply, self.batches):
            pass

    def answer(self) -> np.ndarray:
        """No result to compare: how many FLOPs the run makes."""
        self.run()
        return np.array(sum(p.flops for products in self.batches for _, p in products), np.float64)

    def versions(self) -> dict[str, str]:
        return {"NumPy": np.__version__}

    def _multiply(self, products: Iterable[tuple[int, Product]]) -> None:
        if not hasattr(self.own, "out"):
            self.own.out = np.empty(self.room, np.float32)
        for layer, (count, m, k, n) in products:
            out = self.own.out[: count * m * n]
            left = self.left[: count * m * k]
            if count == 1:
                right = self.weights.get((layer, k, n))
                if right is None:  # part of a product that is shared out
                    right = self.right[: k * n].reshape(k, n)
                np.matmul(left.reshape(m, k), right, out=out.reshape(m, n))
            else:
                right = self.right[: count * k * n].reshape(count, k, n)
                np.matmul(left.reshape(count, m, k), right, out=out.reshape(count, m, n))


def _batches(job: Job, config: costs.BertConfig) -> Iterable[costs.Costs]:
    """The cost of each batch, as numpy_bert cuts the texts."""
    lengths = [len(text) for text in job.texts]
    if job.settings.kind == "step":
        for chosen in microbatches(lengths, range(len(lengths))):
            asked = int((job.labels[chosen] != IGNORED).sum())
            sizes = Sizes(len(chosen), max(lengths[i] for i in chosen), asked)
            yield costs.forward(config, sizes)
            yield costs.backward(config, sizes)
    else:
        for chosen in batching.batches(lengths):
            yield costs.forward(config, Sizes(len(chosen), max(lengths[i] for i in chosen)))


def _by_layer(products: list[Product], layers: int) -> list[tuple[int, Product]]:
    """The products in the order of the model: all of the first layer, then all of the second. Those that are not made
    in every layer come last.
    """
    inside = [product._replace(many=product.many // layers) for product in products if product.many % layers == 0]
    others = [product for product in products if product.many % layers]
    return [(layer, product) for layer in range(layers) for product in inside] + [(layers, p) for p in others]


def _split(products: list[tuple[int, Product]], workers: int) -> list[list[tuple[int, Product]]]:
    """Each product in as many parts as there are workers: by heads, or by rows."""

    def share(product: Product, i: int) -> Product:
        axis = "many" if product.many > 1 else "m"
        whole = getattr(product, axis)
        return product._replace(**{axis: whole * (i + 1) // workers - whole * i // workers})

    return [[(layer, share(product, i)) for layer, product in products] for i in range(workers)]
