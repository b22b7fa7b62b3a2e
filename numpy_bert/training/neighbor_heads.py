"""score(t, u) = (s²/√D) |ρ|² Σ_i cos(ω_i (t + k - u)),   largest at u = t + k

First weights with which some heads of the first encoder layer look at a neighbor: the head for the offset k attends
from token t most to token t + k. Positions begin as sinusoids, p_t = (sin(ω_i t + φ_i), cos(ω_i t + φ_i)) for each
frequency ω_i. A rotation by ω_i k turns p_t into p_{t+k}, and the product of two such pairs is the cosine of their
difference, so that

    W_Q = s R(ω k),   W_K = s 1   on the D/2 pairs of highest frequency, and 0 on all other components

gives the score above (docs/first-weights.md derives it). Words begin as 0 on those D components: else the score would
also compare words, and a token is most like itself. A small BERT that begins with the usual random weights has to
find its neighbors first and stays near the loss of guessing by frequency for millions of tokens; with these weights it
does not. Nothing is fixed: they are trained like all other parameters.

Letters: H hidden size, A heads, D = H / A head size, P positions, k an offset, ω (H/2,) frequencies.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import DTypeLike

from ..config import BertConfig
from ..errors import Error
from ..numerics import tree
from ..numerics.arrays import Array
from ..tasks import objective
from . import initialization

OFFSETS = (-1, 1, -2, 2)  # of the first heads, as far as there are so many; the others stay random
STRENGTH = 1.6  # s
LOUDER = 1.4  # amplitude of the sinusoids over the σ of the words: after the norm both are equally strong
PHASE = 2.4  # of one frequency to the next, radians: no position has a mean that the norm would take away
FAST = (1.8, 0.15)  # frequencies that the heads compare, radians a token
SLOW = (0.12, 0.002)  # the others, which tell far places apart


def params(
    config: BertConfig, heads: tuple[str, ...], seed: int, dtype: DTypeLike = np.float32, has_pooler: bool = True
) -> objective.Params:
    """As initialization.params, with sinusoids for positions and heads of the first layer that look at a neighbor."""
    H, A = config.hidden_size, config.num_attention_heads
    D = H // A
    if D % 2:
        raise Error(f"num_attention_heads: expected heads of an even size for pairs of sine and cosine, got {D}")
    drawn = initialization.params(config, heads, seed, dtype, has_pooler)
    omega = frequencies(H, D)
    positions = LOUDER * config.initializer_range * sinusoids(config.max_position_embeddings, omega)
    word, segment = drawn.bert.embedding.word.copy(), drawn.bert.embedding.segment.copy()
    word[:, :D] = segment[:, :D] = 0.0
    W = drawn.bert.encoder.layers[0].attention.qkv.W.copy()  # (3H, H)
    for a, k in enumerate(OFFSETS[:A]):
        W[a * D : (a + 1) * D] = STRENGTH * rotation(omega[: D // 2] * k, H)  # W_Q
        W[H + a * D : H + (a + 1) * D] = STRENGTH * rotation(np.zeros(D // 2), H)  # W_K
    for name, array in (
        ("bert.embedding.word", word),
        ("bert.embedding.position", positions),
        ("bert.embedding.segment", segment),
        ("bert.encoder.layers.0.attention.qkv.W", W),
    ):
        drawn = tree.replace(drawn, name, array.astype(dtype))
    return drawn


def frequencies(H: int, D: int) -> Array:
    """-> ω (H/2,): D/2 fast ones, then the slow ones, both geometric."""
    return np.concatenate([np.geomspace(*FAST, D // 2), np.geomspace(*SLOW, H // 2 - D // 2)])


def sinusoids(P: int, omega: Array) -> Array:
    """ω (H/2,) -> (P, H): sin(ω_0 t + φ_0), cos(ω_0 t + φ_0), sin(ω_1 t + φ_1), ... for each position t"""
    angles = np.arange(P)[:, None] * omega + PHASE * np.arange(len(omega))  # (P, H/2)
    return np.stack([np.sin(angles), np.cos(angles)], axis=-1).reshape(P, -1)


def rotation(angles: Array, H: int) -> Array:
    """α (D/2,) -> R (D, H): turns pair i of the first D components by α_i, and is 0 on the rest

    sin(φ + α) =  cos α sin φ + sin α cos φ
    cos(φ + α) = -sin α sin φ + cos α cos φ
    """
    D = 2 * len(angles)
    R = np.zeros((D, H))
    sine, cosine = np.arange(0, D, 2), np.arange(1, D, 2)
    R[sine, sine] = R[cosine, cosine] = np.cos(angles)
    R[sine, cosine] = np.sin(angles)
    R[cosine, sine] = -np.sin(angles)
    return R
