"""v_ki = Σ_t s_tki h_ti,   s the share of each token in pooling k;   normalized: v / √(Σ v²)

One vector for a text, pooled from its hidden states (Reimers and Gurevych, arXiv:1908.10084, section 3). m is 1 on the
tokens that are pooled and 0 on padding:

    mean                  s_t = m_t / Σ_t m_t             cls        s_t = 1 at the first token
    mean_sqrt_len_tokens  s_t = m_t / √(Σ_t m_t)          lasttoken  s_t = 1 at the last token
    weightedmean          s_t = m_t t / Σ_t m_t t         max        s_ti = 1 at the token with the largest h_ti

with t from 1. "cls+mean" is two poolings side by side, K = 2. Nothing is learned here; which pooling a checkpoint was
trained with is in its `1_Pooling/config.json`, and whether to normalize in its `modules.json`.

Letters: B batch, T tokens, H hidden size, K poolings.
Source: sentence-transformers, sentence_transformer/modules/pooling.py.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ..numerics.arrays import Array

POOLINGS = ("mean", "cls", "max", "mean_sqrt_len_tokens", "weightedmean", "lasttoken")
SMALLEST_NORM = 1e-12  # a vector shorter than this is left as short, as in PyTorch's normalize


class Cache(NamedTuple):
    """The share of each token in each component says everything about a pooling."""

    share: Array  # (B, T, K, 1), with max (B, T, K, H); v_k = Σ_t share_tk h_t
    v: Array  # (B, K H) before it is normalized
    norm: Array | None  # (B, 1); None where it is not


def forward(h: Array, mask: Array | None, pooling: str, normalize: bool) -> tuple[Array, Cache]:
    """h (B, T, H), mask None or (B, T) boolean -> v (B, K H)"""
    shares = np.broadcast_arrays(*(_share(h, mask, name) for name in pooling.split("+")))
    share = np.stack(shares, axis=2)  # K times (B, T, 1 or H) -> (B, T, K, 1 or H)
    pooled = (share * h[:, :, None, :]).sum(axis=1)  # (B, T, K, H) -> (B, K, H)
    v = pooled.reshape(len(h), -1)  # (B, K, H) -> (B, K H)
    if not normalize:
        return v, Cache(share, v, None)
    norm = np.sqrt((v * v).sum(axis=-1, keepdims=True))
    norm = np.where(norm.real < SMALLEST_NORM, norm.dtype.type(SMALLEST_NORM), norm)
    return v / norm, Cache(share, v, norm)


def backward(dy: Array, cache: Cache) -> Array:
    """dy (B, K H) -> dh (B, T, H)

    With u = v / |v|: ∂u_i/∂v_j = (δ_ij - u_i u_j) / |v|, hence dv = (dy - u (u · dy)) / |v|: what would only change
    the length is taken away. The shares do not move with h (for the maximum, but where two tokens tie), so
    dh_t = Σ_k share_tk dv_k.
    """
    share, v, norm = cache
    dv = dy
    if norm is not None:
        u = v / norm
        radial = np.where(norm.real > SMALLEST_NORM, (u * dy).sum(axis=-1, keepdims=True), 0.0)
        dv = (dy - u * radial) / norm
    dpooled = dv.reshape(len(dv), share.shape[2], -1)  # (B, K H) -> (B, K, H)
    dh: Array = (share * dpooled[:, None]).sum(axis=2)  # (B, T, K, H) -> (B, T, H)
    return dh


def _share(h: Array, mask: Array | None, pooling: str) -> Array:
    """How much of each token goes into v: (B, T, 1), for the maximum (B, T, H). Where all is masked, nothing."""
    B, T, H = h.shape
    dtype = h.real.dtype
    present = np.ones((B, T, 1), dtype) if mask is None else np.where(mask[:, :, None], dtype.type(1), dtype.type(0))
    if pooling == "weightedmean":
        present = present * np.arange(1, T + 1, dtype=dtype)[:, None]
    total = np.maximum(present.sum(axis=1, keepdims=True), dtype.type(1))  # (B, 1, 1)
    if pooling in ("mean", "weightedmean"):
        return present / total  # type: ignore[no-any-return]
    if pooling == "mean_sqrt_len_tokens":
        return present / np.sqrt(total)  # type: ignore[no-any-return]
    share = np.zeros((B, T, H if pooling == "max" else 1), dtype)
    if pooling == "max":
        chosen = np.where(present > 0, h.real, -np.inf).argmax(axis=1)  # (B, H): the first token that has it
    elif pooling == "cls":
        chosen = present.argmax(axis=1)  # (B, 1): the first token
    else:
        chosen = T - 1 - present[:, ::-1].argmax(axis=1)  # (B, 1): the last one
    np.put_along_axis(share, chosen[:, None, :], 1.0, axis=1)
    return share * present
