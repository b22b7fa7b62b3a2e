"""mean: v = Σ_t m_t h_t / Σ_t m_t,   cls: v = h_0,   max: v_i = max_t { h_ti : m_t };   normalized: v / √(Σ_i v_i²)

One vector for a text, pooled from its hidden states (Reimers and Gurevych, arXiv:1908.10084, section 3). m is 1 on the
tokens of the text and 0 on padding. Nothing is learned here; which pooling a checkpoint was trained with stands in its
`1_Pooling/config.json`, and whether to normalize in its `modules.json`.

Letters: B batch, T tokens, H hidden size.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ..numerics.memory import Array

POOLINGS = ("mean", "cls", "max")
SMALLEST_NORM = 1e-12  # a vector shorter than this is left as short, as in PyTorch's normalize


class Cache(NamedTuple):
    """The share of each token in each component says everything about a pooling, for all three."""

    share: Array  # mean, cls: (B, T, 1), max: (B, T, H); v = Σ_t share_t h_t
    v: Array  # (B, H) before it is normalized
    norm: Array | None  # (B, 1); None where it is not


def forward(h: Array, mask: Array | None, pooling: str, normalize: bool) -> tuple[Array, Cache]:
    """h (B, T, H), mask None or (B, T) boolean -> v (B, H)"""
    share = _share(h, mask, pooling)
    v = (share * h).sum(axis=1)  # (B, T, H) -> (B, H)
    if not normalize:
        return v, Cache(share, v, None)
    norm = np.sqrt((v * v).sum(axis=-1, keepdims=True))
    norm = np.where(norm.real < SMALLEST_NORM, norm.dtype.type(SMALLEST_NORM), norm)
    return v / norm, Cache(share, v, norm)


def backward(dy: Array, cache: Cache) -> Array:
    """dy (B, H) -> dh (B, T, H)

    With u = v / |v|: ∂u_i/∂v_j = (δ_ij - u_i u_j) / |v|, hence dv = (dy - u (u · dy)) / |v|: what would only change
    the length is taken away. The shares do not move with h (for the maximum, but where two tokens tie), so
    dh_t = share_t dv.
    """
    share, v, norm = cache
    dv = dy
    if norm is not None:
        u = v / norm
        radial = np.where(norm.real > SMALLEST_NORM, (u * dy).sum(axis=-1, keepdims=True), 0.0)
        dv = (dy - u * radial) / norm
    dh: Array = share * dv[:, None, :]  # (B, H) -> (B, T, H)
    return dh


def _share(h: Array, mask: Array | None, pooling: str) -> Array:
    """How much of each token goes into v: one weight per token, for the maximum one per token and component."""
    B, T, H = h.shape
    dtype = h.real.dtype
    present = np.ones((B, T, 1), dtype) if mask is None else np.where(mask[:, :, None], dtype.type(1), dtype.type(0))
    if pooling == "mean":
        mean: Array = present / np.maximum(present.sum(axis=1, keepdims=True), dtype.type(1))
        return mean
    share = np.zeros((B, T, 1 if pooling == "cls" else H), dtype)
    if pooling == "cls":
        share[:, 0] = 1.0
    else:
        largest = np.where(present > 0, h.real, -np.inf).argmax(axis=1)  # (B, H): the first token that has it
        np.put_along_axis(share, largest[:, None, :], 1.0, axis=1)
    return share
