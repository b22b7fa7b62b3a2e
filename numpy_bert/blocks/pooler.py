"""y = tanh(h_[CLS] Wᵀ + b)

The pooler of Google's code: a vector for the whole text, made from the last hidden state of its first token, [CLS].

Letters: B batch, T tokens, H hidden size.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ..numerics.arrays import Array
from . import linear, tanh


class Params(NamedTuple):
    dense: linear.Params  # W (H, H), b (H,)


class Cache(NamedTuple):
    dense: linear.Cache
    tanh: tanh.Cache
    T: int  # tokens of the text; only the first was read


def shapes(H: int) -> Params:
    return Params(dense=linear.shapes(H, H))


def forward(h: Array, params: Params) -> tuple[Array, Cache]:
    """h (B, T, H) -> y (B, H)"""
    cls = h[:, 0]  # (B, T, H) -> (B, H)
    u, dense_cache = linear.forward(cls, params.dense)
    y, tanh_cache = tanh.forward(u)
    return y, Cache(dense_cache, tanh_cache, h.shape[1])


def backward(dy: Array, cache: Cache) -> tuple[Array, Params]:
    """dy (B, H) -> dh (B, T, H), zero but for the first token, and dparams"""
    # y = tanh(u)
    du = tanh.backward(dy, cache.tanh)
    # u = cls Wᵀ + b
    dcls, ddense = linear.backward(du, cache.dense)
    # cls = h[:, 0]
    B, H = dcls.shape
    dh = np.zeros((B, cache.T, H), dcls.dtype)
    dh[:, 0] = dcls
    return dh, Params(ddense)
