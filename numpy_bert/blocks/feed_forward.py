"""FFN(x) = gelu(x W_1ᵀ + b_1) W_2ᵀ + b_2

The position-wise feed-forward network (Vaswani et al., arXiv:1706.03762, equation 2) with BERT's GELU in place of ReLU.
Each token is treated alike and by itself.

Letters: B batch, T tokens, H hidden size, F feed-forward size.
"""

from __future__ import annotations

from typing import NamedTuple

from ..numerics.arrays import Array
from . import gelu, linear


class Params(NamedTuple):
    expand: linear.Params  # W_1 (F, H), b_1 (F,)
    contract: linear.Params  # W_2 (H, F), b_2 (H,)


class Cache(NamedTuple):
    expand: linear.Cache
    gelu: gelu.Cache
    contract: linear.Cache


def shapes(H: int, F: int) -> Params:
    return Params(expand=linear.shapes(H, F), contract=linear.shapes(F, H))


def forward(x: Array, params: Params, form: str) -> tuple[Array, Cache]:
    """x (B, T, H) -> y (B, T, H); form is the form of GELU, "erf" or "tanh"."""
    h, expand_cache = linear.forward(x, params.expand)  # (B, T, F)
    a, gelu_cache = gelu.forward(h, form)
    y, contract_cache = linear.forward(a, params.contract)  # (B, T, H)
    return y, Cache(expand_cache, gelu_cache, contract_cache)


def backward(dy: Array, cache: Cache) -> tuple[Array, Params]:
    """dy (B, T, H) -> dx (B, T, H), dparams"""
    # y = a W_2ᵀ + b_2
    da, dcontract = linear.backward(dy, cache.contract)
    # a = gelu(h)
    dh = gelu.backward(da, cache.gelu)
    # h = x W_1ᵀ + b_1
    dx, dexpand = linear.backward(dh, cache.expand)
    return dx, Params(dexpand, dcontract)
