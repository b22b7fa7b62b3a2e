"""W ~ N(0, σ²) cut off at ±2σ,   γ = 1,   β = 0,   b = 0

The parameters before anything is learned (Google's modeling.py, `create_initializer`): every weight matrix and every
embedding is drawn from the truncated normal distribution with σ = initializer_range of the config, 0.02. Norms begin
as the identity and biases at zero.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import DTypeLike

from ..config import BertConfig
from ..numerics import tree
from ..numerics.arrays import Array
from ..tasks import objective

CUT = 2.0  # standard deviations; what falls outside is drawn again


def params(
    config: BertConfig, heads: tuple[str, ...], seed: int, dtype: DTypeLike = np.float32, has_pooler: bool = True
) -> objective.Params:
    """A model with these heads, with random parameters. Equal seeds give equal parameters."""
    shapes = objective.shapes(config, heads, has_pooler)
    return _drawn(shapes, config.initializer_range, seed, dtype)


def with_head(params: objective.Params, head: str, config: BertConfig, seed: int) -> objective.Params:
    """The same parameters with a new head in place of what was there; its pooler too where it lacks one.

    The arrays of `params` are shared, not copied.
    """
    dtype = params.bert.embedding.word.dtype
    fresh = _drawn(objective.shapes(config, (head,)), config.initializer_range, seed, dtype)
    if params.bert.pooler is None:
        params = params._replace(bert=params.bert._replace(pooler=fresh.bert.pooler))
    return params._replace(**{head: getattr(fresh, head)})


def _drawn(shapes: objective.Params, sigma: float, seed: int, dtype: DTypeLike) -> objective.Params:
    """Each array has a generator of its own, so that what it holds does not depend on which others there are."""

    def draw(name: str, shape: tree.Shape) -> Array:
        kind = name.rpartition(".")[2]
        if kind == "gamma":
            return np.ones(shape.dims, dtype)
        if kind in ("beta", "b", "bias"):
            return np.zeros(shape.dims, dtype)
        rng = np.random.default_rng([seed, *name.encode()])
        return (sigma * truncated_normal(rng, shape.dims)).astype(dtype)

    drawn: objective.Params = tree.map_named(draw, shapes)
    return drawn


def truncated_normal(rng: np.random.Generator, dims: tuple[int, ...]) -> Array:
    """Standard normal numbers, those beyond the cut drawn again until none is."""
    x = rng.standard_normal(dims)
    flat = x.reshape(-1)
    outside = np.flatnonzero(np.abs(flat) > CUT)
    while outside.size:
        flat[outside] = rng.standard_normal(outside.size)
        outside = outside[np.abs(flat[outside]) > CUT]
    return x
